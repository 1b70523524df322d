# SPDX-License-Identifier: Apache-2.0
"""A node with everything around it: feeds, receivers, an admin client."""

from .case import NodeCase
from .events import body_of, event, event_ids, numbered, raw_events
from .feed import Feed, Reply
from .node import CATCH_ALL_TOKEN, Node, Service
from .receiver import Receiver, Request

__all__ = [
    "CATCH_ALL_TOKEN",
    "Feed",
    "Node",
    "NodeCase",
    "Receiver",
    "Reply",
    "Request",
    "Service",
    "body_of",
    "event",
    "event_ids",
    "numbered",
    "raw_events",
]

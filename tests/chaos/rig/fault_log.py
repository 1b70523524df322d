# SPDX-License-Identifier: Apache-2.0
"""What was done to which node, when, and what that node delivered then: so that
what a receiver saw can be traced to a fault."""

import time
from dataclasses import dataclass


@dataclass
class Fault:
    """One fault of one node. Times are those of time.monotonic()."""

    what: str
    node: str
    # The services that the node delivered to just before.
    services: set[str]
    began: float
    # When the node went on (thaw); None while it lasts, and for who was ended.
    ended: float | None = None

    def at(self, moment: float) -> str:
        """This fault as seen at a moment, e.g. "freeze+812ms thaw+3ms"."""
        text = f"{self.what}{_since(self.began, moment)}"
        if self.ended is not None and self.ended <= moment:
            text += f" thaw{_since(self.ended, moment)}"
        return text


class FaultLog:
    """All faults of a run, in order."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def begin(self, what: str, node: str, services: set[str]) -> None:
        """Before it is done."""
        self.faults.append(Fault(what, node, services, time.monotonic()))

    def end(self, node: str) -> None:
        """The node's last fault is over; before it goes on."""
        for one in reversed(self.faults):
            if one.node == node and one.ended is None:
                one.ended = time.monotonic()
                return

    def of(self, service: str, moment: float) -> str:
        """The last fault before a moment of a node that had the service."""
        for one in reversed(self.faults):
            if one.began <= moment and service in one.services:
                return one.at(moment)
        return "none"


def _since(then: float, moment: float) -> str:
    return f"+{round(1_000 * (moment - then))}ms"

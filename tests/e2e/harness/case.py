# SPDX-License-Identifier: Apache-2.0
"""The base of the tests: makes nodes and receivers and clears them away."""

import sys
import unittest

from . import answers
from .node import Node
from .receiver import Answer, Receiver
from .secrets import leaks_of
from .settings import Service


class NodeCase(unittest.TestCase):
    """A test with nodes; when it fails, the ends of their logs are printed."""

    def setUp(self) -> None:
        self._nodes: list[Node] = []

    def run(self, result=None):
        before = _bad(result)
        super().run(result)
        if _bad(result) > before:
            for one in self._nodes:
                print(f"-- {one.directory}: {one.last_log}", file=sys.stderr)
        return result

    def receiver(self, default: Answer = answers.status(200)) -> Receiver:
        """A receiver that is closed at the test's end."""
        made = Receiver(default)
        self.addCleanup(made.close)
        return made

    def node(
        self,
        services: list[Service],
        settings: dict | None = None,
        catch_all: bool = False,
        start: bool = True,
    ) -> Node:
        """A node that is ended, and its directory removed, at the test's end."""
        made = Node(services, settings, catch_all)
        self._nodes.append(made)
        self.addCleanup(self._remove, made)
        if start:
            made.start()
        return made

    def one_service(
        self, settings: dict | None = None, **registration
    ) -> tuple[Node, Receiver]:
        """A node with one service, `irc`, and its receiver."""
        receiver = self.receiver()
        node = self.node([Service("irc", receiver.url, **registration)], settings)
        return node, receiver

    def assert_same_transaction(self, attempts) -> None:
        """All attempts are one transaction: one id, and the same bytes."""
        self.assertEqual(1, len({one.txn_id for one in attempts}), "one id")
        self.assertEqual(1, len({one.body for one in attempts}), "the same bytes")

    def assert_one_at_a_time(self, receiver: Receiver) -> None:
        """No request came while another was open."""
        twice = [one.number for one in receiver.transactions if one.overlapped]
        self.assertEqual([], twice, "requests that came while another was open")

    def _remove(self, node: Node) -> None:
        node.last_log = node.log[-2000:]
        found = leaks_of(node)
        node.remove()
        self.assertEqual([], found, "tokens in what was printed or stored")


def _bad(result) -> int:
    return 0 if result is None else len(result.failures) + len(result.errors)

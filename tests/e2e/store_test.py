# SPDX-License-Identifier: Apache-2.0
"""The store's own commands, beside a node that works on it."""

import os
import threading
import unittest

from harness import Feed, NodeCase, Service, answers, numbered
from harness.node import as_json


class StoreCopies(NodeCase):
    def _load(self, feed: Feed, stop: threading.Event) -> threading.Thread:
        """Sends single events from $1 on until told to stop."""

        def send():
            n = 0
            while not stop.is_set():
                n += 1
                feed.send(numbered(1, n))

        thread = threading.Thread(target=send)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)
        return thread

    def _copy_under_load(self, verb: str):
        """A copy of a store that is being written, and a node that goes on from
        it: it delivers an unbroken run of events, under ids of its own."""
        node, receiver = self.one_service()
        stop = threading.Event()
        thread = self._load(node.feed("irc"), stop)
        receiver.wait_delivered("$20")
        # The copy holds some that wait: nobody takes them meanwhile.
        receiver.default = answers.status(503)
        node.wait_service(
            "irc",
            lambda row: row["state"] == "DOWN" and row["pending_events"] > 20,
            "a backlog",
        )
        target = os.path.join(node.directory, "copy")
        done = node.run("store", verb, target, "-c", node.config, "--json")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(
            node.admin("GET", "/admin/v1/store").json["id"], as_json(done)["id"]
        )
        stop.set()
        thread.join()
        before = {one.txn_id: one.body for one in receiver.transactions}

        second = self.receiver()
        node.kill()
        again = self.node(
            [Service("irc", second.url)], {"store": f"lmdb:{target}"}, start=False
        )
        again.start()
        again.wait_pending("irc", 0)
        ids = [int(one[1:]) for one in second.delivered]
        self.assertEqual(list(range(ids[0], ids[0] + len(ids))), ids)
        self.assertGreater(len(ids), 20)
        # What was open keeps its id and its bytes; no other id was there before.
        for one in second.transactions:
            self.assertEqual(before.get(one.txn_id, one.body), one.body)
        new = [one.txn_id for one in second.transactions if one.txn_id not in before]
        self.assertEqual(len(new), len(set(new)))

    def test_a_backup_under_load_holds_a_consistent_state_that_a_node_goes_on_from(self):
        self._copy_under_load("backup")

    def test_a_compact_copy_does_so_too(self):
        self._copy_under_load("compact")

    def test_a_copy_to_where_something_is_is_refused_and_says_so(self):
        node, _ = self.one_service()
        done = node.run("store", "backup", node.data, "-c", node.config)
        self.assertEqual(1, done.returncode)
        self.assertIn("not empty", done.stderr)
        self.assertIn(node.data, done.stderr)

    def test_a_copy_of_what_is_not_there_is_refused_and_says_so(self):
        node, _ = self.one_service()
        done = node.run(
            "store", "compact", "copy", "-c", node.config, "--store", "lmdb:nowhere"
        )
        self.assertEqual(1, done.returncode)
        self.assertIn("there is no store", done.stderr)


if __name__ == "__main__":
    unittest.main()

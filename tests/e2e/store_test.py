# SPDX-License-Identifier: Apache-2.0
"""The store's own commands, beside a node that works on it."""

import os
import threading
import unittest

from harness import Feed, NodeCase, Service, answers, numbered
from harness.cluster import Cluster
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


class CopiesOfACluster(NodeCase):
    """A store that two nodes work on."""

    IDS = ["s0", "s1", "s2", "s3"]

    def setUp(self) -> None:
        super().setUp()
        self.receivers = {one: self.receiver() for one in self.IDS}
        services = [Service(one, at.url) for one, at in self.receivers.items()]
        self.nodes = Cluster("ab", services)
        self.addCleanup(self.nodes.remove)
        self.nodes.start()
        self.nodes.wait_settled("ab")

    def load(self, index: int, service: str, stop: threading.Event) -> None:
        feed = self.nodes["ab"[index % 2]].feed(service)
        n = 0
        while not stop.is_set():
            n += 1
            feed.send(numbered(1, n))

    def start_load(self):
        """Sends single events from $1 on to each service, over both nodes."""
        stop = threading.Event()
        threads = [
            threading.Thread(target=self.load, args=(i, one, stop))
            for i, one in enumerate(self.IDS)
        ]
        for one in threads:
            one.start()

        def end() -> None:
            stop.set()
            for one in threads:
                one.join()

        self.addCleanup(end)
        return end

    def test_a_backup_while_two_nodes_write_goes_on_and_reuses_no_transaction_id(self):
        """Of each service: what the copy delivers is an unbroken run of events
        that overlaps or meets what had been delivered when it was made."""
        end_load = self.start_load()
        for one in self.IDS:
            self.receivers[one].wait_delivered("$20")
        # These two are copied with a backlog, one of each node where they differ.
        for one in self.IDS[:2]:
            self.receivers[one].default = answers.status(503)
            self.nodes["a"].wait_service(
                one, lambda row: row["state"] == "DOWN" and row["pending_events"] > 20, "DOWN"
            )
        target = os.path.join(self.nodes.data, "copy")
        asked = self.nodes["b"]
        before = {one: len(self.receivers[one].delivered) for one in self.IDS}
        done = asked.run("store", "backup", target, "-c", asked.config, "--json")
        self.assertEqual(0, done.returncode, done.stderr)
        for one in self.IDS[2:]:
            count = len(self.receivers[one].delivered)
            self.receivers[one].wait_delivered(f"${count + 20}")
        end_load()
        ids = {
            one: {x.txn_id: x.body for x in self.receivers[one].transactions}
            for one in self.IDS
        }
        for name in "ab":
            self.nodes[name].kill()

        seconds = {one: self.receiver() for one in self.IDS}
        again = self.node(
            [Service(one, at.url) for one, at in seconds.items()],
            {"store": f"lmdb:{target}"},
        )
        for one in self.IDS:
            again.wait_pending(one, 0)
            again.feed(one, first_txn=1_000_000).send(numbered(1, 1_000_000))
            seconds[one].wait_delivered("$1000000")
            got = [int(x[1:]) for x in seconds[one].delivered][:-1]
            if got:
                self.assertEqual(list(range(got[0], got[-1] + 1)), got, one)
                self.assertGreaterEqual(got[-1], before[one], one)
            for x in seconds[one].transactions:
                self.assertEqual(ids[one].get(x.txn_id, x.body), x.body, one)
            self.assert_one_at_a_time(seconds[one])
        for one in self.IDS[:2]:
            self.assertGreater(len(seconds[one].delivered), 20, one)

    def test_a_pause_at_one_node_survives_the_restart_of_all(self):
        owners = self.nodes.owners()
        asked = {"a": "b", "b": "a"}[owners["s1"]]
        reply = self.nodes[asked].admin("POST", "/admin/v1/services/s1/pause")
        self.assertEqual(200, reply.status, reply.body)
        self.nodes["a"].kill()
        self.assertEqual(0, self.nodes["b"].stop())
        self.nodes.start()
        self.nodes.wait_settled("ab")
        for name in "ab":
            self.assertEqual("PAUSED", self.nodes[name].service("s1")["state"])
        for one in ("s0", "s1"):
            self.nodes["a"].feed(one).send(numbered(1))
        self.receivers["s0"].wait_delivered("$1")
        self.nodes["a"].wait_pending("s1", 1)
        self.assertEqual([], self.receivers["s1"].delivered)
        reply = self.nodes[asked].admin("POST", "/admin/v1/services/s1/resume")
        self.assertEqual(200, reply.status, reply.body)
        self.receivers["s1"].wait_delivered("$1")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Several nodes on one store: shares, leaving, death, a freeze, orders."""

import json
import os
import socket
import threading
import time
import unittest

from harness import NodeCase, Service, answers, numbered
from harness.cluster import TTL, Cluster
from harness.node import as_json

IDS = [f"s{i}" for i in range(8)]


class ClusterCase(NodeCase):
    """A test with a cluster of eight services, a receiver each."""

    def cluster(self, names: str = "abc", settings: dict | None = None) -> Cluster:
        self.receivers = {one: self.receiver() for one in IDS}
        services = [Service(one, self.receivers[one].url) for one in IDS]
        made = Cluster(names, services, settings)
        self.addCleanup(made.remove)
        return made

    def check_each_got(self, count: int) -> None:
        """Each service got the events $1 to $<count>, once and in order."""
        for one, receiver in self.receivers.items():
            receiver.wait_delivered(f"${count}")
            wanted = [f"${n}" for n in range(1, count + 1)]
            self.assertEqual(wanted, receiver.delivered, one)
            self.assert_one_at_a_time(receiver)


class Shares(ClusterCase):
    def test_three_nodes_share_the_services_within_one(self):
        """Whichever node is asked says the same."""
        nodes = self.cluster()
        nodes.start()
        nodes.wait_settled("abc")
        said = [nodes.owners(name) for name in "abc"]
        self.assertEqual(said[0], said[1])
        self.assertEqual(said[0], said[2])

    def test_any_node_takes_events_in_and_each_service_gets_its_own(self):
        nodes = self.cluster()
        nodes.start()
        nodes.wait_settled("abc")
        for i, one in enumerate(IDS):
            for n in range(1, 10):
                feed = nodes["abc"[(i + n) % 3]].feed(one, first_txn=n)
                feed.send(numbered(1, first=n))
                feed.close()
        self.check_each_got(9)

    def test_a_transaction_that_two_nodes_get_is_taken_once(self):
        nodes = self.cluster("ab")
        nodes.start()
        feeds = [nodes[name].feed("s1") for name in "ab"]
        for n in range(1, 20):
            both = [
                threading.Thread(
                    target=one.send, args=(numbered(1, first=n),), kwargs={"txn_id": f"t{n}"}
                )
                for one in feeds
            ]
            for one in both:
                one.start()
            for one in both:
                one.join()
        self.receivers["s1"].wait_delivered("$19")
        self.assertEqual(
            [f"${n}" for n in range(1, 20)], self.receivers["s1"].delivered
        )

    def test_a_node_that_joins_gets_its_share(self):
        nodes = self.cluster()
        nodes.start("a")
        nodes.wait_settled("a")
        nodes.start("b")
        nodes.wait_settled("ab")
        nodes.start("c")
        nodes.wait_settled("abc")

    def test_a_node_that_leaves_hands_over_at_once(self):
        nodes = self.cluster()
        nodes.start()
        nodes.wait_settled("abc")
        self.assertEqual(0, nodes["b"].stop())
        took = nodes.wait_settled("ac")
        self.assertLess(took, TTL)
        for one in IDS:
            nodes["a"].feed(one).send(numbered(3))
        self.check_each_got(3)


class Deaths(ClusterCase):
    def test_a_dead_node_is_replaced_within_two_ttls(self):
        """Also the one that sorts."""
        nodes = self.cluster()
        nodes.start()
        nodes.wait_settled("abc")
        dead = nodes.sorter()
        left = "abc".replace(dead, "")
        nodes[dead].kill()
        self.assertLess(nodes.wait_settled(left), 2 * TTL)
        for one in IDS:
            nodes[left[0]].feed(one).send(numbered(3))
        self.check_each_got(3)
        nodes.start(dead)
        nodes.wait_settled("abc")

    def test_a_frozen_node_wakes_up_and_disturbs_nobody(self):
        """Events go on all the while; the node comes back, unless it was frozen
        inside a commit: then it was ended, since it kept all from writing."""
        nodes = self.cluster()
        nodes.start()
        nodes.wait_settled("abc")
        stopping = threading.Event()
        counts = {one: 0 for one in IDS}

        def load(one: str) -> None:
            feed = nodes["a"].feed(one)
            while not stopping.is_set():
                counts[one] += 1
                feed.send(numbered(1, first=counts[one]))
                time.sleep(0.02)

        loads = [threading.Thread(target=load, args=(one,)) for one in IDS]
        for one in loads:
            one.start()
        try:
            nodes.stop_process("b")
            self.assertLess(nodes.wait_settled("ac", asked="a"), 2.5 * TTL)
            time.sleep(3 * TTL)
            nodes.continue_process("b")
            if nodes["b"].process.poll() is None:
                nodes.wait_settled("abc", asked="a")
            time.sleep(0.5)
        finally:
            stopping.set()
            for one in loads:
                one.join()
        for one, receiver in self.receivers.items():
            receiver.wait_delivered(f"${counts[one]}")
            first = list(dict.fromkeys(receiver.delivered))
            self.assertEqual([f"${n}" for n in range(1, counts[one] + 1)], first, one)

    def test_a_node_that_is_stopped_inside_a_commit_does_not_stop_the_others(self):
        """LMDB's own lock would keep them waiting until it goes on."""
        nodes = self.cluster("ab")
        nodes.start()
        nodes.wait_settled("ab")
        with Stopped(nodes, "b"):
            for one in IDS:
                nodes["a"].feed(one).send(numbered(2), seconds=10 * TTL)
            # The last that "b" did may have been to pause it.
            reply = nodes["a"].admin("POST", "/admin/v1/services/s7/resume")
            self.assertEqual(200, reply.status, reply.body)
            self.check_each_got(2)


class Stopped:
    """A node stopped while it holds the lock of the store's writers."""

    def __init__(self, nodes: Cluster, name: str):
        self.nodes = nodes
        self.name = name
        self.busy = threading.Event()

    def __enter__(self):
        load = threading.Thread(target=self._load)
        load.start()
        path = os.path.join(self.nodes.data, "store", "write.lock")
        inode = f":{os.stat(path).st_ino} "
        process = self.nodes[self.name].process
        while True:
            self.nodes.stop_process(self.name)
            with open("/proc/locks", encoding="ascii") as file:
                held = any(
                    inode in line and f" {process.pid} " in line and "->" not in line
                    for line in file
                )
            if held:
                break
            self.nodes.continue_process(self.name)
            time.sleep(0.002)
        self.busy.set()
        return self

    def __exit__(self, *_):
        if self.nodes[self.name].process.poll() is None:
            self.nodes.continue_process(self.name)

    def _load(self) -> None:
        feed = self.nodes[self.name].feed("s0", first_txn=1_000_000)
        while not self.busy.is_set():
            try:
                feed.put("again", b'{"events":[]}')
                self.nodes[self.name].admin("POST", "/admin/v1/services/s7/pause")
                self.nodes[self.name].admin("POST", "/admin/v1/services/s7/resume")
            except OSError:
                return


class Imports(ClusterCase):
    """Given to a node that does not sort."""

    def setUp(self):
        super().setUp()
        self.nodes = self.cluster("ab")
        self.nodes.start()
        self.nodes.wait_settled("ab")
        self.sorter = self.nodes[self.nodes.sorter()]
        self.other = self.nodes["ab".replace(self.nodes.sorter(), "")]

    def write(self) -> str:
        fact = {
            "room_id": "!a:example.org",
            "user_id": "@alice:example.org",
            "membership": "join",
        }
        path = os.path.join(self.other.directory, "rooms.ndjson")
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(fact) + "\n")
        return path

    def test_the_command_goes_on_at_the_node_that_sorts(self):
        path = self.write()
        done = self.other.run("import", path, "-c", self.other.config, "--json")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(1, as_json(done)["changed"])
        self.assertIn(f"http://127.0.0.1:{self.sorter.admin_port}", done.stderr)
        done = self.sorter.run("import", path, "-c", self.sorter.config, "--json")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertEqual(1, as_json(done)["same"])

    def test_the_answer_names_the_node_that_sorts_and_its_admin_address(self):
        with open(self.write(), "rb") as file:
            reply = self.other.admin("POST", "/admin/v1/import", body=file.read())
        self.assertEqual(409, reply.status, reply.body)
        name = self.nodes.sorter()
        url = f"http://127.0.0.1:{self.sorter.admin_port}"
        self.assertEqual((name, url), (reply.json["sorter"], reply.json["admin"]))
        self.assertIn(f"node {name} sorts", reply.json["error"])
        self.assertIn(f"--admin {url}", reply.json["error"])


class Orders(ClusterCase):
    """Of a node that does not deliver to the service."""

    def setUp(self):
        super().setUp()
        self.nodes = self.cluster("ab", {"recovery": {"initial_backoff": "1h", "max_backoff": "1h"}})
        self.nodes.start()
        self.nodes.wait_settled("ab")
        self.owner = self.nodes.owners()["s1"]
        self.other = self.nodes["ab".replace(self.owner, "")]
        self.s1 = self.receivers["s1"]

    def order(self, verb: str):
        reply = self.other.admin("POST", f"/admin/v1/services/s1/{verb}")
        self.assertEqual(200, reply.status, reply.body)
        return reply.json

    def test_retry_reaches_the_owner(self):
        self.s1.script = [answers.status(503)]
        self.other.feed("s1").send(numbered(1))
        self.other.wait_service("s1", lambda row: row["state"] == "DOWN", "DOWN")
        self.assertTrue(self.order("retry")["attempted"])
        self.s1.wait_delivered("$1")

    def test_skip_reaches_the_owner_and_takes_what_was_open(self):
        self.s1.script = [answers.status(404)]
        feed = self.other.feed("s1")
        feed.send(numbered(2))
        self.other.wait_service("s1", lambda row: row["state"] == "DOWN", "DOWN")
        feed.send(numbered(1, first=3))
        done = self.other.run("dead", "skip", "s1", "-c", self.other.config)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertIn("is asked to set the head transaction aside", done.stdout)
        self.s1.wait_delivered("$3")
        self.other.wait_pending("s1", 0)
        self.assertEqual(["$3"], self.s1.delivered)
        self.assertEqual(2, self.other.service("s1")["dead_letters"])
        said = self.other.admin("POST", "/admin/v1/dead/s1/skip").json
        self.assertEqual((False, False), (said["skipped"], said["asked"]))

    def test_pause_and_resume_reach_the_owner(self):
        self.order("pause")
        self.other.feed("s1").send(numbered(1))
        self.other.wait_pending("s1", 1)
        time.sleep(0.3)
        self.assertEqual([], self.s1.delivered)
        self.order("resume")
        self.s1.wait_delivered("$1")


class RollingRestart(ClusterCase):
    def test_nodes_on_one_socket_are_replaced_and_refuse_nobody(self):
        """A socket that is passed to both, as systemd does it."""
        rounds = int(os.environ.get("POSTHORN_ROLLING_ROUNDS", "3"))
        shared = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.addCleanup(shared.close)
        os.set_inheritable(shared.fileno(), True)
        nodes = self.cluster("ab", {"listen": f"fd:{shared.fileno()}"})
        for one in nodes.nodes.values():
            one.port = shared.getsockname()[1]
            one.pass_fds = (shared.fileno(),)
        nodes.start()
        nodes.wait_settled("ab")
        stopping = threading.Event()
        counts = {one: 0 for one in IDS}
        refused: list[str] = []

        def load(one: str) -> None:
            while not stopping.is_set():
                # A connection each: none may be refused or reset.
                feed = nodes["a"].feed(one, first_txn=counts[one] + 1)
                counts[one] += 1
                try:
                    feed.send(numbered(1, first=counts[one]))
                except Exception as why:  # pylint: disable=broad-except
                    refused.append(repr(why))
                if feed.retries:
                    refused.append(f"{one}: {feed.retries} retries")
                feed.close()
                time.sleep(0.005)

        loads = [threading.Thread(target=load, args=(one,)) for one in IDS[:4]]
        for one in loads:
            one.start()
        try:
            for _ in range(rounds):
                for name in "ab":
                    self.assertEqual(0, nodes[name].stop())
                    nodes.start(name)
                    nodes.wait_settled("ab")
        finally:
            stopping.set()
            for one in loads:
                one.join()
        self.assertEqual([], refused)
        for one in IDS[:4]:
            receiver = self.receivers[one]
            receiver.wait_delivered(f"${counts[one]}")
            self.assertEqual(
                [f"${n}" for n in range(1, counts[one] + 1)], receiver.delivered, one
            )
            self.assert_one_at_a_time(receiver)


if __name__ == "__main__":
    unittest.main()

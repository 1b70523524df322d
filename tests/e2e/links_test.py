# SPDX-License-Identifier: Apache-2.0
"""Nodes that are linked: the dump of all, orders to the node that delivers,
TLS, and what happens when one is frozen or away. The nodes have a store each,
so that nothing but the links can carry anything."""

import contextlib
import os
import re
import signal
import socket
import ssl
import time
import unittest

from harness import Node, NodeCase, Service, answers, numbered
from harness.certificates import Authority
from harness.node import as_json
from harness.ports import free_port


class LinkedNodes(NodeCase):
    """Two nodes, `a` with the service irc and `b` with the service tg."""

    def setUp(self) -> None:
        super().setUp()
        self.irc, self.tg = self.receiver(), self.receiver()
        self.addresses = {name: f"127.0.0.1:{free_port()}" for name in "ab"}
        self.a = self.linked("a", [Service("irc", self.irc.url)])
        self.b = self.linked("b", [Service("tg", self.tg.url)])

    def cluster(self, name: str) -> dict:
        others = [at for one, at in self.addresses.items() if one != name]
        return {"listen": self.addresses[name], "peers": others}

    def linked(self, name: str, services: list[Service], start=True) -> Node:
        return self.node(
            services, {"name": name, "cluster": self.cluster(name)}, start=start
        )

    def dump(self, node: Node) -> dict:
        reply = node.admin("GET", "/admin/v1/actors")
        self.assertEqual(200, reply.status, reply.body)
        return reply.json

    def wait_dump(self, node: Node, check, what: str, seconds=20) -> dict:
        """Waits until check() is true of the nodes by name."""
        deadline = time.monotonic() + seconds
        while True:
            found = {one["name"]: one for one in self.dump(node)["nodes"]}
            if check(found):
                return found
            if time.monotonic() > deadline:
                self.fail(f"{what}: not within {seconds} s: {found}")
            time.sleep(0.05)

    def wait_linked(self) -> None:
        for node, other in ((self.a, "b"), (self.b, "a")):
            self.wait_dump(
                node,
                lambda x, other=other: other in x and x[other]["answered"],
                f"a link to {other}",
            )


class Links(LinkedNodes):
    def test_any_node_shows_the_actors_of_all(self):
        self.wait_linked()
        for node, own in ((self.a, "a"), (self.b, "b")):
            found = self.dump(node)
            self.assertEqual(own, found["nodes"][0]["name"], "the asked one first")
            by_node = {
                one["name"]: {x["name"] for x in one["actors"]}
                for one in found["nodes"]
            }
            self.assertEqual({"a", "b"}, set(by_node))
            self.assertIn("service/irc", by_node["a"])
            self.assertIn("service/tg", by_node["b"])
            self.assertLessEqual({"gate", "links", "storage"}, by_node["a"])
            for one in found["nodes"]:
                self.assertEqual("ready", one["state"])
                self.assertGreater(one["uptime_seconds"], 0)
            self.assertEqual(2, found["totals"]["nodes_answering"])

    def test_the_command_prints_filters_and_sorts(self):
        self.wait_linked()
        config = ("-c", self.b.config)
        table = self.b.run("metrics", *config)
        self.assertEqual(0, table.returncode, table.stderr)
        self.assertRegex(table.stdout, r"(?m)^a +service/irc +UP ")
        self.assertRegex(table.stdout, r"(?m)^b +service/tg +UP ")
        self.assertIn("2 of 2 nodes answer", table.stdout)
        some = as_json(
            self.b.run("metrics", "--kind", "service", "--format", "json", *config)
        )
        names = [x["name"] for one in some["nodes"] for x in one["actors"]]
        self.assertEqual({"service/irc", "service/tg"}, set(names))
        one = as_json(
            self.b.run(
                "metrics", "--node", "a", "--name", "service/i*", "--json", *config
            )
        )
        self.assertEqual(["a"], [x["name"] for x in one["nodes"]])
        self.assertEqual(["service/irc"], [x["name"] for x in one["nodes"][0]["actors"]])
        busiest = as_json(
            self.b.run("metrics", "--sort", "handled", "--limit", "3", "--json", *config)
        )
        left = [x["handled"] for one in busiest["nodes"] for x in one["actors"]]
        self.assertEqual(3, len(left))
        wrong = self.b.run("metrics", "--sort", "color", *config)
        self.assertEqual(2, wrong.returncode)
        text = self.b.run("metrics", "--format", "prometheus", *config).stdout
        self.assertIn('posthorn_cluster_node_up{node="a"} 1', text)
        self.assertIn('posthorn_peer_up{node="a"} 1', text)

    def test_an_order_reaches_the_node_that_delivers(self):
        self.wait_linked()
        self.irc.default = answers.status(502)
        self.a.feed("irc").send(numbered(3))
        self.a.wait_service("irc", lambda row: row["failures"] > 0, "DOWN")
        done = self.b.run("pause", "irc", "-c", self.b.config)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual("PAUSED", self.a.service("irc")["state"])
        self.irc.default = answers.status(200)
        reply = self.b.admin("POST", "/admin/v1/services/irc/resume")
        self.assertEqual((200, "a", False), (
            reply.status, reply.json["node"], reply.json["paused"]))
        self.assertEqual(["$1", "$2", "$3"], self.irc.wait_delivered("$3"))
        retry = self.b.admin("POST", "/admin/v1/services/irc/retry")
        self.assertEqual((200, False), (retry.status, retry.json["attempted"]))

    def test_an_order_for_a_service_of_no_node_is_refused(self):
        self.wait_linked()
        reply = self.b.admin("POST", "/admin/v1/services/nobody/retry")
        self.assertEqual((404, "M_NOT_FOUND"), (reply.status, reply.errcode))

    def test_a_node_that_is_away_is_shown_and_found_again(self):
        self.wait_linked()
        self.b.kill()
        gone = self.wait_dump(
            self.a, lambda x: not x["b"]["answered"], "b without an answer"
        )
        self.assertNotEqual("", gone["b"]["problem"])
        reply = self.a.admin("POST", "/admin/v1/services/tg/retry")
        self.assertEqual(503, reply.status, reply.body)
        self.assertIn("b", reply.json["error"])
        # What a delivers does not need the link.
        self.a.feed("irc").send(numbered(5))
        self.irc.wait_delivered("$5")
        self.b.start()
        self.wait_linked()

    def test_a_frozen_node_is_shown_as_not_answering_in_time(self):
        self.wait_linked()
        self.b.freeze()
        try:
            begin = time.monotonic()
            found = {one["name"]: one for one in self.dump(self.a)["nodes"]}
            self.assertLess(time.monotonic() - begin, 4)
            self.assertFalse(found["b"]["answered"])
            self.assertIn("no answer in 2 s", found["b"]["problem"])
            # And cut off once it has been silent for three seconds.
            cut = self.wait_dump(
                self.a,
                lambda x: "no answer" not in x["b"]["problem"],
                "the link is cut",
            )
            self.assertFalse(cut["b"]["answered"])
            self.a.feed("irc").send(numbered(2))
            self.irc.wait_delivered("$2")
        finally:
            self.b.process.send_signal(signal.SIGCONT)
        self.wait_linked()

    def test_a_hung_service_does_not_keep_the_dump(self):
        self.wait_linked()
        self.irc.default = answers.hang
        self.a.feed("irc").send(numbered(1))
        self.irc.wait_attempts(1)
        begin = time.monotonic()
        found = self.dump(self.b)
        self.assertLess(time.monotonic() - begin, 2)
        self.assertEqual(2, found["totals"]["nodes_answering"])

    def test_the_dump_goes_to_the_log_too(self):
        self.wait_linked()
        self.a.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 10
        while not re.search(r"service irc state=UP", self.a.log):
            self.assertLess(time.monotonic(), deadline, self.a.log[-3000:])
            time.sleep(0.02)
        self.assertRegex(self.a.log, r"actor a/service/irc state=UP handled=\d+")
        self.assertRegex(self.a.log, r"actor b/service/tg state=UP")
        self.assertRegex(self.a.log, r"node b address=")

    def test_silent_and_babbling_strangers_do_not_stop_the_links(self):
        host, port = self.addresses["a"].split(":")
        strangers = [socket.create_connection((host, int(port))) for _ in range(20)]
        for one in strangers[10:]:
            one.sendall(b"GET / HTTP/1.1\r\n\r\n" * 20)
        self.wait_linked()
        for one in strangers:
            one.close()
        self.assertIsNone(self.a.process.poll())


class LinksWithTls(LinkedNodes):
    def setUp(self) -> None:
        self.authority = Authority("cluster")
        self.addCleanup(self.authority.remove)
        super().setUp()

    def cluster(self, name: str) -> dict:
        return {**super().cluster(name), "tls": self.authority.issue(name)}

    def test_nodes_of_one_authority_are_linked(self):
        self.wait_linked()
        reply = self.b.admin("POST", "/admin/v1/services/irc/retry")
        self.assertEqual(200, reply.status, reply.body)

    def test_silent_and_babbling_strangers_do_not_stop_the_links(self):
        host, port = self.addresses["a"].split(":")
        strangers = [socket.create_connection((host, int(port))) for _ in range(20)]
        for one in strangers[10:]:
            one.sendall(b"GET / HTTP/1.1\r\n\r\n" * 20)
        self.b.kill()
        self.b.start()
        self.wait_linked()
        for one in strangers:
            one.close()

    def test_a_node_of_another_authority_is_not_linked(self):
        self.wait_linked()
        other = Authority("other")
        self.addCleanup(other.remove)
        self.b.stop()
        self.b.settings["cluster"]["tls"] = other.issue("b")
        self.b.write()
        self.b.start()
        found = self.wait_dump(
            self.b,
            lambda x: any("certificates" in one["problem"] for one in x.values()),
            "the refusal",
        )
        self.assertFalse(any(one["answered"] for name, one in found.items() if name != "b"))

    def test_a_node_without_tls_is_not_linked(self):
        self.wait_linked()
        self.b.stop()
        del self.b.settings["cluster"]["tls"]
        self.b.write()
        self.b.start()
        time.sleep(1.5)
        found = self.dump(self.b)["nodes"]
        self.assertEqual([True, False], [one["answered"] for one in found])
        found = {one["name"]: one for one in self.dump(self.a)["nodes"]}
        self.assertFalse(found["b"]["answered"])

    def test_the_wire_is_not_readable_without_a_certificate(self):
        """A client of TLS that has none is told nothing"""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        host, port = self.addresses["a"].split(":")
        said = b""
        with socket.create_connection((host, int(port)), timeout=10) as plain:
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                with context.wrap_socket(plain) as stranger:
                    said = stranger.recv(64)
        self.assertEqual(b"", said)


class LinksRefused(NodeCase):
    """What keeps a node from starting: one line each, exit code 1."""

    def refused(self, cluster: dict, *words: str) -> None:
        node = self.node([], {"cluster": cluster}, start=False)
        node.start(ready=False)
        self.assertEqual(1, node.wait(10), node.log)
        check = node.run("check", "-c", node.config)
        self.assertEqual(1, check.returncode, check.stdout)
        for word in words:
            self.assertIn(word, node.log)
            self.assertIn(word, check.stdout)
        errors = [x for x in node.log.splitlines() if " error " in x]
        self.assertEqual(1, len(errors), node.log)

    def test_off_loopback_without_tls(self):
        self.refused(
            {"listen": "10.0.0.5:9011"}, "cluster.tls: is missing", "loopback"
        )

    def test_files_that_do_not_fit(self):
        ours, theirs = Authority("ours"), Authority("theirs")
        for one in (ours, theirs):
            self.addCleanup(one.remove)
        a, b, foreign = ours.issue("a"), ours.issue("b"), theirs.issue("a")
        listen = {"listen": f"127.0.0.1:{free_port()}"}
        broken = os.path.join(ours.directory, "broken.pem")
        with open(broken, "w", encoding="ascii") as file:
            file.write("-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n")
        for name, tls, words in (
            ("another's key", {**a, "key": b["key"]}, ("cluster.tls.key", "not the key")),
            ("another CA", {**a, "ca": foreign["ca"]},
             ("cluster.tls.certificate", "not signed by the CA")),
            ("a missing file", {**a, "key": "/nowhere/key.pem"},
             ("cluster.tls.key", "/nowhere/key.pem")),
            ("no certificate", {**a, "certificate": broken},
             ("cluster.tls.certificate", "no certificate in PEM form")),
            ("no CA", {**a, "ca": a["certificate"]}, ("cluster.tls.ca", "no authority's")),
        ):
            with self.subTest(name):
                self.refused({**listen, "tls": tls}, *words)

    def test_an_address_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            node = self.node(
                [], {"cluster": {"listen": f"127.0.0.1:{port}"}}, start=False
            )
            node.start(ready=False)
            self.assertEqual(1, node.wait(10), node.log)
            self.assertIn("cannot be listened on", node.log)

    def test_a_lone_node_has_no_links(self):
        node = self.node([])
        found = node.admin("GET", "/admin/v1/actors").json["nodes"]
        self.assertEqual(1, len(found))
        self.assertNotIn("gate", {one["name"] for one in found[0]["actors"]})


if __name__ == "__main__":
    unittest.main()

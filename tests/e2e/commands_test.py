# SPDX-License-Identifier: Apache-2.0
"""The commands of the program, as an operator runs them."""

import json
import os
import re
import tempfile
import unittest

from harness import Feed, Node, NodeCase, Service, answers, numbered
from harness.node import as_json, run
from harness.ports import free_port

MANY_COMMANDS = ("generate", "adopt", "check", "node", "services", "retry", "metrics")


class Files(NodeCase):
    """Commands that read and write files."""

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="posthorn-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *parts: str) -> str:
        return os.path.join(self.folder, *parts)

    def read(self, *parts: str) -> str:
        with open(self.path(*parts), encoding="utf-8", newline="") as file:
            return file.read()

    def write(self, text: str, *parts: str) -> str:
        with open(self.path(*parts), "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(self.path(*parts), 0o600)
        return self.path(*parts)

    def generate(self, *more: str):
        return run(
            *("generate", "--server-name", "example.org"),
            *("--url", "http://127.0.0.1:9009", "--dir", self.folder, *more),
        )

    def test_what_generate_wrote_is_valid_and_runs(self):
        """generate, check, and then a node from it that delivers"""
        done = self.generate()
        self.assertEqual(0, done.returncode, done.stderr)
        for name in ("posthorn.yaml", "posthorn-registration.yaml"):
            self.assertEqual(0o600, os.stat(self.path(name)).st_mode & 0o777)
        receiver = self.receiver()
        os.makedirs(self.path("registrations"), exist_ok=True)
        service = Service("irc", receiver.url, users=["@_irc_.*"])
        text = json.dumps(service.registration())
        self.write(text, "registrations", "irc.yaml")
        checked = run("check", "-c", self.path("posthorn.yaml"))
        self.assertEqual(0, checked.returncode, checked.stdout + checked.stderr)

        node = Node([service], directory=tempfile.mkdtemp(prefix="posthorn-e2e-"))
        self.addCleanup(node.remove)
        token = re.search(r"hs_token: *[\"']?([^\s\"']+)", self.read("posthorn-registration.yaml"))
        options = ["--listen", f"127.0.0.1:{node.port}"]
        options += ["--admin", f"127.0.0.1:{node.admin_port}"]
        node.start(options=options, config=self.path("posthorn.yaml"))
        feed = Feed(node.port, None, token[1])
        feed.send(numbered(1, sender="@_irc_bob:example.org"))
        receiver.wait_delivered("$1")
        self.assertEqual(0, node.stop())

    def test_generate_never_overwrites(self):
        self.write("mine", "posthorn.yaml")
        done = self.generate()
        self.assertEqual(1, done.returncode)
        self.assertIn("posthorn.yaml", done.stdout + done.stderr)
        self.assertEqual("mine", self.read("posthorn.yaml"))
        self.assertFalse(os.path.exists(self.path("posthorn-registration.yaml")))

    def test_generate_makes_other_tokens_each_time(self):
        self.generate()
        first = self.read("posthorn-registration.yaml")
        for name in ("posthorn.yaml", "posthorn-registration.yaml"):
            os.unlink(self.path(name))
        self.generate()
        self.assertNotEqual(first, self.read("posthorn-registration.yaml"))

    def test_adopt_swaps_the_url_and_touches_nothing_else(self):
        text = (
            "# written by the bridge\r\nid: irc   # its id\r\n"
            "url: 'http://127.0.0.1:9001' # here\r\nas_token: \"a\"\r\nhs_token: b\r\n"
            "sender_localpart: ircbot\r\nrate_limited: false\r\n"
            "namespaces: {users: [{regex: '@_irc_.*', exclusive: true}]}\r\n"
        )
        source = self.write(text, "irc.yaml")
        out = self.path("copies")
        done = run("adopt", source, "--url", "http://posthorn:9009", "--out", out)
        self.assertEqual(0, done.returncode, done.stderr)
        copy = self.read("copies", "irc.yaml")
        there = copy.index("http://posthorn:9009/as/irc")
        here = text.index("http://127.0.0.1:9001")
        before = re.compile("[\"']?$")
        self.assertEqual(
            before.sub("", text[:here]), before.sub("", copy[:there]), "up to the url"
        )
        tail = copy[there + len("http://posthorn:9009/as/irc") :]
        self.assertEqual(
            text[here + len("http://127.0.0.1:9001") :].lstrip("\"'"),
            tail.lstrip("\"'"),
            "behind the url",
        )
        self.assertEqual(text, self.read("irc.yaml"))
        again = run("adopt", source, "--url", "http://posthorn:9009", "--out", out)
        self.assertEqual(1, again.returncode, "it never overwrites")

    def test_what_is_not_a_registration_is_not_adopted(self):
        source = self.write("id: irc\n", "irc.yaml")
        out = self.path("copies")
        done = run("adopt", source, "--url", "http://posthorn:9009", "--out", out)
        self.assertEqual(1, done.returncode)
        self.assertIn("irc.yaml", done.stdout + done.stderr)
        self.assertFalse(os.path.exists(self.path("copies", "irc.yaml")))

    def test_wrong_usage_is_exit_code_2(self):
        for words in ((), ("nonsense",), ("check", "--nonsense"), ("retry",), ("adopt",)):
            with self.subTest(arguments=words):
                done = run(*words, cwd=self.folder)
                self.assertEqual(2, done.returncode, done.stdout + done.stderr)

    def test_every_command_has_help(self):
        for name in MANY_COMMANDS:
            with self.subTest(command=name):
                done = run(name, "--help")
                self.assertEqual(0, done.returncode)
                self.assertIn(name, done.stdout)

    def test_a_command_without_a_node_says_where_it_looked(self):
        port = free_port()
        done = run("services", "--admin", f"http://127.0.0.1:{port}", cwd=self.folder)
        self.assertEqual(1, done.returncode)
        self.assertIn(str(port), done.stdout + done.stderr)


class Operating(NodeCase):
    """Commands that talk to a running node."""

    def setUp(self) -> None:
        super().setUp()
        self.irc, self.log = self.receiver(), self.receiver()
        self.posthorn = self.node(
            [Service("irc", self.irc.url), Service("log", self.log.url)],
            {"recovery": {"initial_backoff": "5m", "max_backoff": "5m"}},
        )

    def command(self, *words: str):
        """Runs a command that must succeed."""
        done = self.posthorn.run(*words, "-c", self.posthorn.config)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done

    def bring_down(self) -> None:
        """irc fails once; its next attempt is in five minutes."""
        self.irc.script = [answers.status(502)]
        self.posthorn.feed("irc").send(numbered(3))
        self.posthorn.wait_service("irc", lambda r: r["state"] == "DOWN", "DOWN")

    def test_services_shows_who_is_down_and_why(self):
        self.bring_down()
        self.posthorn.feed("log").send(numbered(1))
        self.log.wait_delivered("$1")
        self.posthorn.wait_pending("log", 0)
        lines = self.command("services").stdout.splitlines()
        irc = next(one for one in lines if "irc" in one)
        log = next(one for one in lines if "log" in one)
        self.assertIn("DOWN", irc)
        self.assertIn("502", irc)
        self.assertIn(self.irc.transactions[0].txn_id, irc)
        self.assertIn("UP", log)

    def test_services_as_json(self):
        self.bring_down()
        rows = as_json(self.command("services", "--json"))
        rows = rows["services"] if isinstance(rows, dict) else rows
        by_id = {one["id"]: one for one in rows}
        self.assertEqual({"irc", "log"}, set(by_id))
        self.assertEqual(3, by_id["irc"]["pending_events"])
        self.assertEqual(1, by_id["irc"]["failures"])
        self.assertEqual("DOWN", by_id["irc"]["state"])
        self.assertEqual("UP", by_id["log"]["state"])
        one = as_json(self.command("services", "irc", "--json"))
        self.assertEqual("irc", one["id"])

    def test_services_of_an_unknown_id_is_refused(self):
        for words in (("services", "nobody"), ("retry", "nobody")):
            done = self.posthorn.run(*words, "-c", self.posthorn.config)
            self.assertEqual(1, done.returncode)
            self.assertIn("nobody", done.stdout + done.stderr)

    def test_retry_attempts_now(self):
        """Instead of in five minutes"""
        self.bring_down()
        self.command("retry", "irc")
        self.assertEqual(["$1", "$2", "$3"], self.irc.wait_delivered("$3"))
        self.assert_same_transaction(self.irc.transactions)

    def test_a_retry_that_fails_leaves_the_service_down(self):
        self.bring_down()
        self.irc.script = [answers.status(500)]
        self.command("retry", "irc")
        self.irc.wait_attempts(2)
        row = self.posthorn.wait_service(
            "irc", lambda r: r["failures"] == 2, "2 failures"
        )
        self.assertEqual("DOWN", row["state"])

    def test_pause_and_resume(self):
        self.command("pause", "irc")
        self.posthorn.feed("irc").send(numbered(2))
        self.posthorn.wait_pending("irc", 2)
        self.assertIn("PAUSED", self.command("services").stdout)
        self.posthorn.kill()
        self.posthorn.start()
        self.assertEqual("PAUSED", self.posthorn.service("irc")["state"])
        self.assertEqual([], self.irc.requests)
        self.command("resume", "irc")
        self.assertEqual(["$1", "$2"], self.irc.wait_delivered("$2"))

    def test_metrics_has_a_line_for_each_actor(self):
        self.posthorn.feed("log").send(numbered(5))
        self.log.wait_delivered("$5")
        table = self.command("metrics").stdout
        named = as_json(self.command("metrics", "--format", "json"))["nodes"][0]["actors"]
        names = {one["name"] for one in named}
        self.assertLessEqual(
            {"intake", "pool", "sorter", "courier", "storage", "service/irc"}, names
        )
        for name in names:
            self.assertIn(name, table)
        handled = {one["name"]: one["handled"] for one in named}
        self.assertGreater(handled["service/log"], 0)

    def test_the_admin_api_asks_for_its_token(self):
        """/health is open"""
        for path in ("/admin/v1/services", "/admin/v1/services/irc", "/admin/v1/actors"):
            for token in (None, "wrong"):
                reply = self.posthorn.admin("GET", path, token=token)
                self.assertIn(reply.status, (401, 403))
            self.assertEqual(200, self.posthorn.admin("GET", path).status)
        reply = self.posthorn.admin("POST", "/admin/v1/services/irc/retry", token=None)
        self.assertIn(reply.status, (401, 403))
        for path in ("/health/live", "/health/ready"):
            reply = self.posthorn.admin("GET", path, token=None)
            self.assertEqual(200, reply.status, path)

    def test_a_command_with_a_wrong_token_is_refused(self):
        admin = f"http://127.0.0.1:{self.posthorn.admin_port}"
        os.environ["POSTHORN_ADMIN_TOKEN"] = "wrong"
        self.addCleanup(os.environ.pop, "POSTHORN_ADMIN_TOKEN", None)
        done = run("services", "--admin", admin)
        self.assertEqual(1, done.returncode)
        os.environ["POSTHORN_ADMIN_TOKEN"] = "admin_secret"
        done = run("services", "--admin", admin)
        self.assertEqual(0, done.returncode, done.stderr)


if __name__ == "__main__":
    unittest.main()

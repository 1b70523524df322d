# SPDX-License-Identifier: Apache-2.0
"""`posthorn check --probe`: is each service there, and does it take its token?"""

import json
import unittest

from harness import NodeCase, Service, answers
from harness.node import as_json
from harness.ports import free_port


class Probe(NodeCase):
    def check(self, services: list[Service], *more: str):
        """The command; no node runs."""
        posthorn = self.node(services, start=False)
        return posthorn.run("check", "--probe", "-c", posthorn.config, *more)

    def test_a_service_that_answers(self):
        irc = self.receiver()
        done = self.check([Service("irc", irc.url), Service("none", None)])
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertRegex(done.stdout, r"(?m)^irc: answers in \d+ ms$")
        self.assertIn("none: has no url", done.stdout)
        (got,) = irc.requests
        self.assertEqual(("POST", "/_matrix/app/v1/ping"), (got.method, got.path))
        self.assertEqual("Bearer hs_irc", got.headers["authorization"])
        self.assertEqual(["transaction_id"], list(json.loads(got.body)))

    def test_a_service_that_refuses_the_token(self):
        for code in (401, 403):
            irc = self.receiver()
            irc.other = answers.status(code)
            done = self.check([Service("irc", irc.url)])
            self.assertEqual(1, done.returncode)
            self.assertIn(f"irc: refuses the hs_token ({code})", done.stdout)
            self.assertNotIn("hs_irc", done.stdout)

    def test_a_service_without_ping_is_alive_all_the_same(self):
        irc = self.receiver()
        irc.other = answers.status(404)
        done = self.check([Service("irc", irc.url)])
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn("irc: has no ping endpoint (404)", done.stdout)

    def test_a_service_that_is_away(self):
        port = free_port()
        irc = self.receiver()
        services = [
            Service("gone", f"http://127.0.0.1:{port}"),
            Service("irc", irc.url),
        ]
        done = self.check(services)
        self.assertEqual(1, done.returncode)
        self.assertIn(f"gone: unreachable at http://127.0.0.1:{port}", done.stdout)
        self.assertIn("irc: answers", done.stdout)
        done = self.check(services, "--json")
        self.assertEqual(1, done.returncode)
        gone, here = as_json(done)["probes"]
        self.assertEqual(("gone", "unreachable"), (gone["id"], gone["result"]))
        self.assertEqual(
            ("irc", "answers", 200), (here["id"], here["result"], here["status"])
        )

    def test_what_is_not_http_is_unreachable(self):
        irc = self.receiver()
        irc.other = answers.garbage
        done = self.check([Service("irc", irc.url)])
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertIn("irc: unreachable", done.stdout)

    def test_slow_patterns_are_named(self):
        posthorn = self.node([Service("look", None, users=["@(?!bot).*"])], start=False)
        done = posthorn.run("check", "-c", posthorn.config)
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn("namespaces.users[0].regex: warning", done.stdout)


if __name__ == "__main__":
    unittest.main()

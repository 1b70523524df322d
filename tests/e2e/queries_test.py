# SPDX-License-Identifier: Apache-2.0
"""What else a homeserver asks of a service: passed to it, and its answer back."""

import json
import threading
import time
import unittest

from harness import NodeCase, Service, answers, numbered

BASE = "/as/irc/_matrix/app/v1"


class Queries(NodeCase):
    def setUp(self) -> None:
        super().setUp()
        self.irc = self.receiver()
        self.posthorn = self.node(
            [Service("irc", self.irc.url)],
            {"recovery": {"initial_backoff": "5m", "max_backoff": "5m"}},
        )
        self.feed = self.posthorn.feed("irc")

    def test_a_ping_is_passed_to_the_service(self):
        """D18: with the service's own token and the homeserver's body"""
        body = b'{"transaction_id": "mautrix"}'
        reply = self.feed.request("POST", BASE + "/ping", body)
        self.assertEqual((200, {}), (reply.status, reply.json))
        (got,) = self.irc.requests
        self.assertEqual(("POST", "/_matrix/app/v1/ping"), (got.method, got.path))
        self.assertEqual("Bearer hs_irc", got.headers["authorization"])
        self.assertEqual(body, got.body)

    def test_queries_keep_their_path_and_query(self):
        """Escapes are not undone, and access_token is not passed on."""
        for path in (
            "/users/%40_irc_new%3Aexample.org",
            "/rooms/%23_irc_%2Fchan%3Aexample.org",
            "/thirdparty/location/irc?channel=%23a%26b&server=x+y",
        ):
            with self.subTest(path=path):
                answer = json.dumps({"for": path}).encode()
                self.irc.other = answers.status(200, answer)
                joint = "&" if "?" in path else "?"
                asked = BASE + path + joint + "access_token=hs_irc"
                reply = self.feed.request("GET", asked)
                self.assertEqual((200, {"for": path}), (reply.status, reply.json))
                got = self.irc.requests[-1]
                self.assertEqual("GET", got.method)
                self.assertEqual("/_matrix/app/v1" + path, got.path)

    def test_the_status_of_the_service_is_passed_back(self):
        for code in (403, 404, 500):
            body = b'{"errcode": "M_NOT_FOUND", "error": "%d"}' % code
            self.irc.other = answers.status(code, body)
            reply = self.feed.request("GET", BASE + "/users/%40a%3Ab")
            self.assertEqual((code, body), (reply.status, reply.body))

    def test_a_query_needs_the_token(self):
        for token, code in ((None, 401), ("wrong", 403)):
            reply = self.feed.request("GET", BASE + "/users/%40a", token=token)
            self.assertEqual(code, reply.status)
        self.assertEqual([], self.irc.requests)

    def test_a_service_that_is_away_is_502(self):
        """D18"""
        self.irc.close()
        reply = self.feed.request("POST", BASE + "/ping", b"{}")
        self.assertEqual((502, "M_CONNECTION_FAILED"), (reply.status, reply.errcode))

    def test_a_slow_query_does_not_hold_back_events(self):
        """D27"""
        self.irc.other = answers.hang
        slow = self.posthorn.feed("irc")
        began = time.monotonic()

        def ask() -> None:
            self.reply = slow.request("GET", BASE + "/users/%40a%3Ab")

        asking = threading.Thread(target=ask)
        asking.start()
        self.irc.wait_for(lambda: self.irc.open_now == 1, "the query")
        for n in range(1, 6):
            self.feed.send(numbered(1, n))
            self.irc.wait_delivered(f"${n}")
        self.assertTrue(asking.is_alive(), "it is still open")
        asking.join()
        self.assertEqual(504, self.reply.status)
        self.assertLess(time.monotonic() - began, 30)

    def test_a_ping_that_the_service_answers_ends_its_backoff(self):
        """D16: instead of in five minutes"""
        self.irc.script = [answers.status(500)]
        self.feed.send(numbered(2))
        self.posthorn.wait_service("irc", lambda r: r["state"] == "DOWN", "DOWN")
        reply = self.feed.request("POST", BASE + "/ping", b"{}")
        self.assertEqual(200, reply.status)
        self.assertEqual(["$1", "$2"], self.irc.wait_delivered("$2"))
        self.assert_same_transaction(self.irc.transactions)


if __name__ == "__main__":
    unittest.main()

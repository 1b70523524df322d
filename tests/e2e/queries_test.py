# SPDX-License-Identifier: Apache-2.0
"""What else a homeserver asks of a service: passed to it, and its answer back."""

import json
import threading
import time
import unittest

from harness import NodeCase, Service, answers, event, numbered

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

    def test_a_ping_while_an_attempt_is_open_is_remembered(self):
        """D16: the next attempt follows its failure at once, not in five minutes"""
        gate = threading.Event()
        self.irc.script = [answers.hold(gate, answers.status(500))]
        self.feed.send(numbered(1))
        self.irc.wait_for(lambda: self.irc.open_now == 1, "the attempt")
        self.assertEqual(200, self.feed.request("POST", BASE + "/ping", b"{}").status)
        gate.set()
        self.assertEqual(["$1"], self.irc.wait_delivered("$1"))
        self.assert_same_transaction(self.irc.transactions)

    def test_a_broken_escape_is_refused(self):
        reply = self.feed.request("GET", BASE + "/users/%4")
        self.assertEqual(400, reply.status)
        self.assertEqual([], self.irc.requests)

    def test_hung_queries_leave_the_feed_alone(self):
        """D27: beyond eight of one service, 503; transactions go on"""
        self.irc.other = answers.hang
        asking = []
        for _ in range(8):
            slow = self.posthorn.feed("irc")
            asking.append(
                threading.Thread(
                    target=slow.request, args=("GET", BASE + "/users/%40a%3Ab")
                )
            )
            asking[-1].start()
        self.irc.wait_for(lambda: self.irc.open_now == 8, "eight queries")
        reply = self.feed.request("GET", BASE + "/users/%40a%3Ab")
        self.assertEqual((503, "M_LIMIT_EXCEEDED"), (reply.status, reply.errcode))
        self.feed.send(numbered(1))
        self.irc.wait_delivered("$1")
        self.irc.close()
        for one in asking:
            one.join()


class CatchAllQueries(NodeCase):
    """Asked of Posthorn's own registration."""

    def setUp(self) -> None:
        super().setUp()
        self.a, self.b = self.receiver(), self.receiver()
        irc = {"protocols": ["irc"]}
        self.posthorn = self.node(
            [
                Service("a", self.a.url, users=["@_irc_.*"], more=irc),
                Service(
                    "b", self.b.url, users=["@_.*"], aliases=["#_.*"], more=irc
                ),
            ],
            catch_all=True,
        )
        self.feed = self.posthorn.feed(None)

    def get(self, path: str):
        return self.feed.request("GET", "/_matrix/app/v1" + path)

    def test_a_user_is_asked_of_those_whose_users_match(self):
        """Row 31: in order, until one knows it; a denial is remembered"""
        self.a.other = answers.status(404)
        path = "/users/%40_irc_new%3Aexample.org"
        for expected in (1, 1):
            reply = self.get(path)
            self.assertEqual((200, {}), (reply.status, reply.json))
            self.assertEqual(expected, len(self.a.requests))
        self.assertEqual(2, len(self.b.requests))
        self.assertEqual("/_matrix/app/v1" + path, self.a.requests[0].path)
        self.assertEqual("Bearer hs_a", self.a.requests[0].headers["authorization"])
        self.assertEqual(404, self.get("/users/%40zed%3Aexample.org").status)

    def test_an_alias_is_asked_of_those_whose_aliases_match(self):
        """Row 32"""
        self.assertEqual(200, self.get("/rooms/%23_c%3Aexample.org").status)
        self.assertEqual(404, self.get("/rooms/%23c%3Aexample.org").status)
        self.assertEqual(([], 1), (self.a.requests, len(self.b.requests)))

    def test_instances_of_a_protocol_are_joined(self):
        """Row 33"""
        for receiver, network in ((self.a, "x"), (self.b, "y")):
            body = {"icon": network, "instances": [{"network_id": network}]}
            receiver.other = answers.status(200, json.dumps(body).encode())
        got = self.get("/thirdparty/protocol/irc").json
        self.assertEqual("x", got["icon"])
        ids = [one["instance_id"] for one in got["instances"]]
        self.assertEqual(["a|x", "b|y"], ids)
        self.assertEqual(404, self.get("/thirdparty/protocol/xmpp").status)

    def test_a_ping_is_answered_by_posthorn(self):
        """Row 34, D18"""
        reply = self.feed.request(
            "POST", "/_matrix/app/v1/ping", b'{"transaction_id": null}'
        )
        self.assertEqual((200, {}), (reply.status, reply.json))
        self.assertEqual([], self.a.requests + self.b.requests)

    def test_a_query_that_hangs_does_not_hold_back_events(self):
        """D27"""
        self.a.other = answers.hang
        slow = self.posthorn.feed(None)
        path = "/_matrix/app/v1/users/%40_irc_new%3Aexample.org"
        asking = threading.Thread(target=slow.request, args=("GET", path))
        asking.start()
        self.a.wait_for(lambda: self.a.open_now == 1, "the query")
        self.feed.send([event("$1", sender="@_irc_new:example.org")])
        self.a.wait_delivered("$1")
        self.assertTrue(asking.is_alive(), "it is still open")
        self.a.close()
        asking.join()

    def test_a_query_needs_the_token(self):
        for token, code in ((None, 401), ("wrong", 403)):
            reply = self.feed.request(
                "GET", "/_matrix/app/v1/users/%40_irc_a", token=token
            )
            self.assertEqual(code, reply.status)


if __name__ == "__main__":
    unittest.main()

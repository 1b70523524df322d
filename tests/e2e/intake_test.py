# SPDX-License-Identifier: Apache-2.0
"""What a homeserver may send, and how it is answered."""

import json
import unittest

from harness import NodeCase, Service, body_of, event, numbered, raw_events

TRANSACTIONS = "/as/irc/_matrix/app/v1/transactions/"


class Intake(NodeCase):
    def setUp(self) -> None:
        super().setUp()
        self.irc, self.log = self.receiver(), self.receiver()
        self.posthorn = self.node(
            [Service("irc", self.irc.url), Service("log", self.log.url)],
            {"limits": {"max_request": "64KiB"}},
            catch_all=True,
        )
        self.feed = self.posthorn.feed("irc")

    def assert_only(self, ids: list[str]) -> None:
        """The service got these events, and then one more, and nothing else."""
        self.feed.send(numbered(1, 999_999), txn_id="the last one")
        self.assertEqual(ids + ["$999999"], self.irc.wait_delivered("$999999"))

    def assert_refused(self, reply, status: int, errcode: str) -> None:
        self.assertEqual((status, errcode), (reply.status, reply.errcode))
        self.assertIsInstance(reply.error, str)
        self.assertEqual("application/json", reply.headers["content-type"].split(";")[0])

    def test_200_is_an_empty_json_object(self):
        reply = self.feed.put("1", body_of(numbered(1)))
        self.assertEqual((200, {}), (reply.status, reply.json))

    def test_a_transaction_that_comes_twice_is_delivered_once(self):
        body = body_of(numbered(3))
        for _ in range(3):
            self.assertEqual(200, self.feed.put("7", body).status)
        self.assert_only(["$1", "$2", "$3"])

    def test_a_known_id_with_other_events_is_a_new_transaction(self):
        """Some homeservers restart their transaction ids."""
        self.feed.put("7", body_of(numbered(2, 1)))
        self.feed.put("7", body_of(numbered(2, 3)))
        self.assert_only(["$1", "$2", "$3", "$4"])

    def test_the_same_id_on_another_feed_is_another_transaction(self):
        self.feed.put("7", body_of(numbered(1)))
        self.posthorn.feed("log").put("7", body_of(numbered(1)))
        self.assertEqual(["$1"], self.log.wait_delivered("$1"))
        self.assert_only(["$1"])

    def test_without_a_token_it_is_401_m_missing_token(self):
        reply = self.feed.put("1", body_of(numbered(1)), token=None)
        self.assert_refused(reply, 401, "M_MISSING_TOKEN")
        self.assert_only([])

    def test_with_a_wrong_token_it_is_403_m_forbidden(self):
        for token in ("wrong", "hs_log", "as_irc", "hs_catch_all", "hs_ir", "hs_ircc"):
            with self.subTest(token=token):
                reply = self.feed.put("1", body_of(numbered(1)), token=token)
                self.assert_refused(reply, 403, "M_FORBIDDEN")
        self.assert_only([])

    def test_the_catch_all_feed_takes_posthorns_own_token_only(self):
        feed = self.posthorn.feed(None)
        body = body_of(numbered(1))
        self.assertEqual(200, feed.put("1", body).status)
        self.assert_refused(feed.put("2", body, token="hs_irc"), 403, "M_FORBIDDEN")
        self.assert_refused(feed.put("2", body, token=None), 401, "M_MISSING_TOKEN")

    def test_the_token_may_come_in_the_query(self):
        """Legacy authorization: access_token"""
        path = TRANSACTIONS + "1?access_token=hs_irc"
        reply = self.feed.request("PUT", path, body_of(numbered(1)), token=None)
        self.assertEqual(200, reply.status)
        self.assert_only(["$1"])

    def test_header_and_query_may_both_hold_the_token(self):
        path = TRANSACTIONS + "1?access_token=hs_irc"
        reply = self.feed.request("PUT", path, body_of(numbered(1)))
        self.assertEqual(200, reply.status)
        self.assert_only(["$1"])

    def test_header_and_query_that_disagree_are_refused(self):
        for header, query in (("hs_irc", "wrong"), ("wrong", "hs_irc")):
            path = TRANSACTIONS + f"1?access_token={query}"
            reply = self.feed.request("PUT", path, body_of(numbered(1)), token=header)
            self.assert_refused(reply, 403, "M_FORBIDDEN")
        self.assert_only([])

    def test_an_unknown_service_is_404(self):
        for path in ("/as/nobody/_matrix/app/v1/transactions/1", "/as//transactions/1"):
            reply = self.feed.request("PUT", path, body_of(numbered(1)))
            self.assertEqual(404, reply.status)
            self.assertRegex(reply.errcode, "^M_(NOT_FOUND|UNRECOGNIZED)$")

    def test_an_unknown_path_is_404_m_unrecognized(self):
        reply = self.feed.request("GET", "/as/irc/_matrix/client/versions")
        self.assert_refused(reply, 404, "M_UNRECOGNIZED")
        for path in ("/", "/_matrix/client/versions"):
            reply = self.posthorn.feed(None).request("GET", path)
            self.assert_refused(reply, 404, "M_UNRECOGNIZED")

    def test_bad_bodies_are_refused_by_name_and_nothing_is_taken(self):
        good = event("$1").decode()
        cases = [
            ("{", "M_NOT_JSON", ""),
            ("", "M_NOT_JSON", ""),
            ("not json", "M_NOT_JSON", ""),
            ('{"events":[%s]} trailing' % good, "M_NOT_JSON", ""),
            ('{"events":[%s,]}' % good, "M_NOT_JSON", ""),
            ('{"events":[{"a":tru}]}', "M_NOT_JSON", ""),
            ('{"events":[{"a":[1,2}]}', "M_NOT_JSON", ""),
            ("[]", "M_BAD_JSON", ""),
            ("{}", "M_BAD_JSON", "events"),
            ('{"events":{}}', "M_BAD_JSON", "events"),
            ('{"events":null}', "M_BAD_JSON", "events"),
            ('{"events":[%s,%s,"x"]}' % (good, good), "M_BAD_JSON", r"events\[2\]"),
            ('{"events":[%s,7]}' % good, "M_BAD_JSON", r"events\[1\]"),
        ]
        for n, (body, errcode, place) in enumerate(cases):
            with self.subTest(body=body[:40]):
                reply = self.feed.put(f"bad {n}", body.encode())
                self.assert_refused(reply, 400, errcode)
                self.assertRegex(reply.error, place or ".")
        self.assert_only([])

    def test_a_body_with_bad_utf_8_is_refused(self):
        body = b'{"events":[{"event_id":"$1","content":{"body":"\xff\xfe"}}]}'
        reply = self.feed.put("1", body)
        self.assertEqual(400, reply.status)
        self.assert_only([])

    def test_a_body_over_the_limit_is_413_m_too_large(self):
        """limits.max_request"""
        reply = self.feed.put("1", body_of(numbered(1, size=70_000)))
        self.assert_refused(reply, 413, "M_TOO_LARGE")
        self.assertEqual(200, self.feed.put("2", body_of(numbered(1, 2))).status)
        self.assert_only(["$2"])

    def test_a_chunked_body_over_the_limit_is_413_too(self):
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        head = {"Transfer-Encoding": "chunked"}
        reply = self.feed.put("1", chunk + chunk + b"0\r\n\r\n", headers=head)
        self.assert_refused(reply, 413, "M_TOO_LARGE")
        self.assert_only([])

    def test_the_legacy_path_is_taken_too(self):
        path = "/as/irc/transactions/1?access_token=hs_irc"
        reply = self.feed.request("PUT", path, body_of(numbered(1, 1)), token=None)
        self.assertEqual(200, reply.status)
        # It is the same transaction, whichever path it came by.
        self.feed.put("1", body_of(numbered(1, 1)))
        self.assert_only(["$1"])

    def test_a_transaction_id_may_hold_any_character(self):
        for n, txn_id in enumerate(["a/b", "a b", "ü?#%", "..", "x" * 200], 1):
            self.assertEqual(200, self.feed.put(txn_id, body_of(numbered(1, n))).status)
        self.assert_only(["$1", "$2", "$3", "$4", "$5"])

    def test_a_transaction_without_events_is_taken(self):
        self.assertEqual(200, self.feed.put("1", b'{"events":[]}').status)
        self.assert_only([])

    def test_no_token_stands_in_the_log(self):
        path = TRANSACTIONS + "1?access_token=hs_irc"
        self.feed.request("PUT", path, body_of(numbered(1)))
        self.feed.put("2", body_of(numbered(1)), token="a_wrong_one")
        self.assert_only(["$1"])
        self.posthorn.stop()
        for secret in ("hs_irc", "a_wrong_one", "admin_secret", "as_irc"):
            self.assertNotIn(secret, self.posthorn.log)


class Bytes(NodeCase):
    def test_the_bytes_of_an_event_are_forwarded_untouched(self):
        """Numbers, white space, escapes, order and doubled keys stay as they are."""
        sent = [
            b'{ "event_id" : "$1" , "content":{\n\t"a":1 } }',
            b'{"event_id":"$2","n":123456789012345678901234567890,"m":0.1000,"e":1e400}',
            b'{"event_id":"$3","z":-0,"y":1E+2,"x":1.0e-7,"w":-0.0}',
            b'{"event_id":"$4","k":1,"k":2,"k":{"k":3,"k":4}}',
            b'{"event_id":"$5","u":"\\u00e9\\u0041\\ud83d\\ude00","v":"\\/\\b\\f"}',
            b'{"event_id":"$6","lone":"\\ud800"}',
            '{"event_id":"$7","text":"é😀\u2028"}'.encode(),
            b'{"event_id":"$8","":"","deep":' + b"[" * 200 + b"]" * 200 + b"}",
            b'{"event_id":"$9","brackets":"]}],{[\\"events\\":["}',
            b'{"event_id":"$10"}',
        ]
        node, receiver = self.one_service()
        feed = node.feed("irc")
        text = b' \r\n{ "x":[{}] , "events" :\t[ ' + b" ,\n".join(sent) + b" ] }\n"
        self.assertEqual(200, feed.put("1", text).status)
        receiver.wait_delivered("$10")
        (put,) = receiver.transactions
        self.assertEqual(sent, raw_events(put.body))
        json.loads(put.body)

    def test_they_are_the_same_after_a_restart_and_behind_others(self):
        node, receiver = self.one_service()
        receiver.close()
        feed = node.feed("irc")
        sent = []
        for n in range(1, 41):
            sent.append(b'{"event_id":"$%d" ,\t"n":%d.%020d}' % (n, n, n))
            feed.send(sent[-1:])
        node.wait_pending("irc", 40)
        node.kill()
        receiver.open()
        node.start()
        receiver.wait_delivered("$40")
        got = []
        for one in receiver.accepted:
            got += raw_events(one.body)
        self.assertEqual(sent, got)


if __name__ == "__main__":
    unittest.main()

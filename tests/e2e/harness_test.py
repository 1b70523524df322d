# SPDX-License-Identifier: Apache-2.0
"""The harness itself: feed and receiver, face to face, without a node."""

import http.client
import threading
import time
import unittest

from harness import Feed, Receiver, answers, body_of, event, numbered, raw_events
from harness.link_proxy import REFUSING, SWALLOWING, LinkProxy
from harness.ports import free_port
from harness.secrets import leaks, tokens_in
from harness.settings import Service, merged, to_yaml


class Harness(unittest.TestCase):
    def setUp(self) -> None:
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.feed = Feed(self.receiver.port, "irc", "token")

    def test_a_feed_repeats_one_transaction_until_200(self):
        self.receiver.script = [answers.status(500), answers.close, answers.status(503)]
        self.feed.send(numbered(3))
        got = self.receiver.transactions
        self.assertEqual([500, None, 503, 200], [one.status for one in got])
        self.assertEqual(1, len({(one.txn_id, one.body) for one in got}))
        self.assertEqual(["$1", "$2", "$3"], self.receiver.delivered)
        self.assertEqual("Bearer token", got[0].headers["authorization"])

    def test_a_token_in_what_is_printed_or_stored_is_noticed(self):
        secrets = tokens_in(Service("a", None).registration())
        self.assertEqual({"hs_a", "as_a"}, secrets)
        secrets |= tokens_in({"admin_token": "admin_secret"})
        self.assertEqual([], leaks(secrets, "x", b"GET /a was_a hs_ab admin_secre"))
        for text in (b"Bearer hs_a", b"?access_token=as_a&b", b"\0\1admin_secret\2"):
            self.assertEqual(1, len(leaks(secrets, "x", text)), text)

    def test_an_event_has_the_size_that_was_asked_for(self):
        for size in (200, 1_000, 60_000):
            self.assertEqual(size, len(event("$1", size=size)))

    def test_raw_events_are_cut_out_as_they_are(self):
        sent = [b'{ "event_id":"$1" ,"n":1.0 }', b'{"event_id":"]},{"}']
        self.assertEqual(sent, raw_events(b'{"events": [ ' + b" , ".join(sent) + b"]}"))
        self.assertEqual(sent, raw_events(body_of(sent, {"x": b"[1]"})))

    def test_a_second_request_while_one_is_open_is_noticed(self):
        gate = threading.Event()
        self.receiver.script = [answers.hold(gate)]
        first = threading.Thread(target=self.feed.send, args=(numbered(1),))
        first.start()
        self.receiver.wait_attempts(1)
        Feed(self.receiver.port, None, "token").send(numbered(1, 2))
        gate.set()
        first.join()
        self.assertEqual(
            [False, True], [one.overlapped for one in self.receiver.transactions]
        )

    def test_a_request_whose_sender_left_is_not_open(self):
        self.receiver.script = [answers.hang]
        other = http.client.HTTPConnection("127.0.0.1", self.receiver.port)
        other.request("PUT", "/_matrix/app/v1/transactions/1", body_of(numbered(1)))
        self.receiver.wait_attempts(1)
        self.assertEqual(1, self.receiver.open_now)
        other.close()
        self.feed.send(numbered(1, 2))
        got = self.receiver.transactions
        self.assertEqual([False, False], [one.overlapped for one in got])
        self.assertEqual([None, 200], [one.status for one in got])
        self.assertLessEqual(got[0].ended, got[1].arrived)

    def test_a_closed_receiver_refuses_until_it_is_opened(self):
        self.feed.send(numbered(1, 1))
        self.receiver.close()
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            self.feed.put("2", body_of(numbered(1, 2)))
        with self.assertRaises(ConnectionRefusedError):
            self.feed.put("2", body_of(numbered(1, 2)))
        self.receiver.open()
        self.feed.send(numbered(1, 2))
        self.assertEqual(["$1", "$2"], self.receiver.delivered)

    def test_answers_that_never_end(self):
        for answer in (answers.hang, answers.stall_after_headers, answers.trickle()):
            with self.subTest(answer=answer):
                self.receiver.script = [answer]
                other = http.client.HTTPConnection(
                    "127.0.0.1", self.receiver.port, timeout=0.1
                )
                path = "/_matrix/app/v1/transactions/1"
                other.request("PUT", path, body_of(numbered(1)))
                began = time.monotonic()
                with self.assertRaises((TimeoutError, http.client.HTTPException)):
                    while time.monotonic() < began + 0.3:
                        other.getresponse().read(100)
                    raise TimeoutError
                other.close()
                self.receiver.wait_for(lambda: self.receiver.open_now == 0, "its end")
                self.assertIsNone(self.receiver.transactions[-1].status)

    def test_a_link_that_is_cut_carries_nothing_until_it_is_mended(self):
        proxy = LinkProxy(self.receiver.port)
        self.addCleanup(proxy.close)
        feed = Feed(proxy.port, "irc", "token")
        feed.send(numbered(1, 1))
        proxy.cut(REFUSING)
        with self.assertRaises((OSError, http.client.HTTPException)):
            feed.put("2", body_of(numbered(1, 2)))
        with self.assertRaises(ConnectionRefusedError):
            feed.put("2", body_of(numbered(1, 2)))
        proxy.mend()
        feed.close()
        feed.send(numbered(1, 2))
        old, new = (
            http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=0.2)
            for _ in range(2)
        )
        old.connect()
        proxy.cut(SWALLOWING)
        for one in (old, new):
            self.addCleanup(one.close)
            one.request("PUT", "/_matrix/app/v1/transactions/3", body_of(numbered(1, 3)))
            with self.assertRaises(TimeoutError):
                one.getresponse()
        proxy.mend()
        feed.close()
        feed.send(numbered(1, 4))
        self.assertEqual(["$1", "$2", "$4"], self.receiver.delivered)

    def test_ports_are_given_out_once(self):
        ports = [free_port() for _ in range(50)]
        self.assertEqual(50, len(set(ports)))

    def test_yaml_is_written_in_block_style(self):
        value = {"a": {"b": "1s", "c": ["x", {"d": True, "e": []}]}, "f": None, "g": {}}
        text = 'a:\n  b: 1s\n  c:\n    - "x"\n    - d: true\n      e: []\nf: null\ng: {}'
        self.assertEqual(text, to_yaml(value))
        changed = merged(value, {"a": {"b": "2s"}, "f": 1, "g": None})
        self.assertEqual(
            {"a": {"b": "2s", "c": value["a"]["c"]}, "f": 1}, changed
        )


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Services that are away, refuse, hang or misbehave."""

import unittest

from harness import NodeCase, Service, answers, body_of, numbered

REFUSALS = (301, 302, 303, 307, 308, 400, 401, 403, 404, 408, 429, 500, 502, 503)


class Outage(NodeCase):
    def test_5000_single_events_of_an_outage_arrive_in_50_puts_of_100(self):
        """D10"""
        node, receiver = self.one_service()
        receiver.close()
        feed = node.feed("irc")
        feed.send(numbered(1))
        node.wait_service("irc", lambda r: r["state"] == "DOWN", "DOWN")
        feed.send_singly(numbered(5_000, 2))
        node.wait_pending("irc", 5_001)
        receiver.open()
        ids = receiver.wait_delivered("$5001", 60)
        self.assertEqual([f"${n}" for n in range(1, 5_002)], ids)
        sizes = [len(one.event_ids) for one in receiver.accepted]
        self.assertEqual([1] + [100] * 50, sizes)
        self.assert_one_at_a_time(receiver)

    def test_any_answer_but_2xx_keeps_the_events(self):
        """D11: the same transaction is sent again"""
        node, receiver = self.one_service(
            {"recovery": {"initial_backoff": "20ms", "max_backoff": "20ms"}}
        )
        feed = node.feed("irc")
        for code in REFUSALS:
            before = len(receiver.transactions)
            receiver.script = [answers.status(code, b"<html>no</html>")]
            feed.send(numbered(1, code))
            receiver.wait_delivered(f"${code}")
            attempts = receiver.transactions[before:]
            self.assertEqual([code, 200], [one.status for one in attempts])
            self.assert_same_transaction(attempts)

    def test_413_loses_nothing_and_keeps_the_order(self):
        """D11, D13: it may come again in smaller transactions"""
        node, receiver = self.one_service()
        receiver.script = [answers.status(413)]
        node.feed("irc").send(numbered(4))
        self.assertEqual(["$1", "$2", "$3", "$4"], receiver.wait_delivered("$4"))
        bodies: dict[str, bytes] = {}
        for one in receiver.transactions:
            self.assertEqual(bodies.setdefault(one.txn_id, one.body), one.body)

    def test_any_2xx_is_success_whatever_the_body(self):
        """D11"""
        node, receiver = self.one_service()
        feed = node.feed("irc")
        for n, (code, body) in enumerate(
            [(200, b""), (200, b"not json"), (201, b"{}"), (202, b"[]"), (204, b"")], 1
        ):
            receiver.script = [answers.status(code, body)]
            feed.send(numbered(1, n))
            receiver.wait_delivered(f"${n}")
            self.assertEqual(n, len(receiver.transactions), (code, body))

    def test_a_redirect_is_not_followed(self):
        """The token would go to whom the redirect names."""
        elsewhere = self.receiver()
        node, receiver = self.one_service()
        where = f"Location: {elsewhere.url}/_matrix/app/v1/transactions/1\r\n"
        receiver.script = [answers.status(n, headers=where) for n in (301, 303, 307)]
        node.feed("irc").send(numbered(1))
        receiver.wait_delivered("$1")
        self.assertEqual([], elsewhere.requests)
        self.assertEqual(
            [301, 303, 307, 200], [one.status for one in receiver.transactions]
        )

    def _ends_by_the_deadline(self, answer: answers.Answer) -> None:
        node, receiver = self.one_service({"delivery": {"timeout": "300ms"}})
        receiver.script = [answer, answer]
        node.feed("irc").send(numbered(2))
        receiver.wait_delivered("$2")
        attempts = receiver.transactions
        self.assertEqual([None, None, 200], [one.status for one in attempts])
        self.assert_same_transaction(attempts)
        self.assert_one_at_a_time(receiver)

    def test_a_request_that_is_never_answered_ends(self):
        """D15"""
        self._ends_by_the_deadline(answers.hang)

    def test_an_answer_that_stalls_after_its_headers_ends(self):
        """D15"""
        self._ends_by_the_deadline(answers.stall_after_headers)

    def test_an_answer_that_trickles_ends(self):
        """D15: the deadline is for the whole answer"""
        self._ends_by_the_deadline(answers.trickle())

    def test_an_answer_too_large_to_read_is_not_success(self):
        """The event is sent again, and the node is not filled with the answer."""
        node, receiver = self.one_service()
        receiver.script = [answers.huge(1 << 30)]
        node.feed("irc").send(numbered(1))
        receiver.wait_delivered("$1")
        self.assertEqual([None, 200], [one.status for one in receiver.transactions])

    def test_an_answer_that_is_not_http_is_not_success(self):
        node, receiver = self.one_service()
        receiver.script = [answers.garbage]
        node.feed("irc").send(numbered(1))
        receiver.wait_delivered("$1")
        self.assertEqual([None, 200], [one.status for one in receiver.transactions])

    def test_a_late_answer_is_not_taken_for_the_next_transactions(self):
        """An answer after the deadline counts for nothing."""
        node, receiver = self.one_service({"delivery": {"timeout": "200ms"}})

        def too_late(exchange) -> None:
            exchange.keep_alive = False
            exchange.wait(None)
            exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        receiver.script = [too_late, answers.status(500), too_late]
        feed = node.feed("irc")
        feed.send(numbered(1, 1))
        feed.send(numbered(1, 2))
        receiver.wait_delivered("$2")
        self.assertEqual(["$1", "$2"], receiver.delivered)
        self.assertEqual(
            [None, 500, None, 200], [one.status for one in receiver.transactions][:4]
        )

    def test_a_service_that_comes_and_goes_gets_everything_in_order(self):
        """Three outages while events go on arriving"""
        node, receiver = self.one_service(
            {"recovery": {"initial_backoff": "20ms", "max_backoff": "100ms"}}
        )
        feed = node.feed("irc")
        for round_ in range(3):
            first = 1 + round_ * 200
            feed.send_singly(numbered(100, first))
            receiver.close()
            feed.send_singly(numbered(100, first + 100))
            node.wait_service("irc", lambda r: r["state"] == "DOWN", "DOWN")
            receiver.open()
        ids = receiver.wait_delivered("$600")
        self.assertEqual([f"${n}" for n in range(1, 601)], ids)

    def test_a_service_without_a_url_is_known_and_has_no_feed(self):
        """R1: url: null loads; nothing is sent, and nothing is queued for ever"""
        other = self.receiver()
        node = self.node([Service("quiet", None), Service("irc", other.url)])
        reply = node.feed("quiet").put("1", body_of(numbered(5)))
        self.assertEqual((404, "M_NOT_FOUND"), (reply.status, reply.errcode))
        node.feed("irc").send(numbered(1))
        other.wait_delivered("$1")
        self.assertEqual(0, node.service("quiet")["pending_events"])

    def test_a_url_may_hold_a_path(self):
        """R7"""
        receiver = self.receiver()
        node = self.node([Service("irc", receiver.url + "/base/")])
        node.feed("irc").send(numbered(1))
        receiver.wait_delivered("$1")
        self.assertRegex(
            receiver.requests[0].path, "^/base/_matrix/app/v1/transactions/"
        )


if __name__ == "__main__":
    unittest.main()

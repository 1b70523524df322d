# SPDX-License-Identifier: Apache-2.0
"""Delivery to one service: transactions, retries, order."""

import threading
import time
import unittest

from harness import NodeCase, Service, answers, event, numbered, raw_events


class Delivery(NodeCase):
    def test_one_event_is_one_put_with_the_services_own_token(self):
        """D1"""
        node, receiver = self.one_service()
        one = event("$1")
        node.feed("irc").send([one])
        receiver.wait_delivered("$1")
        (put,) = receiver.requests
        self.assertEqual("PUT", put.method)
        self.assertRegex(put.path, r"^/_matrix/app/v1/transactions/[A-Za-z0-9_.~-]+$")
        self.assertEqual("Bearer hs_irc", put.headers["authorization"])
        self.assertEqual("application/json", put.headers["content-type"].split(";")[0])
        self.assertEqual(b'{"events":[' + one + b"]}", put.body)
        row = node.wait_service("irc", lambda r: not r["pending_events"], "empty queue")
        self.assertEqual("UP", row["state"])
        self.assertEqual(1, len(receiver.requests))

    def test_an_event_that_arrives_meanwhile_waits_for_the_retried_transaction(self):
        """D2: the backoff doubles, and a success goes straight on."""
        node, receiver = self.one_service()
        receiver.script = [answers.status(500), answers.status(500)]
        feed = node.feed("irc")
        feed.send(numbered(1, 1))
        receiver.wait_attempts(1)
        feed.send(numbered(1, 2))
        receiver.wait_delivered("$2")
        attempts = receiver.transactions
        self.assertEqual(
            [["$1"], ["$1"], ["$1"], ["$2"]], [a.event_ids for a in attempts]
        )
        self.assertEqual([500, 500, 200, 200], [a.status for a in attempts])
        self.assert_same_transaction(attempts[:3])
        self.assertNotEqual(attempts[0].txn_id, attempts[3].txn_id)
        gaps = [b.arrived - a.arrived for a, b in zip(attempts, attempts[1:])]
        self.assertGreater(gaps[0], 0.09)
        self.assertGreater(gaps[1], 0.18)
        row = node.wait_service("irc", lambda r: r["state"] == "UP", "UP again")
        self.assertEqual(0, row["failures"])

    def test_every_attempt_at_a_transaction_has_the_same_id_and_bytes(self):
        """D3: whatever else arrives in the meantime."""
        node, receiver = self.one_service()
        receiver.script = [answers.status(503)] * 5
        feed = node.feed("irc")
        feed.send(numbered(3))
        for attempt in range(1, 6):
            receiver.wait_attempts(attempt)
            feed.send(numbered(1, 100 + attempt))
        receiver.wait_delivered("$105")
        # Probes, which hold no event, are no attempts at it.
        attempts = [one for one in receiver.transactions if one.event_ids]
        self.assert_same_transaction(attempts[:5])
        expected = ["$1", "$2", "$3"] + [f"$10{n}" for n in range(1, 6)]
        self.assertEqual(expected, receiver.delivered)

    def test_a_lost_answer_is_repeated_under_the_same_id(self):
        """D5: a service that remembers ids sees each event once."""
        node, receiver = self.one_service()
        receiver.script = [answers.close, answers.status(200), answers.close]
        feed = node.feed("irc")
        feed.send(numbered(2, 1))
        receiver.wait_delivered("$2")
        feed.send(numbered(1, 3))
        receiver.wait_delivered("$3")
        bodies: dict[str, bytes] = {}
        for one in receiver.transactions:
            self.assertEqual(bodies.setdefault(one.txn_id, one.body), one.body)
        self.assertEqual(2, len(bodies))
        self.assertEqual(["$1", "$2", "$3"], receiver.delivered)

    def _sizes_after_a_hold(self, waiting: int) -> list[int]:
        node, receiver = self.one_service()
        gate = threading.Event()
        receiver.script = [answers.hold(gate)]
        feed = node.feed("irc")
        feed.send(numbered(1))
        receiver.wait_attempts(1)
        feed.send_singly(numbered(waiting, 2))
        node.wait_pending("irc", waiting + 1)
        self.assertEqual(1, len(receiver.transactions))
        gate.set()
        ids = receiver.wait_delivered(f"${waiting + 1}")
        self.assertEqual([f"${n}" for n in range(1, waiting + 2)], ids)
        self.assert_one_at_a_time(receiver)
        return [len(one.event_ids) for one in receiver.transactions]

    def test_199_single_events_behind_an_open_transaction_go_as_100_and_99(self):
        """D8"""
        self.assertEqual([1, 100, 99], self._sizes_after_a_hold(199))

    def test_250_single_events_behind_an_open_transaction_go_as_100_100_50(self):
        """D8"""
        self.assertEqual([1, 100, 100, 50], self._sizes_after_a_hold(250))

    def test_events_may_be_cut_smaller_by_configuration(self):
        """delivery.max_events, for one service"""
        node, receiver = self.one_service(
            {"services": {"irc": {"delivery": {"max_events": 7}}}}
        )
        node.feed("irc").send(numbered(20))
        receiver.wait_delivered("$20")
        sizes = [len(one.event_ids) for one in receiver.transactions]
        self.assertEqual([7, 7, 6], sizes)

    def test_no_transaction_is_larger_than_1_mib(self):
        """D14: 100 events of 60,000 bytes go as at most 17 each, in order."""
        node, receiver = self.one_service()
        sent = numbered(100, size=60_000)
        node.feed("irc").send(sent)
        receiver.wait_delivered("$100")
        got = []
        for one in receiver.transactions:
            self.assertLessEqual(len(one.body), 1_048_576)
            self.assertLessEqual(len(one.event_ids), 17)
            got += raw_events(one.body)
        self.assertEqual(sent, got)
        self.assertEqual(6, len(receiver.transactions))

    def test_an_event_larger_than_the_limit_goes_alone(self):
        """delivery.max_bytes: what cannot be cut smaller is still sent."""
        node, receiver = self.one_service({"delivery": {"max_bytes": "64KiB"}})
        large = event("$2", size=200_000)
        node.feed("irc").send([event("$1"), large, event("$3")])
        receiver.wait_delivered("$3")
        self.assertEqual(
            [["$1"], ["$2"], ["$3"]], [one.event_ids for one in receiver.transactions]
        )
        self.assertEqual([large], raw_events(receiver.transactions[1].body))

    def test_with_the_defaults_an_event_arrives_by_the_poll_of_the_sorter(self):
        """sorter.poll_interval 1s, wake_on_arrival false, 2 s first backoff"""
        node, receiver = self.one_service(
            {"sorter": None, "recovery": None, "delivery": None, "limits": None}
        )
        feed = node.feed("irc")
        feed.send_singly(numbered(20))
        receiver.wait_delivered("$20")
        feed.send_singly(numbered(20, 21))
        self.assertEqual([f"${n}" for n in range(1, 41)], receiver.wait_delivered("$40"))

    def test_woken_on_arrival_an_event_does_not_wait_for_the_poll(self):
        """sorter.wake_on_arrival: with a poll once a minute"""
        node, receiver = self.one_service(
            {"sorter": {"poll_interval": "60s", "wake_on_arrival": True}}
        )
        feed = node.feed("irc")
        for n in range(1, 21):
            feed.send(numbered(1, n))
            receiver.wait_delivered(f"${n}")
        self.assertEqual([f"${n}" for n in range(1, 21)], receiver.delivered)


class SideBySide(NodeCase):
    def two(self, settings: dict | None = None):
        irc, log = self.receiver(), self.receiver()
        node = self.node([Service("irc", irc.url), Service("log", log.url)], settings)
        return node, irc, log

    def test_two_services_are_sent_to_at_the_same_time(self):
        """D9"""
        node, irc, log = self.two()
        gate = threading.Event()
        irc.script, log.script = [answers.hold(gate)], [answers.hold(gate)]
        node.feed("irc").send(numbered(1))
        node.feed("log").send(numbered(1))
        irc.wait_attempts(1)
        log.wait_attempts(1)
        self.assertEqual((1, 1), (irc.open_now, log.open_now))
        gate.set()
        irc.wait_delivered("$1")
        log.wait_delivered("$1")

    def test_a_service_never_has_two_requests_open(self):
        """D9: under load, with a service that answers late or not at all"""
        node, irc, log = self.two({"delivery": {"timeout": "300ms"}})
        irc.default = answers.delay(0.01)
        irc.script = [answers.delay(0.01), answers.hang, answers.status(500)] * 3
        feeders = [
            threading.Thread(target=node.feed(name).send_singly, args=(numbered(800),))
            for name in ("irc", "log")
        ]
        for one in feeders:
            one.start()
        for one in feeders:
            one.join()
        expected = [f"${n}" for n in range(1, 801)]
        self.assertEqual(expected, irc.wait_delivered("$800"))
        self.assertEqual(expected, log.wait_delivered("$800"))
        self.assert_one_at_a_time(irc)
        self.assert_one_at_a_time(log)

    def test_a_service_that_hangs_does_not_delay_another(self):
        """D9: nor does it lose its own events"""
        node, irc, log = self.two()
        gate = threading.Event()
        irc.script = [answers.hold(gate)]
        node.feed("irc").send(numbered(1))
        irc.wait_attempts(1)
        feed = node.feed("log")
        for n in range(1, 6):
            feed.send(numbered(100, n * 100))
            log.wait_delivered(f"${n * 100 + 99}")
        self.assertEqual(1, irc.open_now, "still the one that hangs")
        gate.set()
        irc.wait_delivered("$1")

    def test_a_service_that_is_down_does_not_delay_another(self):
        """D9"""
        node, irc, log = self.two({"recovery": {"initial_backoff": "20ms"}})
        irc.close()
        node.feed("irc").send(numbered(300))
        node.feed("log").send_singly(numbered(100))
        log.wait_delivered("$100")
        node.wait_service("irc", lambda row: row["state"] == "DOWN", "DOWN")
        self.assertEqual("UP", node.service("log")["state"])

    def test_paused_events_wait_until_resumed(self):
        """posthorn pause, posthorn resume"""
        node, irc, log = self.two()
        self.assertEqual(
            200, node.admin("POST", "/admin/v1/services/irc/pause").status
        )
        node.feed("irc").send(numbered(10))
        node.wait_pending("irc", 10)
        node.feed("log").send(numbered(1))
        log.wait_delivered("$1")
        time.sleep(0.2)
        self.assertEqual([], irc.requests)
        self.assertEqual("PAUSED", node.service("irc")["state"])
        self.assertEqual(
            200, node.admin("POST", "/admin/v1/services/irc/resume").status
        )
        self.assertEqual([f"${n}" for n in range(1, 11)], irc.wait_delivered("$10"))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The checker catches what it is there to catch: one seeded defect a test."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import checker
from rig.logs import got, sent

HERE = os.path.dirname(os.path.abspath(__file__))


class Checker(unittest.TestCase):
    """A clean pair of logs: two addressed feeds, one catch-all feed for both
    services, a failed attempt, an answer that was lost, and a feed transaction
    that was never acknowledged."""

    def setUp(self) -> None:
        self.feeds = [
            sent("irc", ["irc"], 1, ["$a1", "$a2"]),
            sent("irc", ["irc"], 2, ["$a3"]),
            sent("irc", ["irc"], 3, ["$a4", "$a5", "$a6"]),
            sent("irc", ["irc"], 4, ["$a7"], acked=False),
            sent("log", ["log"], 1, ["$b1"]),
            sent("log", ["log"], 2, ["$b2", "$b3"]),
            sent("all", ["irc", "log"], 1, ["$c1", "$c2"]),
        ]
        self.received = [
            got("irc", "x-1", ["$a1", "$a2", "$c1"], 1, 500),
            got("irc", "x-1", ["$a1", "$a2", "$c1"], 2),
            got("irc", "x-2", ["$a3", "$c2", "$a4"], 3, None),
            got("irc", "x-2", ["$a3", "$c2", "$a4"], 4),
            got("irc", "x-2", ["$a3", "$c2", "$a4"], 5),
            got("irc", "x-3", ["$a5", "$a6"], 6),
            got("log", "x-1", ["$c1", "$b1"], 1),
            got("log", "x-2", ["$b2", "$c2", "$b3"], 2),
        ]

    def assert_broken(self, *promises: str) -> None:
        verdict = checker.check(self.feeds, self.received)
        self.assertEqual(set(promises), set(verdict.broken), verdict.spelled_out)

    def change(self, n: int, names: list[str], **more) -> None:
        """Request n came with these events instead."""
        old = self.received[n]
        new = got(old["service"], old["txn_id"], names, old["opened"], old["status"])
        self.received[n] = {**new, **more}

    def test_clean_logs_pass(self):
        verdict = checker.check(self.feeds, self.received, max_repeats=1)
        self.assertEqual({}, verdict.broken, verdict.spelled_out)
        self.assertEqual(1, verdict.figures["transactions_repeated"])
        self.assertEqual(13, verdict.figures["events_delivered"])

    def test_what_was_never_acknowledged_may_come_once_in_order(self):
        self.received.append(got("irc", "x-4", ["$a7"], 7))
        self.assert_broken()

    def test_what_was_never_acknowledged_may_not_come_out_of_order(self):
        self.change(5, ["$a7", "$a5", "$a6"])
        self.assert_broken("order")

    def test_what_was_never_acknowledged_may_not_come_twice(self):
        self.received.append(got("irc", "x-4", ["$a7"], 7))
        self.received.append(got("irc", "x-5", ["$a7"], 8))
        self.assert_broken("repeats")

    def test_a_dropped_event_is_caught(self):
        self.change(5, ["$a5"])
        self.assert_broken("delivered")

    def test_a_dropped_transaction_is_caught(self):
        del self.received[5]
        self.assert_broken("delivered")

    def test_a_service_that_got_nothing_is_caught(self):
        self.received = [one for one in self.received if one["service"] == "irc"]
        self.assert_broken("delivered")

    def test_an_event_that_was_sent_and_never_accepted_is_caught(self):
        self.received[5]["status"] = 503
        self.assert_broken("delivered")

    def test_swapped_events_are_caught(self):
        self.change(5, ["$a6", "$a5"])
        self.assert_broken("order")

    def test_swapped_transactions_are_caught(self):
        self.change(6, ["$b2", "$c2", "$b3"])
        self.change(7, ["$c1", "$b1"])
        self.assert_broken("order")

    def test_order_is_that_of_acceptance_and_not_of_arrival(self):
        """A failed transaction that is overtaken by the next one"""
        self.received += [
            got("log", "x-3", ["$d1"], 3, 500),
            got("log", "x-4", ["$d2"], 4),
            got("log", "x-3", ["$d1"], 5),
        ]
        self.feeds += [
            sent("log", ["log"], 3, ["$d1"]),
            sent("log", ["log"], 4, ["$d2"]),
        ]
        self.assert_broken("order", "newest")

    def test_an_event_again_under_a_new_id_is_caught(self):
        self.change(5, ["$a4", "$a5", "$a6"])
        self.assert_broken("repeats")

    def search(self) -> None:
        """x-3 is refused with a probe after it, and then sent in halves."""
        probe = {**got("irc", "x-3-p5", [], 6.6), "body": '{"events":[]}'}
        self.received[5:6] = [
            got("irc", "x-3", ["$a5", "$a6"], 6, 500),
            probe,
            got("irc", "x-4", ["$a5"], 7.2),
            got("irc", "x-5", ["$a6"], 7.8),
        ]

    def test_a_refused_transaction_may_come_in_parts_under_new_ids(self):
        self.search()
        self.assert_broken()

    def test_a_probe_that_is_refused_may_stand_between_two_attempts(self):
        self.search()
        self.received[6]["status"] = 503
        self.received.insert(7, got("irc", "x-3", ["$a5", "$a6"], 7.15, 500))
        self.received[7]["closed"] = 7.2
        self.assert_broken()

    def test_an_old_id_again_after_an_accepted_probe_is_caught(self):
        """As a receiver sees it that knows the last accepted id only."""
        self.search()
        self.received.insert(7, got("irc", "x-3", ["$a5", "$a6"], 7.15, 500))
        self.received[7]["closed"] = 7.2
        self.assert_broken("newest")

    def test_a_part_of_an_accepted_transaction_again_is_caught(self):
        """The search went on although the answer had been 200."""
        for status in (200, 500):
            with self.subTest(status=status):
                self.setUp()
                self.search()
                self.received[5]["status"] = 200
                self.received[7]["status"] = status
                self.assert_broken("repeats")

    def test_a_search_that_loses_an_event_is_caught(self):
        self.search()
        del self.received[8]
        self.assert_broken("delivered")

    def test_an_event_twice_in_one_transaction_is_caught(self):
        self.change(5, ["$a5", "$a5", "$a6"])
        self.assert_broken("repeats")

    def test_a_transaction_again_after_a_newer_one_is_caught(self):
        self.received.append(got("irc", "x-2", ["$a3", "$c2", "$a4"], 7))
        self.assert_broken("newest")

    def test_more_repeats_than_faults_are_caught(self):
        verdict = checker.check(self.feeds, self.received, max_repeats=0)
        self.assertEqual({"repeats"}, set(verdict.broken))

    def test_an_altered_byte_is_caught(self):
        for old, new in (("1.10", "1.1"), ("} }", "}}"), ('", "con', '","con')):
            with self.subTest(old=old):
                self.setUp()
                body = self.received[5]["body"]
                self.received[5]["body"] = body.replace(old, new, 1)
                self.assertNotEqual(body, self.received[5]["body"])
                self.assert_broken("bytes")

    def test_a_re_cut_under_the_same_id_is_caught(self):
        """As some homeservers do: the retry has more in it."""
        self.change(4, ["$a3", "$c2", "$a4", "$a5"])
        self.change(5, ["$a6"])
        verdict = checker.check(self.feeds, self.received)
        self.assertIn("frozen", verdict.broken)

    def test_other_bytes_between_the_events_of_a_retry_are_caught(self):
        self.received[4]["body"] = self.received[4]["body"].replace("},{", "}, {")
        self.assert_broken("frozen")

    def test_a_foreign_event_is_caught(self):
        self.change(5, ["$a5", "$z", "$a6"])
        self.assert_broken("known")

    def test_an_event_for_another_service_is_caught(self):
        self.change(5, ["$a5", "$b1", "$a6"])
        self.assert_broken("known")

    def test_a_whole_transaction_to_the_wrong_service_is_caught(self):
        self.received[7]["service"] = "irc"
        verdict = checker.check(self.feeds, self.received)
        self.assertIn("known", verdict.broken)
        self.assertIn("delivered", verdict.broken)

    def test_two_open_requests_are_caught(self):
        self.received[4]["closed"] = 6.2
        self.assert_broken("one_open")

    def test_a_request_behind_one_that_never_ended_is_caught(self):
        self.received[2]["closed"] = None
        self.assert_broken("one_open")

    def test_of_a_cluster_one_transaction_may_be_open_twice_and_no_other_with_it(self):
        """A retry under one id while its first request is still open."""
        again = dict(self.received[4])
        again["opened"] = again["closed"] - 0.1
        self.received.insert(5, again)
        self.assertIn("one_open", checker.check(self.feeds, self.received).broken)
        verdict = checker.check(self.feeds, self.received, cluster=True)
        self.assertNotIn("one_open", verdict.broken)
        self.assertEqual(1, verdict.as_json()["requests_same_open"])
        listed = verdict.as_json()["same_open"]
        self.assertEqual([again["opened"]], [one["opened"] for one in listed])
        again["txn_id"] += "x"
        verdict = checker.check(self.feeds, self.received, cluster=True)
        self.assertIn("one_open", verdict.broken)

    def test_requests_to_two_services_may_be_open_together(self):
        self.received[6]["closed"] = 1.9
        self.assert_broken()

    def test_what_is_not_a_transaction_is_caught(self):
        for body in ("", "[]", "{}", '{"events":{}}', '{"events":[7]}', '{"events":['):
            with self.subTest(body=body):
                self.setUp()
                self.received[5]["body"] = body
                self.assert_broken("known", "delivered")

    def test_a_foreign_private_receipt_is_caught(self):
        receipt = '{"m.read.private":{"@log_bob:x":{}},"event_id":"$p1"}'
        self.feeds.append({"secret": "$p1", "services": ["log"]})
        for n, broken in ((7, []), (5, ["private"])):
            with self.subTest(request=n):
                body = self.received[n]["body"]
                self.received[n]["body"] = body.replace('[{"events":[]}', f"[{receipt}")
                self.assertNotEqual(body, self.received[n]["body"])
                self.assert_broken(*broken)

    def test_what_was_never_taken_in_is_caught(self):
        """A whole transaction out of nowhere"""
        self.received.append(got("log", "x-3", ["$never"], 9))
        self.assert_broken("known")

    def test_a_log_that_cannot_be_judged_is_not_passed(self):
        self.feeds.append(sent("irc", ["irc"], 9, ["$a1"]))
        verdict = checker.check(self.feeds, self.received)
        self.assertIn("log", verdict.broken)

    def test_the_program_prints_one_line_and_exits_0_or_1(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("feeds", "receivers")]
            for expected in (0, 1):
                for path, lines in zip(paths, (self.feeds, self.received)):
                    with open(path, "w", encoding="utf-8") as file:
                        file.writelines(json.dumps(one) + "\n" for one in lines)
                done = subprocess.run(
                    [sys.executable, os.path.join(HERE, "checker.py")]
                    + ["--feeds", paths[0], "--receivers", paths[1]],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                self.assertEqual(expected, done.returncode, done.stderr)
                (line,) = done.stdout.splitlines()
                self.assertEqual(expected == 0, json.loads(line)["kept"])
                self.change(5, ["$a5"])


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""What survives kill -9, SIGTERM, a restart, and the loss of the store."""

import shutil
import threading
import unittest

from harness import NodeCase, Service, answers, numbered


class Restart(NodeCase):
    def test_a_transaction_in_flight_at_kill_9_is_sent_again_and_then_the_rest(self):
        """D19: with no new event, the same id and bytes, then 300 in order"""
        node, receiver = self.one_service()
        feed = node.feed("irc")
        for n in range(1, 5):
            feed.send(numbered(1, n))
            receiver.wait_delivered(f"${n}")
        receiver.script = [answers.hang]
        feed.send(numbered(1, 5))
        receiver.wait_attempts(5)
        feed.send_singly(numbered(300, 6))
        node.wait_pending("irc", 301)
        node.kill()
        receiver.wait_for(lambda: receiver.open_now == 0, "the end of the open request")
        node.start()
        ids = receiver.wait_delivered("$305")
        self.assertEqual([f"${n}" for n in range(1, 306)], ids)
        attempts = receiver.transactions
        self.assert_same_transaction(attempts[4:6])
        self.assertEqual(
            [1, 1, 1, 1, 1, 1, 100, 100, 100], [len(a.event_ids) for a in attempts]
        )
        self.assert_one_at_a_time(receiver)

    def test_what_was_answered_200_survives_kill_9_at_once(self):
        """Also what the sorter has not seen: it polls once a second here."""
        node, receiver = self.one_service({"sorter": None})
        feed = node.feed("irc")
        expected = []
        for round_ in range(5):
            first = 1 + round_ * 20
            feed.send_singly(numbered(20, first))
            node.kill()
            node.start()
            expected += [f"${n}" for n in range(first, first + 20)]
        self.assertEqual(expected, receiver.wait_delivered("$100"))

    def test_a_transaction_that_came_before_kill_9_is_not_taken_again_after(self):
        """The homeserver did not hear the 200 and retries."""
        node, receiver = self.one_service()
        node.feed("irc").send(numbered(3), txn_id="17")
        node.kill()
        node.start()
        again = node.feed("irc")
        again.send(numbered(3), txn_id="17")
        again.send(numbered(1, 4), txn_id="18")
        self.assertEqual(["$1", "$2", "$3", "$4"], receiver.wait_delivered("$4"))

    def test_sigterm_lets_the_open_request_end_and_exits_0(self):
        """What it was answered is remembered: nothing is sent twice."""
        node, receiver = self.one_service()
        gate = threading.Event()
        receiver.script = [answers.hold(gate)]
        feed = node.feed("irc")
        feed.send(numbered(1, 1))
        receiver.wait_attempts(1)
        feed.send(numbered(5, 2))
        node.terminate()
        gate.set()
        self.assertEqual(0, node.wait())
        self.assertEqual(200, receiver.transactions[0].status)
        node.start()
        ids = receiver.wait_delivered("$6")
        self.assertEqual([f"${n}" for n in range(1, 7)], ids)
        sent = [one.txn_id for one in receiver.transactions]
        self.assertEqual(len(sent), len(set(sent)), "each transaction was sent once")

    def test_sigterm_waits_for_a_service_that_hangs_no_longer_than_its_deadline(self):
        """The transaction is sent again after the restart."""
        node, receiver = self.one_service({"delivery": {"timeout": "500ms"}})
        receiver.script = [answers.hang]
        node.feed("irc").send(numbered(1))
        receiver.wait_attempts(1)
        self.assertEqual(0, node.stop())
        node.start()
        receiver.wait_delivered("$1")
        self.assert_same_transaction(receiver.transactions)

    def test_a_stopped_node_is_idle_at_once(self):
        """SIGTERM with nothing to do ends it with exit code 0."""
        node, _ = self.one_service()
        self.assertEqual(0, node.stop())

    def test_a_service_that_is_down_goes_on_recovering_after_a_restart(self):
        """With no new event; its failures are counted on."""
        node, receiver = self.one_service()
        receiver.close()
        node.feed("irc").send(numbered(2))
        before = node.wait_service("irc", lambda r: r["failures"] >= 3, "3 failures")
        self.assertEqual("DOWN", before["state"])
        self.assertEqual(0, node.stop())
        node.start()
        row = node.service("irc")
        self.assertEqual("DOWN", row["state"])
        self.assertGreaterEqual(row["failures"], before["failures"])
        self.assertEqual(before["last_transaction"], row["last_transaction"])
        receiver.open()
        self.assertEqual(["$1", "$2"], receiver.wait_delivered("$2"))
        node.wait_service("irc", lambda r: r["state"] == "UP", "UP")

    def test_transaction_ids_do_not_repeat_after_the_store_is_lost(self):
        """A service that remembers ids would drop what comes under an old one."""
        node, receiver = self.one_service()
        feed = node.feed("irc")
        for n in range(1, 6):
            feed.send(numbered(1, n))
            receiver.wait_delivered(f"${n}")
        self.assertEqual(0, node.stop())
        shutil.rmtree(node.data)
        node.start()
        feed = node.feed("irc")
        for n in range(6, 11):
            feed.send(numbered(1, n))
            receiver.wait_delivered(f"${n}")
        ids = [one.txn_id for one in receiver.transactions]
        self.assertEqual(10, len(set(ids)))

    def test_other_settings_do_not_change_a_transaction_that_was_sent(self):
        """What is cut is frozen, also over a restart with smaller limits."""
        node, receiver = self.one_service()
        receiver.script = [answers.hang]
        feed = node.feed("irc")
        feed.send(numbered(50))
        receiver.wait_attempts(1)
        feed.send(numbered(10, 51))
        node.kill()
        node.settings = {"delivery": {"max_events": 5}}
        node.write()
        node.start()
        receiver.wait_delivered("$60")
        attempts = receiver.transactions
        self.assert_same_transaction(attempts[:2])
        self.assertEqual([50, 50, 5, 5], [len(a.event_ids) for a in attempts])

    def test_a_service_that_is_added_later_gets_what_comes_from_then_on(self):
        node, irc = self.one_service()
        node.feed("irc").send(numbered(1))
        irc.wait_delivered("$1")
        self.assertEqual(0, node.stop())
        log = self.receiver()
        node.services.append(Service("log", log.url))
        node.write()
        node.start()
        node.feed("log").send(numbered(1, 2))
        node.feed("irc").send(numbered(1, 3))
        self.assertEqual(["$2"], log.wait_delivered("$2"))
        self.assertEqual(["$1", "$3"], irc.wait_delivered("$3"))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""`posthorn trace`: where an event is, wherever it is."""

import unittest
from urllib.parse import quote

from harness import NodeCase, Service, answers, event, numbered
from harness.node import as_json

SLOW = {"recovery": {"initial_backoff": "60s", "max_backoff": "60s"}}


class Trace(NodeCase):
    def trace(self, node, event_id: str, found: bool = True) -> dict:
        """By the API; the command must print the same places."""
        reply = node.admin("GET", "/admin/v1/trace/" + quote(event_id, safe=""))
        self.assertEqual(200, reply.status, reply.body)
        self.assertEqual((event_id, found, True), tuple(
            reply.json[key] for key in ("event_id", "found", "complete")
        ), reply.body)
        done = node.run("trace", event_id, "--json", "-c", node.config)
        self.assertEqual((0 if found else 1, ""), (done.returncode, done.stderr))
        for key in ("pool", "queues", "dead", "delivered"):
            self.assertEqual(
                [one.get("service") for one in reply.json[key]],
                [one.get("service") for one in as_json(done)[key]],
            )
        return reply.json

    def shown(self, node, event_id: str) -> str:
        done = node.run("trace", event_id, "-c", node.config)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return done.stdout

    def test_an_event_is_followed_from_the_queue_to_its_delivery(self):
        node, receiver = self.one_service(SLOW)
        receiver.default = answers.status(502)
        feed = node.feed("irc")
        feed.send(numbered(2))
        row = node.wait_service("irc", lambda row: row["state"] == "DOWN", "DOWN")
        feed.send(numbered(3, 3))
        node.wait_pending("irc", 5)
        (place,) = self.trace(node, "$2")["queues"]
        self.assertEqual(
            ("irc", 1, row["last_transaction"], 1),
            tuple(place[key] for key in ("service", "before", "transaction", "failures")),
        )
        self.assertGreater(place["next_attempt_seconds"], 1)
        self.assertIn("in the open transaction", self.shown(node, "$2"))
        (place,) = self.trace(node, "$4")["queues"]
        self.assertEqual((3, None), (place["before"], place["transaction"]))
        self.assertIn("3 items before it", self.shown(node, "$4"))
        receiver.default = answers.status(200)
        node.admin("POST", "/admin/v1/services/irc/retry")
        receiver.wait_delivered("$5")
        node.wait_pending("irc", 0)
        found = self.trace(node, "$4")
        self.assertEqual([], found["queues"])
        (delivery,) = found["delivered"]
        self.assertEqual(receiver.accepted[-1].txn_id, delivery["transaction"])
        self.assertGreaterEqual(delivery["accepted"], found["memory"]["since"])
        self.assertIn("delivered", self.shown(node, "$4"))
        # What it remembers ends with its life.
        node.kill()
        node.start()
        found = self.trace(node, "$4", found=False)
        self.assertGreater(found["memory"]["since"], delivery["accepted"])

    def test_an_event_that_is_not_sorted_is_in_the_pool(self):
        receiver = self.receiver()
        node = self.node(
            [Service("irc", receiver.url)], {"sorter": {"poll_interval": "1m"}}
        )
        node.feed("irc").send([event("$kept/back+1")])
        (place,) = self.trace(node, "$kept/back+1")["pool"]
        self.assertEqual("irc", place["feed"])
        self.assertIn("not sorted yet", self.shown(node, "$kept/back+1"))

    def test_a_dead_letter_is_found_with_its_reason(self):
        node, receiver = self.one_service()
        receiver.default = answers.status(413)
        node.feed("irc").send(numbered(1))
        node.wait_service("irc", lambda row: row["dead_letters"] == 1, "1 dead")
        found = self.trace(node, "$1")
        self.assertEqual([], found["queues"])
        (letter,) = found["dead"]
        self.assertEqual("irc", letter["service"])
        self.assertIn("413", letter["reason"])
        self.assertIn("413", self.shown(node, "$1"))

    def test_an_unknown_event_is_exit_1_and_says_what_is_not_covered(self):
        """A part of an id that is known is unknown, too."""
        node, receiver = self.one_service()
        node.feed("irc").send([event("$whole")])
        receiver.wait_delivered("$whole")
        node.wait_pending("irc", 0)
        for other in ("$whol", "whole", "$never"):
            self.trace(node, other, found=False)
        done = node.run("trace", "$never", "-c", node.config)
        self.assertEqual(1, done.returncode)
        self.assertIn("nothing is known", done.stdout)
        self.assertIn("not covered", done.stdout)
        self.assertEqual(400, node.admin("GET", "/admin/v1/trace/").status)
        self.assertEqual(400, node.admin("GET", "/admin/v1/trace/" + "x" * 2000).status)
        self.assertEqual(401, node.admin("GET", "/admin/v1/trace/$a", token=None).status)
        self.assertEqual(2, node.run("trace", "-c", node.config).returncode)


if __name__ == "__main__":
    unittest.main()

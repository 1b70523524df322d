# SPDX-License-Identifier: Apache-2.0
"""Events that a service refuses for good: found, set aside, sent again."""

import json
import math
import unittest

from harness import NodeCase, Service, answers, event, numbered
from harness.node import as_json

QUICK = {
    "recovery": {"initial_backoff": "10ms", "max_backoff": "20ms"},
    "delivery": {"poison_attempts": 3},
}


def refusing(bad: set[str], answer: answers.Answer) -> answers.Answer:
    """200, unless one of these events is in the transaction."""

    def choose(exchange) -> None:
        if bad.intersection(exchange.request.event_ids):
            answer(exchange)
        else:
            answers.status(200)(exchange)

    return choose


def all_but(bad: set[str], last: int) -> list[str]:
    return [one for n in range(1, last + 1) if (one := f"${n}") not in bad]


class Dead(NodeCase):
    def letters(self, node, service: str = "irc") -> list[dict]:
        return node.admin("GET", f"/admin/v1/dead/{service}").json["letters"]

    def assert_ids_are_for_one_body_each(self, receiver) -> None:
        """And none is sent again that is older than the newest accepted one: a
        service that knows only that would process it twice."""
        bodies: dict[str, bytes] = {}
        accepted = 0
        for one in receiver.transactions:
            self.assertEqual(bodies.setdefault(one.txn_id, one.body), one.body)
            age = list(bodies).index(one.txn_id)
            self.assertGreaterEqual(age, accepted)
            if one.accepted:
                accepted = age

    def test_a_poison_event_among_a_thousand_is_set_aside_and_the_rest_delivered(self):
        """D13: in order, with its reason and its bytes"""
        node, receiver = self.one_service(QUICK)
        bad = {"$471"}
        receiver.default = refusing(
            bad, answers.status(400, b'{"errcode":"M_BAD_JSON"}')
        )
        feed = node.feed("irc")
        for first in range(1, 1001, 50):
            feed.send(numbered(50, first))
        self.assertEqual(all_but(bad, 1000), receiver.wait_delivered("$1000"))
        node.wait_pending("irc", 0)
        (letter,) = self.letters(node)
        self.assertEqual(numbered(1, 471)[0].decode(), letter["item"])
        self.assertIn("400", letter["reason"])
        self.assertIn("M_BAD_JSON", letter["reason"])
        row = node.service("irc")
        self.assertEqual((1, "UP"), (row["dead_letters"], row["state"]))
        self.assert_one_at_a_time(receiver)
        self.assert_ids_are_for_one_body_each(receiver)

    def test_one_poison_event_in_10_000_costs_a_few_tries_more(self):
        """R6: at most log2 of the batch and 3 more than the attempts that are set"""
        for name, answer in (
            ("400", answers.status(400)),
            ("500", answers.status(500)),
            ("hang", answers.hang),
        ):
            with self.subTest(name):
                self.one_in_10_000(answer)

    def one_in_10_000(self, answer: answers.Answer) -> None:
        node, receiver = self.one_service(
            {**QUICK, "delivery": {"poison_attempts": 3, "timeout": "300ms"}}
        )
        bad = {"$4711"}
        receiver.default = refusing(bad, answer)
        feed = node.feed("irc")
        for first in range(1, 10_001, 500):
            feed.send(numbered(500, first))
        self.assertEqual(all_but(bad, 10_000), receiver.wait_delivered("$10000", 60))
        node.wait_pending("irc", 0)
        (letter,) = self.letters(node)
        self.assertEqual("$4711", json.loads(letter["item"])["event_id"])
        tries = [one for one in receiver.transactions if one.event_ids]
        failed = next(one for one in tries if not one.accepted)
        batch = len(failed.event_ids)
        whole = [one for one in tries if one.txn_id == failed.txn_id]
        self.assertEqual(3, len(whole))
        in_search = set(failed.event_ids)
        search = [one for one in tries if in_search.intersection(one.event_ids)]
        extra = len(search) - len(whole)
        self.assertLessEqual(extra, math.ceil(math.log2(batch)) + 3)
        self.assert_one_at_a_time(receiver)
        self.assert_ids_are_for_one_body_each(receiver)

    def test_413_for_one_event_alone_sets_it_aside(self):
        """D13"""
        node, receiver = self.one_service()
        bad = {"$60"}
        receiver.default = refusing(bad, answers.status(413, b"<html>"))
        node.feed("irc").send(numbered(200))
        self.assertEqual(all_but(bad, 200), receiver.wait_delivered("$200"))
        self.assertEqual(1, len(self.letters(node)))
        self.assert_ids_are_for_one_body_each(receiver)

    def test_a_handler_that_never_answers_one_event_is_found_by_a_probe(self):
        """The service accepts an empty transaction after the last attempt."""
        node, receiver = self.one_service(
            {**QUICK, "delivery": {"poison_attempts": 2, "timeout": "150ms"}}
        )
        bad = {"$7"}
        receiver.default = refusing(bad, answers.hang)
        node.feed("irc").send(numbered(20))
        self.assertEqual(all_but(bad, 20), receiver.wait_delivered("$20"))
        self.assertEqual(["$7"], [json.loads(x["item"])["event_id"] for x in self.letters(node)])
        self.assert_one_at_a_time(receiver)
        self.assert_ids_are_for_one_body_each(receiver)

    def test_kill_9_at_any_step_of_the_search_loses_and_reorders_nothing(self):
        """D13, D19: the search goes on where it was"""
        for status in (400, 500):
            with self.subTest(status=status):
                self.search_and_kill(status)

    def search_and_kill(self, status: int) -> None:
        node, receiver = self.one_service(QUICK)
        bad = {"$37", "$81"}
        receiver.default = refusing(bad, answers.status(status))
        # Set before the node can send: each life gets two answers, and dies with
        # its third request open.
        life = [receiver.default] * 2 + [answers.hang]
        receiver.script = list(life)
        node.feed("irc").send(numbered(200))
        searching = 0
        for _ in range(40):
            receiver.wait_for(
                lambda: not receiver.script or "$200" in receiver.delivered,
                "a request left open, or the end",
            )
            if receiver.script:
                break
            searching += 0 < len(receiver.transactions[-1].event_ids) < 100
            node.kill()
            receiver.wait_for(lambda: receiver.open_now == 0, "its end")
            receiver.script = list(life)
            node.start()
        self.assertGreater(searching, 5, "deaths in the middle of the search")
        receiver.script = []
        self.assertEqual(all_but(bad, 200), receiver.wait_delivered("$200", 60))
        node.wait_pending("irc", 0)
        found = [json.loads(x["item"])["event_id"] for x in self.letters(node)]
        self.assertEqual(sorted(bad), sorted(found))
        self.assert_one_at_a_time(receiver)
        self.assert_ids_are_for_one_body_each(receiver)

    def test_the_dead_command_lists_skips_replays_and_drops(self):
        """On a terminal and as JSON"""
        node, receiver = self.one_service()
        receiver.default = answers.status(404)
        feed = node.feed("irc")
        feed.send(numbered(2))
        node.wait_service("irc", lambda row: row["state"] == "DOWN", "DOWN")
        feed.send(numbered(2, 3))
        node.wait_pending("irc", 4)

        def dead(*words: str):
            done = node.run("dead", *words, "-c", node.config)
            self.assertEqual((0, ""), (done.returncode, done.stderr))
            return done

        self.assertNotIn("irc", dead().stdout)
        dead("skip", "irc")
        node.wait_service("irc", lambda row: row["dead_letters"] == 2, "2 dead")
        receiver.default = answers.status(200)
        self.assertEqual(["$3", "$4"], receiver.wait_delivered("$4"))
        self.assertIn("irc", dead("list").stdout)
        shown = dead("list", "irc").stdout
        self.assertIn("$1 m.room.message", shown)
        self.assertIn("skipped; refused: HTTP 404", shown)
        letters = as_json(dead("list", "irc", "--json"))["letters"]
        self.assertEqual(2, len(letters))
        table = node.run("services", "-c", node.config).stdout
        self.assertIn("DEAD", table)
        txn = letters[0]["transaction"]
        refused = node.run("dead", "replay", "irc", "nope", "-c", node.config)
        self.assertEqual(1, refused.returncode)
        self.assertIn("nope", refused.stderr)
        self.assertIn("2 dead letters", dead("replay", "irc", txn).stdout)
        self.assertEqual(["$3", "$4", "$1", "$2"], receiver.wait_delivered("$2"))
        self.assertNotIn(txn, [one.txn_id for one in receiver.accepted])
        receiver.default = answers.status(413)
        feed.send(numbered(1, 5))
        node.wait_service("irc", lambda row: row["dead_letters"] == 1, "1 dead")
        txn = as_json(dead("list", "irc", "--json"))["letters"][0]["transaction"]
        self.assertEqual(1, as_json(dead("drop", "irc", txn, "--json"))["letters"])
        self.assertEqual([], self.letters(node))
        for words in (["drop", "irc"], ["skip"], ["bury", "irc"]):
            self.assertEqual(2, node.run("dead", *words, "-c", node.config).returncode)

    def test_dead_letters_survive_kill_9_and_count_in_the_store(self):
        node, receiver = self.one_service()
        receiver.default = answers.status(413)
        node.feed("irc").send(numbered(3))
        node.wait_service("irc", lambda row: row["dead_letters"] == 3, "3 dead")
        before = self.letters(node)
        node.kill()
        node.start()
        self.assertEqual(before, self.letters(node))
        stat = node.admin("GET", "/admin/v1/store").json
        self.assertEqual(3, stat["dead_letters"])
        self.assertGreater(stat["used_bytes"], 0)

    def test_an_unknown_service_and_a_bad_order_are_refused(self):
        node, _ = self.one_service()
        for method, path, status in (
            ("GET", "/admin/v1/dead/nobody", 404),
            ("POST", "/admin/v1/dead/nobody/skip", 404),
            ("POST", "/admin/v1/dead/irc/bury", 404),
            ("POST", "/admin/v1/dead/irc/drop", 400),
            ("GET", "/admin/v1/dead/irc?after=x", 400),
            ("GET", "/admin/v1/dead/irc/skip", 404),
        ):
            with self.subTest(path=path):
                self.assertEqual(status, node.admin(method, path).status)
        self.assertEqual(401, node.admin("GET", "/admin/v1/dead", token=None).status)


class Paths(NodeCase):
    def test_a_service_without_v1_is_served_on_the_legacy_path(self):
        """D28: the same id and body, and the token in the query as well"""
        receiver = self.receiver()
        node = self.node(
            [Service("irc", receiver.url)],
            {"services": {"irc": {"delivery": {"legacy_path": True}}}},
        )

        def v1_lacks(exchange) -> None:
            answers.status(404, b"<html>Cannot PUT</html>")(exchange)

        receiver.script = [v1_lacks]
        receiver.other = answers.status(200)
        feed = node.feed("irc")
        feed.send(numbered(1))
        receiver.wait_for(lambda: len(receiver.requests) == 2, "the legacy request")
        first, second = receiver.requests
        self.assertEqual(f"/transactions/{first.txn_id}?access_token=hs_irc", second.path)
        self.assertEqual(first.body, second.body)
        node.wait_pending("irc", 0)
        feed.send(numbered(1, 2))
        receiver.wait_for(lambda: len(receiver.requests) == 3, "the second event")
        self.assertTrue(receiver.requests[2].path.startswith("/transactions/"))

    def test_url_null_costs_nothing_on_the_catch_all_feed(self):
        """R1: neither from the start nor after a reload takes the url away"""
        receiver = self.receiver()
        every = ["@.*"]
        node = self.node(
            [
                Service("quiet", None, users=every),
                Service("irc", receiver.url, users=every),
                Service("gone", receiver.url, users=every),
            ],
            catch_all=True,
        )
        feed = node.feed(None)
        feed.send([event("$1")])
        receiver.wait_for(lambda: len(receiver.accepted) == 2, "two deliveries")
        node.services[2].url = None
        node.write()
        node.process.send_signal(1)
        node.wait_service("gone", lambda row: row["url"] is None, "the reload")
        feed.send([event("$2")])
        receiver.wait_for(lambda: len(receiver.accepted) == 3, "one delivery")
        for service in ("quiet", "gone"):
            self.assertEqual(0, node.service(service)["pending_events"])


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Parts of a transaction that are not events: for whom, and what an outage costs."""

import json
import tempfile
import unittest

from harness import NodeCase, Receiver, Service, body_of, event, numbered

MSC = "org.matrix.msc3202."
DEVICES = "de.sorunome.msc2409.to_device"
LISTS = MSC + "device_lists"
COUNTS = MSC + "device_one_time_key_counts"
ALL_FLAGS = {"receive_ephemeral": True, "org.matrix.msc3202": True}


def raw(*items: dict) -> bytes:
    return json.dumps(list(items)).encode()


def typing(room: str) -> dict:
    content = {"user_ids": ["@alice:example.org"]}
    return {"type": "m.typing", "room_id": room, "content": content}


def presence(user: str, n: int = 0) -> dict:
    return {"type": "m.presence", "sender": user, "content": {"n": n}}


def receipt(room: str, event_id: str, kind: str, user: str) -> dict:
    content = {event_id: {kind: {user: {"ts": 1}}}}
    return {"type": "m.receipt", "room_id": room, "content": content}


def parts_of(receiver: Receiver, key: str) -> list:
    """All elements of the lists under a key, over all accepted transactions."""
    return [x for one in receiver.accepted for x in one.json.get(key, [])]


class PartsOnTheCatchAllFeed(NodeCase):
    def setUp(self) -> None:
        super().setUp()
        self.irc = self.receiver()
        self.log = self.receiver()
        services = [
            Service(
                "irc", self.irc.url, users=["@_irc_.*"], rooms=["!a"], more=ALL_FLAGS
            ),
            Service("log", self.log.url, rooms=["!a", "!log"]),
        ]
        self.feed = self.node(services, catch_all=True).feed(None)

    def deliver(self, extra: dict[str, bytes]) -> None:
        """Sends the parts, and behind them an event that both services get."""
        self.feed.send([], extra)
        self.feed.send([event("$end", room_id="!a:example.org")])
        for one in (self.irc, self.log):
            one.wait_delivered("$end")

    def assert_log_got_events_only(self) -> None:
        for one in self.log.transactions:
            self.assertEqual(["events"], list(one.json))

    def test_ephemeral_data_goes_by_room_and_user_to_those_with_the_flag(self):
        """I19, I21: typing by room, presence by its sender"""
        mine = [typing("!a:example.org"), presence("@_irc_bob:example.org")]
        others = [typing("!b:example.org"), presence("@carol:remote.tld")]
        self.deliver({"ephemeral": raw(*mine, *others)})
        self.assertEqual(mine, parts_of(self.irc, "ephemeral"))
        self.assert_log_got_events_only()

    def test_nobody_gets_a_stranger_s_private_receipt(self):
        """I20"""
        alice, bob = "@alice:example.org", "@_irc_bob:example.org"
        room = "!a:example.org"
        both = receipt(room, "$1", "m.read", alice)
        both["content"]["$1"]["m.read.private"] = {alice: {"ts": 2}, bob: {"ts": 3}}
        self.deliver({"ephemeral": raw(both)})
        expected = [
            receipt(room, "$1", "m.read", alice),
            receipt(room, "$1", "m.read.private", bob),
        ]
        expected[1]["content"]["$1"]["m.read.private"][bob]["ts"] = 3
        self.assertEqual(expected, parts_of(self.irc, "ephemeral"))

    def test_to_device_messages_go_to_their_recipient(self):
        """I23"""
        to_bob = {"type": "m.x", "sender": "@alice:example.org", "content": {}}
        to_bob |= {"to_user_id": "@_irc_bob:example.org", "to_device_id": "D1"}
        from_bob = {"type": "m.x", "sender": "@_irc_bob:example.org", "content": {}}
        from_bob |= {"to_user_id": "@alice:example.org", "to_device_id": "D1"}
        self.deliver({DEVICES: raw(to_bob, from_bob, to_bob)})
        self.assertEqual([to_bob, to_bob], parts_of(self.irc, DEVICES))
        self.assert_log_got_events_only()

    def test_device_lists_and_key_counts_are_filtered_to_a_service_s_users(self):
        """D25, D26"""
        bob, alice = "@_irc_bob:example.org", "@alice:example.org"
        lists = {"changed": [bob, alice], "left": [alice]}
        counts = {bob: {"D": {"signed_curve25519": 7}}, alice: {"D": {}}}
        self.deliver(
            {LISTS: json.dumps(lists).encode(), COUNTS: json.dumps(counts).encode()}
        )
        found = [one.json for one in self.irc.accepted if LISTS in one.json]
        self.assertEqual({"changed": [bob], "left": []}, found[0][LISTS])
        del counts[alice]
        for key in (COUNTS, MSC + "device_one_time_keys_count"):
            self.assertEqual(counts, found[0][key])
        self.assert_log_got_events_only()


def member(event_id: str, user: str, room: str, membership: str = "join") -> bytes:
    content = {"membership": membership}
    kind = "m.room.member"
    return event(
        event_id,
        sender=user,
        room_id=room,
        kind=kind,
        state_key=user,
        content=content,
    )


class PartsOfUsersWhoShareARoom(NodeCase):
    ALICE, BOB = "@alice:example.org", "@_irc_bob:example.org"
    CAROL = "@carol:remote.tld"
    ROOM = "!shared:example.org"

    def setUp(self) -> None:
        super().setUp()
        self.irc = self.receiver()
        self.log = self.receiver()
        services = [
            Service("irc", self.irc.url, users=["@_irc_.*"], more=ALL_FLAGS),
            Service("log", self.log.url, rooms=["!log"], more=ALL_FLAGS),
        ]
        self.posthorn = self.node(services, catch_all=True)
        self.feed = self.posthorn.feed(None)
        self.count = 0

    def told(self, extra: dict[str, bytes]) -> dict[str, list[dict]]:
        """Bodies that each service gets of these parts."""
        self.count += 1
        mark = f"$mark{self.count}"
        got = {"irc": self.irc, "log": self.log}
        before = {name: len(one.accepted) for name, one in got.items()}
        self.feed.send([], extra)
        self.feed.send([event(mark, sender=self.BOB, room_id="!log:example.org")])
        for one in got.values():
            one.wait_delivered(mark)
        return {
            name: [x.json for x in one.accepted[before[name] :]]
            for name, one in got.items()
        }

    def who_sees(self, user: str) -> list[str]:
        found = self.told({"ephemeral": raw(presence(user))})
        for name, bodies in found.items():
            items = [x for one in bodies for x in one.get("ephemeral", [])]
            self.assertLessEqual(len(items), 1, name)
        return [n for n, bodies in found.items() if any("ephemeral" in b for b in bodies)]

    def restart(self) -> None:
        self.posthorn.kill()
        self.posthorn.start()
        self.feed = self.posthorn.feed(None, first_txn=1000 * (1 + self.count))

    def test_presence_goes_to_those_that_share_a_room(self):
        """I21, I22: of local and of other users, over kill -9; one item each"""
        for n, user in enumerate((self.ALICE, self.CAROL)):
            self.feed.send([member(f"$m{n}", user, self.ROOM)])
            self.assertEqual([], self.who_sees(user))
        for n in range(3):
            puppet = f"@_irc_{n}:example.org"
            self.feed.send([member(f"$p{n}", puppet, self.ROOM)])
        for _ in range(2):
            self.assertEqual(["irc"], self.who_sees(self.ALICE))
            self.assertEqual(["irc"], self.who_sees(self.CAROL))
            self.restart()
        self.feed.send([member("$l", self.ALICE, "!log1:example.org")])
        self.assertEqual(["irc", "log"], self.who_sees(self.ALICE))
        self.feed.send([member("$o", self.ALICE, self.ROOM, "leave")])
        self.assertEqual(["log"], self.who_sees(self.ALICE))

    def test_device_lists_go_to_those_that_share_a_room(self):
        """D25: each service gets the users that concern it"""
        self.feed.send([member("$1", self.ALICE, "!log1:example.org")])
        self.feed.send([member("$2", self.CAROL, self.ROOM)])
        self.feed.send([member("$3", self.BOB, self.ROOM)])
        users = [self.ALICE, self.BOB, self.CAROL, "@zed:example.org"]
        got = self.told({LISTS: json.dumps({"changed": users}).encode()})
        found = {
            name: sorted(u for one in bodies for u in one.get(LISTS, {}).get("changed", []))
            for name, bodies in got.items()
        }
        self.assertEqual({"irc": [self.BOB, self.CAROL], "log": [self.ALICE]}, found)

    def test_an_import_counts_for_those_who_share_a_room(self):
        """I21: also of users of other homeservers"""
        with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
            for user in (self.CAROL, self.BOB):
                fact = {"room_id": self.ROOM, "user_id": user, "membership": "join"}
                file.write(json.dumps(fact) + "\n")
            file.flush()
            done = self.posthorn.run(
                "import", file.name, "-c", self.posthorn.config, "--json"
            )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual(2, json.loads(done.stdout)["changed"])
        self.assertEqual(["irc"], self.who_sees(self.CAROL))


class PartsInAnOutage(NodeCase):
    def test_20000_presence_updates_of_100_users_cost_100_items(self):
        """Only the newest of each user is kept, and survives a kill -9."""
        node, receiver = self.one_service(more=ALL_FLAGS)
        receiver.close()
        feed = node.feed("irc")
        feed.send(numbered(1))
        node.wait_service("irc", lambda r: r["state"] == "DOWN", "DOWN")
        users = [f"@u{n}:example.org" for n in range(100)]
        for n in range(200):
            feed.send([], {"ephemeral": raw(*(presence(u, n) for u in users))})
        feed.send(numbered(1, 2))
        node.wait_pending("irc", 102)
        node.kill()
        receiver.open()
        node.start()
        receiver.wait_delivered("$2")
        node.wait_pending("irc", 0)
        got = parts_of(receiver, "ephemeral")
        self.assertEqual(
            {u: 199 for u in users}, {x["sender"]: x["content"]["n"] for x in got}
        )
        self.assertEqual(100, len(got))

    def test_what_was_sent_once_is_sent_again_as_it_was(self):
        """A newer presence does not get into a transaction that was cut."""
        node, receiver = self.one_service(more=ALL_FLAGS)
        receiver.close()
        feed = node.feed("irc")
        feed.send(numbered(1), {"ephemeral": raw(presence("@u:example.org", 1))})
        node.wait_service("irc", lambda r: r["state"] == "DOWN", "DOWN")
        feed.send([], {"ephemeral": raw(presence("@u:example.org", 2))})
        feed.send([], {"ephemeral": raw(presence("@u:example.org", 3))})
        feed.send(numbered(1, 2))
        node.wait_pending("irc", 4)
        receiver.open()
        receiver.wait_delivered("$2")
        got = [x["content"]["n"] for x in parts_of(receiver, "ephemeral")]
        self.assertEqual([1, 3], got)

    def test_device_lists_of_an_outage_are_one(self):
        """D25: changed, left, changed again; key counts of each user the newest"""
        node, receiver = self.one_service(more=ALL_FLAGS)
        receiver.close()
        feed = node.feed("irc")
        feed.send(numbered(1))
        node.wait_service("irc", lambda r: r["state"] == "DOWN", "DOWN")
        for lists in ({"changed": ["@a:x"]}, {"left": ["@a:x"]}):
            feed.send([], {LISTS: json.dumps(lists).encode()})
        last = {"changed": ["@a:x", "@b:x"], "left": ["@c:x"]}
        feed.send([], {LISTS: json.dumps(last).encode(), COUNTS: b'{"@a:x":{"D":1}}'})
        feed.send(numbered(1, 2), {COUNTS: b'{"@b:x":{"D":2}}'})
        node.wait_pending("irc", 7)
        receiver.open()
        receiver.wait_delivered("$2")
        found = receiver.accepted[-1].json
        self.assertEqual(["@a:x", "@b:x"], sorted(found[LISTS]["changed"]))
        self.assertEqual(["@c:x"], found[LISTS]["left"])
        self.assertEqual({"@a:x": {"D": 1}, "@b:x": {"D": 2}}, found[COUNTS])

    def test_a_part_that_nobody_could_deliver_is_refused_with_its_place(self):
        """And nothing of its transaction is taken."""
        node, receiver = self.one_service(more=ALL_FLAGS)
        feed = node.feed("irc")
        broken = {
            "ephemeral": (b'[{"type":"m.x"},{}]', "ephemeral[1]: type"),
            DEVICES: (b'[{"to_user_id":"@a:x"}]', DEVICES + "[0]: to_device_id"),
            LISTS: (b'{"changed":"@a:x"}', LISTS + ": changed"),
        }
        for key, (value, place) in broken.items():
            reply = feed.put("t", body_of(numbered(1), {key: value}))
            self.assertEqual((400, "M_BAD_JSON"), (reply.status, reply.errcode))
            self.assertIn(place, reply.error)
        feed.send(numbered(1, 2))
        self.assertEqual(["$2"], receiver.wait_delivered("$2"))


if __name__ == "__main__":
    unittest.main()

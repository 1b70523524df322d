# SPDX-License-Identifier: Apache-2.0
"""For whom an event is: the catch-all feed, and what goes beside events."""

import json
import unittest

from harness import NodeCase, Receiver, Service, event, numbered

# Something that is surely for that service and for no other.
MARKS = {
    "irc": {"sender": "@_irc_x:example.org"},
    "log": {"room_id": "!log"},
    "tg": {"sender": "@tg_1:example.org"},
    "ghost": {"sender": "@ghostbot:example.org"},
    "look": {"sender": "@zed:lookahead.org"},
}


class CatchAll(NodeCase):
    """The services of the specification's usual examples."""

    def setUp(self) -> None:
        super().setUp()
        users = {
            "irc": ["@_irc_.*"],
            "tg": [r"@tg_[0-9]+:example\.org"],
            "look": [r"@(?!bot).*:lookahead\.org"],
        }
        self.got: dict[str, Receiver] = {}
        services = []
        for name in MARKS:
            self.got[name] = self.receiver()
            rooms = ["!log"] if name == "log" else []
            services.append(
                Service(
                    name, self.got[name].url, users=users.get(name, []), rooms=rooms
                )
            )
        self.posthorn = self.node(services, catch_all=True)
        self.feed = self.posthorn.feed(None)
        self.count = 0

    def goes_to(self, expected: str, **fields) -> None:
        """One event goes to these services (by their ids) and to no other."""
        self.count += 1
        event_id = f"$e{self.count}"
        self.feed.send([event(event_id, **fields)])
        # Behind it, one for each of them: when that has arrived, so has the
        # first one wherever it goes.
        self.feed.send(
            [event(f"$mark{self.count}{name}", **MARKS[name]) for name in self.got]
        )
        found = []
        for name, receiver in self.got.items():
            if event_id in receiver.wait_delivered(f"$mark{self.count}{name}"):
                found.append(name)
        self.assertEqual(expected.split(), found, fields)

    def test_by_its_sender(self):
        """I13: the users namespace, anchored at the start only, case sensitive"""
        self.goes_to("irc", sender="@_irc_bob:example.org")
        self.goes_to("", sender="@x_irc_bob:example.org")
        self.goes_to("", sender="@x@_irc_bob:example.org")
        self.goes_to("", sender="@_IRC_bob:example.org")
        self.goes_to("tg", sender="@tg_12:example.org")
        self.goes_to("", sender="@tg_12x:example.org")
        self.goes_to("", sender="@alice:example.org")

    def test_by_the_service_s_own_user(self):
        """I8: sender_localpart counts without a namespace, on this server only"""
        self.goes_to("ghost", sender="@ghostbot:example.org")
        self.goes_to("", sender="@ghostbot:example.org.evil")

    def test_by_the_target_of_a_membership(self):
        """I9, I10, I12: state_key of m.room.member, and of nothing else"""
        member = {"kind": "m.room.member", "sender": "@alice:example.org"}
        invite = {"content": {"membership": "invite"}}
        self.goes_to("tg", state_key="@tgbot:example.org", **member, **invite)
        self.goes_to("tg", state_key="@tg_12:example.org", **member, **invite)
        self.goes_to("", state_key="@tg_12x:example.org", **member, **invite)
        kick = {"content": {"membership": "leave"}}
        self.goes_to("irc", state_key="@_irc_bob:example.org", **member, **kick)
        self.goes_to("", state_key="@_irc_bob:example.org", kind="m.custom")

    def test_by_its_room(self):
        """I4: a rooms namespace is anchored at the start and open at the end"""
        self.goes_to("log", room_id="!log1:example.org")
        self.goes_to("", room_id="!xlog:example.org")
        self.goes_to("", room_id="!x!log:example.org")

    def test_one_event_may_be_for_several(self):
        """I18"""
        self.goes_to("irc log", room_id="!log1:a.org", sender="@_irc_bob:example.org")

    def test_a_pattern_with_lookahead_is_understood(self):
        """I16"""
        self.goes_to("look", sender="@zed:lookahead.org")
        self.goes_to("", sender="@bot1:lookahead.org")

    def test_mixed_transactions_keep_their_order(self):
        """Each service gets its own part, in the order of the feed."""
        expected: dict[str, list[str]] = {"irc": [], "tg": [], "log": []}
        number = 0
        for _ in range(40):
            batch = []
            for n in range(25):
                number += 1
                name = ("irc", "tg", "log", "nobody")[(number * 7 + n) % 4]
                sender = {"irc": "@_irc_a:example.org", "tg": "@tg_3:example.org"}
                room = "!log:example.org" if name == "log" else "!r:example.org"
                who = sender.get(name, "@alice:example.org")
                batch.append(event(f"${number}", sender=who, room_id=room))
                if name in expected:
                    expected[name].append(f"${number}")
            self.feed.send(batch)
        for name, ids in expected.items():
            self.assertEqual(ids, self.got[name].wait_delivered(ids[-1]))


class BesideEvents(NodeCase):
    TYPING = b'{"type":"m.typing", "room_id":"!r:x","content":{"user_ids":["@a:x"]}}'
    TO_DEVICE = b'{"type":"m.x", "to_user_id":"@irc_a:x","to_device_id":"D","n":1.10}'
    STABLE = "ephemeral"
    UNSTABLE = "de.sorunome.msc2409.ephemeral"
    DEVICES = "de.sorunome.msc2409.to_device"

    def body_with(self, flags: dict, extra: dict[str, bytes]) -> bytes:
        node, receiver = self.one_service(more=flags)
        node.feed("irc").send([], extra)
        receiver.wait_attempts(1)
        return receiver.transactions[0].body

    def test_ephemeral_data_goes_under_the_names_that_the_registration_asks_for(self):
        """D23"""
        legacy = "de.sorunome.msc2409.push_ephemeral"
        for stable, unstable in ((True, False), (False, True), (True, True)):
            with self.subTest(stable=stable, unstable=unstable):
                got = self.body_with(
                    {"receive_ephemeral": stable, legacy: unstable},
                    {"ephemeral": b"[" + self.TYPING + b"]"},
                )
                parsed = json.loads(got)
                self.assertEqual([], parsed["events"])
                self.assertEqual(stable, self.STABLE in parsed)
                self.assertEqual(unstable, self.UNSTABLE in parsed)
                self.assertIn(self.TYPING, got)

    def test_the_unstable_name_is_read_too(self):
        got = self.body_with(
            {"receive_ephemeral": True}, {self.UNSTABLE: b"[" + self.TYPING + b"]"}
        )
        self.assertEqual([json.loads(self.TYPING)], json.loads(got)[self.STABLE])

    def test_without_a_flag_no_ephemeral_data_is_sent(self):
        """D23"""
        node, receiver = self.one_service()
        feed = node.feed("irc")
        feed.send(numbered(1), {"ephemeral": b"[" + self.TYPING + b"]"})
        feed.send([], {"ephemeral": b"[" + self.TYPING + b"]"})
        feed.send(numbered(1, 2))
        receiver.wait_delivered("$2")
        for one in receiver.transactions:
            self.assertEqual(["events"], list(one.json))

    def test_to_device_messages_survive_an_outage_and_kill_9(self):
        """Unlike typing they are never dropped: they carry keys."""
        node, receiver = self.one_service(more={"receive_ephemeral": True})
        receiver.close()
        feed = node.feed("irc")
        message = self.TO_DEVICE.replace
        sent = [message(b"1.10", b"%d.10" % n) for n in range(5)]
        for one in sent:
            feed.send([], {self.DEVICES: b"[" + one + b"]"})
        node.kill()
        receiver.open()
        node.start()
        feed = node.feed("irc", first_txn=100)
        feed.send(numbered(1))
        receiver.wait_delivered("$1")
        body = b"".join(one.body for one in receiver.accepted)
        places = [body.find(one) for one in sent]
        self.assertNotIn(-1, places)
        self.assertEqual(sorted(places), places)

    def test_device_lists_and_key_counts_are_passed_on(self):
        """D25, D26: the key counts under both of their names"""
        lists = b'{"changed":["@a:x"],"left":[]}'
        counts = b'{"@irc_a:x":{"D":{"signed_curve25519":7}}}'
        prefix = "org.matrix.msc3202."
        got = json.loads(
            self.body_with(
                {"receive_ephemeral": True, "org.matrix.msc3202": True},
                {
                    prefix + "device_lists": lists,
                    prefix + "device_one_time_keys_count": counts,
                },
            )
        )
        self.assertEqual(["@a:x"], got[prefix + "device_lists"]["changed"])
        for name in ("device_one_time_keys_count", "device_one_time_key_counts"):
            self.assertEqual(json.loads(counts), got[prefix + name])


if __name__ == "__main__":
    unittest.main()

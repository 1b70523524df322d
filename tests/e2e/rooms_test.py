# SPDX-License-Identifier: Apache-2.0
"""For whom an event is by who is in its room and how that is called: the
catch-all feed, and what `posthorn import` says of the time before."""

import json
import os
import unittest

from harness import NodeCase, Receiver, Service, event
from harness.node import as_json

ALICE = "@alice:example.org"
BOB = "@_irc_bob:example.org"


def member(user: str, membership: str, room: str, sender: str | None = None) -> dict:
    return {
        "kind": "m.room.member",
        "sender": sender or user,
        "state_key": user,
        "room_id": room,
        "content": {"membership": membership},
    }


def fact(user: str, membership: str, room: str) -> dict:
    return {"room_id": room, "user_id": user, "membership": membership}


class Rooms(NodeCase):
    def setUp(self) -> None:
        super().setUp()
        self.got: dict[str, Receiver] = {}
        services = []
        for name in ("irc", "ghost"):
            self.got[name] = self.receiver()
            services.append(
                Service(
                    name,
                    self.got[name].url,
                    users=["@_irc_.*"] if name == "irc" else [],
                    aliases=[r"#_irc_.*:example\.org"] if name == "irc" else [],
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
        # Behind it one for each of them, by its own user.
        marks = {name: f"$mark{self.count}{name}" for name in self.got}
        self.feed.send(
            [
                event(mark, sender=f"@{name}bot:example.org", room_id="!none:x")
                for name, mark in marks.items()
            ]
        )
        found = [
            name
            for name, receiver in self.got.items()
            if event_id in receiver.wait_delivered(marks[name])
        ]
        self.assertEqual(expected.split(), found, fields)

    def write(self, lines: list[dict | str], name: str = "rooms.ndjson") -> str:
        path = os.path.join(self.posthorn.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            for line in lines:
                file.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
        return path

    def import_file(self, path: str, *more: str, code: int = 0):
        done = self.posthorn.run(
            "import", path, "-c", self.posthorn.config, "--json", *more
        )
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done

    def restart(self) -> None:
        self.posthorn.kill()
        self.posthorn.start()
        self.feed = self.posthorn.feed(None, first_txn=1000 + 100 * self.count)

    def test_by_who_is_in_the_room(self):
        """I1, I10, I17: joined counts, invited and kicked do not; over kill -9"""
        room = "!g:example.org"
        self.goes_to("", sender=ALICE, room_id=room)
        self.goes_to("irc", **member(BOB, "invite", room, ALICE))
        self.goes_to("", sender=ALICE, room_id=room)
        self.goes_to("irc", **member(BOB, "join", room))
        self.goes_to("irc", sender=ALICE, room_id=room)
        self.goes_to("", sender=ALICE, room_id="!b:example.org")
        self.restart()
        self.goes_to("irc", sender=ALICE, room_id=room)
        self.goes_to("irc", **member(BOB, "leave", room, ALICE))
        self.goes_to("", sender=ALICE, room_id=room)
        self.restart()
        self.goes_to("", sender=ALICE, room_id=room)

    def test_a_join_counts_for_what_comes_behind_it_in_the_same_transaction(self):
        room = "!h:example.org"
        self.feed.send(
            [
                event("$before", sender=ALICE, room_id=room),
                event("$join", **member(BOB, "join", room)),
                event("$after", sender=ALICE, room_id=room),
            ]
        )
        got = self.got["irc"].wait_delivered("$after")
        self.assertEqual(["$join", "$after"], got)

    def test_by_the_service_s_own_user_in_the_room(self):
        """I8"""
        room = "!d:example.org"
        self.goes_to("ghost", **member("@ghostbot:example.org", "join", room))
        self.goes_to("ghost", sender=ALICE, room_id=room)

    def test_by_the_room_s_aliases(self):
        """I6"""
        room = "!e:example.org"
        alias = {"kind": "m.room.canonical_alias", "sender": ALICE, "state_key": ""}
        named = {"alias": "#other:example.org", "alt_aliases": ["#_irc_c:example.org"]}
        self.goes_to("irc", room_id=room, content=named, **alias)
        self.goes_to("irc", sender=ALICE, room_id=room)
        self.restart()
        self.goes_to("irc", sender=ALICE, room_id=room)
        self.goes_to("", room_id=room, content={"alias": "#other:example.org"}, **alias)
        self.goes_to("", sender=ALICE, room_id=room)

    def test_an_import_counts_while_the_node_runs_and_after(self):
        a, b = "!a:example.org", "!b:example.org"
        self.goes_to("", sender=ALICE, room_id=a)
        self.goes_to("", sender=ALICE, room_id=b)
        path = self.write(
            [
                fact(BOB, "join", a),
                {
                    "type": "m.room.canonical_alias",
                    "state_key": "",
                    "room_id": b,
                    "content": {"alias": "#_irc_b:example.org"},
                },
                {"type": "m.room.topic", "state_key": "", "room_id": b, "content": {}},
            ]
        )
        total = as_json(self.import_file(path))
        self.assertEqual(
            {"lines": 3, "changed": 2, "same": 0, "outdated": 0, "ignored": 1, "bad": 0},
            total,
        )
        self.goes_to("irc", sender=ALICE, room_id=a)
        self.goes_to("irc", sender=ALICE, room_id=b)
        self.assertEqual(2, as_json(self.import_file(path))["same"])
        self.restart()
        self.goes_to("irc", sender=ALICE, room_id=a)

    def test_what_the_feed_has_said_outweighs_an_import(self):
        room = "!g:example.org"
        self.goes_to("irc", **member(BOB, "leave", room, ALICE))
        total = as_json(self.import_file(self.write([fact(BOB, "join", room)])))
        self.assertEqual(1, total["outdated"])
        self.goes_to("", sender=ALICE, room_id=room)

    def test_bad_lines_are_named_and_the_rest_is_imported(self):
        room = "!a:example.org"
        path = self.write([fact(ALICE, "join", room), "nonsense", fact(BOB, "join", room)])
        done = self.import_file(path, code=1)
        self.assertIn(f"{path}:2: not JSON", done.stderr)
        self.assertEqual(1, as_json(done)["bad"])
        self.goes_to("irc", sender=ALICE, room_id=room)
        done = self.import_file(path, "--from-line", "3")
        self.assertEqual(1, as_json(done)["same"])

    def test_an_import_without_a_node_says_from_where_to_go_on(self):
        path = self.write([fact(BOB, "join", "!a:example.org")])
        self.posthorn.stop()
        done = self.import_file(path, code=1)
        self.assertIn("--from-line 1", done.stderr)
        missing = self.import_file(path + ".missing", code=1)
        self.assertIn("rooms.ndjson.missing", missing.stderr)

    def test_a_large_import_is_done_in_pieces(self):
        """All memberships of 2,000 rooms with 20 users each, in mixed order"""
        count = 40_000
        lines = []
        for n in range(count):
            n = n * 7_919 % count
            user = f"@_irc_{n}:example.org"
            room = f"!room{n % 2_000}:example.org"
            event = {"type": "m.room.member", "state_key": user, "sender": user}
            event.update(room_id=room, content={"membership": "join", "x": "y" * 200})
            lines.append(event)
        path = self.write(lines)
        self.assertGreater(os.path.getsize(path), 3 * 4 * 1024 * 1024)
        total = as_json(self.import_file(path))
        self.assertEqual(count, total["changed"])
        self.goes_to("irc", sender=ALICE, room_id="!room1999:example.org")


if __name__ == "__main__":
    unittest.main()

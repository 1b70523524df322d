# SPDX-License-Identifier: Apache-2.0
"""The checker catches random defects in large logs."""

import copy
import json
import random
import unittest

import checker
from rig.logs import got, sent


def _rebuilt(one: dict, edit) -> None:
    names = [e["event_id"] for e in json.loads(one["body"])["events"]]
    edit(names)
    one.update(got(one["service"], one["txn_id"], names, one["opened"]))


def _drop(rng: random.Random, received: list[dict]) -> None:
    _rebuilt(rng.choice(received), lambda names: names.pop(rng.randrange(len(names))))


def _swap(rng: random.Random, received: list[dict]) -> None:
    def edit(names: list[str]) -> None:
        a, b = rng.sample(range(len(names)), 2)
        names[a], names[b] = names[b], names[a]

    _rebuilt(rng.choice(received), edit)


def _twice(rng: random.Random, received: list[dict]) -> None:
    again = dict(rng.choice(received), txn_id="another", opened=9_999, closed=9_999.5)
    received.append(again)


def _alter(rng: random.Random, received: list[dict]) -> None:
    one = rng.choice(received)
    one["body"] = one["body"].replace("1.10", "1.11", 1)


def _overlap(rng: random.Random, received: list[dict]) -> None:
    one = received[rng.randrange(len(received) - 1)]
    one["closed"] = one["opened"] + 5.2


def _refuse(rng: random.Random, received: list[dict]) -> None:
    rng.choice(received)["status"] = rng.choice([None, 301, 413, 500])


def _recut(rng: random.Random, received: list[dict]) -> None:
    """A retry under the same id that has an event less."""
    one = rng.choice(received)
    again = dict(one, opened=one["opened"] + 1, closed=one["closed"] + 1)
    _rebuilt(again, lambda names: names.pop())
    received.append(again)


def _foreign(rng: random.Random, received: list[dict]) -> None:
    where = rng.randrange(3)
    _rebuilt(rng.choice(received), lambda names: names.insert(where, "$foreign"))


def _again_later(rng: random.Random, received: list[dict]) -> None:
    """An old transaction after newer ones."""
    one = received[rng.randrange(len(received) - 1)]
    received.append(dict(one, opened=9_999, closed=9_999.5))


def _lose(rng: random.Random, received: list[dict]) -> None:
    del received[rng.randrange(len(received))]


def _leak(rng: random.Random, received: list[dict]) -> None:
    one = rng.choice(received)
    one["body"] = one["body"].replace('"events":[]', '"read":"$private"', 1)


def _exchange(rng: random.Random, received: list[dict]) -> None:
    """Two transactions in the wrong order."""
    a, b = rng.sample(range(len(received)), 2)
    for key in ("opened", "closed"):
        received[a][key], received[b][key] = received[b][key], received[a][key]


DEFECTS = {
    "again_later": _again_later,
    "alter": _alter,
    "drop": _drop,
    "exchange": _exchange,
    "foreign": _foreign,
    "leak": _leak,
    "lose": _lose,
    "overlap": _overlap,
    "recut": _recut,
    "refuse": _refuse,
    "swap": _swap,
    "twice": _twice,
}


class RandomDefects(unittest.TestCase):
    def test_random_defects_in_large_logs_are_caught(self):
        """Each seed plants one defect among 2,000 events; each kind has its
        turn."""
        kinds = sorted(DEFECTS.items())
        for seed in range(5 * len(kinds)):
            rng = random.Random(seed)
            feeds = [
                sent("s", ["s"], n, [f"${n}-{i}" for i in range(10)]) for n in range(200)
            ]
            received = []
            for n in range(0, 200, 5):
                names = [f"${m}-{i}" for m in range(n, n + 5) for i in range(10)]
                received.append(got("s", f"t-{n}", names, float(n)))
            self.assertTrue(checker.check(feeds, received).kept)
            feeds.append({"secret": "$private", "services": []})
            name, plant = kinds[seed % len(kinds)]
            before = copy.deepcopy(received)
            plant(rng, received)
            with self.subTest(seed=seed, defect=name):
                self.assertNotEqual(before, received)
                self.assertFalse(checker.check(feeds, received).kept)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Feeds that keep sending, and receivers that misbehave now and then."""

import json
import random
import threading
import time

from . import CHAOS  # noqa: F401  (finds the harness)
from harness import Feed, Receiver, answers, body_of


def awkward_event(
    event_id: str, rng: random.Random, filler_max: int = 1_500, filler_min: int = 0
) -> bytes:
    """An event in bytes that a parser and a printer would not give back."""
    gap = " " * rng.randint(0, 3)
    filler = "x" * rng.randint(filler_min, filler_max)
    return (
        f'{{"event_id":{gap}"{event_id}","type":"m.room.message",'
        f'{gap}"room_id":"!room:example.org","sender":"@alice:example.org",'
        f'"content":{{"body":"\\u00e9{filler}","n":1.{"0" * 20}1}}}}'
    ).encode()


def last_event_of(feed: Feed) -> str | None:
    """The id of the last event that a feed has sent."""
    for sent in reversed(feed.sent):
        if sent.events:
            return json.loads(sent.events[-1])["event_id"]
    return None


class Load(threading.Thread):
    """One feed that sends until it is told to stop. `beside()`, if given, makes
    what goes along with the events of a transaction (the other keys)."""

    def __init__(self, feed: Feed, name: str, seed: str, pause=(0, 0.02), beside=None):
        super().__init__(name=name, daemon=True)
        self.feed = feed
        self.pause = pause
        self.beside = beside
        self.error: Exception | None = None
        self.stopping = threading.Event()
        self._rng = random.Random(seed)
        self._count = 0

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                batch = self._batch()
                extra = self.beside() if self.beside else None
                txn_id = self.feed.send(batch, extra, seconds=120)
                if self._rng.random() < 0.05:
                    self._again(txn_id, batch, extra)
                time.sleep(self._rng.uniform(*self.pause))
        except Exception as why:  # pylint: disable=broad-except
            self.error = why

    def _batch(self) -> list[bytes]:
        size = 1 if self._rng.random() < 0.5 else self._rng.randint(2, 40)
        return [self._event() for _ in range(size)]

    def _event(self) -> bytes:
        self._count += 1
        return awkward_event(f"${self.name}-{self._count}", self._rng)

    def _again(self, txn_id: str, batch: list[bytes], extra: dict | None) -> None:
        """A homeserver that did not hear the 200."""
        try:
            self.feed.put(txn_id, body_of(batch, extra))
        except Exception:  # pylint: disable=broad-except
            self.feed.close()


class Flapping(threading.Thread):
    """Takes a receiver's port away and gives it back."""

    def __init__(self, receiver: Receiver, seed: str):
        super().__init__(daemon=True)
        self.receiver = receiver
        self.flaps = 0
        self.stopping = threading.Event()
        self._rng = random.Random(seed)

    def run(self) -> None:
        while not self.stopping.wait(self._rng.uniform(0.1, 0.4)):
            self.receiver.close()
            self.stopping.wait(self._rng.uniform(0.05, 0.3))
            self.receiver.open()
            self.flaps += 1


def now_and_then(seed: str) -> answers.Answer:
    """Fails one request in five, in one of several ways."""
    rng = random.Random(seed)
    ways = [answers.status(500), answers.status(429), answers.close, answers.garbage]

    def answer(exchange) -> None:
        if rng.random() < 0.2:
            rng.choice(ways)(exchange)
        else:
            exchange.reply(200)

    return answer

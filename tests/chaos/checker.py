# SPDX-License-Identifier: Apache-2.0
"""Decides from logs alone whether everything was delivered as promised.

    checker.py --feeds FILE... --receivers FILE... [--max-repeats N] [--cluster]

Shares no code with Posthorn and none with the test harness. Reads JSON lines.

A feed's log, one line a transaction, in the order of sending:
    {"feed": name, "services": [id, ...], "txn_id": text,
     "events": [{"id": text, "sha256": hex of the event's bytes}, ...],
     "acked": seconds or null}
`services` are those that the events are for. Within a feed transactions were
sent one after the other; `acked` is null when no 200 was heard. Or a line
    {"secret": text, "services": [id, ...]}
names what only these services may see, e.g. of a private receipt.

The receivers' log, one line a request, in any order:
    {"service": id, "txn_id": text, "body": text (or "body_base64"),
     "opened": seconds, "closed": seconds, "status": int or null}

The promises:
  delivered   every acknowledged event was accepted (2xx) by each of its services
  order       the first accepted deliveries of a feed's events, service by
              service, come in the feed's order
  bytes       every event has the bytes that were sent
  frozen      one transaction id always has one body
  repeats     once a transaction was accepted, its events come again only with it,
              under the same id; accepted at most --max-repeats times too often
              a service. Of one that never was, they may come under other ids
              (it was given up, and cut smaller)
  newest      only the newest transaction is repeated, never an older one, and
              none that is older than the newest accepted one; an empty
              transaction (a probe) between two attempts counts only for this
  one_open    a service never has two requests open; with --cluster: never two of
              different transactions, since a node that was frozen or killed may
              have one open when its successor sends that transaction again
              (such are counted, requests_same_open, and listed, same_open)
  known       nothing comes that was not sent to that service
  private     no secret reaches a service that it is not for

Prints one JSON line of figures; exit code 0, or 1 when a promise was broken.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

# How many broken promises are spelled out; all are counted.
SPELLED_OUT = 20

# What a probe has in it.
PROBE = b'{"events":[]}'

_decoder = json.JSONDecoder()


@dataclass
class Sent:
    """An event as its feed sent it."""

    feed: str
    place: int
    sha256: str
    acked: bool


@dataclass
class Attempt:
    """One request as a receiver saw it."""

    txn_id: str
    body: bytes
    opened: float
    closed: float | None
    accepted: bool


@dataclass
class Verdict:
    """What was found."""

    figures: dict[str, int] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)
    spelled_out: list[str] = field(default_factory=list)
    # What is allowed, but rare enough to be looked into.
    same_open: list[dict] = field(default_factory=list)

    def count(self, name: str, more: int = 1) -> None:
        self.figures[name] = self.figures.get(name, 0) + more

    def blame(self, promise: str, what: str) -> None:
        self.broken[promise] = self.broken.get(promise, 0) + 1
        if len(self.spelled_out) < SPELLED_OUT:
            self.spelled_out.append(f"{promise}: {what}")

    @property
    def kept(self) -> bool:
        return not self.broken

    def as_json(self) -> dict:
        return {
            "kept": self.kept,
            **self.figures,
            "broken": self.broken,
            "what": self.spelled_out,
            **({"same_open": self.same_open} if self.same_open else {}),
        }


def check(
    feeds: Iterable[dict],
    receivers: Iterable[dict],
    max_repeats: int | None = None,
    cluster: bool = False,
) -> Verdict:
    """Reads both logs, as parsed lines, and judges each service on its own."""
    verdict = Verdict()
    lines = list(feeds)
    secrets = [line for line in lines if "secret" in line]
    sent = _sent_by_service((x for x in lines if "secret" not in x), verdict)
    attempts = _attempts_by_service(receivers, verdict)
    for service, came in attempts.items():
        _look_for_secrets(secrets, service, came, verdict)
    for service in sorted(sent.keys() | attempts.keys()):
        one = _Service(service, sent.get(service, {}), verdict)
        one.judge(attempts.get(service, []), max_repeats, cluster)
    return verdict


def _sent_by_service(
    feeds: Iterable[dict], verdict: Verdict
) -> dict[str, dict[str, Sent]]:
    sent: dict[str, dict[str, Sent]] = {}
    place = 0
    for line in feeds:
        acked = line["acked"] is not None
        verdict.count("transactions_sent")
        verdict.count("events_acked" if acked else "events_not_acked", len(line["events"]))
        for event in line["events"]:
            place += 1
            for service in line["services"]:
                known = sent.setdefault(service, {})
                if event["id"] in known:
                    # The logs cannot be judged: say so instead of guessing.
                    verdict.blame("log", f"{event['id']} was sent twice to {service}")
                known[event["id"]] = Sent(line["feed"], place, event["sha256"], acked)
    return sent


def _attempts_by_service(
    receivers: Iterable[dict], verdict: Verdict
) -> dict[str, list[Attempt]]:
    attempts: dict[str, list[Attempt]] = {}
    for line in receivers:
        if "body" in line:
            body = line["body"].encode()
        else:
            body = base64.b64decode(line["body_base64"])
        status = line["status"]
        accepted = status is not None and 200 <= status < 300
        verdict.count("requests")
        verdict.count("requests_accepted", int(accepted))
        attempts.setdefault(line["service"], []).append(
            Attempt(line["txn_id"], body, line["opened"], line["closed"], accepted)
        )
    for one in attempts.values():
        one.sort(key=lambda attempt: attempt.opened)
    return attempts


def _look_for_secrets(
    secrets: list[dict], service: str, came: list[Attempt], verdict: Verdict
) -> None:
    for one in secrets:
        text = one["secret"].encode()
        seen = [attempt for attempt in came if text in attempt.body]
        if service in one["services"]:
            verdict.count("secrets_seen", len(seen))
            continue
        for attempt in seen:
            what = f"{service}: {one['secret']} came in {attempt.txn_id}"
            verdict.blame("private", what)


class _Service:
    """The case of one service."""

    def __init__(self, name: str, sent: dict[str, Sent], verdict: Verdict):
        self.name = name
        self.sent = sent
        self.verdict = verdict
        # By transaction id: digest of its body.
        self.bodies: dict[str, str] = {}
        # By event id: the transaction it was accepted in.
        self.accepted_in: dict[str, str] = {}
        # By feed: the place of the last event that was accepted.
        self.last: dict[str, int] = {}
        self.accepted_ids: set[str] = set()
        self.repeats = 0

    def blame(self, promise: str, what: str) -> None:
        self.verdict.blame(promise, f"{self.name}: {what}")

    def judge(
        self, attempts: list[Attempt], max_repeats: int | None, cluster: bool
    ) -> None:
        self._one_open(attempts, cluster)
        # By transaction id: its place among all; the places of the newest one
        # that was accepted, and of the newest one that was no probe.
        age: dict[str, int] = {}
        accepted = newest = -1
        for attempt in attempts:
            place = age.setdefault(attempt.txn_id, len(age))
            if attempt.body != PROBE:
                newest = max(newest, place)
            if place < newest or place < accepted:
                self.blame("newest", f"{attempt.txn_id} came again after a newer one")
            if attempt.accepted:
                accepted = max(accepted, place)
            self._look_at(attempt)
        for event_id, event in self.sent.items():
            if event.acked and event_id not in self.accepted_in:
                self.blame("delivered", f"{event_id} of feed {event.feed} never came")
        if max_repeats is not None and self.repeats > max_repeats:
            self.blame("repeats", f"{self.repeats} repeats, {max_repeats} allowed")
        self.verdict.count("events_delivered", len(self.accepted_in))
        self.verdict.count("transactions_repeated", self.repeats)

    def _one_open(self, attempts: list[Attempt], cluster: bool) -> None:
        # By transaction: until when it is open, of those that are.
        still: dict[str, float] = {}
        for attempt in attempts:
            still = {one: end for one, end in still.items() if attempt.opened < end}
            if cluster and set(still) == {attempt.txn_id}:
                self.verdict.count("requests_same_open")
                self._note_same(attempt, still[attempt.txn_id])
            elif still:
                self.blame("one_open", f"{attempt.txn_id} came while another was open")
            closed = float("inf") if attempt.closed is None else attempt.closed
            still[attempt.txn_id] = max(still.get(attempt.txn_id, closed), closed)

    def _note_same(self, attempt: Attempt, first_closed: float) -> None:
        if len(self.verdict.same_open) < SPELLED_OUT:
            never = first_closed == float("inf")
            self.verdict.same_open.append(
                {
                    "service": self.name,
                    "txn_id": attempt.txn_id,
                    "opened": attempt.opened,
                    "first_closed": None if never else first_closed,
                }
            )

    def _look_at(self, attempt: Attempt) -> None:
        digest = hashlib.sha256(attempt.body).hexdigest()
        first_time = attempt.txn_id not in self.bodies
        if self.bodies.setdefault(attempt.txn_id, digest) != digest:
            self.blame("frozen", f"{attempt.txn_id} came with another body")
            first_time = True
        events = _events_of(attempt.body)
        if events is None:
            self.blame("known", f"{attempt.txn_id} is not a transaction")
            return
        if first_time:
            for event_id, raw in events:
                self._look_at_event(attempt.txn_id, event_id, raw)
        if not attempt.accepted:
            return
        if attempt.txn_id in self.accepted_ids:
            self.repeats += 1
            return
        self.accepted_ids.add(attempt.txn_id)
        for event_id, _ in events:
            self._accept(attempt.txn_id, event_id)

    def _look_at_event(self, txn_id: str, event_id: str, raw: bytes) -> None:
        before = self.accepted_in.get(event_id, txn_id)
        if before != txn_id:
            self.blame("repeats", f"{event_id} was accepted in {before}, came in {txn_id}")
        known = self.sent.get(event_id)
        if known is None:
            self.blame("known", f"{event_id} was not sent to it")
        elif hashlib.sha256(raw).hexdigest() != known.sha256:
            self.blame("bytes", f"{event_id} came with other bytes")

    def _accept(self, txn_id: str, event_id: str) -> None:
        if event_id in self.accepted_in:
            # Twice in one transaction; in two it is blamed when it comes.
            self.blame("repeats", f"{event_id} was delivered twice")
            return
        self.accepted_in[event_id] = txn_id
        known = self.sent.get(event_id)
        if known is None:
            return
        if known.place < self.last.get(known.feed, 0):
            self.blame("order", f"{event_id} came after one that was sent later")
        self.last[known.feed] = max(known.place, self.last.get(known.feed, 0))


def _events_of(body: bytes) -> list[tuple[str, bytes]] | None:
    """The id and the raw bytes of each element of `events`; None when the body
    is not a transaction."""
    try:
        text = body.decode()
        if not isinstance(json.loads(text), dict):
            return None
        at = _start_of_events(text)
        found = []
        while True:
            at = _skip(text, at, " \t\r\n,")
            if text[at] == "]":
                return found
            value, end = _decoder.raw_decode(text, at)
            found.append((value["event_id"], text[at:end].encode()))
            at = end
    except (ValueError, LookupError, TypeError):
        return None


def _start_of_events(text: str) -> int:
    """Where the list of the top-level key `events` begins, behind its bracket."""
    at = _skip(text, 0, " \t\r\n{")
    while True:
        key, at = _decoder.raw_decode(text, _skip(text, at, " \t\r\n,"))
        at = _skip(text, at, " \t\r\n:")
        if key == "events":
            if text[at] != "[":
                raise ValueError("events is not a list")
            return at + 1
        _, at = _decoder.raw_decode(text, at)


def _skip(text: str, at: int, what: str) -> int:
    while text[at] in what:
        at += 1
    return at


def _lines(paths: list[str]) -> Iterable[dict]:
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield json.loads(line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--feeds", nargs="+", required=True, metavar="FILE")
    parser.add_argument("--receivers", nargs="+", required=True, metavar="FILE")
    parser.add_argument("--max-repeats", type=int, metavar="N")
    parser.add_argument("--cluster", action="store_true")
    arguments = parser.parse_args()
    verdict = check(
        _lines(arguments.feeds),
        _lines(arguments.receivers),
        arguments.max_repeats,
        arguments.cluster,
    )
    print(json.dumps(verdict.as_json()))
    return 0 if verdict.kept else 1


if __name__ == "__main__":
    sys.exit(main())

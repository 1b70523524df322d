# SPDX-License-Identifier: Apache-2.0
"""R3, second half: a store that rots while nobody looks.

    rot.py --posthorn BINARY [--full] [--seed S] [--keep]

A node is killed with work in its pool and its queues. Then again and again its
store is copied, a bit of the copy flipped (or a page overwritten, or the file cut
short), and a node started on it. It must either refuse to start in one line that
says what is damaged, or run: what it then delivers has the bytes that were sent,
in order, and when something is missing it has said so. It must not die of it.

40 copies, with --full 1,000.
"""

import hashlib
import json
import os
import random
import shutil
import sys
from collections import Counter

from rig.command import Run, command
from rig.load import awkward_event
from rig.watch import until
from harness import Node, Receiver, Service, answers, raw_events

SERVICES = ["irc", "log"]
PAGE = 4_096
SETTINGS = {
    "sorter": {"poll_interval": "10ms"},
    "recovery": {"initial_backoff": "20ms", "max_backoff": "100ms", "jitter": False},
    "limits": {"max_store": "64MiB"},
}


class Rotten:
    """A store with work in it, and copies of it that are damaged."""

    def __init__(self, run: Run):
        self.run = run
        self.receivers = {name: Receiver(answers.status(503)) for name in SERVICES}
        services = [
            Service(name, one.url, rooms=["!room:.*"])
            for name, one in self.receivers.items()
        ]
        self.node = Node(services, SETTINGS, catch_all=True)
        run.keep_if_failed(self.node.directory)
        # By service: digest of each event's bytes, in order.
        self.sent: dict[str, list[str]] = {name: [] for name in SERVICES}
        self.whole = os.path.join(self.node.directory, "whole")
        self._fill()

    def _fill(self) -> None:
        rng = random.Random(self.run.seed)
        self.node.start()
        feeds = {name: self.node.feed(name) for name in SERVICES}
        feeds["all"] = self.node.feed(None)
        for n in range(24):
            for name, feed in feeds.items():
                size = (1, 3, 12)[n % 3]
                ids = [f"${name}-{n}-{i}" for i in range(size)]
                events = [awkward_event(one, rng, 900) for one in ids]
                feed.send(events)
                digests = [hashlib.sha256(one).hexdigest() for one in events]
                for service in SERVICES if name == "all" else [name]:
                    self.sent[service] += digests
        # The last ones are still in the pool, when it is quick enough.
        self.node.kill()
        shutil.copytree(self.node.data, self.whole)
        for one in self.receivers.values():
            one.default = answers.status(200)

    def damage(self) -> str:
        """Puts a damaged copy in place. Answers what was done to it."""
        shutil.rmtree(self.node.data)
        shutil.copytree(self.whole, self.node.data)
        rng = self.run.rng
        path = os.path.join(self.node.data, "data.mdb")
        size = os.path.getsize(path)
        kind = rng.choice(["bit"] * 6 + ["head"] * 2 + ["page", "cut"])
        with open(path, "r+b") as file:
            at = rng.randrange(size)
            if kind == "cut":
                file.truncate(at)
                return f"cut to {at}"
            if kind == "page":
                at -= at % PAGE
                file.seek(at)
                file.write(rng.randbytes(PAGE))
                return f"page {at // PAGE} overwritten"
            if kind == "head":
                at = at - at % PAGE + rng.randrange(64)
            bit = rng.randrange(8)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ (1 << bit)]))
            return f"bit {bit} of byte {at} (page {at // PAGE})"

    def one(self, what: str) -> str:
        """Starts a node on what is there. Answers how it went."""
        before = [len(one.requests) for one in self.receivers.values()]
        log_from = len(self.node.log)
        self.node.start(ready=False)
        up = until(
            lambda: self.node.process.poll() is not None or self.node.is_ready(), 20
        )
        self.run.expect(up, f"{what}: neither up nor ended")
        code = self.node.process.poll()
        if code is None:
            until(lambda: self._idle() or self.node.process.poll() is not None, 2)
            code = self.node.process.poll()
        reports = self.node.log[log_from:]
        told = "store " in reports or self._counted()
        self.node.kill()
        if code is not None:
            fine = code == 1 and "error" in reports and "store" in reports
            self.run.expect(fine, f"{what}: ended with {code}: {reports[-300:]}")
            return "refused" if fine else "died"
        return self._look(what, dict(zip(SERVICES, before)), told)

    def _idle(self) -> bool:
        try:
            reply = self.node.admin("GET", "/admin/v1/services")
            pool = self.node.admin("GET", "/admin/v1/store")
            if reply.status != 200 or pool.status != 200:
                return False
            waiting = sum(one["pending_events"] for one in reply.json["services"])
            return waiting == 0 and pool.json["pool_batches"] == 0
        except OSError:
            return False

    def _counted(self) -> bool:
        try:
            reply = self.node.admin("GET", "/admin/v1/store")
            return reply.status != 200 or reply.json["corrupt_records"] > 0
        except OSError:
            return False

    def _look(self, what: str, before: dict[str, int], told: bool) -> str:
        """What came, against what was sent."""
        missing = 0
        for name, receiver in self.receivers.items():
            place = {digest: i for i, digest in enumerate(self.sent[name])}
            came = []
            for request in receiver.requests[before[name] :]:
                if request.accepted:
                    came += [
                        hashlib.sha256(one).hexdigest()
                        for one in raw_events(request.body)
                    ]
            places = [place.get(digest) for digest in came]
            if not self.run.expect(
                None not in places, f"{what}: {name} got altered bytes"
            ):
                return "altered"
            self.run.expect(
                places == sorted(set(places)), f"{what}: {name}: order or repeats"
            )
            missing += len(place) - len(places)
        if missing == 0:
            return "told, all delivered" if told else "harmless"
        self.run.expect(told, f"{what}: {missing} events missing, and nothing said")
        return "told, the rest delivered"


def body(run: Run) -> None:
    rotten = Rotten(run)
    found: Counter = Counter()
    notes = []
    for _ in range(1_000 if run.full else 40):
        what = rotten.damage()
        how = rotten.one(what)
        found[how] += 1
        notes.append({"what": what, "how": how})
        if len(run.failures) > 10:
            break
    with open(os.path.join(rotten.node.directory, "notes.json"), "w") as file:
        json.dump(notes, file)
    run.figures = {
        "copies": len(notes),
        "store_bytes": os.path.getsize(os.path.join(rotten.whole, "data.mdb")),
        **{how.replace(", ", "_").replace(" ", "_"): n for how, n in found.items()},
    }
    run.expect(found["refused"], "no damage was refused")


if __name__ == "__main__":
    sys.exit(command("R3 rot", __doc__, body))

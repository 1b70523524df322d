# SPDX-License-Identifier: Apache-2.0
"""R4: a store that is full.

    full_store.py --posthorn BINARY [--full] [--seed S] [--keep]

Three times: limits.max_store reached, a tmpfs of 16 MiB, an ext4 of 16 MiB on a
loop device. One service does not take its events, and a feed fills the store with
them until the intake answers 503 with Retry-After. Then, with the store full:
another service's queue must still be delivered, a kill -9 and a new start must do
no harm, and nothing may crash. When space is freed (what filled the disk is
deleted; then the first service takes its events) the intake must be back within
5 s. checker.py judges the logs.

On a machine where nothing can be mounted the two disks are left out, loudly, and
the exit code is 77.
"""

import os
import random
import subprocess
import sys
import tempfile
import time

from rig.command import Run, Skip, command
from rig.judge import Logs
from rig.load import awkward_event
from rig.watch import until
from harness import Node, Receiver, Service, answers, body_of

BACK_MAX = 5.0
DISK = 16 << 20
# What a feed sends at once, and how long it goes on at most.
EVENT_BYTES = 40_000
SENT_MAX = 4_000
SETTINGS = {
    "sorter": {"poll_interval": "20ms"},
    "recovery": {"initial_backoff": "50ms", "max_backoff": "200ms", "jitter": False},
}


class Disk:
    """A small file system, mounted for as long as it is needed."""

    def __init__(self, kind: str, directory: str):
        self.path = os.path.join(directory, kind)
        self.image = os.path.join(directory, "image")
        os.mkdir(self.path)
        if kind == "ext4":
            with open(self.image, "wb") as file:
                file.truncate(DISK)
            _try(["mkfs.ext4", "-q", "-m", "0", self.image])
            _try(["mount", "-o", "loop", self.image, self.path])
        else:
            _try(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", self.path])

    def leave(self, space: int) -> None:
        """Puts a file there that leaves that many bytes free."""
        ballast = os.path.join(self.path, "ballast")
        free = os.statvfs(self.path)
        size = free.f_bavail * free.f_frsize - space
        if size <= 0:
            return
        with open(ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def fill(self) -> None:
        """Takes the last byte."""
        with open(os.path.join(self.path, "last"), "ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def free(self) -> None:
        for name in ("ballast", "last"):
            path = os.path.join(self.path, name)
            if os.path.exists(path):
                os.remove(path)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", self.path], check=False)


def _try(line: list[str]) -> None:
    try:
        done = subprocess.run(line, capture_output=True, text=True, check=False)
    except OSError as why:
        raise Skip(f"{line[0]}: {why}") from why
    if done.returncode != 0:
        raise Skip(f"{' '.join(line[:3])}: {done.stderr.strip()}")


class Full:
    """A node whose store fills up."""

    def __init__(self, run: Run, kind: str):
        self.run = run
        self.kind = kind
        directory = run.keep_if_failed(tempfile.mkdtemp(prefix="posthorn-full-"))
        self.disk = None if kind == "limit" else Disk(kind, directory)
        settings = {**SETTINGS, "limits": {"max_store": "8MiB"}}
        if self.disk:
            self.disk.leave(10 << 20)
            settings["limits"] = {"max_store": "1GiB"}
            settings["store"] = f"lmdb:{self.disk.path}/store"
        self.receivers = {
            "stuck": Receiver(answers.status(503)),
            "other": Receiver(answers.delay(0.02)),
        }
        services = [Service(name, one.url) for name, one in self.receivers.items()]
        self.node = Node(services, settings, directory=directory)
        self.feeds = {name: self.node.feed(name) for name in self.receivers}
        self._rng = random.Random(f"{kind} {run.seed}")
        self._count = 0
        self.figures: dict = {}

    def event(self, size: int) -> bytes:
        self._count += 1
        return awkward_event(f"${self.kind}-{self._count}", self._rng, size, size)

    def expect(self, holds: object, what: str) -> bool:
        return self.run.expect(holds, f"{self.kind}: {what}")

    def try_put(self, name: str, size: int = EVENT_BYTES):
        """One transaction, once; whatever comes back."""
        return self.feeds[name].put(f"try-{self._count}", body_of([self.event(size)]))

    def fill(self) -> None:
        """Until the intake says no."""
        feed = self.feeds["stuck"]
        refused = None
        for n in range(SENT_MAX):
            batch = [self.event(EVENT_BYTES)]
            reply = feed.put(f"fill-{n}", body_of(batch))
            feed.note(f"fill-{n}", batch, reply.status == 200)
            if reply.status != 200:
                refused = reply
                break
        if not self.expect(refused, "it never got full"):
            return
        self.figures["taken"] = n
        retry = refused.headers.get("retry-after", "")
        self.expect(
            refused.status == 503 and retry.isdigit(),
            f"the intake answered {refused.status}, Retry-After {retry!r}",
        )
        self.figures["said"] = refused.error[-90:]

    def deliver_while_full(self) -> None:
        """The other service's queue still drains, also after a kill -9."""
        receiver = self.receivers["other"]
        before = len(receiver.accepted)
        self.node.kill()
        self.node.start()
        for feed in self.feeds.values():
            feed.close()
        self.expect(self.try_put("other").status == 503, "it took an event while full")
        receiver.default = answers.status(200)
        try:
            self.node.wait_pending("other", 0)
        except AssertionError as why:
            self.expect(False, str(why))
        self.figures["delivered_while_full"] = len(receiver.accepted) - before
        self.expect(len(receiver.accepted) > before, "nothing was delivered")
        self.expect(self.node.process.poll() is None, "the node ended")

    def back(self, how: str) -> None:
        """The intake takes events again, soon."""
        began = time.monotonic()
        batch = [self.event(500)]
        feed = self.feeds["other"]
        txn = f"back-{how}"

        def taken() -> bool:
            return feed.put(txn, body_of(batch)).status == 200

        acked = until(taken, 30, 0.05)
        took = time.monotonic() - began
        feed.note(txn, batch, bool(acked))
        self.figures[f"intake_back_s_{how}"] = round(took, 2)
        self.expect(took < BACK_MAX, f"intake back {took:.1f} s after {how}")

    def go(self) -> dict:
        self.node.start()
        self.receivers["other"].default = answers.status(503)
        for _ in range(40):
            self.feeds["other"].send([self.event(2_000)])
        self.fill()
        if self.disk:
            self.disk.fill()
        self.deliver_while_full()
        if self.disk:
            self.disk.free()
            self.back("disk_freed")
            self.fill_again()
        self.receivers["stuck"].default = answers.status(200)
        self.back("delivery")
        for name in self.receivers:
            self.node.wait_pending(name, 0)
            self.receivers[name].wait_delivered(self.last_acked(name))
        code = self.node.stop()
        self.expect(code == 0, f"SIGTERM: exit code {code}")
        self.judge()
        return self.figures

    def fill_again(self) -> None:
        """Once more, so that only delivery can make room."""
        self.disk.leave(1 << 20)
        feed = self.feeds["stuck"]
        for n in range(SENT_MAX):
            batch = [self.event(EVENT_BYTES)]
            reply = feed.put(f"more-{n}", body_of(batch))
            feed.note(f"more-{n}", batch, reply.status == 200)
            if reply.status != 200:
                break
        self.figures["taken_after_freeing"] = n

    def last_acked(self, name: str) -> str:
        acked = [one for one in self.feeds[name].sent if one.acked is not None]
        return acked[-1].event_ids[-1]

    def judge(self) -> None:
        logs = Logs(self.node.directory)
        for name, feed in self.feeds.items():
            logs.feed(name, feed, [name])
            logs.receiver(name, self.receivers[name])
        verdict = logs.judge()
        self.expect(verdict["kept"], f"promises broken: {verdict['what']}")
        self.figures["events_delivered"] = verdict["events_delivered"]

    def end(self) -> None:
        self.node.kill()
        for one in self.receivers.values():
            one.close()
        if self.disk:
            self.disk.unmount()


def body(run: Run) -> None:
    skipped = []
    for kind in ("limit", "tmpfs", "ext4"):
        full = None
        try:
            full = Full(run, kind)
            run.figures[kind] = full.go()
        except Skip as why:
            run.say(f"SKIPPED {kind}: {why}")
            skipped.append(f"{kind}: {why}")
        finally:
            if full:
                full.end()
    if skipped and not run.failures:
        raise Skip("; ".join(skipped) + f"; tried: {run.figures}")


if __name__ == "__main__":
    sys.exit(command("R4 full store", __doc__, body))

# SPDX-License-Identifier: Apache-2.0
"""R1: kills a node again and again under load, and has the checker judge the logs.

    kill_loop.py --posthorn BINARY [--full] [--cycles N] [--seed S] [--keep]

Seven homeserver feeds (six addressed, one catch-all for two more services) retry
like a homeserver: same id, same body, until 200. Of the receivers one is slow,
one fails now and then, one comes and goes. Beside its events the catch-all feed
sends private receipts that only one service, or none, may see. Each cycle starts
the node and kills it with SIGKILL 50 to 800 ms later. After the last one the node
may settle, is stopped, and checker.py decides. The seed fixes what is sent and
when the node is killed; how the processes interleave is the machine's.

25 cycles, or with --full 500.
"""

import json
import sys
import time

from rig.command import Run, command
from rig.judge import Logs
from rig.load import Flapping, Load, last_event_of, now_and_then
from harness import Node, Receiver, Service, answers

LIFE = (0.05, 0.8)
REOPEN_MAX = 1.0
RATE_MIN = 500
FULL_MAX = 12 * 60
SETTINGS = {
    "sorter": {"poll_interval": "20ms"},
    "recovery": {"initial_backoff": "20ms", "max_backoff": "200ms", "jitter": True},
    "delivery": {"timeout": "5s"},
}
CATCH_ALL = ["log", "archive"]
# Event ids in private receipts, and who may see them.
SECRETS = {
    "$seen-by-log": ["log"],
    "$seen-by-archive": ["archive"],
    "$seen-by-alice": [],
}


def private_receipts() -> dict[str, bytes]:
    """One of a user of each service, and one of nobody's user."""
    content = {
        text: {"m.read.private": {f"@{text[9:]}_user:example.org": {"ts": 1}}}
        for text in SECRETS
    }
    one = {"type": "m.receipt", "room_id": "!room:example.org", "content": content}
    return {"ephemeral": json.dumps([one]).encode()}


class KillLoop:
    """One run."""

    def __init__(self, run: Run, cycles: int):
        self.run = run
        self.cycles = cycles
        seed = run.seed
        self.receivers = {
            "swift": Receiver(),
            "busy": Receiver(),
            "brisk": Receiver(),
            "slow": Receiver(answers.delay(0.04)),
            "failing": Receiver(now_and_then(f"failing {seed}")),
            "flapping": Receiver(),
            "log": Receiver(),
            "archive": Receiver(answers.delay(0.01)),
        }
        services = []
        for name, one in self.receivers.items():
            more = {}
            if name in CATCH_ALL:
                more = {"rooms": ["!room:.*"], "users": [f"@{name}_.*"]}
                more["more"] = {"receive_ephemeral": True}
            services.append(Service(name, one.url, **more))
        self.node = Node(services, SETTINGS, catch_all=True)
        run.keep_if_failed(self.node.directory)
        addressed = [name for name in self.receivers if name not in CATCH_ALL]
        # Slower where it is long: all that was sent is kept for the checker.
        pause = (0, 0.08 if run.full else 0.02)
        self.loads = [
            Load(self.node.feed(name), name, f"{name} {seed}", pause)
            for name in addressed
        ]
        catch_all = self.node.feed(None)
        self.loads.append(
            Load(catch_all, "all", f"all {seed}", pause, private_receipts)
        )
        self.flapping = Flapping(self.receivers["flapping"], f"flapping {seed}")
        self.reopened: list[float] = []

    def go(self) -> None:
        began = time.monotonic()
        for one in [*self.loads, self.flapping]:
            one.start()
        try:
            for cycle in range(self.cycles):
                if not self._one_life(cycle):
                    break
            killed_for = time.monotonic() - began
            self._settle()
        finally:
            self.node.kill()
            for one in [*self.loads, self.flapping]:
                one.stopping.set()
        verdict = self._judge()
        kept = verdict.pop("kept")
        acked = verdict.get("events_acked", 0)
        reopen = max(self.reopened, default=0)
        self.run.figures = {
            "cycles": self.cycles,
            "endpoints": len(self.receivers),
            "killed_for_seconds": round(killed_for, 1),
            "events_per_second": round(acked / killed_for),
            "feed_retries": sum(one.feed.retries for one in self.loads),
            "outages": self.flapping.flaps,
            "reopen_ms_max": round(1_000 * reopen),
            "killed_before_ready": self.cycles - len(self.reopened),
            **verdict,
        }
        expect = self.run.expect
        expect(kept, f"promises broken: {verdict['broken']}")
        expect(reopen < REOPEN_MAX, f"a reopening took {reopen:.2f} s")
        expect(verdict.get("secrets_seen"), "no private receipt came at all")
        if self.run.full:
            expect(acked / killed_for >= RATE_MIN, "fewer than 500 events/s")
            expect(killed_for < FULL_MAX, "took more than 12 minutes")

    def _one_life(self, cycle: int) -> bool:
        life = self.run.rng.uniform(*LIFE)
        born = time.monotonic()
        ready = False
        self.node.start(ready=False)
        while (left := born + life - time.monotonic()) > 0:
            if self.node.process.poll() is not None:
                return self.run.expect(False, f"it ended by itself in cycle {cycle}")
            if not ready and self.node.is_ready():
                ready = True
                self.reopened.append(time.monotonic() - born)
            time.sleep(min(left, 0.01))
        self.node.kill()
        return True

    def _settle(self) -> None:
        """Nobody fails any more, nothing new is sent: all must be delivered."""
        self.flapping.stopping.set()
        self.flapping.join()
        for one in self.receivers.values():
            one.default = answers.status(200)
        if self.run.failures:
            return
        self.node.start()
        for one in self.loads:
            one.stopping.set()
        for one in self.loads:
            one.join()
            self.run.expect(one.error is None, f"feed {one.name}: {one.error}")
        for name, receiver in self.receivers.items():
            feed = "all" if name in CATCH_ALL else name
            load = next(one for one in self.loads if one.name == feed)
            try:
                self.node.wait_pending(name, 0)
                # What was taken in last may not have reached the queue when
                # that was found empty.
                if last := last_event_of(load.feed):
                    receiver.wait_delivered(last)
            except AssertionError as why:
                self.run.expect(False, str(why))
        code = self.node.stop()
        self.run.expect(code == 0, f"SIGTERM: exit code {code}")

    def _judge(self) -> dict:
        logs = Logs(self.node.directory)
        for one in self.loads:
            logs.feed(one.name, one.feed, CATCH_ALL if one.name == "all" else [one.name])
        for text, services in SECRETS.items():
            logs.secret(text, services)
        for name, receiver in self.receivers.items():
            logs.receiver(name, receiver)
        return logs.judge(self.cycles + self.flapping.flaps)


def body(run: Run) -> None:
    cycles = run.options.cycles or (500 if run.full else 25)
    KillLoop(run, cycles).go()


def options(parser) -> None:
    parser.add_argument("--cycles", type=int, help="lives of the node")


if __name__ == "__main__":
    sys.exit(command("R1 kill -9", __doc__, body, options))

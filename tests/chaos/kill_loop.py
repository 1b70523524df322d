# SPDX-License-Identifier: Apache-2.0
"""Kills a node again and again under load, and has the checker judge the logs.

    kill_loop.py --posthorn BINARY [--cycles 20] [--seed S] [--json] [--keep]

Five homeserver feeds (four addressed, one catch-all for two more services) retry
like a homeserver: same id, same body, until 200. Of the receivers one is slow,
one fails now and then, one comes and goes. Each cycle starts the node and kills
it with SIGKILL 50 to 800 ms later. After the last one the node may settle, is
stopped, and checker.py decides. The seed fixes what is sent and when the node is
killed; how the processes interleave is the machine's.

Exit code 0 when every promise was kept, else 1; the directory with all logs is
kept then (or with --keep) and named.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

from harness import Feed, Node, Receiver, Service, answers, body_of  # noqa: E402

LIFE = (0.05, 0.8)
SETTINGS = {
    "sorter": {"poll_interval": "20ms"},
    "recovery": {"initial_backoff": "20ms", "max_backoff": "200ms", "jitter": True},
    "delivery": {"timeout": "5s"},
}


class Load(threading.Thread):
    """One feed that sends until it is told to stop."""

    def __init__(self, feed: Feed, name: str, seed: str):
        super().__init__(name=name)
        self.feed = feed
        self.error: Exception | None = None
        self.stopping = threading.Event()
        self._rng = random.Random(seed)
        self._count = 0

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                batch = self._batch()
                txn_id = self.feed.send(batch, seconds=120)
                if self._rng.random() < 0.05:
                    self._again(txn_id, batch)
                time.sleep(self._rng.uniform(0, 0.02))
        except Exception as why:  # pylint: disable=broad-except
            self.error = why

    def _batch(self) -> list[bytes]:
        size = 1 if self._rng.random() < 0.5 else self._rng.randint(2, 40)
        return [self._event() for _ in range(size)]

    def _event(self) -> bytes:
        """Bytes that a parser and a printer would not give back."""
        self._count += 1
        gap = " " * self._rng.randint(0, 3)
        filler = "x" * self._rng.randint(0, 1_500)
        return (
            f'{{"event_id":{gap}"${self.name}-{self._count}","type":"m.room.message",'
            f'{gap}"room_id":"!room:example.org","sender":"@alice:example.org",'
            f'"content":{{"body":"\\u00e9{filler}","n":{self._count}.{"0" * 20}1}}}}'
        ).encode()

    def _again(self, txn_id: str, batch: list[bytes]) -> None:
        """A homeserver that did not hear the 200."""
        try:
            self.feed.put(txn_id, body_of(batch))
        except Exception:  # pylint: disable=broad-except
            self.feed.close()


class Flapping(threading.Thread):
    """Takes a receiver's port away and gives it back."""

    def __init__(self, receiver: Receiver, seed: str):
        super().__init__()
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


class KillLoop:
    """One run."""

    def __init__(self, seed: int, cycles: int):
        self.cycles = cycles
        self.rng = random.Random(seed)
        self.receivers = {
            "swift": Receiver(),
            "slow": Receiver(answers.delay(0.04)),
            "failing": Receiver(now_and_then(f"failing {seed}")),
            "flapping": Receiver(),
            "log": Receiver(),
            "archive": Receiver(answers.delay(0.01)),
        }
        self.catch_all = ["log", "archive"]
        services = [
            Service(
                name, one.url, rooms=["!room:.*"] if name in self.catch_all else []
            )
            for name, one in self.receivers.items()
        ]
        self.node = Node(services, SETTINGS, catch_all=True)
        addressed = [name for name in self.receivers if name not in self.catch_all]
        self.loads = [
            Load(self.node.feed(name), name, f"{name} {seed}") for name in addressed
        ]
        self.loads.append(Load(self.node.feed(None), "all", f"all {seed}"))
        self.flapping = Flapping(self.receivers["flapping"], f"flapping {seed}")
        self.reopened: list[float] = []
        self.failures: list[str] = []

    def run(self) -> dict:
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
        return {
            "kept": verdict["kept"] and not self.failures,
            "cycles": self.cycles,
            "seconds": round(time.monotonic() - began, 1),
            "events_per_second": round(verdict.get("events_acked", 0) / killed_for),
            "feed_retries": sum(one.feed.retries for one in self.loads),
            "outages": self.flapping.flaps,
            "reopen_ms_max": round(1_000 * max(self.reopened, default=0)),
            "killed_before_ready": self.cycles - len(self.reopened),
            **{key: value for key, value in verdict.items() if key != "kept"},
            "failures": self.failures,
        }

    def _one_life(self, cycle: int) -> bool:
        life = self.rng.uniform(*LIFE)
        born = time.monotonic()
        ready = False
        self.node.start(ready=False)
        while (left := born + life - time.monotonic()) > 0:
            if self.node.process.poll() is not None:
                self.failures.append(f"it ended by itself in cycle {cycle}")
                return False
            if not ready and self._is_ready():
                ready = True
                self.reopened.append(time.monotonic() - born)
            time.sleep(min(left, 0.01))
        self.node.kill()
        return True

    def _is_ready(self) -> bool:
        try:
            return self.node.admin("GET", "/health/ready").status == 200
        except Exception:  # pylint: disable=broad-except
            return False

    def _settle(self) -> None:
        """Nobody fails any more, nothing new is sent: all must be delivered."""
        self.flapping.stopping.set()
        self.flapping.join()
        for one in self.receivers.values():
            one.default = answers.status(200)
        if self.failures:
            return
        self.node.start()
        for one in self.loads:
            one.stopping.set()
        for one in self.loads:
            one.join()
            if one.error is not None:
                self.failures.append(f"feed {one.name}: {one.error}")
        for name in self.receivers:
            try:
                self.node.wait_pending(name, 0)
                self._wait_sorted(name)
            except AssertionError as why:
                self.failures.append(str(why))
        code = self.node.stop()
        if code != 0:
            self.failures.append(f"SIGTERM: exit code {code}")

    def _wait_sorted(self, name: str) -> None:
        """What was taken in last may not have reached the queue when that was
        found empty: waits for the last event itself."""
        feed = "all" if name in self.catch_all else name
        sent = next(one for one in self.loads if one.name == feed).feed.sent
        if sent:
            last = json.loads(sent[-1].events[-1])["event_id"]
            self.receivers[name].wait_delivered(last)

    def _judge(self) -> dict:
        feeds = os.path.join(self.node.directory, "feeds.jsonl")
        received = os.path.join(self.node.directory, "receivers.jsonl")
        with open(feeds, "w", encoding="utf-8") as file:
            for one in self.loads:
                to = self.catch_all if one.name == "all" else [one.name]
                file.writelines(f"{l}\n" for l in one.feed.log_lines(one.name, to))
        with open(received, "w", encoding="utf-8") as file:
            for name, receiver in self.receivers.items():
                for one in receiver.transactions:
                    file.write(one.log_line(name) + "\n")
        allowed = self.cycles + self.flapping.flaps
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "checker.py")]
            + ["--feeds", feeds, "--receivers", received]
            + ["--max-repeats", str(allowed)],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1) or not done.stdout:
            self.failures.append(f"the checker ended with {done.returncode}")
            return {"kept": False}
        return json.loads(done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posthorn", help="the binary; default: $POSTHORN")
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--json", action="store_true", help="one line of figures only")
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    arguments = parser.parse_args()
    if arguments.posthorn:
        os.environ["POSTHORN"] = os.path.abspath(arguments.posthorn)
    print(f"kill_loop: --seed {arguments.seed}", file=sys.stderr, flush=True)
    loop = KillLoop(arguments.seed, arguments.cycles)
    figures = {"seed": arguments.seed, **loop.run()}
    kept = figures["kept"]
    if kept and not arguments.keep:
        shutil.rmtree(loop.node.directory, ignore_errors=True)
    else:
        print(f"logs: {loop.node.directory}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print(f"{key:22} {value}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

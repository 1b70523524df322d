# SPDX-License-Identifier: Apache-2.0
"""R6: bad services beside good ones.

    isolation.py --posthorn BINARY [--full] [--crowd] [--seed S] [--keep]

Of 64 services 32 accept and never answer, 8 send a byte of an answer a second, 8
answer 500, one answers with a gigabyte, 15 are good. Or, with --crowd, of 2,000
services (400 without --full) a quarter never answers. The same load is run with
all services good, by turns: twice each with --full.

First each service, good or bad, gets single events at a steady pace: from the
request to the receiver the p99 of the good ones may be twice what it is when all
are good. Then 15 good ones get as many as they take: throughput must be 90 %.
Memory and threads are bounded.
"""

import asyncio
import sys
import time

from rig.command import Run, command
from rig.swarm import Swarm
from rig.watch import Watch, in_ms, quantile, until
from rig.wire import Client, small_events
from harness import Node, Service

RATIO_MAX = 2.0
THROUGHPUT_MIN = 0.9
RSS_MAX = 256
# The listeners' workers, 64 each, and a fixed number of others.
THREADS_MAX = 160
SETTINGS = {
    "sorter": {"poll_interval": "1s", "wake_on_arrival": True},
    "recovery": {"initial_backoff": "200ms", "max_backoff": "1s", "jitter": True},
    "delivery": {"timeout": "3s", "connect_timeout": "1s"},
}
BATCH = 100


def small_mix() -> dict[str, str]:
    """By name, how a service behaves."""
    kinds = ["hang"] * 32 + ["trickle"] * 8 + ["fail"] * 8 + ["flood"] + ["good"] * 15
    return {f"{kind}{n}": kind for n, kind in enumerate(kinds)}


def crowd(run: Run) -> dict[str, str]:
    count = 2_000 if run.full else 400
    return {
        f"{kind}{n}": kind
        for n, kind in ((n, "hang" if n % 4 == 0 else "good") for n in range(count))
    }


class Phase:
    """One run of a node with some services."""

    def __init__(self, run: Run, kinds: dict[str, str], bad: bool, crowded: bool):
        self.run = run
        self.good = [name for name, kind in kinds.items() if kind == "good"]
        self.bad = [name for name, kind in kinds.items() if kind != "good"]
        self.pace = 8.0 if crowded else 0.25
        self.seconds = 16 if run.full else 3
        if not bad:
            kinds = dict.fromkeys(kinds, "good")
        self.swarm = Swarm(kinds)
        services = [Service(name, url) for name, url in self.swarm.urls.items()]
        self.node = Node(services, SETTINGS)
        run.keep_if_failed(self.node.directory)
        self.clients = {name: Client(self.node.port, name) for name in kinds}
        # By event, when its request was begun.
        self.begun: dict[str, float] = {}
        self.latencies: list[float] = []
        self.throughput = 0.0
        self.watch: Watch | None = None

    def go(self) -> None:
        try:
            self.node.start()
            self.watch = Watch(self.node.process.pid, 0.1)
            asyncio.run(self._load())
            self.watch.stop()
            self.run.expect(self.node.process.poll() is None, "the node ended")
        finally:
            self.node.kill()
            self.swarm.close()

    async def _load(self) -> None:
        # The bad ones have shown themselves before anything is measured.
        await asyncio.gather(*(self._one(name) for name in self.bad))
        await asyncio.sleep(1)
        deadline = time.monotonic() + self.seconds
        everybody = self.good + self.bad
        await asyncio.gather(
            *(self._steady(name, i, deadline) for i, name in enumerate(everybody))
        )
        arrived = await asyncio.to_thread(self._all_arrived)
        self.latencies = [arrived[one] - begun for one, begun in self.begun.items()]
        await self._flood()
        for client in self.clients.values():
            client.close()

    async def _one(self, name: str, note: bool = False) -> None:
        client = self.clients[name]
        event_id = f"${name}-{client.count}"
        if note:
            self.begun[event_id] = time.monotonic()
        status = await client.put(small_events([event_id]))
        self.run.expect(status == 200, f"{name}: a feed got {status}")

    async def _steady(self, name: str, place: int, deadline: float) -> None:
        """An event each `pace` seconds, not all services at the same instant."""
        everybody = len(self.good) + len(self.bad)
        due = time.monotonic() + self.pace * place / everybody
        while due < deadline:
            await asyncio.sleep(max(0, due - time.monotonic()))
            await self._one(name, name in self.good)
            due += self.pace

    def _all_arrived(self) -> dict[str, float]:
        """By event, when it came; waits until all have."""
        found: dict[str, float] = {}

        def more() -> bool:
            for came in self.swarm.arrivals().values():
                found.update(came)
            return self.begun.keys() <= found.keys()

        if not until(more, 30, 0.1):
            missing = self.begun.keys() - found.keys()
            self.run.expect(False, f"{len(missing)} events did not come: {missing}")
            return {**dict.fromkeys(missing, float("inf")), **found}
        return found

    async def _flood(self) -> None:
        """As much as a few good services take."""
        chosen = self.good[:15]
        before = self.swarm.counts()
        began = time.monotonic()
        deadline = began + self.seconds / 2

        async def one(name: str) -> None:
            client = self.clients[name]
            while time.monotonic() < deadline:
                ids = [f"${name}-{client.count}-{i}" for i in range(BATCH)]
                await client.put(small_events(ids))

        sent = {name: self.clients[name].count for name in chosen}
        await asyncio.gather(*(one(name) for name in chosen))
        wanted = {
            name: before[name] + BATCH * (self.clients[name].count - sent[name])
            for name in chosen
        }

        def all_taken() -> bool:
            counts = self.swarm.counts()
            return all(counts[name] >= wanted[name] for name in chosen)

        taken = await asyncio.to_thread(until, all_taken, 60, 0.02)
        self.run.expect(taken, "not all that was sent at full speed was delivered")
        events = sum(wanted[name] - before[name] for name in chosen)
        self.throughput = events / (time.monotonic() - began)


def body(run: Run) -> None:
    crowded = run.options.crowd
    kinds = crowd(run) if crowded else small_mix()
    turns = [False, True] * (2 if run.full else 1)
    phases = [Phase(run, kinds, bad, crowded) for bad in turns]
    for one in phases:
        one.go()
    alone, beside = phases[0::2], phases[1::2]

    def p99(of: list[Phase]) -> float:
        return quantile([x for one in of for x in one.latencies], 0.99)

    def throughput(of: list[Phase]) -> float:
        return sum(one.throughput for one in of) / len(of)

    ratio = p99(beside) / p99(alone)
    kept = throughput(beside) / throughput(alone)
    run.figures = {
        "services": len(kinds),
        "bad": len(beside[0].bad),
        "turns": ["bad" if bad else "good" for bad in turns],
        "latencies_measured": sum(len(one.latencies) for one in beside),
        "p50_ms": [in_ms(quantile(one.latencies, 0.5)) for one in phases],
        "p99_ms": [in_ms(p99([one])) for one in phases],
        "p99_ratio": round(ratio, 2),
        "events_per_second": [round(one.throughput) for one in phases],
        "throughput_ratio": round(kept, 2),
        "rss_mib": [one.watch.peak for one in phases],
        "threads": [one.watch.threads for one in phases],
    }
    expect = run.expect
    # The short runs are noisy: only what is far off fails there.
    slack = 1 if run.full else 3
    expect(ratio <= slack * RATIO_MAX, f"p99 is {ratio:.1f} times as high")
    expect(kept >= THROUGHPUT_MIN / slack, f"throughput is {kept:.2f} times")
    for one in beside:
        expect(one.watch.peak < RSS_MAX, f"memory: {one.watch.peak} MiB")
        expect(one.watch.threads < THREADS_MAX, f"threads: {one.watch.threads}")


def options(parser) -> None:
    parser.add_argument("--crowd", action="store_true", help="2,000 services")


if __name__ == "__main__":
    sys.exit(command("R6 isolation", __doc__, body, options))

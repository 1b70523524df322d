# SPDX-License-Identifier: Apache-2.0
"""R8: connections that take their time, on the feed's address.

    slowloris.py --posthorn BINARY [--full] [--seed S] [--keep]

Connections that send a byte of a request's head a second, and as many that send
nothing, stand beside a homeserver that sends one event every 20 ms. The
homeserver's p99 must stay below 100 ms, each of the others must be closed by the
deadline for a request's head (10 s), and memory may grow by 64 MiB.

150 and 150 of them, with --full 1,000 and 1,000, for three deadlines.
"""

import asyncio
import multiprocessing
import sys
import time

from rig.command import Run, command
from rig.watch import Watch, in_ms, quantile
from rig.wire import Client, small_events
from harness import Node, Receiver, Service

DEADLINE = 10.0
# For the sweep, and for a loaded machine.
GRACE = 3.0
P99_MAX = 0.1
GROWTH_MAX = 64
HEAD = b"PUT /as/irc/_matrix/app/v1/transactions/1 HTTP/1.1\r\nHost: x\r\nX-Long: "


class Attack:
    """All slow connections; each is opened again when it was closed."""

    def __init__(self, port: int, until: float):
        self.port = port
        self.until = until
        self.lives: list[float] = []
        self.open_now = 0
        self.open_peak = 0

    async def keep(self, trickles: bool) -> None:
        while time.monotonic() < self.until:
            try:
                streams = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.2)
                continue
            self.open_now += 1
            self.open_peak = max(self.open_peak, self.open_now)
            began = time.monotonic()
            await self._one(*streams, trickles)
            self.lives.append(time.monotonic() - began)
            self.open_now -= 1
            streams[1].close()

    async def _one(self, reader, writer, trickles: bool) -> None:
        sent = 0
        closed = asyncio.ensure_future(reader.read())
        while not closed.done():
            if trickles:
                writer.write(HEAD[sent : sent + 1] or b"x")
                sent += 1
            await asyncio.wait([closed], timeout=1)
        try:
            closed.result()
        except OSError:
            pass


async def homeserver(client: Client, until: float) -> None:
    while time.monotonic() < until:
        began = time.monotonic()
        await client.put(small_events([f"${client.count}"]))
        await asyncio.sleep(max(0, 0.02 - (time.monotonic() - began)))


def attack_from(port: int, count: int, seconds: float, answer) -> None:
    """The attack, in a process of its own: it must not delay the homeserver."""
    attack = Attack(port, time.monotonic() + seconds)

    async def all_of_them() -> None:
        await asyncio.gather(*(attack.keep(n % 2 == 0) for n in range(2 * count)))

    asyncio.run(all_of_them())
    answer.put((attack.lives, attack.open_peak))


def run_both(node: Node, count: int, seconds: float):
    """First the homeserver alone, then beside the attack. Answers the lives of
    the slow connections, how many were open at once, and the two clients."""
    alone = Client(node.port, "irc")
    asyncio.run(homeserver(alone, time.monotonic() + 3))
    answer: multiprocessing.Queue = multiprocessing.Queue()
    attack = multiprocessing.Process(
        target=attack_from, args=(node.port, count, seconds, answer), daemon=True
    )
    attack.start()
    beside = Client(node.port, "irc", count=alone.count)
    asyncio.run(homeserver(beside, time.monotonic() + seconds + DEADLINE))
    lives, peak = answer.get(timeout=60)
    attack.join()
    return lives, peak, alone, beside


def body(run: Run) -> None:
    count = 1_000 if run.full else 150
    # Whoever was opened last still has its whole deadline.
    seconds = 2.5 * DEADLINE if run.full else 0.2 * DEADLINE
    receiver = Receiver()
    node = Node([Service("irc", receiver.url)], {"sorter": {"poll_interval": "1s"}})
    run.keep_if_failed(node.directory)
    try:
        node.start()
        watch = Watch(node.process.pid)
        lives, peak, alone, beside = run_both(node, count, seconds)
        watch.stop()
        metrics = node.admin("GET", "/metrics").body.decode()
        alive = node.process.poll() is None
    finally:
        node.kill()
        receiver.close()
    p99 = quantile(beside.latencies, 0.99)
    # The short run shares its cores with other tests.
    p99_max = P99_MAX if run.full else max(P99_MAX, 3 * max(alone.latencies))
    run.figures = {
        "slow_connections": 2 * count,
        "open_at_once": peak,
        "closed": len(lives),
        "life_s_max": round(max(lives), 2),
        "put_p99_ms": in_ms(p99),
        "put_p99_alone_ms": in_ms(quantile(alone.latencies, 0.99)),
        "put_max_ms": in_ms(max(beside.latencies)),
        "puts": len(beside.latencies),
        "rss_growth_mib": watch.growth,
        "threads": watch.threads,
        "refused_by_node": {
            line.split('reason="')[1].split('"')[0]: int(float(line.split()[-1]))
            for line in metrics.splitlines()
            if line.startswith("posthorn_listener_refused_total")
            and 'listener="feed"' in line
            and not line.endswith(" 0")
        },
    }
    expect = run.expect
    expect(alive, "the node ended")
    expect(peak == 2 * count, f"{peak} open at once")
    expect(max(lives) < DEADLINE + GRACE, "one lived longer than its deadline")
    expect(min(lives) > DEADLINE / 2, "one was closed before its time")
    expect(set(beside.statuses) == {200}, f"the homeserver got {beside.statuses}")
    expect(p99 < p99_max, "the homeserver's p99")
    expect(watch.growth < GROWTH_MAX, f"memory grew by {watch.growth} MiB")


if __name__ == "__main__":
    sys.exit(command("R8 slowloris", __doc__, body))

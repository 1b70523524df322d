# SPDX-License-Identifier: Apache-2.0
"""R7: a disk that takes 200 ms longer for each sync.

    slow_disk.py --posthorn BINARY [--full] [--seed S] [--keep]

The node runs under strace, which makes each fdatasync 200 ms longer. Twenty
homeserver feeds send transactions of 100 events, each feed one after the other.
All must be acknowledged within a second (p99) and none time out; group commit
must bring at least 2,000 events a second to the disk. All is delivered and no
event is lost.

5 s, with --full 60 s. Exit code 77 where strace may not trace.
"""

import asyncio
import sys
import time

from rig import strace
from rig.command import Run, command
from rig.swarm import Swarm
from rig.watch import in_ms, quantile
from rig.wire import Client, small_events
from harness import Node, Service

FEEDS = 20
BATCH = 100
DELAY_US = 200_000
P99_MAX = 1.0
RATE_MIN = 2_000
# Homeservers wait at least that long.
TIMEOUT = 35.0


async def send_for(client: Client, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        first = client.count * BATCH
        ids = [f"${client.service}-{first + i}" for i in range(BATCH)]
        await client.put(small_events(ids))


def body(run: Run) -> None:
    strace.require()
    swarm = Swarm({f"s{n}": "good" for n in range(FEEDS)})
    services = [Service(name, url) for name, url in swarm.urls.items()]
    node = Node(services, {"sorter": {"poll_interval": "100ms"}})
    run.keep_if_failed(node.directory)
    path = strace.trace(node, ["fdatasync"], f"fdatasync:delay_exit={DELAY_US}")
    clients = [Client(node.port, one.id) for one in services]
    seconds = 60 if run.full else 5

    async def feeds() -> None:
        await asyncio.gather(*(send_for(one, seconds) for one in clients))

    try:
        node.start()
        began = time.monotonic()
        asyncio.run(feeds())
        took = time.monotonic() - began
        acks = [one for client in clients for one in client.latencies]
        good = sum(client.statuses.get(200, 0) for client in clients)
        rate = good * BATCH / took
        for one in services:
            node.wait_service(
                one.id,
                lambda row, want=clients[services.index(one)]: row["delivered_events"]
                == want.statuses.get(200, 0) * BATCH,
                "all delivered",
            )
        delivered = sum(swarm.counts().values())
    finally:
        node.kill()
        swarm.close()
    run.figures = {
        "fdatasync_delayed": strace.injected(path),
        "transactions": len(acks),
        "refused": len(acks) - good,
        "events_per_second": round(rate),
        "ack_p50_ms": in_ms(quantile(acks, 0.5)),
        "ack_p99_ms": in_ms(quantile(acks, 0.99)),
        "ack_max_ms": in_ms(max(acks)),
        "events_delivered": delivered,
    }
    run.expect(run.figures["fdatasync_delayed"] > 5, "no sync was delayed")
    run.expect(good == len(acks), f"{len(acks) - good} were refused")
    run.expect(max(acks) < TIMEOUT, "a homeserver would have timed out")
    run.expect(quantile(acks, 0.99) < P99_MAX, "p99 of the acknowledgements")
    run.expect(rate >= RATE_MIN, f"{rate:.0f} events/s")
    run.expect(delivered == good * BATCH, f"{delivered} of {good * BATCH} delivered")


if __name__ == "__main__":
    sys.exit(command("R7 slow disk", __doc__, body))

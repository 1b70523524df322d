# SPDX-License-Identifier: Apache-2.0
"""What more nodes on one host bring and cost.

    cluster_scaling.py --posthorn BINARY [--events 100000] [--nodes 1,2,3]

For each number of nodes, which are linked: eight services are paused, their events
come in over one connection a node, all are resumed at once, and it is measured how
long the delivery takes and how much CPU time the nodes use for both. Receivers and feeds
are Python on the same cores: read the CPU time, and the rates against each
other. Prints one JSON line for each.
"""

import argparse
import json
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

from harness import Receiver, Service, numbered  # noqa: E402
from harness.cluster import Cluster  # noqa: E402

BATCH = 100


def cpu_seconds(process: int) -> float:
    with open(f"/proc/{process}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(count: int, events: int) -> dict:
    receivers = {f"s{i}": Receiver() for i in range(8)}
    services = [Service(name, one.url) for name, one in receivers.items()]
    each = events // len(services) // BATCH * BATCH
    nodes = Cluster("abcdefgh"[:count], services, {"lease_ttl": "10s"})
    try:
        nodes.link()
        nodes.start()
        nodes.wait_linked("".join(nodes.nodes))
        nodes.wait_settled("".join(nodes.nodes))
        every = list(nodes.nodes.values())
        for name in receivers:
            every[0].admin("POST", f"/admin/v1/services/{name}/pause")
        before = sum(cpu_seconds(one.process.pid) for one in every)
        began = time.monotonic()

        def feed(index: int) -> None:
            for name in list(receivers)[index::count]:
                one = every[index].feed(name)
                for first in range(1, each + 1, BATCH):
                    one.send(numbered(BATCH, first=first, size=580))

        feeds = [threading.Thread(target=feed, args=(i,)) for i in range(count)]
        for one in feeds:
            one.start()
        for one in feeds:
            one.join()
        taken_in = time.monotonic() - began
        for name in receivers:
            every[0].wait_pending(name, each)
        began = time.monotonic()
        for name in receivers:
            every[0].admin("POST", f"/admin/v1/services/{name}/resume")
        for name in receivers:
            every[0].wait_pending(name, 0)
        delivered = time.monotonic() - began
        cpu = sum(cpu_seconds(one.process.pid) for one in every) - before
        total = each * len(services)
        return {
            "nodes": count,
            "events": total,
            "taken_in_per_second": round(total / taken_in),
            "delivered_per_second": round(total / delivered),
            "cpu_ms_per_1000_events": round(cpu * 1e6 / total, 2),
        }
    finally:
        nodes.remove()
        for one in receivers.values():
            one.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posthorn", required=True)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--nodes", default="1,2,3")
    arguments = parser.parse_args()
    os.environ["POSTHORN"] = os.path.abspath(arguments.posthorn)
    for count in arguments.nodes.split(","):
        print(json.dumps(measure(int(count), arguments.events)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

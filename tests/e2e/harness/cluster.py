# SPDX-License-Identifier: Apache-2.0
"""Several nodes on one store."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable

from .node import Node
from .settings import Service, merged

# Short, so that a death is noticed while a test waits.
TTL = 1.0
DEFAULTS = {"lease_ttl": "1s"}


class Cluster:
    """Nodes by name, in directories of their own, that share a store. What is
    asked is asked of a node that runs."""

    def __init__(
        self,
        names: str,
        services: list[Service],
        settings: dict | None = None,
        catch_all: bool = False,
    ):
        self.data = tempfile.mkdtemp(prefix="posthorn-cluster-")
        self.services = services
        self.nodes: dict[str, Node] = {}
        for name in names:
            own = {"store": f"lmdb:{self.data}/store", "name": name}
            every = merged(DEFAULTS, settings or {})
            self.nodes[name] = Node(services, merged(every, own), catch_all)

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def start(self, names: str | None = None) -> None:
        """Starts nodes, all unless named; returns when all are ready."""
        for name in names or self.nodes:
            self.nodes[name].start(ready=False)
        for name in names or self.nodes:
            self.nodes[name].wait_ready()

    def alive(self) -> list[str]:
        """Names of the nodes whose process runs."""
        return [
            name
            for name, one in self.nodes.items()
            if one.process is not None and one.process.poll() is None
        ]

    def owners(self, asked: str | None = None) -> dict[str, str]:
        """By service: the node that delivers, as one node says."""
        node = self.nodes[asked or self.alive()[0]]
        rows = node.admin("GET", "/admin/v1/services").json["services"]
        return {row["id"]: row["owner"] for row in rows}

    def sorter(self, asked: str | None = None) -> str:
        """The node that sorts, as one node says."""
        node = self.nodes[asked or self.alive()[0]]
        return node.admin("GET", "/admin/v1/store").json["sorter"]

    def is_settled(self, names: str, asked: str | None = None) -> bool:
        """Whether each of these nodes has its share, and one of them sorts."""
        owners = list(self.owners(asked).values())
        counts = [owners.count(name) for name in names]
        return (
            sum(counts) == len(self.services)
            and max(counts) - min(counts) <= 1
            and self.sorter(asked) in names
        )

    def wait_settled(self, names: str, seconds: float = 20, asked=None) -> float:
        """Waits until is_settled(); how long that took."""
        what = f"shared by {names}"
        return wait(lambda: self.is_settled(names, asked), seconds, what, self.dump)

    def stop_process(self, name: str) -> None:
        """SIGSTOP."""
        self.nodes[name].process.send_signal(signal.SIGSTOP)

    def continue_process(self, name: str) -> None:
        """SIGCONT."""
        self.nodes[name].process.send_signal(signal.SIGCONT)

    def dump(self) -> str:
        """The ends of the logs, for a test that fails."""
        lines = [f"{self.owners()} sorter {self.sorter()}"] if self.alive() else []
        for name, one in self.nodes.items():
            lines.append(f"-- {name}: {one.log[-1500:]}")
        return "\n".join(lines)

    def remove(self) -> None:
        """Ends all and deletes their files (not with POSTHORN_TEST_KEEP set)."""
        for one in self.nodes.values():
            one.remove()
        if not os.environ.get("POSTHORN_TEST_KEEP"):
            shutil.rmtree(self.data, ignore_errors=True)


def wait(
    check: Callable[[], bool],
    seconds: float,
    what: str,
    explain: Callable[[], str] = lambda: "",
) -> float:
    """Waits until check() is true; how long that took."""
    began = time.monotonic()
    while not check():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"{what}: not within {seconds} s\n{explain()}")
        time.sleep(0.02)
    return time.monotonic() - began

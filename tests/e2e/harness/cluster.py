# SPDX-License-Identifier: Apache-2.0
"""Several nodes on one store."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable

from .link_proxy import LinkProxy
from .node import Node
from .ports import free_port
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
        # In front of each node's link address, by name; none without link().
        self.proxies: dict[str, LinkProxy] = {}
        for name in names:
            own = {"store": f"lmdb:{self.data}/store", "name": name}
            every = merged(DEFAULTS, settings or {})
            self.nodes[name] = Node(services, merged(every, own), catch_all)

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def link(self, proxied: bool = False) -> None:
        """Gives each node an address for links, before it is started; `proxied`:
        the others reach it through one of `proxies` only."""
        for name, one in self.nodes.items():
            port = free_port()
            one.settings["cluster"] = {"listen": f"127.0.0.1:{port}"}
            if proxied:
                self.proxies[name] = LinkProxy(port)
                one.settings["cluster"]["advertise"] = self.proxies[name].address
            one.write()

    def dump_of(self, asked: str) -> dict[str, dict]:
        """The nodes that a node's actor dump shows, by name."""
        found = self.nodes[asked].admin("GET", "/admin/v1/actors").json
        return {one["name"]: one for one in found["nodes"]}

    def wait_linked(self, names: str, seconds: float = 20) -> float:
        """Waits until each of these nodes, and no other, answers each of them."""

        def linked() -> bool:
            dumps = [self.dump_of(name) for name in names]
            return all(
                set(found) == set(names)
                and all(one["answered"] for one in found.values())
                for found in dumps
            )

        return wait(linked, seconds, f"{names} linked", self.dump)

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
        """SIGSTOP, which Node.freeze() waits for."""
        self.nodes[name].freeze()

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
        for one in self.proxies.values():
            one.close()
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

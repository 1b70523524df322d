# SPDX-License-Identifier: Apache-2.0
"""Does random things to three nodes on one store under load, and has the checker
judge the logs.

    cluster_chaos.py --posthorn BINARY [--events 14] [--seed S] [--json] [--keep]

Eight services, two of them on the catch-all feed; the feeds retry like a
homeserver, each time at another node. The events: kill -9, a freeze (SIGSTOP) of
half to three ttls, an orderly leave, for who is away the way back, and a cut of
links: those to one node or to all, refused or swallowed, for 0.5 to 6 seconds (the
links go through proxies of this program). At least one node is up and not frozen
all the time. After each event it is measured how
long it takes until every lease is with a node that is up. After the last one all
is settled, links included, and checker.py decides. A node that was frozen inside a commit is
ended by the others (docs/operations.md) and comes back like one that was killed.

Exit code 0 when every promise was kept, else 1; the directory with all logs is
kept then (or with --keep) and named.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

from harness import Feed, Receiver, Service, answers  # noqa: E402
from harness.cluster import TTL, Cluster, wait  # noqa: E402
from harness.link_proxy import REFUSING, SWALLOWING  # noqa: E402
from rig.fault_log import FaultLog  # noqa: E402
from rig.load import Load, last_event_of  # noqa: E402

SETTINGS = {
    "sorter": {"poll_interval": "20ms"},
    "recovery": {"initial_backoff": "20ms", "max_backoff": "200ms", "jitter": True},
    "delivery": {"timeout": "5s"},
}
CATCH_ALL = ["log", "archive"]


class Roving(Feed):
    """A feed that goes to another node with each try."""

    def __init__(self, ports: list[int], service: str | None, token: str, rng):
        super().__init__(ports[0], service, token)
        self.ports = ports
        self.rng = rng

    def put(self, txn_id: str, body: bytes, **how):
        self.close()
        self.port = self.rng.choice(self.ports)
        return super().put(txn_id, body, **how)

    def request(self, method, path, body=None, token="", headers=None):
        # A frozen node accepts a connection and says nothing.
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        return super().request(method, path, body, token, headers)


class ClusterChaos:
    """One run."""

    def __init__(self, seed: int, events: int):
        self.events = events
        self.rng = random.Random(seed)
        self.receivers = {
            **{f"swift{i}": Receiver() for i in range(4)},
            "slow": Receiver(answers.delay(0.04)),
            "slower": Receiver(answers.delay(0.1)),
            "log": Receiver(),
            "archive": Receiver(answers.delay(0.01)),
        }
        services = [
            Service(name, one.url, rooms=["!room:.*"] if name in CATCH_ALL else [])
            for name, one in self.receivers.items()
        ]
        self.nodes = Cluster("abc", services, SETTINGS, catch_all=True)
        self.nodes.link(proxied=True)
        ports = [one.port for one in self.nodes.nodes.values()]
        self.loads = []
        for name in [*self.receivers, "all"]:
            if name in CATCH_ALL:
                continue
            token = "hs_catch_all" if name == "all" else f"hs_{name}"
            where = None if name == "all" else name
            rng = random.Random(f"ports {name} {seed}")
            feed = Roving(ports, where, token, rng)
            self.loads.append(Load(feed, name, f"{name} {seed}", (0, 0.03)))
        self.frozen: set[str] = set()
        # When links to a node are to be mended, by name.
        self.mending: dict[str, float] = {}
        self.relinked = 0.0
        self.counts: dict[str, int] = {}
        self.takeovers: dict[str, list[float]] = {}
        # Of each takeover that took more than two ttls: what it was.
        self.late: list[dict] = []
        self.faults = FaultLog()
        self.ended_frozen = 0
        self.failures: list[str] = []

    # -- events ----------------------------------------------------------------

    def up(self) -> list[str]:
        return [one for one in self.nodes.alive() if one not in self.frozen]

    def run(self) -> dict:
        began = time.monotonic()
        self.nodes.start()
        self.nodes.wait_settled("abc")
        self.nodes.wait_linked("abc")
        for one in self.loads:
            one.start()
        try:
            for _ in range(self.events):
                time.sleep(self.rng.uniform(0, 0.6))
                self._mend()
                self._event()
            self._settle()
        except AssertionError as why:
            self.failures.append(str(why)[:4_000])
        finally:
            for one in self.loads:
                one.stopping.set()
            for one in self.nodes.nodes.values():
                one.kill()
        verdict = self._judge()
        every = [x for one in self.takeovers.values() for x in one]
        return {
            "kept": verdict["kept"] and not self.failures,
            "events": self.events,
            **{f"events_{key}": value for key, value in sorted(self.counts.items())},
            "ended_while_frozen_in_a_commit": self.ended_frozen,
            "connections_of_links": sum(one.passed for one in self.nodes.proxies.values()),
            "connections_cut": sum(one.cut_off for one in self.nodes.proxies.values()),
            "linked_again_ms": round(1_000 * self.relinked),
            "seconds": round(time.monotonic() - began, 1),
            "ttl_ms": round(1_000 * TTL),
            "takeover_ms_median": round(1_000 * statistics.median(every or [0])),
            "takeover_ms_max": round(1_000 * max(every, default=0)),
            **{
                f"takeover_ms_max_{key}": round(1_000 * max(value))
                for key, value in sorted(self.takeovers.items())
            },
            "takeovers_late": self.late,
            "feed_retries": sum(one.feed.retries for one in self.loads),
            **{key: value for key, value in verdict.items() if key != "kept"},
            "failures": self.failures,
        }

    def _event(self) -> None:
        up = self.up()
        away = [one for one in self.nodes.nodes if one not in self.nodes.alive()]
        away = [one for one in away if one not in self.frozen]
        choices = []
        if len(up) > 1:
            choices += ["kill", "freeze", "leave"]
        if self.frozen:
            choices += ["thaw"] * 2
        if away:
            choices += ["join"] * 2
        if len(self.mending) < len(self.nodes.proxies):
            choices += ["cut"]
        what = self.rng.choice(choices)
        self.counts[what] = self.counts.get(what, 0) + 1
        if what == "join":
            return self.nodes.start(self.rng.choice(away))
        if what == "thaw":
            return self._thaw(self.rng.choice(sorted(self.frozen)))
        if what == "cut":
            return self._cut()
        name = self.rng.choice(up)
        owners = self.nodes.owners(name)
        self.faults.begin(what, name, {x for x, who in owners.items() if who == name})
        if what == "kill":
            self.nodes[name].kill()
        elif what == "leave":
            code = self.nodes[name].stop()
            if code != 0:
                self.failures.append(f"SIGTERM: exit code {code}")
        else:
            self.frozen.add(name)
            self.nodes.stop_process(name)
        self._measure(what)

    def _cut(self) -> None:
        """The links to one node, or to all; nothing that is kept depends on them."""
        whole = [one for one in self.nodes.proxies if one not in self.mending]
        if self.rng.random() < 0.7:
            whole = [self.rng.choice(whole)]
        how = self.rng.choice([REFUSING, SWALLOWING])
        until = time.monotonic() + self.rng.uniform(0.5, 6)
        for name in whole:
            self.nodes.proxies[name].cut(how)
            self.mending[name] = until

    def _mend(self, every: bool = False) -> None:
        for name, until in list(self.mending.items()):
            if every or until <= time.monotonic():
                self.nodes.proxies[name].mend()
                del self.mending[name]

    def _thaw(self, name: str) -> None:
        self.frozen.remove(name)
        self.faults.end(name)
        if self.nodes[name].process.poll() is not None:
            self.ended_frozen += 1
            self.nodes[name].kill()
            return
        self.nodes.continue_process(name)

    def _measure(self, what: str) -> None:
        """How long until every lease is with a node that is up. A freeze lasts
        for some time beyond that."""
        left = set(self.up())
        asked = sorted(left)[0]
        looks: list[dict] = []

        def taken_over() -> bool:
            began = time.monotonic()
            owners = self.nodes.owners(asked)
            sorter = self.nodes.sorter(asked)
            looks.append(
                {
                    "took_ms": round(1_000 * (time.monotonic() - began)),
                    "missing": sorted(x for x, who in owners.items() if who not in left),
                    "sorter": sorter in left,
                }
            )
            return not looks[-1]["missing"] and looks[-1]["sorter"]

        took = wait(taken_over, 20, f"taken over after {what}", self._explain)
        self.takeovers.setdefault(what, []).append(took)
        if took > 2 * TTL:
            self._note_late(what, took, looks)
        if what == "freeze":
            time.sleep(self.rng.uniform(0, 1.5 * TTL))

    def _note_late(self, what: str, took: float, looks: list[dict]) -> None:
        """Whether the nodes were late, or who looked at them."""
        self.late.append(
            {
                "fault": what,
                "took_ms": round(1_000 * took),
                "load": os.getloadavg()[0],
                "looks": len(looks),
                "longest_look_ms": max(one["took_ms"] for one in looks),
                "last_missing": looks[-2] if len(looks) > 1 else None,
            }
        )

    def _explain(self) -> str:
        lines = [f"up {self.up()} frozen {sorted(self.frozen)}"]
        for name, one in self.nodes.nodes.items():
            lines.append(f"-- {name}: {one.log[-1_000:]}")
        return "\n".join(lines)

    # -- the end ---------------------------------------------------------------

    def _settle(self) -> None:
        """All nodes and links are back, nothing new is sent: all must be
        delivered."""
        self._mend(every=True)
        for name in sorted(self.frozen):
            self._thaw(name)
        away = [one for one in self.nodes.nodes if one not in self.nodes.alive()]
        if away:
            self.nodes.start("".join(away))
        for one in self.receivers.values():
            one.default = answers.status(200)
        for one in self.loads:
            one.stopping.set()
        for one in self.loads:
            one.join()
            if one.error is not None:
                self.failures.append(f"feed {one.name}: {one.error}")
        self.nodes.wait_settled("abc", 30)
        self.relinked = self.nodes.wait_linked("abc", 30)
        node = self.nodes["a"]
        for name in self.receivers:
            node.wait_pending(name, 0)
            feed = "all" if name in CATCH_ALL else name
            load = next(one for one in self.loads if one.name == feed)
            if last := last_event_of(load.feed):
                self.receivers[name].wait_delivered(last)

    def _judge(self) -> dict:
        feeds = os.path.join(self.nodes.data, "feeds.jsonl")
        received = os.path.join(self.nodes.data, "receivers.jsonl")
        with open(feeds, "w", encoding="utf-8") as file:
            for one in self.loads:
                to = CATCH_ALL if one.name == "all" else [one.name]
                file.writelines(f"{l}\n" for l in one.feed.log_lines(one.name, to))
        with open(received, "w", encoding="utf-8") as file:
            for name, receiver in self.receivers.items():
                for one in receiver.transactions:
                    file.write(one.log_line(name) + "\n")
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "checker.py")]
            + ["--feeds", feeds, "--receivers", received]
            + ["--max-repeats", str(self.events), "--cluster"],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1) or not done.stdout:
            self.failures.append(f"the checker ended with {done.returncode}")
            return {"kept": False}
        verdict = json.loads(done.stdout)
        for one in verdict.get("same_open", []):
            one["after"] = self.faults.of(one["service"], one["opened"])
        return verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posthorn", help="the binary; default: $POSTHORN")
    parser.add_argument("--events", type=int, default=14)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--json", action="store_true", help="one line of figures only")
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    arguments = parser.parse_args()
    if arguments.posthorn:
        os.environ["POSTHORN"] = os.path.abspath(arguments.posthorn)
    print(f"cluster_chaos: --seed {arguments.seed}", file=sys.stderr, flush=True)
    chaos = ClusterChaos(arguments.seed, arguments.events)
    figures = {"seed": arguments.seed, **chaos.run()}
    kept = figures["kept"]
    if kept and not arguments.keep:
        chaos.nodes.remove()
    else:
        print(f"logs: {chaos.nodes.data}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print(f"{key:30} {value}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

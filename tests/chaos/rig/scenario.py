# SPDX-License-Identifier: Apache-2.0
"""One small life of a node that is always the same: for faults at its n-th call."""

import random
import threading
import time

from . import strace
from .command import Run
from .judge import Logs
from .load import awkward_event, last_event_of
from harness import Feed, Node, Receiver, Service, answers

SETTINGS = {
    "sorter": {"poll_interval": "10ms"},
    "recovery": {"initial_backoff": "20ms", "max_backoff": "100ms", "jitter": False},
    "delivery": {"timeout": "5s", "max_events": 20},
}
SERVICES = ["good", "shaky"]
# Longer than anything here may take.
PATIENCE = 60


class Scenario:
    """Two addressed feeds and a catch-all feed send small and large transactions,
    one receiver fails at first; all is delivered in the end."""

    def __init__(self, run: Run, transactions: int = 5):
        self.run = run
        self.transactions = transactions
        self.receivers = {name: Receiver() for name in SERVICES}
        self.receivers["shaky"].script = [answers.status(500), answers.close]
        services = [
            Service(name, one.url, rooms=["!room:.*"])
            for name, one in self.receivers.items()
        ]
        self.node = Node(services, SETTINGS, catch_all=True)
        run.keep_if_failed(self.node.directory)
        self.feeds: dict[str, Feed] = {name: self.node.feed(name) for name in SERVICES}
        self.feeds["all"] = self.node.feed(None)
        self._threads: list[threading.Thread] = []
        self._errors: list[str] = []

    def begin(self) -> None:
        """The feeds start to send, whether or not a node is there."""
        for name, feed in self.feeds.items():
            one = threading.Thread(target=self._send, args=(name, feed), daemon=True)
            self._threads.append(one)
            one.start()

    def _send(self, name: str, feed: Feed) -> None:
        rng = random.Random(f"{name} {self.run.seed}")
        try:
            for n in range(self.transactions):
                size = (1, 7, 40)[n % 3]
                events = [
                    awkward_event(f"${name}-{n}-{i}", rng, 1_000) for i in range(size)
                ]
                feed.send(events, seconds=PATIENCE)
        except Exception as why:  # pylint: disable=broad-except
            self._errors.append(f"feed {name}: {why}")

    def sent(self) -> bool:
        return not any(one.is_alive() for one in self._threads)

    def delivered(self) -> bool:
        """Whether the last event of each feed has come to where it should."""
        for name, feed in self.feeds.items():
            last = last_event_of(feed)
            for service in SERVICES if name == "all" else [name]:
                if last not in self.receivers[service].delivered:
                    return False
        return True

    def finish(self) -> None:
        """Waits until all is sent and delivered; notes what was not."""
        deadline = time.monotonic() + PATIENCE
        while not (self.sent() and self.delivered()):
            ended = self.node.process.poll() if self.node.process else "no process"
            if ended is not None or time.monotonic() > deadline:
                what = f"not all was delivered, node: {ended}"
                self.run.expect(False, f"{what}; {self.node.log[-400:]}")
                return
            time.sleep(0.005)
        for why in self._errors:
            self.run.expect(False, why)

    def judge(self, max_repeats: int) -> dict:
        logs = Logs(self.node.directory)
        for name, feed in self.feeds.items():
            logs.feed(name, feed, SERVICES if name == "all" else [name])
        for name, receiver in self.receivers.items():
            logs.receiver(name, receiver)
        return logs.judge(max_repeats)

    def end(self, kept: bool) -> None:
        """Ends all processes; the files stay when something went wrong."""
        self.node.kill()
        for one in self.receivers.values():
            one.close()
        if kept and not self.run.options.keep:
            self.run.drop(self.node.directory)


def calls_of_a_life(
    run: Run, calls: list[str], transactions: int = 5
) -> tuple[dict[str, int], dict[str, int]]:
    """By system call, how often one thread makes it in a life without faults:
    until the node is ready, and until its end."""
    scenario = Scenario(run, transactions)
    path = strace.trace(scenario.node, calls)
    scenario.node.start()
    time.sleep(0.1)
    at_start = strace.most_calls(path)
    scenario.begin()
    scenario.finish()
    scenario.node.stop()
    # The tracer writes on for a moment when the node is gone.
    time.sleep(0.2)
    found = strace.most_calls(path)
    scenario.end(not run.failures)
    return at_start, found

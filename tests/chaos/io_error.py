# SPDX-License-Identifier: Apache-2.0
"""R3, first half: a disk that fails.

    io_error.py --posthorn BINARY [--full] [--seed S] [--keep]

A small fixed life of a node is run once under strace and its calls to the disk
are counted. Then it is run again for each of them, with EIO from that call on for
a while (one call, or a dozen in a row). The node must not end, must not be ready
while it cannot commit, and must go on by itself when the disk does; feeds retry.
At the end the node is killed with -9 and started again on what is on the disk:
all that was answered 200 must be there, which checker.py decides.

With --full every call, else a dozen. Exit code 77 where strace may not trace.
"""

import sys
import threading
import time

from rig import strace
from rig.command import Run, command
from rig.scenario import Scenario, calls_of_a_life
from rig.watch import until

CALLS = ["fdatasync", "pwrite64", "pwritev", "writev", "fallocate"]
SHORT = 6
IN_A_ROW = 12


class Readiness(threading.Thread):
    """Asks all the time whether the node is ready."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node = node
        self.reasons: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.002):
            try:
                reply = self.node.admin("GET", "/health/ready")
            except Exception:  # pylint: disable=broad-except
                continue
            if reply.status == 503 and "store" in reply.json["reason"]:
                self.reasons.append(reply.json["reason"])

    def stop(self) -> None:
        self.ended.set()
        self.join()


def one_fault(run: Run, call: str, first: int, count: int) -> dict:
    """The disk is sick for `count` calls."""
    before = len(run.failures)
    what = f"{call} {first}..{first + count - 1}"
    scenario = Scenario(run)
    node = scenario.node
    inject = f"{call}:error=EIO:when={first}..{first + count - 1}"
    path = strace.trace(node, [call], inject)
    node.start()
    ready = Readiness(node)
    ready.start()
    scenario.begin()
    began = time.monotonic()
    scenario.finish()
    took = time.monotonic() - began
    run.expect(until(node.is_ready, 15), f"{what}: never ready again")
    ready.stop()
    node.kill()
    strace.untrace(node)
    node.start()
    scenario.finish()
    time.sleep(0.2)
    hit = strace.injected(path)
    verdict = scenario.judge(max_repeats=count + 1)
    run.expect(verdict["kept"], f"{what}: {verdict['what']}")
    refused = sum(feed.retries for feed in scenario.feeds.values())
    anew = node.log.count("opened anew")
    scenario.end(len(run.failures) == before)
    return {
        "hit": hit,
        "refused": refused,
        "seen": len(ready.reasons),
        "anew": anew,
        "took": took,
    }


def body(run: Run) -> None:
    strace.require()
    at_start, calls = calls_of_a_life(run, CALLS)
    points = []
    for call in CALLS:
        for n in range(at_start.get(call, 0) + 1, calls.get(call, 0) + 1):
            points += [(call, n, 1), (call, n, IN_A_ROW)]
    run.expect(len(points) > 20, f"strange counts: {calls}")
    chosen = points if run.full else run.rng.sample(points, SHORT)
    found = []
    for point in chosen:
        found.append(one_fault(run, *point))
        if len(run.failures) > 10:
            break
    hit = [one for one in found if one["hit"]]
    run.figures = {
        "calls": calls,
        "points": len(points),
        "tried": len(found),
        "with_errors": len(hit),
        "errors_injected": sum(one["hit"] for one in found),
        "feed_retries": sum(one["refused"] for one in found),
        "runs_seen_not_ready": sum(one["seen"] > 0 for one in found),
        "opened_anew": sum(one["anew"] for one in found),
        "seconds_to_all_delivered_max": round(max(one["took"] for one in found), 2),
    }
    # Commits share calls as load has it, so counts differ from run to run: of a
    # few points chance may leave most beyond what was done.
    least = len(found) / 2 if run.full else 0
    run.expect(len(hit) > least, "too few were hit: the counts differ")
    if run.full:
        run.expect(
            run.figures["runs_seen_not_ready"], "it always said that it is ready"
        )


if __name__ == "__main__":
    sys.exit(command("R3 I/O errors", __doc__, body))

# SPDX-License-Identifier: Apache-2.0
"""R2: kills a node at its n-th system call that writes, syncs or sends.

    syscall_kill.py --posthorn BINARY [--full] [--seed S] [--keep]

A small fixed life of a node is run once under strace and its calls are counted.
Then it is run again for each of them: SIGKILL instead of that call (strace counts
thread by thread: the first thread to come to its n-th call of a kind is the one
that dies there), a new start without strace, feeds that retry; checker.py decides.

With --full every n; else a dozen, spread evenly. Exit code 77 where strace may
not trace.
"""

import signal
import sys
import time

from rig import strace
from rig.command import Run, command
from rig.scenario import Scenario, calls_of_a_life
from rig.watch import until

SHORT = 12
CALLS = strace.WRITES + strace.SENDS


def length(run: Run) -> int:
    """Transactions of a feed: some 500 calls, or 150."""
    return 15 if run.full else 5


def one_death(run: Run, call: str, n: int) -> tuple[bool, float]:
    """Dies at the n-th call. Answers whether it died, and how long the next
    start took."""
    scenario = Scenario(run, length(run))
    strace.trace(scenario.node, [call], f"{call}:signal=KILL:when={n}")
    scenario.node.start(ready=False)
    scenario.begin()
    node = scenario.node
    over = until(
        lambda: node.process.poll() is not None
        or (scenario.sent() and scenario.delivered()),
        30,
    )
    run.expect(over, f"{call} {n}: neither dead nor done")
    code = node.process.poll()
    died = code == -signal.SIGKILL
    run.expect(code is None or died, f"{call} {n}: ended by itself with {code}")
    node.kill()
    strace.untrace(node)
    began = time.monotonic()
    node.start()
    took = time.monotonic() - began
    before = len(run.failures)
    scenario.finish()
    verdict = scenario.judge(max_repeats=1)
    run.expect(verdict["kept"], f"{call} {n}: {verdict['what']}")
    scenario.end(len(run.failures) == before)
    return died, took


def body(run: Run) -> None:
    strace.require()
    _, calls = calls_of_a_life(run, CALLS, length(run))
    run.expect(calls.get("fdatasync", 0) > 5, f"strange counts: {calls}")
    points = [(call, n) for call in CALLS for n in range(1, calls.get(call, 0) + 1)]
    chosen = points
    if not run.full:
        step = len(points) / SHORT
        first = run.rng.random()
        chosen = [points[int((i + first) * step)] for i in range(SHORT)]
    deaths = 0
    reopen = 0.0
    for call, n in chosen:
        died, took = one_death(run, call, n)
        deaths += died
        reopen = max(reopen, took)
        if len(run.failures) > 10:
            break
    run.figures = {
        "calls": calls,
        "points": len(points),
        "tried": len(chosen),
        "deaths": deaths,
        "reopen_ms_max": round(1_000 * reopen),
    }
    # Commits share calls as load has it, so counts differ from run to run: of a
    # few points chance may leave most beyond what was done.
    least = len(chosen) / 2 if run.full else 0
    run.expect(deaths > least, "too few were hit: the counts differ")


if __name__ == "__main__":
    sys.exit(command("R2 kill at every call", __doc__, body))

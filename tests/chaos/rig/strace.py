# SPDX-License-Identifier: Apache-2.0
"""A node whose system calls fail, are late, or are its last."""

import os
import re
import shutil
import subprocess
from collections import Counter

from . import CHAOS  # noqa: F401  (finds the harness)
from .command import Skip
from harness import Node

# The calls that change the store or talk to somebody.
WRITES = ["pwrite64", "pwritev", "writev", "write", "fdatasync", "ftruncate"]
SENDS = ["sendto", "sendmsg"]

_CALL = re.compile(r"^(\d+)\s+(\w+)\(")


def require() -> None:
    """Skips where strace is missing or may not trace."""
    if shutil.which("strace") is None:
        raise Skip("strace is not installed (apps/demo/install-dependencies.sh)")
    tried = subprocess.run(
        ["strace", "-f", "-o", os.devnull, "true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        raise Skip(f"ptrace is not permitted here: {tried.stderr.strip()[-200:]}")


def trace(node: Node, calls: list[str], inject: str | None = None) -> str:
    """From its next start on the node runs under strace. Answers the path of
    the trace. strace counts calls thread by thread and call by call."""
    path = os.path.join(node.directory, "strace.out")
    node.prefix = ["strace", "-f", "-D", "-qq", "-o", path]
    # strace 6.1 sends no signals when the kernel filters for it.
    if inject is None or "signal=" not in inject:
        node.prefix.append("--seccomp-bpf")
    node.prefix += ["-e", "trace=" + ",".join(calls), "-e", "signal=none"]
    if inject is not None:
        node.prefix += ["-e", f"inject={inject}"]
    return path


def untrace(node: Node) -> None:
    """From its next start on the node runs alone."""
    node.prefix = []


def most_calls(path: str) -> dict[str, int]:
    """By call, how often the thread that made it most often did."""
    counts: Counter = Counter()
    for line in _lines(path):
        if found := _CALL.match(line):
            counts[found.groups()] += 1
    most: dict[str, int] = {}
    for (_, call), count in counts.items():
        most[call] = max(count, most.get(call, 0))
    return most


def injected(path: str) -> int:
    """How many calls were tampered with."""
    return sum("(INJECTED)" in line or "(DELAYED)" in line for line in _lines(path))


def _lines(path: str) -> list[str]:
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.readlines()

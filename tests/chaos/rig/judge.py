# SPDX-License-Identifier: Apache-2.0
"""Writes the logs of a run and has checker.py decide, in a process of its own."""

import json
import os
import subprocess
import sys

from . import CHAOS
from harness import Feed, Receiver


class Logs:
    """What was sent and what came, gathered for the checker."""

    def __init__(self, directory: str):
        self.directory = directory
        self._feeds: list[str] = []
        self._received: list[str] = []

    def feed(self, name: str, feed: Feed, services: list[str]) -> None:
        self._feeds += feed.log_lines(name, services)

    def secret(self, text: str, services: list[str]) -> None:
        """Bytes that only these services may see."""
        self._feeds.append(json.dumps({"secret": text, "services": services}))

    def receiver(self, service: str, receiver: Receiver) -> None:
        self._received += [one.log_line(service) for one in receiver.transactions]

    def judge(self, max_repeats: int | None = None) -> dict:
        """The checker's figures. `kept` says whether every promise was."""
        paths = [self._write("feeds", self._feeds)]
        paths.append(self._write("receivers", self._received))
        line = [sys.executable, os.path.join(CHAOS, "checker.py")]
        line += ["--feeds", paths[0], "--receivers", paths[1]]
        if max_repeats is not None:
            line += ["--max-repeats", str(max_repeats)]
        done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode not in (0, 1) or not done.stdout:
            raise AssertionError(f"the checker ended with {done.returncode}")
        return json.loads(done.stdout)

    def _write(self, name: str, lines: list[str]) -> str:
        path = os.path.join(self.directory, f"{name}.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
        return path

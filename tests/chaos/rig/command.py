# SPDX-License-Identifier: Apache-2.0
"""A fault test as a command: its options, its one line of figures, its exit code."""

import argparse
import json
import os
import random
import shutil
import sys
import time
import traceback
from collections.abc import Callable

# What ctest takes for "did not run" (SKIP_RETURN_CODE).
SKIPPED = 77


class Skip(Exception):
    """The test cannot be made on this machine; says why."""


class Run:
    """One run: what was asked for, and what was found."""

    def __init__(self, arguments: argparse.Namespace):
        self.full: bool = arguments.full
        self.seed: int = arguments.seed
        self.options = arguments
        self.rng = random.Random(self.seed)
        self.figures: dict = {}
        self.failures: list[str] = []
        self.directories: list[str] = []

    def expect(self, holds: object, otherwise: str) -> bool:
        """Notes a failure unless it holds."""
        if not holds:
            self.failures.append(otherwise)
            self.say(f"FAILED: {otherwise}")
        return bool(holds)

    def keep_if_failed(self, directory: str) -> str:
        """A directory that is deleted when all went well."""
        self.directories.append(directory)
        return directory

    def drop(self, directory: str) -> None:
        """Deletes one before the end: all went well in it."""
        shutil.rmtree(directory, ignore_errors=True)
        self.directories.remove(directory)

    def say(self, what: str) -> None:
        """A word for who watches; the figures go to standard output."""
        print(what, file=sys.stderr, flush=True)


def command(
    bar: str,
    doc: str,
    body: Callable[[Run], None],
    options: Callable[[argparse.ArgumentParser], None] | None = None,
) -> int:
    """Runs `body` and prints one JSON line. Exit code 0 when all held, 1 when
    not, 77 when it could not be tried."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posthorn", help="the binary; default: $POSTHORN")
    parser.add_argument("--full", action="store_true", help="the bar's whole length")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--keep", action="store_true", help="keep logs and stores")
    if options is not None:
        options(parser)
    arguments = parser.parse_args()
    if arguments.posthorn:
        os.environ["POSTHORN"] = os.path.abspath(arguments.posthorn)
    run = Run(arguments)
    run.say(f"{bar}: --seed {run.seed}{' --full' if run.full else ''}")
    line = {"bar": bar, "full": run.full, "seed": run.seed}
    began = time.monotonic()
    try:
        body(run)
    except Skip as why:
        run.say(f"{bar}: SKIPPED: {why}")
        for directory in run.directories:
            shutil.rmtree(directory, ignore_errors=True)
        print(json.dumps({**line, "skipped": str(why)}))
        return SKIPPED
    except Exception as why:  # pylint: disable=broad-except
        traceback.print_exc()
        run.failures.append(f"{type(why).__name__}: {why}")
    kept = not run.failures
    line = {"kept": kept, **line, "seconds": round(time.monotonic() - began, 1)}
    for directory in run.directories:
        if kept and not arguments.keep:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            run.say(f"logs: {directory}")
    print(json.dumps({**line, **run.figures, "failures": run.failures[:20]}))
    return 0 if kept else 1

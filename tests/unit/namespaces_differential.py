#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the namespace matcher against Python's own `re`.

Usage: namespaces_differential.py PROBE [--seed N] [--patterns N]

PROBE is the program namespaces_probe. Each pattern is compiled and matched by
Python 3.11 and by the probe; both must agree on whether it is a pattern at all
and on every subject. Any difference is printed with its pattern and subject, and
the exit code is 1. Exits 77 under another version of Python: those that came
later read some patterns otherwise.
"""
import argparse
import json
import random
import re
import subprocess
import sys
import warnings

import namespaces_samples as samples

REFUSED = "refused: "


def python_match(compiled, subject):
    try:
        return "y" if compiled.match(subject) else "n"
    except SystemError:
        # "The span of capturing group is wrong, please report a bug": up to
        # 3.11.7 groups in atomic groups can do that. No reference then.
        return "?"


def python_answer(pattern, subjects):
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, ValueError, RecursionError) as error:
        return REFUSED + str(error)
    return "".join(python_match(compiled, s) for s in subjects)


# All that is assigned but private use and tags, and some of the rest: first, end
# and step.
CHARACTERS = [[0, 0xD800, 1], [0xE000, 0x33000, 1], [0x33000, 0x110000, 251]]


def python_characters(pattern):
    compiled = re.compile(pattern)
    return "".join("y" if compiled.match(chr(code)) else "n"
                   for one in CHARACTERS for code in range(*one))


def ask(probe, requests):
    lines = "".join(json.dumps(one) + "\n" for one in requests)
    done = subprocess.run([probe], input=lines, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("%s ended with %d: %s" % (probe, done.returncode, done.stderr))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(requests):
        sys.exit("%s answered %d of %d requests"
                 % (probe, len(answers), len(requests)))
    return answers


def compare(pattern, subjects, theirs, mine):
    """What differs, one line each."""
    if theirs.startswith(REFUSED) or mine.startswith(REFUSED):
        if theirs.startswith(REFUSED) != mine.startswith(REFUSED):
            yield "pattern %r: Python: %s; probe: %s" % (pattern, theirs, mine)
        return
    verdicts = mine.split()[0] if subjects else ""
    for subject, his, its in zip(subjects, theirs, verdicts):
        if his not in ("?", its):
            yield "pattern %r, subject %r: Python: %s; probe: %s" % (
                pattern, subject, his, mine)


def check_pairs(probe, cases):
    """Returns how many pairs were compared, and the differences."""
    answers = ask(probe, [{"p": p, "s": s} for p, s in cases])
    pairs, refusals, failures, differences = 0, 0, 0, []
    engines = {"re2": 0, "pcre2": 0}
    matches = 0
    for (pattern, subjects), mine in zip(cases, answers):
        theirs = python_answer(pattern, subjects)
        differences += compare(pattern, subjects, theirs, mine)
        if not theirs.startswith(REFUSED):
            failures += theirs.count("?")
        pairs += max(len(subjects), 1)
        if mine.startswith(REFUSED):
            refusals += 1
        else:
            engines[mine.split()[-1]] += 1
            matches += mine.count("y")
    print("%d patterns, %d pairs: %d refused, %d matches, %s; Python failed on %d"
          % (len(cases), pairs, refusals, matches, engines, failures))
    return pairs - failures, differences


def check_characters(probe, patterns):
    answers = ask(probe, [{"p": p, "characters": CHARACTERS} for p in patterns])
    print("%d classes over all of Unicode" % len(patterns))
    codes = [code for one in CHARACTERS for code in range(*one)]
    return [
        "pattern %r, U+%04X: Python: %s; probe: %s" % (pattern, code, his, its)
        for pattern, mine in zip(patterns, answers)
        for code, his, its in zip(codes, python_characters(pattern), mine)
        if his != its
    ]


def check_unsupported(probe):
    answers = ask(probe, [{"p": p, "s": []} for p in samples.UNSUPPORTED])
    for pattern in samples.UNSUPPORTED:
        re.compile(pattern)
    print("%d documented refusals" % len(answers))
    return [
        "pattern %r should be refused with a reason; probe: %s" % (pattern, mine)
        for pattern, mine in zip(samples.UNSUPPORTED, answers)
        if not mine.startswith(REFUSED)
    ]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("probe")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--patterns", type=int, default=3000)
    options = arguments.parse_args()
    if sys.version_info[:2] != (3, 11):
        print("skipped: the reference is Python 3.11, this is %s"
              % sys.version.split()[0])
        return 77
    warnings.simplefilter("ignore")
    generator = random.Random(options.seed)
    cases = list(samples.LISTED)
    cases += [(p, samples.SYNTAX_SUBJECTS) for p in samples.SYNTAX]
    cases += [samples.structured(generator) for _ in range(options.patterns)]
    cases += [samples.scrambled(generator) for _ in range(options.patterns)]
    # Before 3.11.5 Python matches possessive repetitions of more than a
    # character wrongly.
    possessive = sys.version_info >= (3, 11, 5)
    cases += [samples.knotted(generator, possessive)
              for _ in range(options.patterns)]
    pairs, differences = check_pairs(options.probe, cases)
    if pairs < 10000 and options.patterns >= 1000:
        differences.append("only %d pairs were compared" % pairs)
    differences += check_characters(options.probe, samples.CLASSES)
    differences += check_unsupported(options.probe)
    for one in differences[:1000]:
        print(one)
    print("%d differences" % len(differences))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Runs one class of tests against one binary:

    run.py --posthorn build/debug/apps/posthorn/posthorn delivery_test.Delivery

Exit code 0 when all passed, 1 when one failed, 77 when none failed and one or
more were skipped: what was skipped is never called passed.
"""

import argparse
import os
import sys
import unittest

SKIPPED = 77


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posthorn", help="the binary; default: $POSTHORN")
    parser.add_argument("tests", nargs="+", help="module, module.Class or more exactly")
    arguments = parser.parse_args()
    if arguments.posthorn:
        os.environ["POSTHORN"] = os.path.abspath(arguments.posthorn)
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    suite = unittest.defaultTestLoader.loadTestsFromNames(arguments.tests)
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stderr).run(suite)
    if not result.wasSuccessful():
        return 1
    if result.skipped:
        return SKIPPED
    return 0 if result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())

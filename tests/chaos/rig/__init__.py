# SPDX-License-Identifier: Apache-2.0
"""What the fault tests share: load, faults, watching, judging. The checker, which
decides, uses none of it."""

import os
import sys

CHAOS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The end-to-end tests' node, feeds and receivers serve here, too.
sys.path.insert(0, os.path.join(CHAOS, "..", "e2e"))

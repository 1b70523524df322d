# SPDX-License-Identifier: Apache-2.0
"""Loopback ports that stay ours while nobody listens on them."""

import fcntl
import os
import random
import socket
import tempfile

# Below Linux's range of ephemeral ports: no outgoing connection takes one while
# a node is down or a receiver plays dead.
FIRST = 20_000
LAST = 32_000

_claims: list[int] = []


def free_port() -> int:
    """A port of 127.0.0.1 that no other test process uses until this one ends."""
    directory = os.path.join(tempfile.gettempdir(), "posthorn-test-ports")
    os.makedirs(directory, exist_ok=True)
    for _ in range(1_000):
        port = random.randrange(FIRST, LAST)
        claim = os.open(os.path.join(directory, str(port)), os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            os.close(claim)
            continue
        _claims.append(claim)
        return port
    raise RuntimeError(f"no free port between {FIRST} and {LAST}")

# SPDX-License-Identifier: Apache-2.0
"""Thousands of receivers in one process of its own, each good or bad in one way.

    swarm.py

Reads one JSON line {name: kind}, gives each name a port, prints {name: url}. Then
it reads commands, a line each: `counts` prints {name: events taken}, `arrivals`
prints {name: {event id: monotonic seconds}} and forgets them.

Kinds: good (200), hang (never answers), trickle (a byte a second, for ever),
fail (500), flood (200 and a gigabyte).
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time

GIGABYTE = 1 << 30
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_EVENT = re.compile(rb'"event_id":"([^"]+)"')
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
FAIL = b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}"


class Swarm:
    """The process, from outside."""

    def __init__(self, kinds: dict[str, str]):
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(json.dumps(kinds))
        self.urls: dict[str, str] = self._read()

    def counts(self) -> dict[str, int]:
        """By name, how many events were taken with a 200."""
        self._say("counts")
        return self._read()

    def arrivals(self) -> dict[str, dict[str, float]]:
        """By name and event, when it came first; since the last call."""
        self._say("arrivals")
        return self._read()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _say(self, line: str) -> None:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _read(self) -> dict:
        return json.loads(self._process.stdout.readline())


class One(asyncio.Protocol):
    """A connection to one receiver."""

    def __init__(self, owner: "Receivers", name: str, kind: str):
        self.owner = owner
        self.name = name
        self.kind = kind
        self.buffer = b""
        self.transport = None
        self.writable = asyncio.Event()

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.writable.set()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, exc) -> None:
        self.transport = None
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self.buffer[: end + 2])
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self.buffer) < size:
                return
            body = self.buffer[end + 4 : size]
            self.buffer = self.buffer[size:]
            self.answer(body)

    def answer(self, body: bytes) -> None:
        if self.kind == "good":
            self.owner.took(self.name, body)
            self.transport.write(GOOD)
        elif self.kind == "fail":
            self.transport.write(FAIL)
        elif self.kind == "trickle":
            asyncio.ensure_future(self.trickle())
        elif self.kind == "flood":
            asyncio.ensure_future(self.flood())

    async def trickle(self) -> None:
        self._write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while self._is_open():
            self._write(b" ")
            await asyncio.sleep(1)

    async def flood(self) -> None:
        self._write(f"HTTP/1.1 200 OK\r\nContent-Length: {GIGABYTE}\r\n\r\n".encode())
        block = b" " * 65_536
        for _ in range(GIGABYTE // len(block)):
            await self.writable.wait()
            if not self._is_open():
                return
            self._write(block)
            # Writing does not wait by itself, and others have their turn.
            await asyncio.sleep(0)

    def _is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def _write(self, data: bytes) -> None:
        if self._is_open():
            self.transport.write(data)


class Receivers:
    """All of them."""

    def __init__(self, kinds: dict[str, str]):
        self.kinds = kinds
        self.counts = dict.fromkeys(kinds, 0)
        self.arrivals: dict[str, dict[str, float]] = {}

    def took(self, name: str, body: bytes) -> None:
        now = time.monotonic()
        first = self.arrivals.setdefault(name, {})
        for event_id in _EVENT.findall(body):
            self.counts[name] += 1
            first.setdefault(event_id.decode(), now)

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        urls = {}
        for name, kind in self.kinds.items():
            server = await loop.create_server(
                lambda name=name, kind=kind: One(self, name, kind),
                "127.0.0.1",
                0,
                backlog=16,
            )
            port = server.sockets[0].getsockname()[1]
            urls[name] = f"http://127.0.0.1:{port}"
        _print(urls)
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while line := await reader.readline():
            if line == b"counts\n":
                _print(self.counts)
            else:
                _print(self.arrivals)
                self.arrivals = {}


def _print(what: dict) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(Receivers(json.loads(sys.stdin.readline())).serve())

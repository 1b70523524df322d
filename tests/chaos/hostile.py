# SPDX-License-Identifier: Apache-2.0
"""R9: requests that no homeserver sends, on the feed's address.

    hostile.py --posthorn BINARY [--full] [--seed S] [--keep]

Each is sent as far as the node lets it, several at the same time, and must be
answered with a 4xx at the limit; in between a good request must be taken within
50 ms. Memory may grow by 128 MiB over all of it, and the node must not end.

The gigabytes are real with --full; else they are 64 MiB, four times the limit.
"""

import asyncio
import gzip
import sys
import time
from collections.abc import AsyncIterator

from rig.command import Run, command
from rig.watch import Watch, in_ms
from rig.wire import Client, put_head, read_answer, small_events
from harness import Node, Receiver, Service

GROWTH_MAX = 128
GOOD_MAX = 0.05
# How many of each at the same time.
AT_ONCE = 4
BLOCK = b" " * 65_536
PATIENCE = 90


class Hostile:
    """One kind of request: its head, and its body as it comes."""

    def __init__(self, name: str, head: bytes, body=b"", size: int = 0, status=()):
        self.name = name
        self.head = head
        self.body = body
        self.size = size
        self.allowed = status or (400,)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The head, the body once, and then more of it up to `size` bytes."""
        yield self.head
        if self.body:
            yield self.body
        sent = 0
        filler = self.body if self.size and len(self.body) > 1_000 else BLOCK
        while sent < self.size:
            yield filler
            sent += len(filler)


def chunked(service: str) -> bytes:
    return put_head(service, "h", None, "Transfer-Encoding: chunked\r\n")


def kinds(huge: int) -> list[Hostile]:
    """All that is tried. `huge` stands for a gigabyte."""
    irc = "irc"
    chunk = b"10000\r\n" + BLOCK + b"\r\n"
    zipped = gzip.compress(b"0" * (16 << 20))
    deep = b'{"events":[{"content":' + b"[" * 1_000_000
    bad = small_events(["$bad"]).replace(b"xxx", b"\xff\xfe\x80", 1)
    nul = small_events(["$nul"]).replace(b"xxx", b"x\x00x", 1)
    long_line = put_head(irc, "h", 2)[:-2] + b"X-Long: "
    many = b"".join(b"X-%d: 1\r\n" % n for n in range(100_000))
    good = put_head(irc, "h", 2)
    twice = put_head(irc, "h", 2, "Content-Length: 2\r\n")
    differ = put_head(irc, "h", 2, "Content-Length: 7\r\n")
    both = put_head(irc, "h", 2, "Transfer-Encoding: chunked\r\n")
    zip_head = put_head(irc, "h", len(zipped), "Content-Encoding: gzip\r\n")
    return [
        Hostile("huge by length", put_head(irc, "h", huge), size=huge, status=(413,)),
        Hostile("huge chunked", chunked(irc), chunk, huge, (413,)),
        Hostile("huge without framing", put_head(irc, "h", None), size=huge, status=(400, 411)),
        Hostile("gzip", zip_head, zipped, status=(415,)),
        Hostile("100 MB header line", long_line, b"x" * 65_536, 100 << 20, (431,)),
        Hostile("100,000 headers", good[:-2] + many, status=(431,)),
        Hostile("depth 1,000,000", put_head(irc, "h", len(deep)), deep),
        Hostile("a length twice", twice, b"{}"),
        Hostile("two lengths", differ, b"{}     "),
        Hostile("a length and chunks", both, b"0\r\n\r\n"),
        Hostile("a chunk of 2^64 bytes", chunked(irc), b"fffffffffffffffff\r\n", status=(400, 413)),
        Hostile("a negative length", good.replace(b"h: 2", b"h: -2"), b"{}"),
        Hostile("a folded header", good[:-2] + b"X-A: 1\r\n 2\r\n\r\n", b"{}"),
        Hostile("NUL in the path", good.replace(b"/h ", b"/h\x00 "), b"{}"),
        Hostile("NUL in a header", good[:-2] + b"X-A: \x00\r\n\r\n", b"{}"),
        Hostile("bad UTF-8 in the path", good.replace(b"/h ", b"/%ff\xff "), b"{}"),
        Hostile("bad UTF-8 in an event", put_head(irc, "h", len(bad)), bad),
        Hostile("NUL in an event", put_head(irc, "h", len(nul)), nul),
        Hostile("half a surrogate as JSON", put_head(irc, "h", 20), b'{"events":["\\ud800"}'),
        Hostile("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n" * 9),
    ]


async def send(port: int, what: Hostile) -> tuple[int, int]:
    """Sends until all is sent or the node has answered. Answers the status (0:
    none came) and how many bytes went out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    answer = asyncio.ensure_future(read_answer(reader))
    sent = 0
    try:
        async for piece in what.pieces():
            if answer.done():
                break
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
            await asyncio.sleep(0)
    except OSError:
        pass
    try:
        status = (await asyncio.wait_for(answer, PATIENCE)).status
    except (OSError, EOFError, asyncio.TimeoutError):
        status = 0
    writer.close()
    return status, sent


async def all_kinds(run: Run, port: int, huge: int) -> tuple[dict, list[float]]:
    good = Client(port, "irc")
    await good.put(small_events(["$first"]))
    found = {}
    waits = []
    for what in kinds(huge):
        ended = await asyncio.gather(*(send(port, what) for _ in range(AT_ONCE)))
        statuses = sorted({status for status, _ in ended})
        found[what.name] = statuses[0] if len(statuses) == 1 else statuses
        wrong = [one for one in statuses if one not in what.allowed]
        run.expect(not wrong, f"{what.name}: answered {statuses}")
        most = max(sent for _, sent in ended)
        run.expect(
            most < (40 << 20) or what.size == 0,
            f"{what.name}: {most >> 20} MiB were read",
        )
        began = time.monotonic()
        status = await good.put(small_events([f"$good-{len(waits)}"]))
        waits.append(time.monotonic() - began)
        run.expect(status == 200, f"{what.name}: then a good request got {status}")
    return found, waits


def body(run: Run) -> None:
    huge = 1 << 30 if run.full else 64 << 20
    receiver = Receiver()
    node = Node([Service("irc", receiver.url)])
    run.keep_if_failed(node.directory)
    try:
        node.start()
        watch = Watch(node.process.pid, 0.01)
        found, waits = asyncio.run(all_kinds(run, node.port, huge))
        watch.stop()
        receiver.wait_delivered(f"$good-{len(waits) - 1}")
        alive = node.process.poll() is None
        taken = len(receiver.delivered)
    finally:
        node.kill()
        receiver.close()
    run.figures = {
        "kinds": len(found),
        "at_once": AT_ONCE,
        "huge_bytes": huge,
        "statuses": found,
        "good_request_ms_max": in_ms(max(waits)),
        "rss_growth_mib": watch.growth,
    }
    # The short run shares its cores and its disk with other tests.
    slowest = GOOD_MAX if run.full else 1.0
    run.expect(alive, "the node ended")
    run.expect(max(waits) < slowest, "a good request had to wait")
    run.expect(watch.growth < GROWTH_MAX, f"memory grew by {watch.growth} MiB")
    run.expect(taken == len(waits) + 1, f"{taken} events delivered")


if __name__ == "__main__":
    sys.exit(command("R9 hostile input", __doc__, body))

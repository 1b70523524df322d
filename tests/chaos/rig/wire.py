# SPDX-License-Identifier: Apache-2.0
"""HTTP over asyncio as far as the fault tests need it: cheap, and in our hands."""

import asyncio
import time
from dataclasses import dataclass, field


@dataclass
class Answer:
    """What came back for a request, and how long it took."""

    status: int
    head: bytes
    body: bytes
    seconds: float


def put_head(service: str, txn_id: str, length: int | None, more: str = "") -> bytes:
    """The head of a feed's transaction. Without a length it has none."""
    lines = [
        f"PUT /as/{service}/_matrix/app/v1/transactions/{txn_id} HTTP/1.1",
        "Host: posthorn",
        f"Authorization: Bearer hs_{service}",
        "Content-Type: application/json",
    ]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n" + more + "\r\n").encode()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """One answer with a Content-Length."""
    began = time.monotonic()
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = await reader.readexactly(length)
    return Answer(status, head, body, time.monotonic() - began)


@dataclass
class Client:
    """A feed on one kept-alive connection."""

    port: int
    service: str
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    count: int = 0
    _streams: tuple | None = None

    async def put(self, body: bytes) -> int:
        """One transaction; the time to its answer is noted. 0 when the
        connection broke."""
        self.count += 1
        began = time.monotonic()
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self.port)
            reader, writer = self._streams
            head = put_head(self.service, f"{self.service}-{self.count}", len(body))
            writer.write(head + body)
            status = (await read_answer(reader)).status
        except (OSError, EOFError):
            status = 0
        if status == 0:
            self.close()
        self.latencies.append(time.monotonic() - began)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        return status

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def small_events(ids: list[str], size: int = 300) -> bytes:
    """A transaction of events of about that size."""
    filler = "x" * max(0, size - 150)
    events = ",".join(
        f'{{"event_id":"{one}","type":"m.room.message","room_id":"!room:example.org",'
        f'"sender":"@alice:example.org","content":{{"body":"{filler}"}}}}'
        for one in ids
    )
    return f'{{"events":[{events}]}}'.encode()

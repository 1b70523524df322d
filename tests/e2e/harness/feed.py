# SPDX-License-Identifier: Apache-2.0
"""A homeserver stand-in: sends transactions, and again until it hears 200."""

import hashlib
import http.client
import json
import time
import urllib.parse
from dataclasses import dataclass, field

from .events import body_of


@dataclass
class Reply:
    """What came back for one request."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def errcode(self) -> str:
        return self.json["errcode"]

    @property
    def error(self) -> str:
        return self.json["error"]


@dataclass
class Sent:
    """One transaction of a feed, for the log that the checker reads."""

    txn_id: str
    events: list[bytes]
    acked: float | None = None

    @property
    def event_ids(self) -> list[str]:
        return [json.loads(one)["event_id"] for one in self.events]


class Feed:
    """One feed of one homeserver. Not for use by several threads at once.

    `service` addresses /as/<service>/...; None is the catch-all feed.
    """

    def __init__(self, port: int, service: str | None, token: str, first_txn: int = 1):
        self.port = port
        self.prefix = "" if service is None else f"/as/{service}"
        self.token = token
        self.sent: list[Sent] = []
        self.retries = 0
        self._next = first_txn
        self._connection: http.client.HTTPConnection | None = None

    def send(
        self,
        events: list[bytes],
        extra: dict[str, bytes] | None = None,
        txn_id: str | None = None,
        seconds: float = 60,
    ) -> str:
        """Sends one transaction the way Synapse does: the same id and the same
        body until 200 comes back. Returns the transaction's id."""
        if txn_id is None:
            txn_id = str(self._next)
            self._next += 1
        record = Sent(txn_id, events)
        self.sent.append(record)
        body = body_of(events, extra)
        deadline = time.monotonic() + seconds
        while True:
            try:
                status: int | str = self.put(txn_id, body).status
            except (OSError, http.client.HTTPException) as why:
                status = repr(why)
            if status == 200:
                record.acked = time.monotonic()
                return txn_id
            if time.monotonic() > deadline:
                raise TimeoutError(f"no 200 for {txn_id} in {seconds} s, last {status}")
            self.retries += 1
            time.sleep(0.02)

    def send_singly(self, events: list[bytes]) -> None:
        """Sends each event in a transaction of its own."""
        for one in events:
            self.send([one])

    def note(self, txn_id: str, events: list[bytes], acked: bool) -> None:
        """Puts into the log what was sent by put()."""
        when = time.monotonic() if acked else None
        self.sent.append(Sent(txn_id, events, when))

    def put(self, txn_id: str, body: bytes, **how) -> Reply:
        """One try at one transaction, whatever comes back."""
        path = f"{self.prefix}/_matrix/app/v1/transactions/{urllib.parse.quote(txn_id, safe='')}"
        return self.request("PUT", path, body, **how)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        token: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Any request. `token`: "" is the feed's own, None sends none. The path
        is taken as it is."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if token is not None:
            sent["Authorization"] = f"Bearer {token or self.token}"
        sent.update(headers or {})
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=60
            )
        try:
            self._connection.request(method, path, body, sent)
            answer = self._connection.getresponse()
            got = answer.read()
        except BaseException:
            self.close()
            raise
        if answer.will_close:
            self.close()
        return Reply(answer.status, got, {k.lower(): v for k, v in answer.getheaders()})

    def log_lines(self, feed: str, services: list[str]) -> list[str]:
        """What was sent, as the checker's JSON lines."""
        lines = []
        for one in self.sent:
            events = []
            for raw in one.events:
                events.append(
                    {
                        "id": json.loads(raw)["event_id"],
                        "sha256": hashlib.sha256(raw).hexdigest(),
                    }
                )
            lines.append(
                json.dumps(
                    {
                        "feed": feed,
                        "services": services,
                        "txn_id": one.txn_id,
                        "events": events,
                        "acked": one.acked,
                    }
                )
            )
        return lines

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

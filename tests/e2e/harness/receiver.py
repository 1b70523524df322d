# SPDX-License-Identifier: Apache-2.0
"""A bridge stand-in: an HTTP server that answers by script and remembers all."""

import base64
import json
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

from . import answers
from .events import event_ids
from .ports import free_port

Answer = Callable[["Exchange"], None]

_TRANSACTIONS = "/_matrix/app/v1/transactions/"


@dataclass
class Request:
    """One request as it came, and what became of it."""

    number: int
    arrived: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    # Whether this is a transaction that came while another one was open.
    overlapped: bool = False
    # The status that was answered in full; None while open or when the sender
    # went away first.
    status: int | None = None
    ended: float | None = None

    @property
    def is_transaction(self) -> bool:
        return _TRANSACTIONS in self.path

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def txn_id(self) -> str:
        last = self.path.split("?")[0].rsplit("/", 1)[1]
        return urllib.parse.unquote(last)

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def event_ids(self) -> list[str]:
        return event_ids(self.body)

    def log_line(self, service: str) -> str:
        """This request as one of the checker's JSON lines."""
        line = {
            "service": service,
            "txn_id": self.txn_id,
            "opened": self.arrived,
            "closed": self.ended,
            "status": self.status,
        }
        try:
            line["body"] = self.body.decode()
        except UnicodeDecodeError:
            line["body_base64"] = base64.b64encode(self.body).decode()
        return json.dumps(line)


@dataclass
class Exchange:
    """An open request, in the hands of an answer."""

    receiver: "Receiver"
    connection: socket.socket
    request: Request
    keep_alive: bool = True

    def reply(self, status: int, body: bytes = b"{}", headers: str = "") -> None:
        """A whole answer. `headers`: more header lines, each with its CRLF."""
        head = (
            f"HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{headers}\r\n"
        )
        # Settled before the bytes leave: the sender may come with its next
        # request before this thread runs again.
        self.receiver.settle(self.request, status)
        try:
            self.connection.sendall(head.encode() + body)
        except OSError:
            self.receiver.unsettle(self.request)
            raise

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        self.connection.sendall(data)

    def wait(self, seconds: float | None, until: threading.Event | None = None) -> bool:
        """Sits for a while, or until an event; False when the sender hung up or
        the receiver is being closed."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while until is None or not until.is_set():
            if self.receiver.closed.is_set() or hung_up(self.connection):
                return False
            pause = 0.005
            if deadline is not None:
                pause = min(pause, deadline - time.monotonic())
                if pause <= 0:
                    return True
            if until is not None:
                until.wait(pause)
            else:
                time.sleep(pause)
        return True


def hung_up(connection: socket.socket) -> bool:
    """Whether the other side has closed."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


class Receiver:
    """A service on a port of its own.

    Each transaction attempt takes the next answer of `script`; after its end
    `default` answers. Other requests (ping, queries) are answered by `other`.
    """

    def __init__(self, default: Answer = answers.status(200)):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.default = default
        self.other: Answer = answers.status(200)
        self.script: list[Answer] = []
        self.requests: list[Request] = []
        self.closed = threading.Event()
        self._changed = threading.Condition(threading.RLock())
        self._open: dict[int, tuple[Request, socket.socket]] = {}
        self._listening: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self.open()

    # -- the socket ----------------------------------------------------------

    def open(self) -> None:
        """Listens (again)."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        listening.listen(128)
        self.closed = threading.Event()
        self._listening = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def close(self) -> None:
        """An outage: open connections break, new ones are refused."""
        self.closed.set()
        if self._listening is None:
            return
        # shutdown() wakes the thread in accept(); close() alone would leave the
        # port open until one more connection came.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._listening = None
        with self._changed:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    # -- what came -----------------------------------------------------------

    @property
    def transactions(self) -> list[Request]:
        """Every attempt at a transaction, in order of arrival."""
        with self._changed:
            return [one for one in self.requests if one.is_transaction]

    @property
    def accepted(self) -> list[Request]:
        """The attempts that were answered with a 2xx."""
        return [one for one in self.transactions if one.accepted]

    @property
    def delivered(self) -> list[str]:
        """Event ids as an application that remembers transaction ids sees them."""
        seen: set[str] = set()
        ids: list[str] = []
        for one in self.accepted:
            if one.txn_id not in seen:
                seen.add(one.txn_id)
                ids.extend(one.event_ids)
        return ids

    @property
    def open_now(self) -> int:
        """How many requests are open."""
        with self._changed:
            return len(self._open)

    def wait_for(self, check: Callable[[], object], what: str, seconds: float = 30):
        """Returns check()'s value as soon as it is true; asked at every change."""
        with self._changed:
            value = self._changed.wait_for(check, seconds)
        if not value:
            seen = [(r.txn_id, r.status, len(r.body)) for r in self.transactions[-8:]]
            raise AssertionError(f"{what}: not within {seconds} s; last seen {seen}")
        return value

    def wait_attempts(self, count: int) -> list[Request]:
        """Waits until that many attempts came."""
        self.wait_for(lambda: len(self.transactions) >= count, f"{count} attempts")
        return self.transactions

    def wait_delivered(self, last: str, seconds: float = 30) -> list[str]:
        """Waits until the event `last` was accepted; all that was, in order."""
        quoted = json.dumps(last).encode()
        self.wait_for(
            lambda: any(quoted in one.body for one in reversed(self.accepted)),
            f"delivery of {last}",
            seconds,
        )
        return self.delivered

    # -- serving -------------------------------------------------------------

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with self._changed:
                self._connections.add(connection)
            threading.Thread(
                target=self._serve, args=(connection,), daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        try:
            while not self.closed.is_set():
                request = self._read(connection, stream)
                if request is None:
                    return
                exchange = Exchange(self, connection, request)
                try:
                    self._answer_for(request)(exchange)
                finally:
                    self._end(request)
                if not exchange.keep_alive:
                    return
        except OSError:
            return
        finally:
            with self._changed:
                self._connections.discard(connection)
            stream.close()
            connection.close()

    def _read(self, connection: socket.socket, stream) -> Request | None:
        first = stream.readline()
        if not first:
            return None
        method, path, _ = first.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        body = stream.read(length)
        if len(body) < length:
            return None
        with self._changed:
            self._forget_the_gone()
            request = Request(
                len(self.requests),
                time.monotonic(),
                method,
                path,
                headers,
                body,
            )
            request.overlapped = request.is_transaction and any(
                one.is_transaction for one, _ in self._open.values()
            )
            self.requests.append(request)
            self._open[request.number] = (request, connection)
            self._changed.notify_all()
        return request

    def _answer_for(self, request: Request) -> Answer:
        if not request.is_transaction:
            return self.other
        with self._changed:
            return self.script.pop(0) if self.script else self.default

    def _forget_the_gone(self) -> None:
        # The thread that serves a request may not have noticed yet that its
        # sender hung up; that request does not count as open.
        for request, connection in list(self._open.values()):
            if hung_up(connection):
                self._end(request)

    # -- for Exchange --------------------------------------------------------

    def settle(self, request: Request, status: int) -> None:
        """The request is answered and no longer open."""
        with self._changed:
            if request.number in self._open:
                request.status = status
                self._end(request)

    def unsettle(self, request: Request) -> None:
        """The answer could not be sent after all."""
        with self._changed:
            request.status = None
            self._changed.notify_all()

    def _end(self, request: Request) -> None:
        with self._changed:
            if self._open.pop(request.number, None) is not None:
                request.ended = time.monotonic()
            self._changed.notify_all()

# SPDX-License-Identifier: Apache-2.0
"""What a receiver does with a request: each is a function of the exchange."""

import threading
from collections.abc import Callable

Answer = Callable[[object], None]


def status(code: int, body: bytes = b"{}", headers: str = "") -> Answer:
    """A whole answer at once."""

    def answer(exchange) -> None:
        empty = code in (204, 304)
        exchange.reply(code, b"" if empty else body, headers)

    return answer


def hang(exchange) -> None:
    """Never answers."""
    exchange.keep_alive = False
    exchange.wait(None)


def delay(seconds: float, then: Answer = status(200)) -> Answer:
    """Answers late, unless the sender gave up."""

    def answer(exchange) -> None:
        if exchange.wait(seconds):
            then(exchange)
        else:
            exchange.keep_alive = False

    return answer


def hold(gate: threading.Event, then: Answer = status(200)) -> Answer:
    """Answers once the gate is set, unless the sender gave up."""

    def answer(exchange) -> None:
        if exchange.wait(None, gate):
            then(exchange)
        else:
            exchange.keep_alive = False

    return answer


def close(exchange) -> None:
    """Has read the request, and breaks the connection instead of answering."""
    exchange.keep_alive = False


def stall_after_headers(exchange) -> None:
    """A good head, and then no body."""
    exchange.keep_alive = False
    exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
    exchange.wait(None)


def trickle(interval: float = 0.02) -> Answer:
    """A good head, and then an endless body byte by byte."""

    def answer(exchange) -> None:
        exchange.keep_alive = False
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{")
        while exchange.wait(interval):
            exchange.write(b" ")

    return answer


def huge(size: int) -> Answer:
    """200 with a body of `size` bytes, or as much as the sender will read."""

    def answer(exchange) -> None:
        exchange.keep_alive = False
        exchange.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        block = b" " * 65_536
        for _ in range(size // len(block) + 1):
            exchange.write(block)

    return answer


def garbage(exchange) -> None:
    """Something that is not HTTP."""
    exchange.keep_alive = False
    exchange.write(b"220 this is a mail server\r\n")

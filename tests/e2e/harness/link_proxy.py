# SPDX-License-Identifier: Apache-2.0
"""Stands in front of a node's link address: what can be cut and mended."""

import contextlib
import socket
import threading

from .ports import free_port

PASSING, REFUSING, SWALLOWING = "passing", "refusing", "swallowing"


class LinkProxy:
    """Passes TCP connections on to a port of loopback, until it is cut."""

    def __init__(self, target: int):
        self.port = free_port()
        self.target = target
        self.state = PASSING
        # Connections that were passed on, and those that were open at a cut.
        self.passed = 0
        self.cut_off = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._listen()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def cut(self, how: str) -> None:
        """REFUSING: all connections end at once, new ones are refused.
        SWALLOWING: all stay open, new ones too, and nothing comes through, as
        with a firewall that drops packets."""
        with self._lock:
            self.cut_off += len(self._open) // 2
            self.state = how
        if how == REFUSING:
            self._stop_listening()
            self._end_all()

    def mend(self) -> None:
        """New connections pass again; those that lost something end."""
        self._end_all()
        with self._lock:
            self.state = PASSING
        if self._listener is None:
            self._listen()

    def close(self) -> None:
        self._stop_listening()
        self._end_all()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _stop_listening(self) -> None:
        if self._listener is not None:
            # A close alone would not end the accept() of the other thread.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _end_all(self) -> None:
        with self._lock:
            every, self._open = self._open, set()
        for one in every:
            _end(one)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            if self.state == SWALLOWING:
                with self._lock:
                    self._open.add(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
                server.settimeout(None)
            except OSError:
                _end(client)
                continue
            with self._lock:
                refused = self.state == REFUSING
                if not refused:
                    self._open |= {client, server}
                    self.passed += 1
            if refused:
                _end(client)
                _end(server)
                continue
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                if self.state == PASSING:
                    sink.sendall(data)
        except OSError:
            pass
        if self.state == SWALLOWING:
            return
        with self._lock:
            self._open -= {source, sink}
        _end(source)
        _end(sink)


def _end(one: socket.socket) -> None:
    # Wakes the thread that reads from it, which a close alone would not.
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()

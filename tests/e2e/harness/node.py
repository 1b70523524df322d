# SPDX-License-Identifier: Apache-2.0
"""A Posthorn process: written, started, stopped, killed, started again."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable

from .feed import Feed, Reply
from .ports import free_port
from .secrets import tokens_in
from .settings import (
    CATCH_ALL_TOKEN,
    Service,
    catch_all_registration,
    merged,
    to_yaml,
)

ADMIN_TOKEN = "admin_secret"

# Small times, so that a test takes a second and not an hour; jitter off, so that
# the order of attempts is the same in each run.
DEFAULTS: dict = {
    "sorter": {"poll_interval": "50ms"},
    "recovery": {"initial_backoff": "100ms", "max_backoff": "400ms", "jitter": False},
    "delivery": {"timeout": "20s", "connect_timeout": "2s"},
    "limits": {"max_store": "1GiB"},
}


def binary() -> str:
    """The program under test, from the environment variable POSTHORN."""
    path = os.environ.get("POSTHORN", "")
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"POSTHORN={path!r} does not name the posthorn binary")
    return path


class Node:
    """One node in a directory of its own. Settings are those of posthorn.yaml,
    merged over DEFAULTS; a value of None takes a key out."""

    def __init__(
        self,
        services: list[Service],
        settings: dict | None = None,
        catch_all: bool = False,
        directory: str | None = None,
    ):
        self.directory = directory or tempfile.mkdtemp(prefix="posthorn-e2e-")
        self.port = free_port()
        self.admin_port = free_port()
        self.services = services
        self.catch_all = catch_all
        self.settings = settings or {}
        self.process: subprocess.Popen | None = None
        # A command that runs the node, e.g. a tracer; the node must stay the
        # child of this process.
        self.prefix: list[str] = []
        # Every token that was ever in its files, and what it has told others
        # (what it was, and its bytes): none of the former may be in the latter.
        self.secrets: set[str] = set()
        self.said: list[tuple[str, bytes]] = []
        # Descriptors that its process inherits.
        self.pass_fds: tuple[int, ...] = ()
        # The end of the log, kept when the directory has been removed.
        self.last_log = ""
        self.write()

    @property
    def config(self) -> str:
        return os.path.join(self.directory, "posthorn.yaml")

    @property
    def data(self) -> str:
        return os.path.join(self.directory, "posthorn-data")

    @property
    def log(self) -> str:
        """Everything that its processes have written so far."""
        path = os.path.join(self.directory, "node.log")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    # -- files ---------------------------------------------------------------

    def write(self) -> None:
        """(Over)writes posthorn.yaml and the registrations."""
        base = {
            "server_name": "example.org",
            "app_service_config_files": ["registrations/*.yaml"],
            "listen": f"127.0.0.1:{self.port}",
            "admin": f"127.0.0.1:{self.admin_port}",
            "admin_token": ADMIN_TOKEN,
            "store": "lmdb:posthorn-data",
            "name": "a",
            **DEFAULTS,
        }
        if self.catch_all:
            base["registration"] = "posthorn-registration.yaml"
            url = f"http://127.0.0.1:{self.port}"
            self._write("posthorn-registration.yaml", catch_all_registration(url))
        self._write("posthorn.yaml", merged(base, self.settings))
        folder = os.path.join(self.directory, "registrations")
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        for one in self.services:
            self._write(f"registrations/{one.id}.yaml", one.registration())

    def _write(self, name: str, content: dict) -> None:
        self.secrets |= tokens_in(content)
        path = os.path.join(self.directory, name)
        with open(path, "w", opener=_private, encoding="utf-8") as file:
            file.write(to_yaml(content) + "\n")

    # -- the process ---------------------------------------------------------

    def start(
        self,
        ready: bool = True,
        options: list[str] | None = None,
        config: str | None = None,
    ) -> None:
        """Starts it, by another file if one is named; returns when /health/ready
        says so, or at once."""
        with open(os.path.join(self.directory, "node.log"), "ab") as log:
            self.process = subprocess.Popen(
                [
                    *self.prefix,
                    binary(),
                    "node",
                    "-c",
                    config or self.config,
                    *(options or []),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                pass_fds=self.pass_fds,
            )
        if ready:
            self.wait_ready()

    def wait_ready(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            code = self.process.poll()
            if code is not None:
                raise AssertionError(f"the node ended with {code}:\n{self.log[-3000:]}")
            if self.is_ready():
                return
            time.sleep(0.01)
        raise AssertionError(f"not ready in {seconds} s:\n{self.log[-3000:]}")

    def is_ready(self) -> bool:
        """Whether it is up and says that it is ready."""
        try:
            return self.admin("GET", "/health/ready").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def terminate(self) -> None:
        """Sends SIGTERM and does not wait."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = 30) -> int:
        """Waits for its end; the exit code."""
        code = self.process.wait(seconds)
        self.process = None
        return code

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """SIGSTOP; returns when none of its threads runs any more."""
        self.process.send_signal(signal.SIGSTOP)
        ended = os.WSTOPPED | os.WEXITED
        os.waitid(os.P_PID, self.process.pid, ended | os.WNOWAIT)

    def remove(self) -> None:
        """Ends it and deletes its files (not with POSTHORN_TEST_KEEP set)."""
        self.kill()
        if not os.environ.get("POSTHORN_TEST_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    # -- talking to it -------------------------------------------------------

    def feed(self, service: str | None, first_txn: int = 1) -> Feed:
        """The homeserver's feed for a service; None is the catch-all feed."""
        token = CATCH_ALL_TOKEN if service is None else f"hs_{service}"
        return Feed(self.port, service, token, first_txn)

    def admin(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        token=ADMIN_TOKEN,
        seconds: float = 20,
    ) -> Reply:
        """One request to the admin API."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.admin_port, timeout=seconds
        )
        try:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            got = answer.read()
        finally:
            connection.close()
        self.said.append((f"{method} {path}", got))
        return Reply(answer.status, got, {k.lower(): v for k, v in answer.getheaders()})

    def service(self, service: str) -> dict:
        """What the admin API says about a service."""
        reply = self.admin("GET", f"/admin/v1/services/{service}")
        if reply.status != 200:
            raise AssertionError(f"{service}: {reply.status} {reply.body!r}")
        return reply.json

    def wait_service(
        self, service: str, check: Callable[[dict], bool], what: str
    ) -> dict:
        """Waits until check() is true of what the admin API says."""
        deadline = time.monotonic() + 30
        while not check(row := self.service(service)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{service}: {what}: not within 30 s: {row}")
            time.sleep(0.01)
        return row

    def wait_pending(self, service: str, count: int) -> None:
        """Waits until that many events are in the service's queue, those of the
        open transaction included."""
        self.wait_service(
            service,
            lambda row: row["pending_events"] == count,
            f"{count} pending events",
        )

    def run(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess:
        """Runs a command of the program in the node's directory."""
        done = run(*arguments, cwd=self.directory, seconds=seconds)
        printed = done.stdout + done.stderr
        self.said.append((f"posthorn {arguments[0]}", printed.encode()))
        return done


def run(
    *arguments: str, cwd: str | None = None, seconds: float = 60
) -> subprocess.CompletedProcess:
    """Runs the program to its end."""
    return subprocess.run(
        [binary(), *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def as_json(done: subprocess.CompletedProcess):
    """What a command printed, parsed."""
    return json.loads(done.stdout)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

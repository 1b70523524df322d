# SPDX-License-Identifier: Apache-2.0
"""Real bridge libraries, unmodified from npm, see every event once and in order.

Installs what npm_bridges/package-lock.json names into $POSTHORN_NPM_DIR. Without
node, npm or a registry that answers, the tests are skipped.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from harness import Feed, Node, NodeCase, Service, numbered
from harness.ports import free_port

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "npm_bridges")

# What npm says when the registry does not answer, as opposed to when what we ask
# of it is wrong.
UNREACHABLE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH"
    r"|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|FETCH_ERROR|code E5\d\d|code E40[37]"
)

TYPING = b'[{"type":"m.typing","room_id":"!r:x","content":{"user_ids":[]}}]'
TO_DEVICE = (
    b'[{"type":"m.room_key","sender":"@a:x","content":{},'
    b'"to_user_id":"@_irc_a:x","to_device_id":"D"}]'
)

_modules = ""


def setUpModule() -> None:
    global _modules
    _modules = installed()


def installed() -> str:
    """The node_modules folder; installed now unless it was before."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise unittest.SkipTest(f"{program} is not installed")
    folder = os.environ.get("POSTHORN_NPM_DIR") or os.path.join(
        tempfile.gettempdir(), "posthorn-npm-bridges"
    )
    os.makedirs(folder, exist_ok=True)
    modules = os.path.join(folder, "node_modules")
    lock = os.path.join(SOURCES, "package-lock.json")
    stamp = os.path.join(folder, "installed-package-lock.json")
    if _same(lock, stamp):
        return modules
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(SOURCES, name), folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    command += ["--fetch-retries=1", "--fetch-timeout=60000"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    if done.returncode != 0:
        if UNREACHABLE.search(done.stderr):
            raise unittest.SkipTest(f"npm cannot install: {done.stderr[-300:]}")
        raise RuntimeError(f"npm ci: {done.stderr[-2000:]}")
    shutil.copy(lock, stamp)
    return modules


def _same(one: str, other: str) -> bool:
    if not os.path.exists(other):
        return False
    with open(one, "rb") as a, open(other, "rb") as b:
        return a.read() == b.read()


class Bridge:
    """A process of node with one of the libraries in it."""

    def __init__(self, script: str, store: str):
        self.script = script
        self.store = store
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # What the library handed to the application, over all its lives.
        self.events: list[str] = []
        self.parts: list[dict] = []
        self.changed = threading.Condition()
        self._lives = 0
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Starts it; returns when it listens."""
        environment = {
            **os.environ,
            "HS_TOKEN": "hs_irc",
            "PORT": str(self.port),
            "STORE": self.store,
            "NODE_PATH": _modules,
        }
        lives = self._lives
        with open(self.store + ".log", "ab") as log:
            self._process = subprocess.Popen(
                ["node", os.path.join(SOURCES, self.script)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        ).start()
        self.wait(lambda: self._lives > lives, "listening")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process.stdout.close()
            self._process = None

    def wait(self, check, what: str, seconds: float = 60) -> None:
        with self.changed:
            if not self.changed.wait_for(check, seconds):
                with open(self.store + ".log", encoding="utf-8") as log:
                    said = log.read()[-1_000:]
                raise AssertionError(
                    f"{self.script}: {what}: not in {seconds} s;"
                    f" {len(self.events)} events, last {self.events[-3:]}\n{said}"
                )

    def wait_event(self, event_id: str) -> None:
        self.wait(lambda: event_id in self.events[-200:], f"event {event_id}")

    def _read(self, lines) -> None:
        try:
            for text in lines:
                line = json.loads(text)
                with self.changed:
                    if line["kind"] == "event":
                        self.events.append(line["id"])
                    elif line["kind"] == "part":
                        self.parts.append(line)
                    elif line["kind"] == "listening":
                        self._lives += 1
                    self.changed.notify_all()
        except ValueError:
            return


class NpmBridges(NodeCase):
    def _made(self, script: str, flags: dict | None = None) -> tuple[Node, Bridge]:
        folder = tempfile.TemporaryDirectory(prefix="posthorn-e2e-")
        self.addCleanup(folder.cleanup)
        bridge = Bridge(script, os.path.join(folder.name, "bridge.json"))
        self.addCleanup(bridge.stop)
        bridge.start()
        return self.node([Service("irc", bridge.url, more=flags or {})]), bridge

    def _send_and_kill(self, node: Node, feed: Feed, first: int, count: int) -> None:
        """Sends single events while the node is killed and started four times."""
        sender = threading.Thread(
            target=feed.send_singly, args=(numbered(count, first),)
        )
        sender.start()
        for pause in (0.15, 0.35, 0.25, 0.45):
            time.sleep(pause)
            node.kill()
            node.start()
        sender.join()

    def _assert_each_once(self, bridge: Bridge, count: int) -> None:
        self.assertEqual([f"${n}" for n in range(1, count + 1)], bridge.events)

    def test_matrix_appservice_sees_every_event_once_and_in_order(self):
        """It remembers the last transaction id only, and in memory."""
        node, bridge = self._made("matrix_appservice_receiver.cjs")
        feed = node.feed("irc")
        self._send_and_kill(node, feed, 1, 400)
        bridge.wait_event("$400")
        node.wait_pending("irc", 0)
        bridge.stop()
        feed.send_singly(numbered(250, 401))
        node.kill()
        node.start()
        bridge.start()
        bridge.wait_event("$650")
        self._send_and_kill(node, feed, 651, 200)
        bridge.wait_event("$850")
        self._assert_each_once(bridge, 850)

    def test_matrix_bot_sdk_sees_every_event_once_and_in_order(self):
        """It remembers every transaction id, on disk, over its restarts: one that
        was used before would never be delivered."""
        node, bridge = self._made("matrix_bot_sdk_receiver.cjs")
        feed = node.feed("irc")
        self._send_and_kill(node, feed, 1, 400)
        # The bridge restarts while the node is dead, so that what is sent again
        # comes to a bridge that knows it from its file.
        node.kill()
        time.sleep(0.3)
        bridge.stop()
        bridge.start()
        node.start()
        bridge.wait_event("$400")
        node.wait_pending("irc", 0)
        bridge.stop()
        feed.send_singly(numbered(250, 401))
        bridge.start()
        bridge.wait_event("$650")
        # A store made anew gives out other ids than those in the bridge's file.
        self.assertEqual(0, node.stop())
        shutil.rmtree(node.data)
        node.start()
        self._send_and_kill(node, node.feed("irc", 5_000), 651, 200)
        bridge.wait_event("$850")
        self._assert_each_once(bridge, 850)

    def test_large_transactions_fit_the_libraries_body_limits(self):
        """matrix-appservice refuses more than 5,000,000 bytes."""
        node, bridge = self._made("matrix_appservice_receiver.cjs")
        node.feed("irc").send(numbered(150, size=60_000))
        bridge.wait_event("$150")
        self._assert_each_once(bridge, 150)

    def _send_parts(self, script: str) -> Bridge:
        """Sends one of each part to a bridge with all flags."""
        flags = dict.fromkeys(
            (
                "receive_ephemeral",
                "de.sorunome.msc2409.push_ephemeral",
                "org.matrix.msc3202",
            ),
            True,
        )
        node, bridge = self._made(script, flags)
        prefix = "org.matrix.msc3202.device_"
        node.feed("irc").send(
            numbered(1),
            {
                "ephemeral": TYPING,
                "de.sorunome.msc2409.to_device": TO_DEVICE,
                prefix + "lists": b'{"changed":["@a:x"],"left":[]}',
                prefix + "one_time_keys_count": b'{"@_irc_a:x":{"D":{"k":7}}}',
                prefix + "unused_fallback_key_types": b'{"@_irc_a:x":{"D":["k"]}}',
            },
        )
        bridge.wait_event("$1")
        return bridge

    def test_matrix_appservice_gets_ephemeral_data(self):
        """It reads the unstable name only, and nothing else beside events."""
        bridge = self._send_parts("matrix_appservice_receiver.cjs")
        bridge.wait(lambda: bridge.parts, "ephemeral data")
        self.assertEqual([json.loads(TYPING)[0]], [x["part"] for x in bridge.parts])

    def test_matrix_bot_sdk_gets_all_parts(self):
        """It reads the unstable names only."""
        bridge = self._send_parts("matrix_bot_sdk_receiver.cjs")
        bridge.wait(lambda: len(bridge.parts) >= 5, "all parts")
        found = [(x["name"], x["part"]) for x in bridge.parts]
        edus = [part for name, part in found if name == "ephemeral"]
        self.assertEqual(["m.room_key", "m.typing"], [x["type"] for x in edus])
        self.assertEqual("@_irc_a:x", edus[0]["to_user_id"])
        rest = {name: part for name, part in found if name != "ephemeral"}
        self.assertEqual(["@a:x"], rest["device_lists"]["changed"])
        self.assertEqual({"@_irc_a:x": {"D": {"k": 7}}}, rest["counts"])
        self.assertEqual({"@_irc_a:x": {"D": ["k"]}}, rest["fallback"])


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""/metrics, and what is built on it: the alert rules and the dashboard."""

import json
import os
import re
import shutil
import subprocess
import unittest

from harness import NodeCase, Service, answers, numbered
from harness.ports import free_port

GRAFANA = os.path.join(os.path.dirname(__file__), "..", "..", "apps", "grafana")
RULES = os.path.join(GRAFANA, "alerts.yml")
DASHBOARD = os.path.join(GRAFANA, "posthorn.json")

NAME = re.compile(r"\b(?:posthorn|process)_[a-z_]+\b")
SAMPLE = re.compile(
    r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z_]+=\"(?:[^\"\\\n]|\\[\\\"n])*\",?)*)\})?"
    r" (-?[0-9.e+-]+|\+Inf|NaN)"
)
LABELS = {
    "as", "class", "code_class", "kind", "le", "listener", "node", "reason",
    "result", "state", "version",
}


class Exposition:
    """Prometheus text, read as strictly as promtool does."""

    def __init__(self, text: str):
        self.types: dict[str, str] = {}
        self.samples: dict[str, float] = {}
        self.labels: set[str] = set()
        helped: set[str] = set()
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name = line.split(" ")[2]
                assert name not in helped, f"{name} comes twice"
                helped.add(name)
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name in helped and name not in self.types, name
                self.types[name] = kind
                assert (kind == "counter") == name.endswith("_total"), name
            else:
                self._sample(line)

    def family(self, name: str) -> str | None:
        for suffix in ("", "_bucket", "_sum", "_count"):
            base = name.removesuffix(suffix) if suffix else name
            kind = self.types.get(base)
            if kind and (not suffix or (kind == "histogram" and base != name)):
                return base
        return None

    def _sample(self, line: str) -> None:
        found = SAMPLE.fullmatch(line)
        assert found, f"not a sample: {line!r}"
        name, labels, value = found.groups()
        assert self.family(name), f"{name} has no type"
        key = line.rsplit(" ", 1)[0]
        assert key not in self.samples, f"{key} comes twice"
        self.samples[key] = float(value)
        self.labels |= set(re.findall(r'([a-z_]+)="', labels or ""))


class Figures(NodeCase):
    def setUp(self) -> None:
        super().setUp()
        self.irc, self.tg = self.receiver(), self.receiver()
        listen = f"127.0.0.1:{free_port()}"
        self.posthorn = self.node(
            [Service("irc", self.irc.url), Service("tg", self.tg.url)],
            {"cluster": {"listen": listen, "peers": [f"127.0.0.1:{free_port()}"]}},
        )
        self.tg.default = answers.status(502)
        irc, tg = self.posthorn.feed("irc"), self.posthorn.feed("tg")
        irc.put("7", _body(5))
        irc.put("7", _body(5))
        irc.put("8", b"{")
        self.irc.wait_delivered("$5")
        tg.send(numbered(3))
        self.posthorn.wait_service("tg", lambda row: row["failures"] > 1, "DOWN")
        self.posthorn.wait_pending("irc", 0)
        reply = self.posthorn.admin("GET", "/metrics", token=None)
        self.text = reply.body.decode()
        self.now = Exposition(self.text)

    def test_what_happened_is_counted(self):
        samples = self.now.samples
        for key, value in (
            ('posthorn_intake_transactions_total{as="irc",result="taken"}', 1),
            ('posthorn_intake_transactions_total{as="irc",result="duplicate"}', 1),
            ('posthorn_intake_transactions_total{as="irc",result="refused"}', 1),
            ('posthorn_intake_events_total{as="irc",class="event"}', 5),
            ('posthorn_intake_duplicates_total{kind="transaction"}', 1),
            ('posthorn_intake_rejected_total{reason="not_json"}', 1),
            ('posthorn_delivery_attempts_total{as="irc",code_class="2xx"}', 1),
            ('posthorn_delivery_seconds_count{as="irc"}', 1),
            ('posthorn_end_to_end_seconds_count{as="irc"}', 1),
            ('posthorn_queue_events{as="tg"}', 3),
            ('posthorn_actor_restarts_total{kind="service"}', 0),
        ):
            self.assertEqual(value, samples.get(key), key)
        failed = 'posthorn_delivery_attempts_total{as="tg",code_class="5xx"}'
        self.assertGreater(samples[failed], 1)
        self.assertGreater(samples["posthorn_intake_ack_seconds_count"], 2)
        self.assertGreater(samples["posthorn_store_commit_seconds_count"], 3)
        self.assertEqual(
            samples["posthorn_store_commit_seconds_count"],
            samples["posthorn_store_commit_batch_size_count"],
        )
        self.assertEqual(
            [0], [v for k, v in samples.items() if k.startswith("posthorn_peer_up{")]
        )

    def test_labels_are_bounded(self):
        self.assertLessEqual(self.now.labels, LABELS)

    def test_alerts_and_dashboard_use_figures_that_exist(self):
        with open(DASHBOARD, encoding="utf-8") as file:
            board = json.load(file)
        shown = [x["expr"] for one in board["panels"] for x in one["targets"]]
        self.assertGreater(len(shown), 20)
        with open(RULES, encoding="utf-8") as file:
            rules = file.read()
        for name in set(NAME.findall(rules + "\n" + "\n".join(shown))):
            self.assertIsNotNone(self.now.family(name), name)

    def test_promtool_agrees(self):
        promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool (Debian's prometheus) is not installed")
        for arguments, text in (
            (["check", "metrics"], self.text),
            (["check", "rules", RULES], ""),
        ):
            done = subprocess.run(
                [promtool, *arguments],
                input=text, capture_output=True, text=True, timeout=60, check=False,
            )
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)


def _body(count: int) -> bytes:
    events = [
        {"event_id": f"${i + 1}", "type": "m.room.message", "room_id": "!r:x",
         "sender": "@a:x", "content": {}}
        for i in range(count)
    ]
    return json.dumps({"events": events}).encode()


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""What the admin address offers beside orders: reload, metrics, its description."""

import os
import re
import signal
import unittest

from harness import CATCH_ALL_TOKEN, NodeCase, Service, answers, event, numbered


class Admin(NodeCase):
    def setUp(self) -> None:
        super().setUp()
        self.irc, self.log = self.receiver(), self.receiver()
        self.posthorn = self.node(
            [Service("irc", self.irc.url), Service("log", self.log.url)]
        )

    def reload(self, expected: int = 200) -> dict:
        reply = self.posthorn.admin("POST", "/admin/v1/reload")
        self.assertEqual(expected, reply.status, reply.body)
        return reply.json

    def samples(self, token=None) -> dict[str, float]:
        """What /metrics says, by name and labels."""
        reply = self.posthorn.admin("GET", "/metrics", token=token)
        self.assertEqual(200, reply.status, reply.body)
        self.assertTrue(reply.headers["content-type"].startswith("text/plain"))
        lines = reply.body.decode().splitlines()
        found = {}
        for line in lines:
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def test_a_reload_answers_what_it_did(self):
        tg = self.receiver()
        self.posthorn.services = [
            Service("irc", self.irc.url),
            Service("tg", tg.url),
        ]
        self.posthorn.write()
        done = self.reload()
        self.assertEqual((2, 1, 1), (done["services"], done["started"], done["stopped"]))
        self.posthorn.feed("tg").send(numbered(1))
        tg.wait_delivered("$1")
        gone = self.posthorn.feed("log").put("1", b'{"events":[]}')
        self.assertEqual((404, "M_NOT_FOUND"), (gone.status, gone.errcode))

    def test_a_reload_with_broken_files_changes_nothing(self):
        """R8: every error of every file is reported, and the old set runs on"""
        self.irc.script = [answers.status(500)] * 3
        self.posthorn.services = [Service("tg", self.log.url)]
        self.posthorn.write()
        for name, text in (("bad", "id: 5\n"), ("worse", "id: [\n")):
            path = os.path.join(
                self.posthorn.directory, "registrations", f"{name}.yaml"
            )
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        done = self.reload(400)
        self.assertEqual("M_INVALID_PARAM", done["errcode"])
        files = {os.path.basename(one["file"]) for one in done["errors"]}
        self.assertEqual({"bad.yaml", "worse.yaml"}, files)
        fields = {one["field"] for one in done["errors"]}
        self.assertLessEqual({"id", "url", "as_token", "hs_token"}, fields)
        for service in ("irc", "log"):
            self.posthorn.feed(service).send(numbered(1))
        self.irc.wait_delivered("$1")
        self.log.wait_delivered("$1")
        self.assertEqual(
            404, self.posthorn.feed("tg").put("1", b'{"events":[]}').status
        )

    def test_a_service_that_is_down_is_sent_to_its_new_url(self):
        """R8: the next attempt uses the new url and hs_token"""
        self.irc.close()
        self.posthorn.feed("irc").send(numbered(2))
        row = self.posthorn.wait_service(
            "irc", lambda r: r["state"] == "DOWN", "DOWN"
        )
        moved = self.receiver()
        self.posthorn.services = [
            Service("irc", moved.url, more={"hs_token": "hs_new"}),
            Service("log", self.log.url),
        ]
        self.posthorn.write()
        done = self.reload()
        self.assertEqual((2, 0, 0), (done["services"], done["started"], done["stopped"]))
        self.assertEqual(["$1", "$2"], moved.wait_delivered("$2"))
        first = moved.transactions[0]
        self.assertEqual("Bearer hs_new", first.headers["authorization"])
        self.assertEqual(row["last_transaction"], first.txn_id)

    def test_a_service_that_loses_its_url_is_kept_and_not_sent_to(self):
        """R1"""
        self.posthorn.services = [Service("irc", None), Service("log", self.log.url)]
        self.posthorn.write()
        self.assertEqual(1, self.reload()["stopped"])
        self.assertEqual(404, self.posthorn.feed("irc").put("1", b"{}").status)
        reply = self.posthorn.admin("POST", "/admin/v1/services/irc/retry")
        self.assertEqual(409, reply.status)

    def test_sighup_reloads_too(self):
        """R8"""
        tg = self.receiver()
        self.posthorn.services = [Service("tg", tg.url)]
        self.posthorn.write()
        self.posthorn.process.send_signal(signal.SIGHUP)
        self.posthorn.feed("tg").send(numbered(1))
        tg.wait_delivered("$1")

    def test_a_reload_needs_the_token(self):
        for token, code in ((None, 401), ("wrong", 403)):
            reply = self.posthorn.admin("POST", "/admin/v1/reload", token=token)
            self.assertEqual(code, reply.status)

    def test_every_documented_path_answers(self):
        document = self.posthorn.admin("GET", "/admin/v1/openapi.json").json
        self.assertIn("/admin/v1/reload", document["paths"])
        for path, methods in document["paths"].items():
            for method in methods:
                asked = path.replace("{id}", "irc")
                with self.subTest(method=method, path=asked):
                    reply = self.posthorn.admin(method.upper(), asked)
                    self.assertIn(str(reply.status), methods[method]["responses"])
                    needed = [
                        one["name"]
                        for one in methods[method].get("parameters", [])
                        if one.get("in") == "query" and one.get("required")
                    ]
                    self.assertEqual(400 if needed else 200, reply.status, reply.body)
        reply = self.posthorn.admin("GET", "/admin/v1/nonsense")
        self.assertEqual((404, "M_UNRECOGNIZED"), (reply.status, reply.errcode))

    def test_metrics_show_queues_states_and_deliveries(self):
        """Without a token, as this is loopback"""
        self.posthorn.feed("log").send(numbered(5))
        self.log.wait_delivered("$5")
        self.posthorn.wait_pending("log", 0)
        self.irc.default = answers.status(502)
        self.posthorn.feed("irc").send(numbered(3))
        self.posthorn.wait_service("irc", lambda r: r["failures"] > 1, "DOWN")
        now = self.samples()
        self.assertEqual(3, now['posthorn_queue_events{as="irc"}'])
        self.assertGreater(now['posthorn_queue_bytes{as="irc"}'], 100)
        self.assertGreater(now['posthorn_queue_oldest_age_seconds{as="irc"}'], 0)
        self.assertEqual(0, now['posthorn_queue_oldest_age_seconds{as="log"}'])
        self.assertEqual(1, now['posthorn_endpoint_state{as="irc",state="down"}'])
        self.assertEqual(0, now['posthorn_endpoint_state{as="irc",state="up"}'])
        self.assertEqual(1, now['posthorn_endpoint_state{as="log",state="up"}'])
        self.assertGreater(now['posthorn_endpoint_failures{as="irc"}'], 1)
        self.assertEqual(5, now['posthorn_delivered_events_total{as="log"}'])
        self.assertEqual(1, now["posthorn_ready"])
        self.assertGreater(now["posthorn_store_used_bytes"], 0)
        self.assertEqual(2 ** 30, now["posthorn_store_capacity_bytes"])
        self.assertGreater(now['posthorn_actor_messages_total{kind="service"}'], 0)
        self.assertEqual(2, now['posthorn_actors{kind="service"}'])
        self.assertGreater(
            now['posthorn_listener_requests_total{listener="feed"}'], 1
        )
        self.assertGreater(now["process_resident_memory_bytes"], 10 ** 6)
        self.assertGreater(now["process_start_time_seconds"], 1.6e9)
        self.assertTrue(any(one.startswith("posthorn_build_info{") for one in now))

    def test_counters_do_not_fall_when_a_service_is_removed(self):
        for service, receiver in (("irc", self.irc), ("log", self.log)):
            self.posthorn.feed(service).send(numbered(20))
            receiver.wait_delivered("$20")
        name = 'posthorn_actor_messages_total{kind="service"}'
        before = self.samples()[name]
        self.posthorn.services = [Service("irc", self.irc.url)]
        self.posthorn.write()
        self.reload()
        self.assertGreaterEqual(self.samples()[name], before)

    def test_a_removed_service_with_a_backlog_stays_visible(self):
        """It is kept, and delivered when the service is configured again."""
        self.log.close()
        self.posthorn.feed("log").send(numbered(7))
        self.posthorn.wait_service("log", lambda r: r["state"] == "DOWN", "DOWN")
        self.posthorn.services = [Service("irc", self.irc.url)]
        self.posthorn.write()
        self.reload()
        for _ in range(2):
            row = self.posthorn.service("log")
            self.assertEqual((7, False), (row["pending_events"], row["configured"]))
            self.assertEqual(7, self.samples()['posthorn_queue_events{as="log"}'])
            self.posthorn.kill()
            self.posthorn.start()
        self.log.open()
        self.posthorn.services.append(Service("log", self.log.url))
        self.posthorn.write()
        self.reload()
        self.assertEqual([f"${n}" for n in range(1, 8)], self.log.wait_delivered("$7"))

    def test_metrics_hold_no_secrets_and_no_ids_of_events(self):
        self.posthorn.feed("log").send(numbered(1, 424242))
        self.log.wait_delivered("$424242")
        text = self.posthorn.admin("GET", "/metrics", token=None).body.decode()
        for secret in ("hs_log", "as_log", "admin_secret", "$424242", CATCH_ALL_TOKEN):
            self.assertNotIn(secret, text)
        names = set(re.findall(r'[{,]([a-z_]+)="', text))
        self.assertLessEqual(
            names,
            {"as", "state", "kind", "listener", "reason", "version", "node",
             "class", "code_class", "result", "le"},
        )

    def test_the_command_prints_the_same_text(self):
        done = self.posthorn.run(
            "metrics", "--format", "prometheus", "-c", self.posthorn.config
        )
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('posthorn_queue_events{as="irc"} 0', done.stdout)



class Patterns(NodeCase):
    def test_a_pattern_that_is_given_up_on_is_counted(self):
        """posthorn_match_limit_total, which a reload does not set back"""
        irc = self.receiver()
        posthorn = self.node(
            [Service("irc", irc.url, users=["@(?:(?:a|a)*)*(?=b)"], rooms=["!end"])],
            catch_all=True,
        )

        def count() -> float:
            text = posthorn.admin("GET", "/metrics", token=None).body.decode()
            return float(re.search(r"^posthorn_match_limit_total (\S+)$", text, re.M)[1])

        self.assertEqual(0, count())
        feed = posthorn.feed(None)
        feed.send([event("$1", sender="@" + "a" * 60 + ":x", room_id="!r")])
        feed.send([event("$2", sender="@x:x", room_id="!end")])
        self.assertEqual(["$2"], irc.wait_delivered("$2"))
        before = count()
        self.assertGreaterEqual(before, 1)
        self.assertEqual(200, posthorn.admin("POST", "/admin/v1/reload").status)
        self.assertEqual(before, count())


if __name__ == "__main__":
    unittest.main()

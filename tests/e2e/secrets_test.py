# SPDX-License-Identifier: Apache-2.0
"""Where tokens could come out. The harness looks through all that a node has
printed, answered and stored at each test's end; these tests tempt it."""

import json
import signal
import unittest

from harness import NodeCase, Service, answers, body_of, numbered

TRANSACTIONS = "/as/irc/_matrix/app/v1/transactions/"


class Secrets(NodeCase):
    def setUp(self) -> None:
        super().setUp()
        self.irc = self.receiver()
        services = [Service("irc", self.irc.url, users=["@_irc_.*"])]
        self.posthorn = self.node(services, catch_all=True)

    def look_at_everything(self) -> None:
        """Has it print what it can."""
        config = self.posthorn.config
        for command in ("services", "metrics", "check"):
            self.posthorn.run(command, "-c", config)
            self.posthorn.run(command, "--json", "-c", config)
        self.posthorn.run("check", "--probe", "-c", config)
        self.posthorn.process.send_signal(signal.SIGUSR1)
        self.posthorn.process.send_signal(signal.SIGHUP)
        self.posthorn.admin("POST", "/admin/v1/reload")

    def test_a_service_that_answers_with_its_token_is_not_quoted(self):
        echo = json.dumps({"errcode": "M_FORBIDDEN", "error": "not hs_irc"})
        headers = "X-Token: hs_irc\r\nLocation: http://hs_irc@x/?access_token=hs_irc\r\n"
        for code in (403, 400, 500, 302):
            self.irc.script += [answers.status(code, echo.encode(), headers)] * 2
        self.posthorn.feed("irc").send(numbered(3))
        self.posthorn.wait_service("irc", lambda row: row["failures"] > 0, "a failure")
        self.look_at_everything()
        self.irc.wait_delivered("$3")

    def test_what_comes_with_a_request_is_not_repeated(self):
        """Neither the right token nor a wrong one, wherever it stands."""
        self.posthorn.secrets.add("wrong_but_secret")
        feed = self.posthorn.feed("irc")
        body = body_of(numbered(1))
        for token in ("hs_irc", "wrong_but_secret", "as_irc", "admin_secret"):
            for path in (
                f"{TRANSACTIONS}1?access_token={token}",
                f"{TRANSACTIONS}1?access%5Ftoken={token}",
                f"{TRANSACTIONS}%zz?access_token={token}",
                f"/as/irc/_matrix/app/v1/users/%40_irc_a?access_token={token}",
                f"/_matrix/app/v1/transactions/1?access_token={token}",
                f"/nowhere?access_token={token}",
            ):
                feed.request("PUT", path, body, token=None)
                feed.request("GET", path, token=token)
            for path in ("/admin/v1/services", f"/admin/v1/x?access_token={token}"):
                self.posthorn.admin("GET", path, token=token)
        asked = [one.path for one in self.irc.requests]
        self.assertFalse([one for one in asked if "token" in one], asked)
        self.look_at_everything()

    def test_a_token_in_a_broken_file_is_not_quoted(self):
        self.posthorn.services = [
            Service("irc", "http://hs_irc@x y", more={"hs_token": "hs_broken \u00e9"}),
            Service("b", self.irc.url, more={"as_token": ["as_broken_list"]}),
        ]
        self.posthorn.write()
        self.posthorn.secrets |= {"hs_broken", "as_broken_list"}
        self.posthorn.settings = {"admin_token": "admin broken_secret"}
        self.posthorn.write()
        self.posthorn.secrets.add("broken_secret")
        self.look_at_everything()
        again = self.node([], start=False, settings={"admin_token": "\u00e9_secret_admin"})
        again.secrets.add("_secret_admin")
        again.start(ready=False)
        self.assertEqual(1, again.wait())


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The status page: who may see it, and what a browser may do with it."""

import base64
import http.client
import unittest

from harness import NodeCase, Service, answers, numbered


class StatusPage(NodeCase):
    def page(self, node, password: str | None = None, path: str = "/"):
        """As a browser asks: without a token, or with a password."""
        headers = {}
        if password is not None:
            text = base64.b64encode(f"anyone:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {text}"
        connection = http.client.HTTPConnection("127.0.0.1", node.admin_port, timeout=20)
        try:
            connection.request("GET", path, None, headers)
            answer = connection.getresponse()
            got = answer.read().decode()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, got
        finally:
            connection.close()

    def test_the_page_shows_services_and_their_errors(self):
        node, receiver = self.one_service()
        receiver.default = answers.status(500)
        node.feed("irc").send(numbered(3))
        node.wait_service("irc", lambda row: row["failures"] > 0, "DOWN")
        status, headers, text = self.page(node, "admin_secret")
        self.assertEqual(200, status)
        self.assertTrue(headers["content-type"].startswith("text/html"))
        self.assertIn("default-src 'none'", headers["content-security-policy"])
        self.assertEqual("nosniff", headers["x-content-type-options"])
        self.assertEqual("no-store", headers["cache-control"])
        for part in ("node a", "ready", "irc", "DOWN", "HTTP 500"):
            self.assertIn(part, text)
        self.assertNotIn("<script", text)
        for secret in ("hs_irc", "as_irc", "admin_secret"):
            self.assertNotIn(secret, text)
        self.assertEqual(200, node.admin("GET", "/").status)

    def test_the_page_is_for_who_has_the_token_and_opens_nothing_else(self):
        node, _ = self.one_service()
        for password in (None, "", "wrong"):
            status, headers, text = self.page(node, password)
            self.assertEqual(401, status)
            self.assertIn('Basic realm="posthorn"', headers["www-authenticate"])
            self.assertNotIn("irc", text)
        self.assertEqual(403, node.admin("GET", "/", token="wrong").status)
        for path in ("/admin/v1/services", "/admin/v1/actors", "/index.html"):
            status, headers, _ = self.page(node, "admin_secret", path)
            self.assertEqual(401, status)
            self.assertNotIn("www-authenticate", headers)

    def test_without_a_token_the_page_is_open(self):
        """Which a node only allows on loopback."""
        receiver = self.receiver()
        node = self.node([Service("irc", receiver.url)], {"admin_token": None})
        self.assertEqual(200, self.page(node)[0])


if __name__ == "__main__":
    unittest.main()

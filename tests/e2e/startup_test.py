# SPDX-License-Identifier: Apache-2.0
"""What keeps a node from starting: one clear line, and exit code 1."""

import os
import socket
import unittest

from harness import Node, NodeCase, Service, numbered


class Startup(NodeCase):
    def setUp(self) -> None:
        super().setUp()
        self.irc = self.receiver()
        self.posthorn = self.node([Service("irc", self.irc.url)], start=False)

    def refusal(self, node: Node | None = None) -> str:
        """Starts a node that must refuse; the one line that says why."""
        done = (node or self.posthorn).run("node", "-c", (node or self.posthorn).config)
        self.assertEqual(1, done.returncode, done.stderr)
        lines = [one for one in (done.stdout + done.stderr).splitlines() if one.strip()]
        for word in ("terminate called", "what():", "Sanitizer", "caf::"):
            self.assertNotIn(word, "\n".join(lines))
        complaints = [one for one in lines if "error" in one.lower() or "cannot" in one]
        self.assertEqual(1, len(complaints or lines[-1:]), lines)
        return (complaints or lines[-1:])[0]

    def complaints(self, name: str, change: tuple[str, str]) -> str:
        """What is said about a file in which one text is replaced by another."""
        path = os.path.join(self.posthorn.directory, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(change[0], text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(change[0], change[1], 1))
        said = []
        for command in ("check", "node"):
            done = self.posthorn.run(command, "-c", self.posthorn.config)
            self.assertEqual(1, done.returncode, (command, done.stdout, done.stderr))
            said.append(done.stdout + done.stderr)
        for text in said:
            self.assertIn(os.path.basename(name), text)
        return min(said, key=len)

    def test_an_unknown_key_is_named(self):
        said = self.complaints("posthorn.yaml", ("max_store", "max_stroe"))
        self.assertIn("max_stroe", said)

    def test_an_unknown_key_of_a_service_is_named(self):
        self.posthorn.settings = {"services": {"irc": {"delivery": {"max_evts": 1}}}}
        self.posthorn.write()
        done = self.posthorn.run("check", "-c", self.posthorn.config)
        self.assertEqual(1, done.returncode)
        self.assertIn("max_evts", done.stdout + done.stderr)

    def test_a_wrong_value_is_named_with_its_line(self):
        said = self.complaints("posthorn.yaml", ("poll_interval: 50ms", 'poll_interval: "soon"'))
        self.assertRegex(said, r"posthorn\.yaml:\d+")
        self.assertIn("poll_interval", said)

    def test_a_file_that_is_not_yaml_is_named(self):
        self.complaints("posthorn.yaml", ("server_name:", "server_name: [}"))

    def test_a_missing_file_is_named(self):
        os.unlink(self.posthorn.config)
        self.assertIn("posthorn.yaml", self.refusal())

    def test_a_bad_registration_is_named(self):
        """R1, R4"""
        file = "registrations/irc.yaml"
        self.assertIn("url", self.complaints(file, ("url:", "urll:")))
        self.posthorn.write()
        self.assertIn("as_token", self.complaints(file, ('"as_irc"', "12345")))

    def test_two_services_of_one_id_are_both_named(self):
        """R3"""
        path = os.path.join(self.posthorn.directory, "registrations")
        with open(os.path.join(path, "irc.yaml"), encoding="utf-8") as file:
            text = file.read()
        with open(os.path.join(path, "second.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        done = self.posthorn.run("check", "-c", self.posthorn.config)
        self.assertEqual(1, done.returncode)
        for name in ("irc.yaml", "second.yaml"):
            self.assertIn(name, done.stdout + done.stderr)

    def test_every_error_of_every_file_is_reported_at_once(self):
        self.posthorn.services += [Service("b", "ftp://b"), Service("c", "")]
        self.posthorn.settings = {"limits": {"max_sture": "1GiB"}, "listne": "x"}
        self.posthorn.write()
        done = self.posthorn.run("check", "-c", self.posthorn.config)
        self.assertEqual(1, done.returncode)
        for word in ("b.yaml", "c.yaml", "max_sture", "listne"):
            self.assertIn(word, done.stdout + done.stderr)

    def test_a_port_in_use_is_named(self):
        for port in (self.posthorn.port, self.posthorn.admin_port):
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", port))
                taken.listen()
                said = self.refusal()
                self.assertIn(f"127.0.0.1:{port}", said)
                self.assertIn("in use", said)

    def test_a_second_process_under_the_same_name_is_refused(self):
        """And the first goes on. A name is free as soon as its process has
        ended, also by kill -9: nobody waits for a ttl."""
        self.posthorn.start()
        store = {"store": f"lmdb:{self.posthorn.data}", "name": "a"}
        second = self.node([Service("irc", self.irc.url)], store, start=False)
        said = self.refusal(second)
        self.assertIn("node a", said)
        self.assertIn(str(self.posthorn.process.pid), said)
        self.posthorn.feed("irc").send(numbered(1))
        self.irc.wait_delivered("$1")
        self.posthorn.kill()
        second.start()
        second.feed("irc", first_txn=2).send(numbered(1, first=2))
        self.irc.wait_delivered("$2")

    def test_a_store_that_cannot_be_opened_is_named(self):
        with open(self.posthorn.data, "w", encoding="utf-8") as file:
            file.write("not a directory")
        self.assertIn("posthorn-data", self.refusal())

    def test_a_rotten_store_is_refused_by_name(self):
        """It is neither overwritten nor a reason to crash."""
        os.mkdir(self.posthorn.data)
        path = os.path.join(self.posthorn.data, "data.mdb")
        with open(path, "wb") as file:
            file.write(b"this was an LMDB file once" * 1_000)
        self.assertIn("posthorn-data", self.refusal())
        with open(path, "rb") as file:
            self.assertTrue(file.read().startswith(b"this was an LMDB file once"))

    def test_flags_override_the_file(self):
        """--listen --admin --name --store"""
        other = self.node([], start=False)
        self.posthorn.port, self.posthorn.admin_port = other.port, other.admin_port
        store = os.path.join(self.posthorn.directory, "elsewhere")
        self.posthorn.start(
            options=[
                "--listen",
                f"127.0.0.1:{other.port}",
                "--admin",
                f"127.0.0.1:{other.admin_port}",
                "--name",
                "z",
                "--store",
                f"lmdb:{store}",
            ]
        )
        self.posthorn.feed("irc").send(numbered(1))
        self.irc.wait_delivered("$1")
        self.assertTrue(os.path.isdir(store))
        self.assertFalse(os.path.exists(self.posthorn.data))
        self.assertEqual("z", self.posthorn.service("irc")["owner"])

    def test_a_unix_socket_can_be_listened_on(self):
        """listen: unix:/path"""
        path = os.path.join(self.posthorn.directory, "in.sock")
        self.posthorn.settings = {"listen": f"unix:{path}"}
        self.posthorn.write()
        self.posthorn.start()
        body = b'{"events":[{"event_id":"$1"}]}'
        head = (
            "PUT /as/irc/_matrix/app/v1/transactions/1 HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer hs_irc\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            peer.sendall(head.encode() + body)
            self.assertTrue(peer.recv(4_096).startswith(b"HTTP/1.1 200"))
        self.irc.wait_delivered("$1")

    def test_the_store_and_its_files_are_private(self):
        self.posthorn.start()
        self.assertEqual(0o700, os.stat(self.posthorn.data).st_mode & 0o777)
        for name in os.listdir(self.posthorn.data):
            mode = os.stat(os.path.join(self.posthorn.data, name)).st_mode
            self.assertEqual(0, mode & 0o077, name)


if __name__ == "__main__":
    unittest.main()

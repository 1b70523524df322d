"""Shows Posthorn at work: a node, two services, an outage and the recovery.

A stand-in for a homeserver sends transactions to both services through a real
node; small stand-ins for bridges print what reaches them. One of them goes
away for a while.
"""

import http.client
import http.server
import json
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

STARTED = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - STARTED:6.2f}s  {text}", flush=True)


def free_port() -> int:
    """A port of the loopback below those that outgoing connections get: nobody
    takes it while a service is away or the node is killed."""
    for port in random.sample(range(20_000, 32_000), 1_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit("no free port between 20000 and 32000")


class Bridge:
    """A service that prints each transaction it gets; it can be stopped."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        self.events = 0
        self.away = True
        self.server: http.server.ThreadingHTTPServer | None = None

    def start(self) -> None:
        bridge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                if bridge.away:  # a connection kept from before
                    self.close_connection = True
                    return
                size = int(self.headers["Content-Length"])
                events = json.loads(self.rfile.read(size))["events"]
                bridge.events += len(events)
                txn = self.path.rsplit("/", 1)[1]
                first = events[0]["content"]["body"]
                rest = f" and {len(events) - 1} more" if len(events) > 1 else ""
                say(f"  {bridge.name} got transaction {txn}: '{first}'{rest}")
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.away = False
        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,),
                         daemon=True).start()

    def stop(self) -> None:
        self.away = True
        if self.server:
            self.server.shutdown()
            self.server.server_close()


class Homeserver:
    """Sends single events, each with a transaction of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sent = 0

    def send(self, service: str, text: str) -> None:
        self.sent += 1
        event = {"type": "m.room.message", "event_id": f"$e{self.sent}",
                 "room_id": "!room:example.org", "sender": "@alice:example.org",
                 "content": {"msgtype": "m.text", "body": text}}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        link.request(
            "PUT", f"/as/{service}/_matrix/app/v1/transactions/{self.sent}",
            json.dumps({"events": [event]}),
            {"Authorization": f"Bearer {service}-hs-token",
             "Content-Type": "application/json"})
        answer = link.getresponse()
        assert answer.status == 200, answer.read()
        link.close()


def configure(folder: pathlib.Path, bridges: list[Bridge]) -> tuple[int, int]:
    for bridge in bridges:
        registration = folder / f"{bridge.name}.yaml"
        registration.write_text(f"""\
id: {bridge.name}
url: http://127.0.0.1:{bridge.port}
as_token: {bridge.name}-as-token
hs_token: {bridge.name}-hs-token
sender_localpart: {bridge.name}bot
namespaces:
  users:
    - exclusive: true
      regex: '@_{bridge.name}_.*:example\\.org'
""")
        registration.chmod(0o600)
    feeds, admin = free_port(), free_port()
    config = folder / "posthorn.yaml"
    config.write_text(f"""\
server_name: example.org
app_service_config_files: ['{bridges[0].name}.yaml', '{bridges[1].name}.yaml']
listen: 127.0.0.1:{feeds}
admin: 127.0.0.1:{admin}
store: lmdb:posthorn-data
name: demo
""")
    config.chmod(0o600)
    return feeds, admin


def wait_until_ready(admin: int) -> None:
    for _ in range(200):
        try:
            link = http.client.HTTPConnection("127.0.0.1", admin, timeout=1)
            link.request("GET", "/health/ready")
            if link.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
    sys.exit("the node did not become ready")


def wait_for(bridge: Bridge, events: int) -> None:
    for _ in range(400):
        if bridge.events >= events:
            return
        time.sleep(0.05)
    sys.exit(f"{bridge.name} got {bridge.events} of {events} events")


def show(binary: str, config: pathlib.Path, *command: str) -> None:
    say(f"$ posthorn {' '.join(command)} -c posthorn.yaml")
    subprocess.run([binary, *command, "-c", str(config)], check=True)


def story(binary: str, folder: pathlib.Path) -> None:
    irc, telegram = Bridge("irc"), Bridge("telegram")
    feeds, admin = configure(folder, [irc, telegram])
    config = folder / "posthorn.yaml"
    start = [binary, "node", "-c", str(config)]
    irc.start()
    telegram.start()
    say("starting a node with two services")
    node = subprocess.Popen(start)
    try:
        wait_until_ready(admin)
        homeserver = Homeserver(feeds)
        say("the homeserver sends an event to each")
        homeserver.send("irc", "hello irc")
        homeserver.send("telegram", "hello telegram")
        wait_for(irc, 1)
        wait_for(telegram, 1)

        say("the irc bridge goes away; 250 events for it, one for telegram")
        irc.stop()
        for n in range(250):
            homeserver.send("irc", f"message {n}")
        homeserver.send("telegram", "still here")
        wait_for(telegram, 2)
        time.sleep(1)
        show(binary, config, "services")

        say("the node is killed (kill -9) and started again")
        node.kill()
        node.wait()
        node = subprocess.Popen(start)
        wait_until_ready(admin)

        say("the irc bridge is back: it gets everything, in order, in hundreds")
        irc.start()
        wait_for(irc, 251)
        show(binary, config, "services")
        show(binary, config, "metrics")
        node.send_signal(signal.SIGTERM)
        node.wait(40)
        say("done: nothing was lost")
    finally:
        node.kill()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="posthorn-demo-") as scratch:
        story(sys.argv[1], pathlib.Path(scratch))

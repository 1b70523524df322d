# SPDX-License-Identifier: Apache-2.0
"""Links between nodes that share a store: the store tells who there is."""

import unittest

from cluster_test import IDS, ClusterCase
from harness import answers, numbered
from harness.cluster import wait
from harness.node import as_json


class ClusterLinks(ClusterCase):
    def setUp(self) -> None:
        super().setUp()
        self.nodes = self.cluster()
        self.nodes.link()
        self.nodes.start()
        self.nodes.wait_settled("abc")
        self.nodes.wait_linked("abc")

    def test_the_store_tells_whom_to_link(self):
        self.nodes["c"].stop()
        self.nodes.wait_linked("ab")
        self.nodes["c"].start()
        self.nodes.wait_linked("abc")

    def test_a_node_that_died_or_is_frozen_stays_in_the_dump(self):
        self.nodes["b"].kill()
        self.nodes.stop_process("c")
        self.addCleanup(self.nodes.continue_process, "c")

        def shown(name: str, state: str) -> bool:
            one = self.nodes.dump_of("a").get(name, {})
            return state in one.get("problem", "")

        wait(lambda: shown("b", "dead: last heard of"), 20, "b shown as dead")
        wait(lambda: shown("c", "dead: last heard of"), 20, "c shown as dead")
        table = self.nodes["a"].run("metrics", "-c", self.nodes["a"].config)
        self.assertIn("dead: last heard of", table.stdout)
        self.assertIn("1 of 3 nodes answer", table.stdout)
        figures = self.nodes["a"].run(
            "metrics", "-c", self.nodes["a"].config, "--format", "prometheus"
        )
        self.assertIn('posthorn_cluster_node_up{node="b"} 0', figures.stdout)
        exposed = self.nodes["a"].admin("GET", "/metrics").body.decode()
        self.assertIn('posthorn_node_alive{node="b"} 0', exposed)
        self.nodes.continue_process("c")
        self.nodes["b"].start()
        self.nodes.wait_linked("abc")

    def test_every_node_says_the_same_of_services(self):
        self.nodes.wait_settled("abc")
        for asked in "abc":
            found = self.nodes[asked].admin("GET", "/admin/v1/actors").json
            self.assertEqual(set(IDS), {one["id"] for one in found["services"]})
            self.assertEqual(8, found["totals"]["up"])
            self.assertEqual(3, found["totals"]["nodes_answering"])

    def test_an_order_is_carried_out_by_the_owner(self):
        owners = self.nodes.owners()
        for service, owner in owners.items():
            asked = next(name for name in "abc" if name != owner)
            reply = self.nodes[asked].admin(
                "POST", f"/admin/v1/services/{service}/pause"
            )
            self.assertEqual(
                (200, owner), (reply.status, reply.json["node"]), reply.body
            )
            self.assertEqual("PAUSED", self.nodes[owner].service(service)["state"])

    def test_a_skip_is_carried_out_by_the_owner(self):
        """Whichever node is asked, by command"""
        self.receivers["s1"].default = answers.status(404)
        self.nodes["a"].feed("s1").send(numbered(2))
        owner = self.nodes.owners()["s1"]
        node = self.nodes[next(name for name in "abc" if name != owner)]
        node.wait_service("s1", lambda row: row["state"] == "DOWN", "DOWN")
        done = node.run("dead", "skip", "s1", "-c", node.config, "--json")
        said = as_json(done)
        self.assertEqual((True, owner), (said["skipped"], said["node"]), said)
        self.assertEqual(2, node.service("s1")["dead_letters"])
        said = node.admin("POST", "/admin/v1/dead/s1/skip").json
        self.assertEqual((False, False), (said["skipped"], said["when_refused"]))

    def test_with_all_links_cut_deliveries_and_orders_go_on(self):
        for one in self.nodes.nodes.values():
            one.settings["cluster"] = None
            one.write()
        for name in "abc":
            self.nodes[name].stop()
            self.nodes[name].start()
        self.nodes.wait_settled("abc")
        found = self.nodes.dump_of("a")
        self.assertEqual({"a", "b", "c"}, set(found))
        self.assertIn("no cluster.listen", found["b"]["problem"])
        for one in IDS:
            self.nodes["a"].feed(one).send(numbered(3))
        self.check_each_got(3)
        owner = self.nodes.owners()["s1"]
        asked = next(name for name in "abc" if name != owner)
        reply = self.nodes[asked].admin("POST", "/admin/v1/services/s1/pause")
        self.assertEqual(200, reply.status, reply.body)


if __name__ == "__main__":
    unittest.main()

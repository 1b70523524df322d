# SPDX-License-Identifier: Apache-2.0
"""Links between nodes that share a store: the store tells who there is."""

import unittest

from cluster_test import IDS, ClusterCase
from harness import numbered


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

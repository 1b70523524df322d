// SPDX-License-Identifier: Apache-2.0
// The bodies of transactions.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::contract;

namespace {

const raw_item typing{item_kind::ephemeral, R"({"type":"m.typing"})"};
const raw_item receipt_of{item_kind::ephemeral, R"({"type":"m.receipt"})"};
const raw_item message{item_kind::event, R"({"type":"m.room.message"})"};

raw_item lists(std::string json) {
  return {item_kind::device_lists, std::move(json)};
}

/// The bodies for these items, a batch each, cut and sent after a reopening.
struct posted {
  explicit posted(const std::vector<std::vector<raw_item>>& batches,
                  cut_limits limits = {}) {
    irc = bench.service("irc");
    bench.limits = limits;
    for (auto& items : batches)
      bench.append(items);
    bench.route_all({irc});
    bench.rig->reopen();
  }

  std::string body() {
    auto out = bench.next(irc);
    REQUIRE(out);
    return out->body;
  }

  workbench bench;
  service_no irc = 0;
};

} // namespace

TEST_SUITE_BEGIN("store: bodies");

TEST_CASE("events go out as they came, byte by byte") {
  raw_item odd{item_kind::event,
               "{ \"a\" : 1.0e5, \"a\":\t\"\\u00e9\xc3\xa9\"}"};
  posted it{{{message, odd}, {message}}};
  CHECK(it.body()
        == "{\"events\":[" + message.second + "," + odd.second + ","
             + message.second + "]}");
}

TEST_CASE("D23: ephemeral items go out under the names that the flags ask "
          "for") {
  std::string list = typing.second + "," + receipt_of.second + "]";
  cut_limits limits;
  std::string expected = "{\"events\":[]";
  SUBCASE("stable") {
    limits.stable_ephemeral = true;
    expected += ",\"ephemeral\":[" + list;
  }
  SUBCASE("unstable") {
    limits.unstable_ephemeral = true;
    expected += ",\"de.sorunome.msc2409.ephemeral\":[" + list;
  }
  SUBCASE("both") {
    limits.stable_ephemeral = true;
    limits.unstable_ephemeral = true;
    expected += ",\"ephemeral\":[" + list
                + ",\"de.sorunome.msc2409.ephemeral\":[" + list;
  }
  posted it{{{typing}, {receipt_of}}, limits};
  CHECK(it.body() == expected + "}");
}

TEST_CASE("ephemeral items for a service without a flag leave with the "
          "transaction they stood in") {
  posted it{{{typing, message, receipt_of}, {typing}}};
  CHECK(it.bench.row(it.irc).pending_events == 4);
  auto out = it.bench.next(it.irc);
  CHECK(out->body == "{\"events\":[" + message.second + "]}");
  CHECK(!it.bench.complete(it.irc, out->txn_id));
  CHECK(it.bench.row(it.irc).pending_events == 0);
  CHECK(it.bench.row(it.irc).delivered_events == 4);
}

TEST_CASE("nothing but ephemeral items for a service without a flag makes no "
          "transaction") {
  std::vector<std::vector<raw_item>> many(50, {typing});
  posted it{many};
  CHECK(!it.bench.next(it.irc));
  it.bench.rig->reopen();
  auto row = it.bench.row(it.irc);
  CHECK(row.pending_events == 0);
  CHECK(row.pending_bytes == 0);
  CHECK(!row.open);
  CHECK(row.delivered_transactions == 0);
  CHECK(it.bench.stat().used_bytes == 0);
}

TEST_CASE("to-device items go out under their unstable name") {
  posted it{{{{item_kind::to_device, "{\"a\":1}"},
              message,
              {item_kind::to_device, "{\"a\":2}"}}}};
  CHECK(it.body()
        == "{\"events\":[" + message.second
             + "],\"de.sorunome.msc2409.to_device\":[{\"a\":1},{\"a\":2}]}");
}

TEST_CASE("D25: device lists are folded: the later mention of a user counts") {
  std::string key = "{\"events\":[],\"org.matrix.msc3202.device_lists\":";
  SUBCASE("changed, left, changed again") {
    posted it{{{lists(R"({"changed":["@a:x"]})")},
               {lists(R"({"left":["@a:x"]})")},
               {lists(R"({"changed":["@a:x","@b:x"],"left":[]})")}}};
    CHECK(it.body() == key + R"({"changed":["@a:x","@b:x"],"left":[]}})");
  }
  SUBCASE("changed, then left") {
    posted it{{{lists(R"({"changed":["@a:x","@b:x"],"left":["@c:x"]})"),
                lists(R"({"left":["@a:x"],"changed":["@c:x"]})")}}};
    CHECK(it.body() == key + R"({"changed":["@b:x","@c:x"],"left":["@a:x"]}})");
  }
  SUBCASE("a list that is null is none") {
    posted it{{{lists(R"({"changed":null,"left":["@a:x"]})")}}};
    CHECK(it.body() == key + R"({"changed":[],"left":["@a:x"]}})");
  }
  SUBCASE("of a key that comes twice the last one counts") {
    posted it{{{lists(R"({"left":["\ud800"],"l\u0065ft":["@b:x"]})")}}};
    CHECK(it.body() == key + R"({"changed":[],"left":["@b:x"]}})");
  }
  SUBCASE("the same user twice, written in two ways") {
    posted it{{{lists(R"({"changed" : [ "@a:x" , "\u0040a:x" ]})")}}};
    CHECK(it.body() == key + R"({"changed":["@a:x"],"left":[]}})");
  }
}

TEST_CASE("device lists that are none add nothing") {
  posted it{{{message, lists("{\"changed\":[1]}"), lists("[]")}}};
  CHECK(it.body() == "{\"events\":[" + message.second + "]}");
}

TEST_CASE("D26: the newest key counts go out under both names, the newest "
          "fallback keys under theirs") {
  posted it{{{{item_kind::key_counts, "{\"new\":0}"},
              {item_kind::fallback_keys, "{\"new\":[1]}"}},
             {{item_kind::fallback_keys, "{\"new\":[]}"},
              {item_kind::key_counts, "{\"new\":1}"}}}};
  CHECK(it.body()
        == "{\"events\":[]"
           ",\"org.matrix.msc3202.device_one_time_key_counts\":{\"new\":1}"
           ",\"org.matrix.msc3202.device_one_time_keys_count\":{\"new\":1}"
           ",\"org.matrix.msc3202.device_unused_fallback_key_types\":"
           "{\"new\":[]}}");
}

TEST_CASE("D26: key counts of several transactions are folded: the newest of "
          "each user, in the bytes in which it came") {
  posted it{{{{item_kind::key_counts, R"({"@a:x":{"D":1}, "@b:x":{"D":1}})"}},
             {{item_kind::key_counts, R"({"@c:x" : {"D": 1.0e2} })"},
              {item_kind::fallback_keys, R"({"@a:x":{"D":[]}})"}},
             {{item_kind::key_counts, R"({"@a:x":{"D":2},"@q\"\\:x":{}})"}}}};
  std::string counts
    = R"({"@a:x":{"D":2},"@b:x":{"D":1},"@c:x":{"D": 1.0e2},"@q\"\\:x":{}})";
  CHECK(it.body()
        == "{\"events\":[]"
           ",\"org.matrix.msc3202.device_one_time_key_counts\":"
             + counts
             + ",\"org.matrix.msc3202.device_one_time_keys_count\":" + counts
             + ",\"org.matrix.msc3202.device_unused_fallback_key_types\":"
               "{\"@a:x\":{\"D\":[]}}}");
}

TEST_CASE("each kind has its own count of items") {
  cut_limits limits;
  limits.max_events = 2;
  limits.stable_ephemeral = true;
  posted it{{{message, typing, message, typing, message}}, limits};
  CHECK(it.body()
        == "{\"events\":[" + message.second + "," + message.second
             + "],\"ephemeral\":[" + typing.second + "," + typing.second
             + "]}");
}

TEST_CASE("what is not an event counts against the size, too") {
  cut_limits limits;
  limits.stable_ephemeral = true;
  limits.unstable_ephemeral = true;
  limits.max_bytes = 2'000;
  std::vector<raw_item> items;
  for (int i = 0; i < 60; ++i) {
    items.push_back(message);
    items.push_back(typing);
    items.push_back({item_kind::to_device, "{\"to\":\"device\"}"});
    items.push_back(
      lists(R"({"changed":["@)" + std::to_string(i) + R"(:x"],"left":[]})"));
    const auto user = "{\"" + std::to_string(i);
    items.push_back(
      {item_kind::key_counts, user + std::string(i * 3u, 'x') + "\":1}"});
    items.push_back(
      {item_kind::fallback_keys, user + std::string(i * 2u, 'x') + "\":1}"});
  }
  posted it{{items}, limits};
  auto bodies = it.bench.drain(it.irc);
  CHECK(bodies.size() > 4);
  CHECK(bodies.size() < 20);
  for (auto& body : bodies)
    CHECK(body.size() <= 2'000);
}

TEST_SUITE_END();

// SPDX-License-Identifier: Apache-2.0
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <numeric>

namespace posthorn::contract {

std::shared_ptr<batch> make_batch(const std::string& feed,
                                  const std::string& txn_id,
                                  const std::vector<raw_item>& items,
                                  std::uint8_t digest) {
  auto result = std::make_shared<batch>();
  result->feed = feed;
  result->txn_id = txn_id;
  result->digest.fill(digest);
  // Something before, between and behind the items, which no store may keep.
  result->body = "{\"events\": [";
  for (auto& [kind, json] : items) {
    item each;
    each.kind = kind;
    each.json = {static_cast<std::uint32_t>(result->body.size()),
                 static_cast<std::uint32_t>(json.size())};
    if (feed.empty() && kind == item_kind::event) {
      each.fields = static_cast<std::uint32_t>(result->fields.size());
      event_fields fields;
      fields.type = "m.room.message";
      fields.sender = "@alice:example.org";
      fields.room_id = "!a:example.org";
      fields.state_key = json.substr(0, 64);
      fields.has_state_key = true;
      result->fields.push_back(std::move(fields));
    }
    result->items.push_back(each);
    result->body += json + " , ";
  }
  result->body += "]}";
  return result;
}

std::vector<raw_item> numbered(int count, int from) {
  std::vector<raw_item> result;
  for (int i = from; i < from + count; ++i)
    result.emplace_back(item_kind::event, "{\"n\":" + std::to_string(i) + "}");
  return result;
}

raw_item event_of(std::size_t size) {
  constexpr std::size_t frame = 8;
  REQUIRE(size >= frame);
  return {item_kind::event,
          "{\"x\":\"" + std::string(size - frame, 'x') + "\"}"};
}

workbench::workbench() : rig{make_rig()} {
  sorter = lease("sorter");
}

storage::reply workbench::done(storage::mutation what) {
  auto answers = it().commit({&what, 1});
  REQUIRE(answers.size() == 1);
  if (!answers.front())
    FAIL(text_of(answers.front().error()));
  return *answers.front();
}

caf::error workbench::refused(storage::mutation what) {
  auto answers = it().commit({&what, 1});
  REQUIRE(answers.size() == 1);
  REQUIRE(!answers.front());
  return answers.front().error();
}

service_no workbench::service(const std::string& id) {
  auto answer = done(storage::enroll{{id}});
  auto number = std::get<storage::enrolled>(answer).numbers.at(0);
  epochs.resize(std::max<std::size_t>(epochs.size(), number + 1));
  epochs[number] = lease("service/" + id);
  return number;
}

posthorn::epoch workbench::lease(const std::string& name,
                                 const std::string& node) {
  // Closing a store ends the sessions that were opened through it.
  if (auto known = this->node(node); !known.alive)
    session(node);
  lease_request request{name, node, sessions[node]};
  return std::get<posthorn::lease>(done(storage::take_lease{request})).epoch;
}

session_no workbench::session(const std::string& node) {
  session_request request;
  request.node = node;
  auto answer = done(storage::open_session{request});
  return sessions[node] = std::get<posthorn::session>(answer).number;
}

void workbench::beat(const std::string& node) {
  done(storage::heartbeat{{node, sessions.at(node), node_state::up, 0}});
}

node_row workbench::node(const std::string& name) {
  auto rows = it().nodes();
  REQUIRE(rows);
  for (auto& each : *rows)
    if (each.name == name)
      return each;
  return {};
}

std::uint64_t workbench::append(const std::vector<raw_item>& items,
                                const std::string& feed) {
  auto what = make_batch(feed, "t" + std::to_string(++appended_), items);
  what->received = rig->wall_now;
  return std::get<receipt>(done(storage::append{what})).position;
}

std::shared_ptr<routing> workbench::routing_of_pool() {
  storage::page_limits all;
  all.max_items = SIZE_MAX;
  all.max_bytes = SIZE_MAX;
  auto result = std::make_shared<routing>();
  result->epoch = sorter;
  result->from = stat().sorter_cursor;
  result->to = page(all).next;
  return result;
}

routed workbench::route_all(const std::vector<service_no>& to, bool cut) {
  storage::page_limits all;
  all.max_items = SIZE_MAX;
  all.max_bytes = SIZE_MAX;
  auto what = routing_of_pool();
  for (auto& entry : page(all).entries) {
    parcel each;
    each.to = to;
    each.pieces.push_back(
      {entry.position, 0, static_cast<std::uint32_t>(entry.kinds.size())});
    each.items = static_cast<std::uint32_t>(entry.kinds.size());
    what->parcels.push_back(std::move(each));
  }
  for (auto service : to)
    what->addressees.push_back({service, limits, cut});
  return std::get<routed>(done(storage::route{what}));
}

claim workbench::claim_of(service_no who) const {
  return {who, epochs.at(who)};
}

outbound_ptr workbench::next(service_no who) {
  return std::get<outbound_ptr>(done(storage::next{claim_of(who), limits}));
}

outbound_ptr workbench::complete(service_no who, const std::string& txn_id) {
  return std::get<outbound_ptr>(
    done(storage::complete{claim_of(who), txn_id, limits}));
}

void workbench::fail(service_no who, const std::string& txn_id,
                     std::uint32_t failures) {
  setback what;
  what.txn_id = txn_id;
  what.what = outcome::refused;
  what.status = 502;
  what.detail = "bad gateway";
  what.failures = failures;
  what.next_attempt = rig->wall_now + std::chrono::seconds{2};
  done(storage::fail{claim_of(who), what});
}

std::vector<std::string> workbench::drain(service_no who) {
  std::vector<std::string> bodies;
  for (auto out = next(who); out; out = complete(who, out->txn_id))
    bodies.push_back(out->body);
  return bodies;
}

service_row workbench::row(service_no who) {
  auto rows = it().services();
  REQUIRE(rows);
  for (auto& each : *rows)
    if (each.number == who)
      return each;
  FAIL("no such service");
  return {};
}

storage::store_stat workbench::stat() {
  auto result = it().stat();
  REQUIRE(result);
  return *result;
}

pool_page workbench::page(const storage::page_limits& limits_of_page) {
  auto result = it().peek(stat().sorter_cursor, limits_of_page);
  REQUIRE(result);
  return *result;
}

std::vector<int> numbers_in(const std::vector<std::string>& bodies) {
  std::vector<int> result;
  constexpr std::string_view mark = "{\"n\":";
  for (auto& body : bodies)
    for (auto i = body.find(mark); i != std::string::npos;
         i = body.find(mark, i + 1))
      result.push_back(std::atoi(body.c_str() + i + mark.size()));
  return result;
}

std::vector<int> up_to(int last) {
  std::vector<int> result(static_cast<std::size_t>(last));
  std::iota(result.begin(), result.end(), 1);
  return result;
}

} // namespace posthorn::contract

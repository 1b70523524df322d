// SPDX-License-Identifier: Apache-2.0
// Parts that are not events: read, taken apart, or refused with the place.
#include "actors/intake/slicer.hpp"
#include "actors/parts/part_reader.hpp"
#include "messages/errors.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace posthorn;

namespace {

std::string refusal(const std::string& parts) {
  auto result = slice(R"({"events":[{"type":"m.x"}],)" + parts + "}", {});
  if (result)
    return "taken";
  CHECK(is(result.error(), ec::bad_json));
  return text_of(result.error());
}

std::vector<std::string> by_user(item_kind kind, std::string_view json) {
  auto parts = read_by_user(kind, json);
  REQUIRE(parts);
  std::vector<std::string> result;
  for (const auto& each : *parts)
    result.push_back(each.user_id + " " + each.json);
  return result;
}

} // namespace

TEST_SUITE_BEGIN("part reader");

TEST_CASE("a receipt EDU is taken apart into one for each user, type and "
          "thread, the receipt's own bytes untouched") {
  const auto part = read_ephemeral(
    R"({"content":{"$1":{"m.read":{"@a:x":{"ts": 1.0e3,"thread_id":"$t"},)"
    R"("@b:x":{"ts":2}},"m.read.private":{"@a:x":{}}}},)"
    R"("room_id":"!r\u00e9\"","type":"m.receipt","extra":[1]})");
  REQUIRE(part);
  CHECK(part->room_id == "!r\xc3\xa9\"");
  REQUIRE(part->receipts.size() == 3);
  const auto& first = part->receipts[0];
  CHECK(first.user_id == "@a:x");
  CHECK(first.type == "m.read");
  CHECK(first.thread_id == "$t");
  CHECK(first.json
        == "{\"type\":\"m.receipt\",\"room_id\":\"!r\xc3\xa9\\\"\","
           R"("content":{"$1":{"m.read":{"@a:x":{"ts": 1.0e3,)"
           R"("thread_id":"$t"}}}}})");
  CHECK(!first.is_private());
  CHECK(part->receipts[1].user_id == "@b:x");
  CHECK(part->receipts[2].is_private());
}

TEST_CASE("a receipt EDU with one receipt stays as it came") {
  const std::string_view json = R"({ "type":"m.receipt", "room_id":"!r","x":1,
      "content":{"$1":{"org.matrix.msc2285.read.private":{"@a:x":{}}}}})";
  const auto part = read_ephemeral(json);
  REQUIRE(part);
  REQUIRE(part->receipts.size() == 1);
  CHECK(part->receipts[0].json == json);
  CHECK(part->receipts[0].is_private());
}

TEST_CASE("D25: device lists are taken apart by user, the later word counts") {
  using strings = std::vector<std::string>;
  const auto kind = item_kind::device_lists;
  CHECK(by_user(kind, R"({"changed":["@a:x","@b:x","@a:x"],"left":["@b:x"]})")
        == strings{R"(@a:x {"changed":["@a:x"],"left":[]})",
                   R"(@b:x {"changed":[],"left":["@b:x"]})"});
  CHECK(by_user(kind, R"({"changed":[],"left":[]})").empty());
  CHECK(by_user(kind, R"({"left":null,"removed":[1]})").empty());
  // One user only: as it came.
  CHECK(by_user(kind, R"({ "changed" : ["\u0040a:x"] })")
        == strings{R"(@a:x { "changed" : ["\u0040a:x"] })"});
}

TEST_CASE("D26: key counts are taken apart by user, values as they came") {
  using strings = std::vector<std::string>;
  CHECK(by_user(item_kind::key_counts, R"({"@a:x":{"D": 1e1 } ,"@b:x":{}})")
        == strings{R"(@a:x {"@a:x":{"D": 1e1 }})", R"(@b:x {"@b:x":{}})"});
  CHECK(by_user(item_kind::fallback_keys, "{}").empty());
}

TEST_CASE("an ephemeral item that lacks what it is about is refused with its "
          "place") {
  CHECK(refusal(R"("ephemeral":[{"type":"m.x"},{"content":{}}])")
        == "ephemeral[1]: type is missing or not a string");
  CHECK(refusal(R"("ephemeral":[{"type":7}])")
        == "ephemeral[0]: type is missing or not a string");
  CHECK(refusal(R"("ephemeral":[{"type":"m.typing","content":{}}])")
        == "ephemeral[0]: room_id of m.typing is missing or not a string");
  CHECK(refusal(R"("ephemeral":[{"type":"m.presence","sender":null}])")
        == "ephemeral[0]: sender of m.presence is missing or not a string");
  for (const auto* content :
       {"null", "[]", R"({"$1":[]})", R"({"$1":{"m.read":7}})",
        R"({"$1":{"m.read":{"@a:x":1}}})"})
    CHECK(refusal(R"("ephemeral":[{"type":"m.receipt","room_id":"!r",)"
                  R"("content":)"
                  + std::string{content} + "}]")
          == "ephemeral[0]: content of m.receipt is not "
             "{event: {type: {user: {...}}}}");
}

TEST_CASE("a to-device message without a recipient is refused with its place") {
  const std::string key = R"("de.sorunome.msc2409.to_device":)";
  CHECK(refusal(key + R"([{"to_user_id":"@a:x","type":"m.x"}])")
        == "de.sorunome.msc2409.to_device[0]: to_device_id is missing or not a "
           "string");
  CHECK(refusal(key + R"([{"to_device_id":"D","to_user_id":1}])")
        == "de.sorunome.msc2409.to_device[0]: to_user_id is missing or not a "
           "string");
}

TEST_CASE("device lists that are no lists of users are refused with the key") {
  const std::string key = R"("org.matrix.msc3202.device_lists":)";
  CHECK(refusal(key + R"({"changed":{"@a:x":1}})")
        == "org.matrix.msc3202.device_lists: changed is not a list of strings");
  CHECK(refusal(key + R"({"left":["@a:x",1]})")
        == "org.matrix.msc3202.device_lists: left is not a list of strings");
}

TEST_CASE("optional parts that are null count as absent") {
  for (const std::string key :
       {"ephemeral", "de.sorunome.msc2409.ephemeral",
        "de.sorunome.msc2409.to_device", "org.matrix.msc3202.device_lists",
        "org.matrix.msc3202.device_one_time_key_counts",
        "org.matrix.msc3202.device_one_time_keys_count",
        "org.matrix.msc3202.device_unused_fallback_key_types"})
    CHECK_MESSAGE(refusal("\"" + key + "\":null") == "taken", key);
}

TEST_CASE("keys and types that nobody knows are nobody's business") {
  CHECK(refusal(R"("ephemeral":[{"type":"org.new","x":1},)"
                R"({"type":"m.typing","room_id":"!r","edu_id":[]}],)"
                R"("org.matrix.msc3202.device_lists":{"removed":[1]},)"
                R"("org.matrix.future":7)")
        == "taken");
}

TEST_SUITE_END();

// SPDX-License-Identifier: Apache-2.0
// What an import's lines say, and what is said of bad ones.
#include "actors/admin/room_lines.hpp"

#include <doctest/doctest.h>

using namespace posthorn;

namespace {

room_lines read(std::string_view text) {
  return read_room_lines(text, "example.org");
}

/// Why a line was not taken; empty when it was.
std::string fault_of(std::string_view line) {
  const auto got = read(line);
  CHECK(got.lines == 1);
  CHECK(got.bad == got.faults.size());
  return got.faults.empty() ? "" : got.faults.front().text;
}

} // namespace

TEST_SUITE_BEGIN("room lines");

TEST_CASE("state events and memberships are taken in order") {
  const auto got = read(R"({"type":"m.room.member","room_id":"!a:x",)"
                        R"("state_key":"@b:example.org","sender":"@c:x",)"
                        R"("content":{"membership":"join"}})"
                        "\n"
                        R"({"room_id":"!a:x","user_id":"@d:example.org",)"
                        R"("membership":"ban"})"
                        "\r\n\n"
                        R"({"type":"m.room.canonical_alias","room_id":"!a:x",)"
                        R"("state_key":"","content":{"alias":"#z:example.org",)"
                        R"("alt_aliases":["#y:example.org","#far:x",7]}})"
                        "\n"
                        R"({"type":"m.room.name","room_id":"!a:x"})"
                        "\n"
                        R"({"room_id":"!a:x","user_id":"@far:x",)"
                        R"("membership":"join"})");
  CHECK(got.lines == 6);
  CHECK(got.bad == 0);
  CHECK(got.ignored == 1);
  REQUIRE(got.changes.memberships.size() == 3);
  CHECK(got.changes.memberships[0].room_id == "!a:x");
  CHECK(got.changes.memberships[0].user_id == "@b:example.org");
  CHECK(got.changes.memberships[0].joined);
  CHECK(got.changes.memberships[1].user_id == "@d:example.org");
  CHECK_FALSE(got.changes.memberships[1].joined);
  CHECK(got.changes.memberships[1].local);
  CHECK(got.changes.memberships[2].user_id == "@far:x");
  CHECK(got.changes.memberships[2].joined);
  CHECK_FALSE(got.changes.memberships[2].local);
  REQUIRE(got.changes.aliases.size() == 1);
  CHECK(got.changes.aliases[0].aliases
        == std::vector<std::string>{"#y:example.org", "#z:example.org"});
}

TEST_CASE("a canonical alias event without any says that a room has none") {
  const auto got = read(R"({"type":"m.room.canonical_alias","room_id":"!a:x",)"
                        R"("content":{}})");
  REQUIRE(got.changes.aliases.size() == 1);
  CHECK(got.changes.aliases[0].aliases.empty());
}

TEST_CASE("a bad line is named with its number and its fault, and the rest is "
          "read") {
  const auto good
    = R"({"room_id":"!a:x","user_id":"@b:example.org","membership":"join"})";
  std::string lines{good};
  lines.append("\nnonsense\n\n[]\n").append(good).append("\n");
  const auto got = read(lines);
  CHECK(got.lines == 5);
  CHECK(got.changes.memberships.size() == 2);
  REQUIRE(got.faults.size() == 2);
  CHECK(got.faults[0].line == 2);
  CHECK(got.faults[0].text == "not JSON");
  CHECK(got.faults[1].line == 4);
  CHECK(got.faults[1].text == "not a JSON object");
}

TEST_CASE("each fault of a line has a text of its own") {
  CHECK(fault_of("{}").find("neither a state event") == 0);
  CHECK(fault_of(R"({"type":7})") == "type is not a string");
  CHECK(fault_of(R"({"user_id":"@b:x"})") == "membership is missing");
  CHECK(fault_of(R"({"membership":"join"})") == "user_id is missing");
  CHECK(fault_of(R"({"user_id":"@b:x","membership":"join"})")
        == "room_id is missing");
  CHECK(fault_of(R"({"user_id":"b","membership":"join"})")
        == "user_id does not begin with @");
  CHECK(fault_of(R"({"user_id":"@b:x","room_id":"a","membership":"join"})")
        == "room_id does not begin with !");
  CHECK(fault_of(R"({"user_id":"@b:x","room_id":"!a","membership":"joined"})")
          .find("membership is none of")
        == 0);
  CHECK(fault_of(R"({"type":"m.room.member","state_key":"@b:x"})")
        == "content is not an object");
  CHECK(fault_of(R"({"type":"m.room.member","content":{}})")
        == "state_key is missing");
  CHECK(fault_of(R"({"user_id":"@)" + std::string(255, 'b')
                 + R"(","membership":"join"})")
        == "user_id has more than 255 bytes");
}

TEST_CASE("of many bad lines the first hundred are described and all counted") {
  std::string text;
  for (int i = 0; i < 1'000; ++i)
    text += "?\n";
  const auto got = read(text);
  CHECK(got.bad == 1'000);
  CHECK(got.faults.size() == line_faults_max);
}

TEST_SUITE_END();

// SPDX-License-Identifier: Apache-2.0
// Which id an event has.
#include "storage/event_id.hpp"
#include "tests/support/show.hpp"

using namespace posthorn::storage;

namespace {

std::vector<std::string> ids_of(const std::string& body, bool whole = true) {
  event_id_reader reader;
  std::vector<std::string> result;
  CHECK(reader.each_of(body, [&](std::string_view id) {
    result.emplace_back(id);
  }) == whole);
  return result;
}

using strings = std::vector<std::string>;

} // namespace

TEST_SUITE_BEGIN("event ids");

TEST_CASE("an event has the id of its own key, unescaped and whole") {
  event_id_reader reader;
  CHECK(reader.is(R"({"event_id":"$a"})", "$a"));
  CHECK(reader.is(R"({"content":{"a":[{}]},"event_id" : "\u0024a"})", "$a"));
  CHECK(reader.is(R"({"event_\u0069d":"$a"})", "$a"));
  CHECK_FALSE(reader.is(R"({"event_id":"$ab"})", "$a"));
  CHECK_FALSE(reader.is(R"({"unsigned":{"event_id":"$a"}})", "$a"));
  CHECK_FALSE(reader.is(R"({"event_id":["$a"]})", "$a"));
  CHECK_FALSE(reader.is(R"({"x":"\"event_id\":\"$a\""})", "$a"));
}

TEST_CASE("of a key that comes twice the last one counts") {
  event_id_reader reader;
  CHECK(reader.is(R"({"event_id":"$a","event_id":"$b"})", "$b"));
  CHECK_FALSE(reader.is(R"({"event_id":"$a","event_id":"$b"})", "$a"));
}

TEST_CASE("what is no object has no id") {
  event_id_reader reader;
  CHECK_FALSE(reader.is(R"("$a")", "$a"));
  CHECK_FALSE(reader.is("$a", "$a"));
  CHECK_FALSE(reader.is("", ""));
  CHECK_FALSE(reader.is("{}", ""));
}

TEST_CASE("a transaction's events are told of in order, those without an id "
          "left out") {
  CHECK(
    ids_of(
      R"({"events":[{"event_id":"$1"},{},{"a":{"event_id":"$x"},"event_id":"$2"}],"ephemeral":[{"event_id":"$e"}]})")
    == strings{"$1", "$2"});
  CHECK(ids_of(R"({"events":[]})").empty());
  CHECK(ids_of(R"({"events":[{"event_id":"$1"},7]})", false) == strings{"$1"});
  CHECK(ids_of("nonsense", false).empty());
}

TEST_SUITE_END();

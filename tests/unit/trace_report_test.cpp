// SPDX-License-Identifier: Apache-2.0
// A trace as JSON and as a table.
#include "actors/admin/trace_api.hpp"
#include "apps/posthorn/inspect/trace.hpp"
#include "tests/support/show.hpp"

#include <sstream>

using namespace posthorn;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

std::chrono::system_clock::time_point at(int second) {
  return std::chrono::system_clock::time_point{std::chrono::seconds{second}};
}

json sample() {
  event_trace what;
  what.pool.push_back({7, "irc", at(90)});
  queued_event waiting;
  waiting.service = 1;
  waiting.received = at(80);
  waiting.before = 12;
  auto open = waiting;
  open.service = 2;
  open.open = true;
  open.txn_id = "t-9";
  open.failures = 3;
  open.next_attempt = at(104);
  what.queues = {waiting, open};
  dead_letter letter;
  letter.service = 1;
  letter.number = 5;
  letter.txn_id = "t-4";
  letter.reason = "HTTP 400";
  letter.set_aside = at(95);
  what.dead.push_back(letter);
  std::vector<service_row> rows(2);
  rows[0].number = 1;
  rows[0].id = "irc";
  rows[1].number = 2;
  rows[1].id = "tg";
  auto result = places_json(what, rows, at(100));
  result["found"] = true;
  result["complete"] = true;
  result["seconds"] = 0.1;
  result["unreadable_records"] = 0;
  result["delivered"]
    = {{{"service", "log"}, {"transaction", "t-2"}, {"accepted", 98.0}}};
  result["memory"]
    = {{"node", "a"}, {"problem", ""}, {"since", 40.0}, {"passed_over", 0}};
  return result;
}

std::string shown(const json& what) {
  std::ostringstream out;
  print_trace(what, 100, out);
  return out.str();
}

bool has(const std::string& text, const std::string& part) {
  const auto found = text.find(part) != std::string::npos;
  CHECK_MESSAGE(found, part, "\n", text);
  return found;
}

} // namespace

TEST_SUITE_BEGIN("trace report");

TEST_CASE("services stand under their ids, and times until from now") {
  const auto what = sample();
  CHECK(what.at("queues")[0].at("service") == "irc");
  CHECK(what.at("queues")[0].at("transaction").is_null());
  CHECK(what.at("queues")[0].at("next_attempt_seconds").is_null());
  CHECK(what.at("queues")[1].at("service") == "tg");
  CHECK(what.at("queues")[1].at("transaction") == "t-9");
  CHECK(what.at("queues")[1].at("next_attempt_seconds") == 4.0);
  CHECK(what.at("dead")[0].at("service") == "irc");
}

TEST_CASE("the table has a line for each place, and says what is not covered") {
  const auto text = shown(sample());
  for (const auto* part :
       {"not sorted yet", "12 items before it", "in the open transaction",
        "3 failures, next attempt in 4.0s", "HTTP 400", "t-2",
        "node a remembers its own of the last 1m00s",
        "earlier lives are not covered"})
    CHECK(has(text, part));
  CHECK(text.find("not everything") == std::string::npos);
}

TEST_CASE("a look that was cut short, records that cannot be read and a silent "
          "tracer are told of") {
  auto what = sample();
  for (const auto* key : {"pool", "queues", "dead", "delivered"})
    what[key] = json::array();
  what["found"] = false;
  what["complete"] = false;
  what["unreadable_records"] = 2;
  what["memory"]["passed_over"] = 4;
  auto text = shown(what);
  for (const auto* part : {"nothing is known", "not everything",
                           "2 records could not be read", "4 transactions"})
    CHECK(has(text, part));
  what["memory"] = {{"node", "a"}, {"problem", "it did not answer"}};
  CHECK(has(shown(what), "deliveries are not known: it did not answer"));
}

TEST_SUITE_END();

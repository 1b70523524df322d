// SPDX-License-Identifier: Apache-2.0
#include "actors/admin/trace_api.hpp"

#include "actors/admin/json_answer.hpp"
#include "actors/intake/matrix_error.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace posthorn {

namespace {

using nlohmann::json;
using std::chrono::system_clock;

/// How long the tracer may take to answer.
constexpr std::chrono::milliseconds memory_patience{2'000};

double seconds(std::chrono::nanoseconds span) {
  return std::chrono::duration<double>(span).count();
}

double since_1970(system_clock::time_point when) {
  return seconds(when.time_since_epoch());
}

} // namespace

json places_json(const event_trace& what,
                 const std::vector<service_row>& services,
                 system_clock::time_point now) {
  std::map<service_no, std::string> ids;
  for (const auto& row : services)
    ids[row.number] = row.id;
  auto pool = json::array();
  for (const auto& one : what.pool)
    pool.push_back({{"batch", one.position},
                    {"feed", one.feed},
                    {"received", since_1970(one.received)}});
  auto queues = json::array();
  for (const auto& one : what.queues) {
    json place{
      {"service", ids[one.service]}, {"received", since_1970(one.received)},
      {"before", one.before},        {"transaction", nullptr},
      {"failures", one.failures},    {"next_attempt_seconds", nullptr},
      {"paused", one.paused}};
    if (one.open)
      place["transaction"] = one.txn_id;
    if (one.failures > 0 && !one.paused)
      place["next_attempt_seconds"]
        = std::max(0.0, seconds(one.next_attempt - now));
    queues.push_back(std::move(place));
  }
  auto dead = json::array();
  for (const auto& one : what.dead)
    dead.push_back({{"service", ids[one.service]},
                    {"number", one.number},
                    {"transaction", one.txn_id},
                    {"reason", one.reason},
                    {"set_aside", since_1970(one.set_aside)},
                    {"received", since_1970(one.received)}});
  return {{"pool", std::move(pool)},
          {"queues", std::move(queues)},
          {"dead", std::move(dead)}};
}

trace_api::trace_api(caf::actor_system& sys,
                     std::shared_ptr<const storage::store> store,
                     tracer_actor memory, std::string node)
  : sys_{sys}, store_{std::move(store)}, memory_{std::move(memory)},
    node_{std::move(node)} {}

json trace_api::ask_memory(const std::string& event_id, json& delivered) const {
  json result{{"node", node_}, {"problem", ""}};
  delivered = json::array();
  caf::scoped_actor self{sys_};
  self
    ->request(memory_, caf::duration{memory_patience}, find_atom::value,
              event_id)
    .receive(
      [&](const delivery_memory& known) {
        for (const auto& one : known.found)
          delivered.push_back({{"service", one.service},
                               {"transaction", one.txn_id},
                               {"accepted", since_1970(one.when)}});
        result["since"] = since_1970(known.since);
        result["events"] = known.events;
        result["capacity"] = known.capacity;
        result["passed_over"] = known.passed_over;
      },
      [&](const caf::error& why) {
        result["problem"] = "the tracer did not answer: " + text_of(why);
      });
  return result;
}

void trace_api::handle(const std::string& event_id,
                       httplib::Response& response) {
  if (event_id.empty() || event_id.size() > traced_id_max)
    return set_matrix_error(response, 400, "M_INVALID_PARAM",
                            "an event id has 1 to "
                              + std::to_string(traced_id_max) + " bytes");
  const std::unique_lock alone{looking_, std::try_to_lock};
  if (!alone)
    return set_matrix_error(response, 429, "M_LIMIT_EXCEEDED",
                            "another trace is under way: try again in a few "
                            "seconds");
  const auto begin = std::chrono::steady_clock::now();
  trace_query what;
  what.event_id = event_id;
  const auto found = store_->trace(what);
  if (!found)
    return set_matrix_error(response, 503, "M_UNKNOWN", text_of(found.error()));
  const auto rows = store_->services();
  if (!rows)
    return set_matrix_error(response, 503, "M_UNKNOWN", text_of(rows.error()));
  // Last: what leaves the store while it is looked through is then known here.
  json delivered;
  auto memory = ask_memory(event_id, delivered);
  auto result = places_json(*found, *rows, system_clock::now());
  result["event_id"] = event_id;
  result["found"] = !found->pool.empty() || !found->queues.empty()
                    || !found->dead.empty() || !delivered.empty();
  result["complete"] = found->complete;
  result["examined_records"] = found->examined;
  result["unreadable_records"] = found->unreadable;
  result["seconds"] = seconds(std::chrono::steady_clock::now() - begin);
  result["delivered"] = std::move(delivered);
  result["memory"] = std::move(memory);
  set_json(response, result);
}

} // namespace posthorn

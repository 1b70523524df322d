// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/inspect/trace.hpp"

#include "apps/posthorn/inspect/table.hpp"

#include <httplib.h>

#include <algorithm>
#include <chrono>

namespace posthorn {

namespace {

using nlohmann::json;

std::string age_of(const json& when, double now) {
  if (!when.is_number())
    return "-";
  return show_span(std::max(0.0, now - when.get<double>()));
}

std::string text_at(const json& from, const char* key) {
  const auto& found = from.at(key);
  if (found.is_null())
    return "-";
  return found.is_string() ? found.get<std::string>() : found.dump();
}

std::string standing_of(const json& place) {
  const auto before = text_at(place, "before");
  auto result = place.at("transaction").is_null() ? before + " items before it"
                                                  : "in the open transaction";
  if (place.at("paused").get<bool>())
    return result + ", service is paused";
  if (const auto failures = place.at("failures").get<std::uint64_t>())
    result += ", service is DOWN: " + std::to_string(failures)
              + " failures, next attempt in "
              + show_span(place.at("next_attempt_seconds").get<double>());
  return result;
}

/// What the answer does not cover.
void print_bounds(const json& answer, double now, std::ostream& out) {
  if (!answer.at("complete").get<bool>())
    out << "not everything that waits was looked at: the look was ended after "
        << show_span(answer.at("seconds").get<double>()) << '\n';
  if (const auto bad = answer.at("unreadable_records").get<std::uint64_t>())
    out << bad << " records could not be read\n";
  const auto& memory = answer.at("memory");
  if (const auto problem = text_at(memory, "problem"); !problem.empty()) {
    out << "deliveries are not known: " << problem << '\n';
    return;
  }
  out << "deliveries: node " << text_at(memory, "node")
      << " remembers its own of the last " << age_of(memory.at("since"), now);
  if (const auto passed = memory.at("passed_over").get<std::uint64_t>())
    out << ", but for " << passed << " transactions";
  out << "; those of other nodes and of earlier lives are not covered\n";
}

} // namespace

void print_trace(const json& answer, double now, std::ostream& out) {
  table shown{{"PLACE", "SERVICE", "AGE", "TRANSACTION", "WHAT"}};
  for (const auto& one : answer.at("pool")) {
    const auto feed = text_at(one, "feed");
    shown.add({"pool", feed.empty() ? "-" : feed,
               age_of(one.at("received"), now), "-",
               "taken in, not sorted yet"});
  }
  for (const auto& one : answer.at("queues"))
    shown.add({one.at("transaction").is_null() ? "queue" : "open",
               text_at(one, "service"), age_of(one.at("received"), now),
               text_at(one, "transaction"), standing_of(one)});
  for (const auto& one : answer.at("dead"))
    shown.add({"dead", text_at(one, "service"),
               age_of(one.at("set_aside"), now), text_at(one, "transaction"),
               text_at(one, "reason")});
  for (const auto& one : answer.at("delivered"))
    shown.add({"delivered", text_at(one, "service"),
               age_of(one.at("accepted"), now), text_at(one, "transaction"),
               "accepted"});
  if (answer.at("found").get<bool>())
    shown.print(out);
  else
    out << "nothing is known of this event here\n";
  print_bounds(answer, now, out);
}

int run_trace(const admin_target& target, const std::string& event_id,
              bool as_json, std::ostream& out, std::ostream& err) {
  const auto answer = ask_admin(
    target, "GET",
    "/admin/v1/trace/" + httplib::detail::encode_query_param(event_id));
  if (!answer)
    return refuse(err, answer.error());
  const auto now = std::chrono::duration<double>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count();
  if (as_json)
    out << answer->dump(2) << '\n';
  else
    print_trace(*answer, now, out);
  return answer->at("found").get<bool>() ? 0 : 1;
}

} // namespace posthorn

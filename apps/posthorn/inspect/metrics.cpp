// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/inspect/metrics.hpp"

#include "apps/posthorn/inspect/cells.hpp"
#include "apps/posthorn/inspect/table.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <utility>

namespace posthorn {

namespace {

using nlohmann::json;

const char* const dump_path = "/admin/v1/actors";

/// Name of a sort key and the field that it means.
const std::map<std::string, std::string> sort_fields{
  {"handled", "handled"},         {"mailbox", "mailbox"},
  {"peak", "mailbox_peak"},       {"oldest", "oldest_message_seconds"},
  {"busy", "busy_seconds"},       {"longest", "longest_seconds"},
  {"running", "running_seconds"}, {"restarts", "restarts"},
};

/// Most handlers take less than a tenth of a second.
std::string fine_span(const json& x, const char* key) {
  const auto value = x.at(key).get<double>();
  if (value >= 1)
    return show_span(value);
  const auto micro = static_cast<long>(value * 1e6);
  return micro < 1'000 ? std::to_string(micro) + "us"
                       : std::to_string(micro / 1'000) + "ms";
}

bool wanted(const json& actor, const metrics_options& by) {
  if (!by.kind.empty() && actor.at("kind") != by.kind)
    return false;
  if (by.state == "stuck")
    return actor.at("problem") != "";
  if (!by.state.empty() && actor.at("state") != by.state)
    return false;
  return by.name.empty()
         || ::fnmatch(by.name.c_str(),
                      actor.at("name").get_ref<const std::string&>().c_str(), 0)
              == 0;
}

/// An actor and the node that it is on.
using placed = std::pair<std::string, json>;

bool comes_before(const placed& x, const placed& y, const std::string& field) {
  if (!field.empty()) {
    const auto a = x.second.at(field).get<double>();
    const auto b = y.second.at(field).get<double>();
    if (a != b)
      return a > b;
  }
  const auto key = [](const placed& one) {
    return std::make_pair(one.first, one.second.at("name").get<std::string>());
  };
  return key(x) < key(y);
}

std::string field_of(const std::string& key) {
  const auto found = sort_fields.find(key);
  return found == sort_fields.end() ? "" : found->second;
}

/// Those of all nodes that are left, in order.
std::vector<placed> in_order(const json& dump, const metrics_options& by) {
  std::vector<placed> result;
  for (const auto& node : dump.at("nodes"))
    for (const auto& actor : node.at("actors"))
      result.emplace_back(node.at("name").get<std::string>(), actor);
  const auto field = field_of(by.sort);
  std::stable_sort(result.begin(), result.end(),
                   [&field](const placed& x, const placed& y) {
                     return comes_before(x, y, field);
                   });
  return result;
}

std::string state_text(const json& actor) {
  auto result = actor.at("state").get<std::string>();
  if (const auto& next = actor.at("next_attempt_seconds");
      next.is_number() && result == "DOWN")
    result += " for " + show_span(next.get<double>());
  if (const auto& problem = actor.at("problem"); problem != "")
    result += ", " + problem.get<std::string>();
  return result;
}

void print_nodes(const json& nodes, std::ostream& out) {
  table shown{{"NODE", "ADDRESS", "VERSION", "UP", "SHOWN", "STATE"}};
  for (const auto& x : nodes) {
    const bool answered = x.at("answered").get<bool>();
    shown.add({word(x, "name"), word(x, "address"), word(x, "version"),
               answered ? span(x, "uptime_seconds") : "-",
               std::to_string(x.at("actors").size()),
               answered ? word(x, "state") : word(x, "problem")});
  }
  shown.print(out);
}

void print_actors(const std::vector<placed>& actors, std::ostream& out) {
  table shown{{"NODE", "ACTOR", "STATE", "HANDLED", "MAILBOX", "PEAK", "OLDEST",
               "BUSY", "LONGEST", "RESTARTS", "LAST MESSAGE"}};
  for (const auto& [node, x] : actors)
    shown.add({node, word(x, "name"), state_text(x), word(x, "handled"),
               word(x, "mailbox"), word(x, "mailbox_peak"),
               fine_span(x, "oldest_message_seconds"),
               fine_span(x, "busy_seconds"), fine_span(x, "longest_seconds"),
               word(x, "restarts"), word(x, "last_message")});
  shown.print(out);
}

void print_services(const json& services, std::ostream& out) {
  table shown{{"SERVICE", "STATE", "OWNER", "EPOCH", "PENDING", "BYTES",
               "OLDEST", "LAST TRANSACTION", "FAILURES", "NEXT ATTEMPT",
               "LAST ERROR"}};
  for (const auto& x : services)
    shown.add({word(x, "id"), word(x, "state"), word(x, "owner"),
               word(x, "epoch"), word(x, "pending_events"),
               show_bytes(x.at("pending_bytes").get<double>()),
               span(x, "oldest_pending_seconds"), word(x, "last_transaction"),
               word(x, "failures"), span(x, "next_attempt_seconds"),
               word(x, "last_error")});
  shown.print(out);
}

void print_totals(const json& sum, std::ostream& out) {
  out << "total: " << word(sum, "nodes_answering") << " of "
      << word(sum, "nodes") << " nodes answer, " << word(sum, "actors")
      << " actors, " << word(sum, "actors_without_answer")
      << " of them without an answer, " << word(sum, "handled")
      << " messages handled, " << word(sum, "mailbox") << " waiting, "
      << fine_span(sum, "busy_seconds") << " busy; " << word(sum, "services")
      << " services: " << word(sum, "up") << " up, " << word(sum, "down")
      << " down, " << word(sum, "paused") << " paused, "
      << word(sum, "pending_events") << " events ("
      << show_bytes(sum.at("pending_bytes").get<double>())
      << ") pending, the oldest for " << span(sum, "oldest_pending_seconds")
      << '\n';
}

} // namespace

std::vector<std::string> metrics_sort_keys() {
  std::vector<std::string> result{"name"};
  for (const auto& entry : sort_fields)
    result.push_back(entry.first);
  return result;
}

json select_actors(json dump, const metrics_options& options) {
  auto& nodes = dump.at("nodes");
  auto kept = json::array();
  for (auto& node : nodes)
    if (options.node.empty() || node.at("name") == options.node)
      kept.push_back(std::move(node));
  nodes = std::move(kept);
  auto actors = in_order(dump, options);
  std::erase_if(actors, [&options](const placed& one) {
    return !wanted(one.second, options);
  });
  if (options.limit > 0 && actors.size() > options.limit)
    actors.resize(options.limit);
  for (auto& node : nodes)
    node["actors"] = json::array();
  for (auto& [on, actor] : actors)
    for (auto& node : nodes)
      if (node.at("name") == on) {
        node["actors"].push_back(std::move(actor));
        break;
      }
  return dump;
}

void print_dump(const json& dump, const metrics_options& options,
                std::ostream& out) {
  print_nodes(dump.at("nodes"), out);
  out << '\n';
  print_actors(in_order(dump, options), out);
  out << '\n';
  if (!dump.at("services").empty()) {
    print_services(dump.at("services"), out);
    out << '\n';
  }
  if (dump.contains("services_problem"))
    out << "the services cannot be shown: " << word(dump, "services_problem")
        << "\n\n";
  print_totals(dump.at("totals"), out);
}

int run_metrics(const admin_target& target, const metrics_options& options,
                std::ostream& out, std::ostream& err) {
  if (options.format == "prometheus") {
    const auto text = ask_admin_text(target, "GET", "/metrics");
    if (!text)
      return refuse(err, text.error());
    out << *text;
  }
  auto answer = ask_admin(target, "GET", dump_path);
  if (!answer)
    return refuse(err, answer.error());
  const auto dump = select_actors(std::move(*answer), options);
  if (options.format == "prometheus")
    print_figures(dump, out);
  else if (options.format == "json")
    out << dump.dump(2) << '\n';
  else
    print_dump(dump, options, out);
  return 0;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/admin/dump_report.hpp"

#include "actors/cluster/link.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace posthorn {

namespace {

using nlohmann::json;

/// Beyond what the links may take themselves.
constexpr std::chrono::milliseconds links_patience{dump_patience
                                                   + answer_patience / 2};

double seconds(std::chrono::nanoseconds span) {
  return std::chrono::duration<double>(span).count();
}

std::string one_decimal(double value) {
  const auto tenths = std::llround(value * 10);
  auto result = std::to_string(tenths / 10);
  result += '.';
  result += std::to_string(tenths % 10);
  return result;
}

std::string kind_of(const std::string& name) {
  return name.substr(0, name.find('/'));
}

json actor_json(const actor_snapshot& x) {
  json result{{"name", x.name},
              {"kind", kind_of(x.name)},
              {"state", x.state},
              {"next_attempt_seconds", nullptr},
              {"problem", ""},
              {"handled", x.handled},
              {"mailbox", x.mailbox},
              {"mailbox_peak", x.mailbox_peak},
              {"oldest_message_seconds", seconds(x.oldest)},
              {"no_progress_seconds", seconds(x.no_progress)},
              {"busy_seconds", seconds(x.busy)},
              {"longest_seconds", seconds(x.longest)},
              {"running_seconds", seconds(x.running)},
              {"restarts", x.restarts},
              {"last_message", x.last_message}};
  if (x.no_progress >= answer_patience)
    result["problem"]
      = "no answer in " + one_decimal(seconds(x.no_progress)) + " s";
  return result;
}

json node_json(const node_dump& what, const json& services) {
  // By the name of the actor that waits.
  std::map<std::string, const json*> delivered;
  for (const auto& one : services)
    if (one.at("owner") == what.name)
      delivered["service/" + one.at("id").get<std::string>()] = &one;
  auto actors = json::array();
  for (const auto& one : what.actors) {
    auto shown = actor_json(one);
    if (const auto found = delivered.find(one.name); found != delivered.end())
      shown["next_attempt_seconds"] = found->second->at("next_attempt_seconds");
    actors.push_back(std::move(shown));
  }
  return {{"name", what.name},
          {"address", what.address},
          {"version", what.version},
          {"state", what.state},
          {"answered", what.problem.empty()},
          {"problem", what.problem},
          {"uptime_seconds", seconds(what.uptime)},
          {"actors_left_out", what.left_out},
          {"actors", std::move(actors)}};
}

json totals_of(const json& nodes, const json& services) {
  json sum{{"nodes", nodes.size()},
           {"nodes_answering", 0},
           {"actors", 0},
           {"actors_without_answer", 0},
           {"handled", 0},
           {"mailbox", 0},
           {"busy_seconds", 0.0},
           {"services", services.size()},
           {"up", 0},
           {"down", 0},
           {"paused", 0},
           {"pending_events", 0},
           {"pending_bytes", 0},
           {"oldest_pending_seconds", 0.0}};
  const auto add = [&sum](const char* key, std::uint64_t more) {
    sum[key] = sum[key].get<std::uint64_t>() + more;
  };
  for (const auto& node : nodes) {
    add("nodes_answering", node["answered"].get<bool>() ? 1 : 0);
    for (const auto& one : node["actors"]) {
      add("actors", 1);
      add("actors_without_answer",
          one["problem"].get_ref<const std::string&>().empty() ? 0 : 1);
      add("handled", one["handled"]);
      add("mailbox", one["mailbox"]);
      sum["busy_seconds"]
        = sum["busy_seconds"].get<double>() + one["busy_seconds"].get<double>();
    }
  }
  for (const auto& one : services) {
    const auto state = one["state"].get<std::string>();
    add(state == "UP" ? "up" : state == "DOWN" ? "down" : "paused", 1);
    add("pending_events", one["pending_events"]);
    add("pending_bytes", one["pending_bytes"]);
    if (const auto& age = one["oldest_pending_seconds"]; age.is_number())
      sum["oldest_pending_seconds"] = std::max(
        sum["oldest_pending_seconds"].get<double>(), age.get<double>());
  }
  return sum;
}

node_dump_ptr own_dump(caf::scoped_actor& self, const dump_sources& from) {
  auto result = std::make_shared<node_dump>();
  result->name = from.node;
  result->version = from.version;
  result->state = from.state();
  result->uptime = std::chrono::duration_cast<std::chrono::milliseconds>(
    std::chrono::steady_clock::now() - from.started);
  self->request(from.metrics, caf::duration{answer_patience}, dump_atom::value)
    .receive([&](actor_dump& all) { result->actors = std::move(all); },
             [&](caf::error& why) {
               result->problem = "the metrics actor: " + text_of(why);
             });
  return result;
}

std::string text_of_field(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// A node that no link goes to.
node_dump_ptr unlinked(const node_row& what, const dump_sources& from) {
  auto result = std::make_shared<node_dump>();
  result->name = what.name;
  result->address = what.address;
  result->version = what.version;
  if (!what.alive) {
    result->state = "dead";
    result->problem
      = "dead: last heard of " + one_decimal(seconds(what.silent)) + " s ago";
  } else {
    result->problem = from.links ? "it has no cluster.listen, or is new"
                                 : "the node that was asked has no "
                                   "cluster.listen";
  }
  return result;
}

/// Adds the nodes that the store knows and that no link goes to.
void add_unlinked(cluster_dump& to, const dump_sources& from) {
  for (const auto& one : from.others()) {
    const auto known = std::find_if(
      to.begin(), to.end(), [&](const auto& x) { return x->name == one.name; });
    if (known == to.end())
      to.push_back(unlinked(one, from));
    // Its link may not have noticed yet, or goes to an address of the settings.
    else if (!one.alive && !(*known)->problem.empty())
      *known = unlinked(one, from);
  }
}

void ask_links(cluster_dump& result, caf::scoped_actor& self,
               const dump_sources& from) {
  self->request(from.links, caf::duration{links_patience}, dump_atom::value)
    .receive(
      [&](cluster_dump& others) {
        result.insert(result.end(), others.begin(), others.end());
      },
      [&](const caf::error&) {
        for (const auto& one : from.board->snapshot()) {
          auto silent = std::make_shared<node_dump>();
          silent->name = one.name;
          silent->address = one.address;
          silent->problem = "the links of the node that was asked do not "
                            "answer";
          result.push_back(std::move(silent));
        }
      });
}

} // namespace

cluster_dump gather_dump(caf::actor_system& sys, const dump_sources& from) {
  caf::scoped_actor self{sys};
  cluster_dump result{own_dump(self, from)};
  if (from.links)
    ask_links(result, self, from);
  add_unlinked(result, from);
  return result;
}

json dump_json(const cluster_dump& what, json services) {
  auto nodes = json::array();
  for (const auto& one : what)
    nodes.push_back(node_json(*one, services));
  auto totals = totals_of(nodes, services);
  return {{"nodes", std::move(nodes)},
          {"services", std::move(services)},
          {"totals", std::move(totals)}};
}

std::vector<std::string> dump_lines(const json& what) {
  std::vector<std::string> result;
  const auto add = [&result](std::string line, const json& from,
                             std::initializer_list<const char*> keys) {
    for (const auto* key : keys) {
      line += ' ';
      line += key;
      line += '=';
      line += text_of_field(from.at(key));
    }
    result.push_back(std::move(line));
  };
  for (const auto& node : what.at("nodes")) {
    const auto name = node.at("name").get<std::string>();
    add("node " + name, node,
        {"address", "version", "state", "uptime_seconds", "problem"});
    for (const auto& one : node.at("actors"))
      add("actor " + name + "/" + one.at("name").get<std::string>(), one,
          {"state", "handled", "mailbox", "mailbox_peak",
           "oldest_message_seconds", "no_progress_seconds", "busy_seconds",
           "longest_seconds", "restarts", "last_message", "problem"});
  }
  for (const auto& one : what.at("services"))
    add("service " + one.at("id").get<std::string>(), one,
        {"state", "owner", "epoch", "pending_events", "pending_bytes",
         "oldest_pending_seconds", "last_transaction", "failures",
         "next_attempt_seconds", "last_error"});
  return result;
}

} // namespace posthorn

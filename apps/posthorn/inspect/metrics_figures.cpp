// SPDX-License-Identifier: Apache-2.0
// The dump as Prometheus text: by node and kind, since there are thousands of
// actors named service/ID, and labels are to be bounded.
#include "apps/posthorn/inspect/metrics.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace posthorn {

namespace {

using nlohmann::json;

/// One figure of all actors of a kind on a node.
struct figure {
  const char* name;
  const char* type;
  const char* help;
  const char* field;
  /// Of several actors the largest counts, not the sum.
  bool largest;
};

constexpr figure all_figures[] = {
  {"posthorn_cluster_actor_messages_total", "counter",
   "Messages handled, by node.", "handled", false},
  {"posthorn_cluster_actor_mailbox_messages", "gauge",
   "Messages that wait, by node.", "mailbox", false},
  {"posthorn_cluster_actor_busy_seconds_total", "counter",
   "Time spent in handlers, by node.", "busy_seconds", false},
  {"posthorn_cluster_actor_oldest_message_seconds", "gauge",
   "Age of the oldest message that waits, by node.", "oldest_message_seconds",
   true},
  {"posthorn_cluster_actor_longest_handler_seconds", "gauge",
   "Longest time one message took, by node.", "longest_seconds", true},
  {"posthorn_cluster_actor_no_progress_seconds", "gauge",
   "Longest time that an actor with messages has ended no handler, by node.",
   "no_progress_seconds", true},
  {"posthorn_cluster_actor_restarts_total", "counter",
   "Actors that were started under a name that had been before, by node.",
   "restarts", false},
};

/// As a label's value: backslash, quote and line feed are escaped.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '\\' || c == '"')
      result += '\\';
    if (c == '\n')
      result += "\\n";
    else
      result += c;
  }
  return result + '"';
}

void head(std::ostream& out, const char* name, const char* type,
          const char* help) {
  out << "# HELP " << name << ' ' << help << "\n# TYPE " << name << ' ' << type
      << '\n';
}

/// What a node is called in a label; of one that never answered only the
/// address is known.
std::string label_of(const json& node) {
  const auto name = node.at("name").get<std::string>();
  return name.empty() ? node.at("address").get<std::string>() : name;
}

} // namespace

void print_figures(const json& dump, std::ostream& out) {
  head(out, "posthorn_cluster_node_up", "gauge",
       "1 for a node that answered the dump, else 0.");
  for (const auto& node : dump.at("nodes"))
    out << "posthorn_cluster_node_up{node=" << quoted(label_of(node)) << "} "
        << (node.at("answered").get<bool>() ? 1 : 0) << '\n';
  for (const auto& one : all_figures) {
    std::map<std::pair<std::string, std::string>, double> sums;
    for (const auto& node : dump.at("nodes"))
      for (const auto& actor : node.at("actors")) {
        auto& sum = sums[{label_of(node), actor.at("kind")}];
        const auto value = actor.at(one.field).get<double>();
        sum = one.largest ? std::max(sum, value) : sum + value;
      }
    head(out, one.name, one.type, one.help);
    for (const auto& [where, value] : sums)
      out << one.name << "{node=" << quoted(where.first)
          << ",kind=" << quoted(where.second) << "} " << json(value).dump()
          << '\n';
  }
}

} // namespace posthorn

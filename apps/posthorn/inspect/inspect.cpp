// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/inspect/inspect.hpp"

#include "apps/posthorn/inspect/cells.hpp"
#include "apps/posthorn/inspect/table.hpp"

#include <optional>

namespace posthorn {

namespace {

using nlohmann::json;

void print_services(const json& services, std::ostream& out) {
  table shown{{"SERVICE", "STATE", "OWNER", "PENDING", "OLDEST",
               "LAST TRANSACTION", "DEAD", "FAILURES", "NEXT ATTEMPT",
               "LAST ERROR"}};
  for (const auto& x : services)
    shown.add({word(x, "id"), word(x, "state"), word(x, "owner"),
               word(x, "pending_events"), span(x, "oldest_pending_seconds"),
               word(x, "last_transaction"), word(x, "dead_letters"),
               word(x, "failures"), span(x, "next_attempt_seconds"),
               word(x, "last_error")});
  shown.print(out);
}

void print_fields(const json& what, std::ostream& out) {
  table shown{{"FIELD", "VALUE"}};
  for (const auto& [key, value] : what.items())
    shown.add({key, word(what, key.c_str())});
  shown.print(out);
}

/// Asks, and prints the answer as JSON when that is wanted. No value: the exit
/// code is in `code`.
std::optional<json> ask(const admin_target& target, const std::string& method,
                        const std::string& path, bool as_json,
                        std::ostream& out, std::ostream& err, int& code) {
  auto answer = ask_admin(target, method, path);
  if (!answer) {
    code = refuse(err, answer.error());
    return std::nullopt;
  }
  code = 0;
  if (!as_json)
    return std::move(*answer);
  out << answer->dump(2) << '\n';
  return std::nullopt;
}

} // namespace

int run_services(const admin_target& target, const std::string& id,
                 bool as_json, std::ostream& out, std::ostream& err) {
  int code = 0;
  const auto path = "/admin/v1/services" + (id.empty() ? "" : "/" + id);
  const auto answer = ask(target, "GET", path, as_json, out, err, code);
  if (answer && id.empty())
    print_services(answer->at("services"), out);
  else if (answer)
    print_fields(*answer, out);
  return code;
}

int run_order(const admin_target& target, const std::string& verb,
              const std::string& id, bool as_json, std::ostream& out,
              std::ostream& err) {
  int code = 0;
  const auto answer
    = ask(target, "POST", "/admin/v1/services/" + id + "/" + verb, as_json, out,
          err, code);
  if (!answer)
    return code;
  if (verb == "retry")
    out << id
        << (answer->at("attempted").get<bool>()
              ? ": attempting now\n"
              : ": nothing waits for an attempt\n");
  else
    out << id << (verb == "pause" ? ": paused\n" : ": sending again\n");
  return 0;
}

int run_store_stat(const admin_target& target, bool as_json, std::ostream& out,
                   std::ostream& err) {
  int code = 0;
  const auto answer
    = ask(target, "GET", "/admin/v1/store", as_json, out, err, code);
  if (answer)
    print_fields(*answer, out);
  return code;
}

} // namespace posthorn

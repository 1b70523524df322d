// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/inspect/dead.hpp"

#include "apps/posthorn/inspect/table.hpp"

#include <httplib.h>

#include <algorithm>
#include <chrono>

namespace posthorn {

namespace {

using nlohmann::json;

const std::string path = "/admin/v1/dead";

std::string encoded(const std::string& text) {
  return httplib::detail::encode_query_param(text);
}

std::string count_of(const json& x, const char* key) {
  return std::to_string(x.at(key).get<std::uint64_t>());
}

/// The item's event id where it has one, and its type.
std::string name_of_item(const std::string& text) {
  const auto item = json::parse(text, nullptr, false);
  if (!item.is_object())
    return "-";
  std::string result;
  for (const auto* key : {"event_id", "type"})
    if (const auto found = item.find(key);
        found != item.end() && found->is_string())
      result += (result.empty() ? "" : " ") + found->get<std::string>();
  return result.empty() ? "-" : result;
}

void print_counts(const json& answer, std::ostream& out) {
  table shown{{"SERVICE", "DEAD LETTERS", "BYTES"}};
  for (const auto& x : answer.at("services"))
    shown.add({x.at("id").get<std::string>(), count_of(x, "dead_letters"),
               show_bytes(x.at("bytes").get<double>())});
  shown.print(out);
}

void print_letters(const json& letters, std::ostream& out) {
  const auto now = std::chrono::duration<double>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count();
  table shown{
    {"NUMBER", "AGE", "TRANSACTION", "KIND", "BYTES", "ITEM", "REASON"}};
  for (const auto& x : letters)
    shown.add({count_of(x, "number"),
               show_span(std::max(0.0, now - x.at("set_aside").get<double>())),
               x.at("transaction").get<std::string>(),
               x.at("kind").get<std::string>(), count_of(x, "bytes"),
               name_of_item(x.at("item").get<std::string>()),
               x.at("reason").get<std::string>()});
  shown.print(out);
}

} // namespace

int run_dead_list(const admin_target& target, const std::string& id,
                  bool as_json, std::ostream& out, std::ostream& err) {
  if (id.empty()) {
    const auto answer = ask_admin(target, "GET", path);
    if (!answer)
      return refuse(err, answer.error());
    if (as_json)
      out << answer->dump(2) << '\n';
    else
      print_counts(*answer, out);
    return 0;
  }
  json letters = json::array();
  std::uint64_t after = 0;
  for (bool more = true; more;) {
    const auto page = ask_admin(
      target, "GET", path + "/" + id + "?after=" + std::to_string(after));
    if (!page)
      return refuse(err, page.error());
    for (const auto& x : page->at("letters")) {
      after = x.at("number").get<std::uint64_t>();
      letters.push_back(x);
    }
    more = page->at("more").get<bool>();
  }
  if (as_json)
    out << json{{"id", id}, {"letters", letters}}.dump(2) << '\n';
  else
    print_letters(letters, out);
  return 0;
}

int run_dead_order(const admin_target& target, const std::string& verb,
                   const std::string& id, const std::string& txn_id,
                   bool as_json, std::ostream& out, std::ostream& err) {
  auto where = path + "/" + id + "/" + verb;
  if (!txn_id.empty())
    where += "?txn=" + encoded(txn_id);
  const auto answer = ask_admin(target, "POST", where);
  if (!answer)
    return refuse(err, answer.error());
  if (as_json) {
    out << answer->dump(2) << '\n';
    return 0;
  }
  if (verb != "skip") {
    out << id << ": " << count_of(*answer, "letters") << " dead letters "
        << (verb == "replay" ? "are back in the queue, at its end\n"
                             : "deleted\n");
    return 0;
  }
  if (answer->at("skipped").get<bool>())
    out << id << ": the head transaction is set aside\n";
  else if (answer->at("when_refused").get<bool>())
    out << id
        << ": the head transaction is being sent; it is set aside if that "
           "fails\n";
  else if (answer->value("asked", false))
    out << id
        << ": the node that delivers is asked to set the head transaction "
           "aside; `posthorn dead list "
        << id << "` shows when it has\n";
  else
    out << id << ": nothing waits that could be set aside\n";
  return 0;
}

} // namespace posthorn

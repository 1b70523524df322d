// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/query_merge.hpp"

#include <utility>

namespace posthorn {

namespace {

using nlohmann::json;

constexpr int depth_max = 64;

bool has_string(const json& item, const std::string& key) {
  const auto found = item.find(key);
  return found != item.end() && found->is_string();
}

bool is_lookup_result(const json& item, const std::string& name) {
  if (!item.is_object() || !has_string(item, name)
      || !has_string(item, "protocol"))
    return false;
  const auto fields = item.find("fields");
  return fields != item.end() && fields->is_object();
}

/// Copies what `from` says about these users.
void take_users(const json& from, const std::vector<std::string>& users,
                json& to) {
  if (!from.is_object())
    return;
  for (const auto& user : users) {
    const auto found = from.find(user);
    if (found != from.end())
      to[user] = *found;
  }
}

} // namespace

std::optional<json> parse_shallow(std::string_view text) {
  bool too_deep = false;
  // A value that is discarded on the way in is not built at all.
  auto result = json::parse(
    text,
    [&too_deep](int depth, json::parse_event_t, json&) {
      too_deep = too_deep || depth > depth_max;
      return depth <= depth_max;
    },
    false);
  if (result.is_discarded() || too_deep)
    return std::nullopt;
  return result;
}

std::optional<json> merge_protocol(const std::vector<service_answer>& answers) {
  std::optional<json> result;
  json instances = json::array();
  for (const auto& [service, body] : answers) {
    if (!body.is_object())
      continue;
    const auto listed = body.find("instances");
    if (listed == body.end() || !listed->is_array())
      continue;
    if (!result)
      result = body;
    for (auto one : *listed) {
      if (!one.is_object())
        continue;
      if (has_string(one, "network_id"))
        one["instance_id"]
          = service + "|" + one["network_id"].get<std::string>();
      instances.push_back(std::move(one));
    }
  }
  if (result)
    (*result)["instances"] = std::move(instances);
  return result;
}

json merge_lookup(const std::vector<service_answer>& answers,
                  const std::string& name) {
  auto result = json::array();
  for (const auto& answer : answers) {
    if (!answer.body.is_array())
      continue;
    for (const auto& item : answer.body)
      if (is_lookup_result(item, name))
        result.push_back(item);
  }
  return result;
}

json merge_keys(const std::vector<key_question>& questions,
                const std::vector<json>& answers, bool by_category) {
  auto result = json::object();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const auto& users = questions[i].users;
    if (!by_category) {
      take_users(answers[i], users, result);
      continue;
    }
    if (!answers[i].is_object())
      continue;
    for (const auto& [category, about] : answers[i].items()) {
      auto& merged = result[category];
      if (merged.is_null())
        merged = json::object();
      take_users(about, users, merged);
    }
  }
  return result;
}

} // namespace posthorn

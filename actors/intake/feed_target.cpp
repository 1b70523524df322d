// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/feed_target.hpp"

#include "actors/listener/request_path.hpp"

#include <httplib.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>

namespace posthorn {

namespace {

/// Whether a query's `key=value` is the token to who reads parameters: its name
/// may be percent-encoded, in part or in full.
bool is_access_token(std::string_view part) {
  httplib::Params parameter;
  httplib::detail::parse_query_text(std::string{part}, parameter);
  return parameter.count("access_token") > 0;
}

std::string without_access_token(std::string_view query) {
  std::string result;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto part = query.substr(0, end);
    if (!part.empty() && !is_access_token(part)) {
      result += result.empty() ? '?' : '&';
      result += part;
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return result;
}

} // namespace

std::optional<feed_target> parse_feed_target(const std::string& target) {
  auto segments = split_path(target);
  if (!segments)
    return std::nullopt;
  feed_target result;
  const auto query_at = std::min(target.find('?'), target.size());
  std::string_view rest{target.data(), query_at};
  if (rest.starts_with("/as/")) {
    rest.remove_prefix(std::min(rest.find('/', 4), rest.size()));
    result.service = std::move((*segments)[1]);
    segments->erase(segments->begin(), segments->begin() + 2);
  }
  result.segments = std::move(*segments);
  result.passed_on = std::string{rest};
  if (query_at < target.size())
    result.passed_on
      += without_access_token(std::string_view{target}.substr(query_at + 1));
  return result;
}

const std::string* transaction_id(const feed_target& target) {
  const auto& path = target.segments;
  const bool v1 = path.size() == 5 && path[0] == "_matrix" && path[1] == "app"
                  && path[2] == "v1" && path[3] == "transactions";
  const bool legacy = path.size() == 2 && path[0] == "transactions";
  return v1 || legacy ? &path.back() : nullptr;
}

std::vector<std::string> query_of(const feed_target& target) {
  static const std::set<std::string, std::less<>> kinds{"users",
                                                        "rooms",
                                                        "thirdparty",
                                                        "ping",
                                                        "org.matrix.msc3983",
                                                        "org.matrix.msc3984",
                                                        "fi.mau.msc2659"};
  const auto& path = target.segments;
  if (path.size() >= 4 && path[0] == "_matrix" && path[1] == "app"
      && (path[2] == "v1" || path[2] == "unstable") && kinds.count(path[3]) > 0)
    return {path.begin() + 3, path.end()};
  if (path.size() == 2 && (path[0] == "users" || path[0] == "rooms"))
    return path;
  return {};
}

bool is_ping(const std::vector<std::string>& query) {
  return query == std::vector<std::string>{"ping"}
         || query == std::vector<std::string>{"fi.mau.msc2659", "ping"};
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/feed_api.hpp"

#include "actors/intake/slicer.hpp"

#include <caf/scoped_actor.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

namespace posthorn {

namespace {

using std::chrono::milliseconds;

/// Homeservers wait 60 s (conduit's family 35 s) and hold back everything else
/// meanwhile: better to say 503 than to let them wait.
constexpr milliseconds commit_patience{20'000};

/// Queries are on the homeserver's critical path: a slow answer from one
/// service delays events for all (Synapse).
constexpr milliseconds query_timeout{10'000};

constexpr const char* json_type = "application/json";

/// Status, errcode and Retry-After of a refused transaction.
struct refusal {
  int status;
  const char* errcode;
  int retry_after_s;
};

refusal refusal_for(const caf::error& why) {
  if (is(why, ec::not_json))
    return {400, "M_NOT_JSON", 0};
  if (is(why, ec::bad_json))
    return {400, "M_BAD_JSON", 0};
  if (is(why, ec::too_large))
    return {413, "M_TOO_LARGE", 0};
  if (is(why, ec::overloaded) || is(why, ec::draining))
    return {503, "M_LIMIT_EXCEEDED", 1};
  return {503, "M_UNKNOWN", 5};
}

/// The txn id of a transactions target, by v1 or by the legacy path.
const std::string* transaction_id(const std::vector<std::string>& path) {
  const bool v1 = path.size() == 5 && path[0] == "_matrix" && path[1] == "app"
                  && path[2] == "v1" && path[3] == "transactions";
  const bool legacy = path.size() == 2 && path[0] == "transactions";
  return v1 || legacy ? &path.back() : nullptr;
}

/// Whether homeservers ask services on this path: users, rooms, third-party
/// networks, ping (v1, and the older forms that they still use), and keys
/// (MSC3983, MSC3984).
bool is_query(const std::vector<std::string>& path) {
  static const std::set<std::string, std::less<>> kinds{"users",
                                                        "rooms",
                                                        "thirdparty",
                                                        "ping",
                                                        "org.matrix.msc3983",
                                                        "org.matrix.msc3984",
                                                        "fi.mau.msc2659"};
  if (path.size() >= 4 && path[0] == "_matrix" && path[1] == "app"
      && (path[2] == "v1" || path[2] == "unstable"))
    return kinds.count(path[3]) > 0;
  return path.size() == 2 && (path[0] == "users" || path[0] == "rooms");
}

std::string without_access_token(std::string_view query) {
  std::string result;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto part = query.substr(0, end);
    if (!part.empty() && !part.starts_with("access_token=")) {
      result += result.empty() ? '?' : '&';
      result += part;
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return result;
}

} // namespace

void set_matrix_error(httplib::Response& response, int status,
                      std::string_view errcode, std::string_view text) {
  nlohmann::json body{{"errcode", errcode}, {"error", text}};
  response.status = status;
  // Texts may quote what came from outside: never throw over its encoding.
  response.set_content(
    body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
    json_type);
}

feed_target parse_feed_target(const std::string& target) {
  feed_target result;
  const auto query_at = std::min(target.find('?'), target.size());
  std::string_view path{target.data(), query_at};
  std::string_view rest = path;
  if (path.starts_with("/as/")) {
    const auto end = std::min(path.find('/', 4), path.size());
    result.service = httplib::detail::decode_url(
      std::string{path.substr(4, end - 4)}, false);
    rest = path.substr(end);
  }
  result.passed_on = std::string{rest};
  for (auto left = rest; !left.empty();) {
    left.remove_prefix(1);
    const auto end = std::min(left.find('/'), left.size());
    result.segments.push_back(
      httplib::detail::decode_url(std::string{left.substr(0, end)}, false));
    left.remove_prefix(end);
  }
  if (query_at < target.size())
    result.passed_on
      += without_access_token(std::string_view{target}.substr(query_at + 1));
  return result;
}

feed_api::feed_api(caf::actor_system& sys, intake_actor intake,
                   courier_actor courier,
                   std::shared_ptr<const feed_directory> feeds)
  : sys_{sys}, intake_{std::move(intake)}, courier_{std::move(courier)},
    feeds_{std::move(feeds)} {}

void feed_api::replace(std::shared_ptr<const feed_directory> feeds) {
  std::lock_guard guard{mutex_};
  feeds_ = std::move(feeds);
}

std::shared_ptr<const feed_directory> feed_api::feeds() const {
  std::lock_guard guard{mutex_};
  return feeds_;
}

void feed_api::handle(httplib::Request& request, httplib::Response& response) {
  const auto target = parse_feed_target(request.target);
  const auto* txn_id = transaction_id(target.segments);
  if (!txn_id && !is_query(target.segments))
    return set_matrix_error(response, 404, "M_UNRECOGNIZED",
                            "no such endpoint");
  const auto known = feeds();
  const auto refuse = [&response](const token_refusal& why) {
    set_matrix_error(response, why.status, why.errcode, why.error);
  };
  const addressed_feed* feed = nullptr;
  if (target.service) {
    const auto found = known->addressed.find(*target.service);
    if (found != known->addressed.end())
      feed = &found->second;
  }
  const token_digest* expected = feed ? &feed->hs_token : nullptr;
  if (!target.service && known->catch_all)
    expected = &*known->catch_all;
  if (!expected) {
    // Without a token nothing is said about which services there are.
    if (const auto token = token_of(request); token.refusal)
      return refuse(*token.refusal);
    return set_matrix_error(response, 404, "M_NOT_FOUND",
                            target.service
                              ? "no service '" + *target.service
                                  + "' with a url is registered here"
                              : "this node has no catch-all feed");
  }
  if (const auto why = check_token(request, *expected))
    return refuse(*why);
  if (txn_id) {
    if (request.method != "PUT")
      return set_matrix_error(response, 405, "M_UNRECOGNIZED",
                              "transactions are PUT");
    return take_transaction(target.service.value_or(""), *txn_id, request,
                            response);
  }
  if (feed)
    return pass_on(*feed, target, request, response);
  set_matrix_error(response, 404, "M_NOT_FOUND",
                   "queries are answered on the addressed feeds only");
}

void feed_api::take_transaction(const std::string& feed,
                                const std::string& txn_id,
                                httplib::Request& request,
                                httplib::Response& response) {
  const auto refuse = [&](const caf::error& why) {
    const auto how = refusal_for(why);
    if (how.retry_after_s > 0)
      response.set_header("Retry-After", std::to_string(how.retry_after_s));
    spdlog::log(how.status == 503 ? spdlog::level::err : spdlog::level::warn,
                "intake: transaction {} of feed '{}' refused with {}: {}",
                txn_id, feed, how.status, text_of(why));
    set_matrix_error(response, how.status, how.errcode, text_of(why));
  };
  slicing_options options;
  options.want_fields = feed.empty();
  auto sliced = slice(std::move(request.body), options);
  if (!sliced)
    return refuse(sliced.error());
  if (!sliced->items.empty()) {
    sliced->feed = feed;
    sliced->txn_id = txn_id;
    sliced->received = std::chrono::system_clock::now();
    caf::error why;
    caf::scoped_actor self{sys_};
    self
      ->request(
        intake_, caf::duration{commit_patience},
        storage::append{std::make_shared<const batch>(std::move(*sliced))})
      .receive([](const receipt&) {},
               [&](caf::error& error) { why = std::move(error); });
    if (why)
      return refuse(why);
  }
  response.status = 200;
  response.set_content("{}", json_type);
}

void feed_api::pass_on(const addressed_feed& feed, const feed_target& target,
                       httplib::Request& request, httplib::Response& response) {
  auto what = std::make_shared<exchange>();
  what->method = request.method;
  what->base = *feed.config->registration.url;
  what->target = target.passed_on;
  what->bearer = feed.config->registration.hs_token;
  if (!request.body.empty())
    what->body = std::make_shared<const std::string>(std::move(request.body));
  what->connect_timeout
    = std::min(query_timeout, feed.config->delivery.connect_timeout);
  what->timeout = query_timeout;
  answer_ptr how;
  caf::scoped_actor self{sys_};
  self
    ->request(courier_, caf::duration{2 * query_timeout}, send_atom::value,
              exchange_ptr{what})
    .receive([&](answer_ptr& x) { how = std::move(x); },
             [](const caf::error&) {});
  if (how && how->status != 0) {
    response.status = how->status;
    response.set_content(how->body, json_type);
    const bool ping = target.segments.back() == "ping";
    if (ping && how->what == outcome::accepted && feed.actor)
      caf::anon_send(feed.actor, retry_atom::value);
    return;
  }
  if (!how || how->what == outcome::timed_out)
    return set_matrix_error(response, 504, "M_CONNECTION_TIMEOUT",
                            "the service did not answer in time");
  set_matrix_error(response, 502, "M_CONNECTION_FAILED", how->detail);
}

} // namespace posthorn

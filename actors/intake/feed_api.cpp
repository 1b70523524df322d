// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/feed_api.hpp"

#include "actors/intake/slicer.hpp"
#include "actors/metrics/figures.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace posthorn {

namespace {

using std::chrono::milliseconds;

/// Homeservers wait 60 s (conduit's family 35 s) and hold back everything else
/// meanwhile: better to say 503 than to let them wait.
constexpr milliseconds commit_patience{20'000};

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

} // namespace

feed_api::feed_api(caf::actor_system& sys, census_ptr all, intake_actor intake,
                   courier_actor courier,
                   std::shared_ptr<const feed_directory> feeds)
  : all_{std::move(all)}, appending_{sys, std::move(intake)},
    queries_{sys, std::move(courier)}, feeds_{std::move(feeds)} {}

void feed_api::replace(std::shared_ptr<const feed_directory> feeds) {
  {
    std::lock_guard guard{mutex_};
    feeds_ = std::move(feeds);
  }
  queries_.forget();
}

std::shared_ptr<const feed_directory> feed_api::feeds() const {
  std::lock_guard guard{mutex_};
  return feeds_;
}

void feed_api::handle(httplib::Request& request, httplib::Response& response) {
  const auto parsed = parse_feed_target(request.target);
  if (!parsed)
    return set_matrix_error(response, 400, "M_INVALID_PARAM",
                            "the path has a broken percent escape");
  const auto& target = *parsed;
  const auto* txn_id = transaction_id(target);
  if (!txn_id && query_of(target).empty())
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
    return queries_.pass_on(*feed->config, feed->actor, target, request,
                            response);
  queries_.answer(*known->askable, target, request, response);
}

void feed_api::take_transaction(const std::string& feed,
                                const std::string& txn_id,
                                httplib::Request& request,
                                httplib::Response& response) {
  const auto refuse = [&](const caf::error& why) {
    const auto how = refusal_for(why);
    all_->sums().refused(feed, why.category() == caf::atom("posthorn")
                                 ? name_of(static_cast<ec>(why.code()))
                                 : "no_answer");
    if (how.retry_after_s > 0)
      response.set_header("Retry-After", std::to_string(how.retry_after_s));
    spdlog::log(how.status == 503 ? spdlog::level::err : spdlog::level::warn,
                "intake: transaction {} of feed '{}' refused with {}: {}",
                txn_id, feed, how.status, text_of(why));
    set_matrix_error(response, how.status, how.errcode, text_of(why));
  };
  const auto begin = std::chrono::steady_clock::now();
  slicing_options options;
  options.want_fields = feed.empty();
  auto sliced = slice(std::move(request.body), options);
  if (!sliced)
    return refuse(sliced.error());
  if (!sliced->items.empty()) {
    sliced->feed = feed;
    sliced->txn_id = txn_id;
    sliced->received = std::chrono::system_clock::now();
    const auto whole = std::make_shared<const batch>(std::move(*sliced));
    const auto taken = appending_.take(whole, commit_patience);
    if (!taken)
      return refuse(taken.error());
    all_->sums().took_in(*whole, taken->duplicate,
                         std::chrono::steady_clock::now() - begin);
  }
  response.status = 200;
  response.set_content("{}", json_type);
}

} // namespace posthorn

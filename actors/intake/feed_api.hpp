// SPDX-License-Identifier: Apache-2.0
// The Application Service API as homeservers call it: both feeds' transactions,
// and the queries that are passed through to a service.
#pragma once

#include "actors/intake/credentials.hpp"
#include "actors/protocols.hpp"

#include <caf/actor_system.hpp>
#include <httplib.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace posthorn {

/// One addressed feed.
struct addressed_feed {
  token_digest hs_token;
  service_config_ptr config;
  /// Invalid where no actor on this node delivers to the service.
  service_actor actor;
};

/// Who may send what; replaced whole, never changed.
struct feed_directory {
  /// By service id. Services with `url: null` have no feed.
  std::unordered_map<std::string, addressed_feed> addressed;
  /// Of Posthorn's own registration; none: there is no catch-all feed.
  std::optional<token_digest> catch_all;
};

/// A request's path below the feed, taken apart.
struct feed_target {
  /// The service's id; none on the catch-all feed.
  std::optional<std::string> service;
  /// Decoded, e.g. {"_matrix", "app", "v1", "transactions", "17"}.
  std::vector<std::string> segments;
  /// As it came, without `/as/{id}` and without the `access_token` parameter.
  std::string passed_on;
};

/// Takes `/as/{id}/...` or `/...` apart.
feed_target parse_feed_target(const std::string& target);

/// Answers requests on `listen`. Thread-safe; handle() blocks until the events
/// are on disk or the service has answered.
class feed_api {
public:
  feed_api(caf::actor_system& sys, intake_actor intake, courier_actor courier,
           std::shared_ptr<const feed_directory> feeds);

  /// From now on requests are judged by `feeds`.
  void replace(std::shared_ptr<const feed_directory> feeds);

  /// PUT .../transactions/{txnId}: 200 `{}` once the events are on disk, else a
  /// Matrix error. Everything else below `/as/{id}/_matrix/app/` goes to the
  /// service, whose answer is passed back (Application Service API, "Querying",
  /// "Pinging"). A ping that the service answers also ends its backoff.
  void handle(httplib::Request& request, httplib::Response& response);

private:
  std::shared_ptr<const feed_directory> feeds() const;

  void take_transaction(const std::string& feed, const std::string& txn_id,
                        httplib::Request& request, httplib::Response& response);

  void pass_on(const addressed_feed& feed, const feed_target& target,
               httplib::Request& request, httplib::Response& response);

  caf::actor_system& sys_;
  intake_actor intake_;
  courier_actor courier_;
  mutable std::mutex mutex_;
  std::shared_ptr<const feed_directory> feeds_;
};

/// Puts a Matrix error (`errcode`, `error`) into `response`.
void set_matrix_error(httplib::Response& response, int status,
                      std::string_view errcode, std::string_view text);

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// The Application Service API as homeservers call it: both feeds' transactions,
// and the queries that are passed through to a service.
#pragma once

#include "actors/intake/appending.hpp"
#include "actors/intake/credentials.hpp"
#include "actors/intake/matrix_error.hpp"
#include "actors/intake/queries.hpp"
#include "actors/protocols.hpp"

#include <caf/actor_system.hpp>
#include <httplib.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

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
  /// Whom the catch-all feed's queries are asked of; null only without it.
  std::shared_ptr<query_directory> askable;
};

/// Answers requests on `listen`. Thread-safe; handle() blocks until the events
/// are on disk or the service has answered.
class feed_api {
public:
  /// What is taken in and refused is counted in `all`.
  feed_api(caf::actor_system& sys, census_ptr all, intake_actor intake,
           courier_actor courier, std::shared_ptr<const feed_directory> feeds);

  /// From now on requests are judged by `feeds`.
  void replace(std::shared_ptr<const feed_directory> feeds);

  /// PUT .../transactions/{txnId}: 200 `{}` once the events are on disk, else a
  /// Matrix error. Queries (Application Service API, "Querying", "Pinging") are
  /// passed to the addressed service, or on the catch-all feed asked of those
  /// whom they concern; see queries.
  void handle(httplib::Request& request, httplib::Response& response);

  /// The places of the queries that are open.
  const query_gate& gate() const {
    return queries_.gate();
  }

private:
  std::shared_ptr<const feed_directory> feeds() const;

  void take_transaction(const std::string& feed, const std::string& txn_id,
                        httplib::Request& request, httplib::Response& response);

  census_ptr all_;
  appending appending_;
  queries queries_;
  mutable std::mutex mutex_;
  std::shared_ptr<const feed_directory> feeds_;
};

} // namespace posthorn

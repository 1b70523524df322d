// SPDX-License-Identifier: Apache-2.0
// What homeservers ask beside transactions: passed to one service, or asked of
// all whom it concerns.
#pragma once

#include "actors/intake/denials.hpp"
#include "actors/intake/feed_target.hpp"
#include "actors/intake/query_directory.hpp"
#include "actors/intake/query_gate.hpp"
#include "actors/intake/query_merge.hpp"
#include "actors/protocols.hpp"

#include <caf/actor_system.hpp>
#include <httplib.h>

#include <chrono>
#include <string>
#include <vector>

namespace posthorn {

/// How long and how many. A slow answer delays the homeserver: Synapse holds
/// back the events of a user that it asks for.
struct query_bounds {
  query_places places;
  /// For one service to answer.
  std::chrono::milliseconds timeout{10'000};
  /// For all services that are asked one after the other. A service whose turn
  /// has not come by then is not asked.
  std::chrono::milliseconds patience{20'000};
};

/// Answers the queries of both feeds. Thread-safe; a call blocks its thread
/// until the services have answered, and touches nothing that transactions
/// need. When all places are taken (query_gate), and nobody else had an answer,
/// it is 503 M_LIMIT_EXCEEDED with Retry-After.
class queries {
public:
  queries(caf::actor_system& sys, courier_actor courier,
          query_bounds bounds = {},
          denials::clock now = std::chrono::steady_clock::now);

  /// Passes a query to the service and its answer back, whatever its status.
  /// 502 M_CONNECTION_FAILED, 504 M_CONNECTION_TIMEOUT where none came. A ping
  /// that the service accepts also makes its actor retry at once.
  void pass_on(const service_config& service, const service_actor& actor,
               const feed_target& target, httplib::Request& request,
               httplib::Response& response);

  /// A query of the catch-all feed:
  /// - `users/{userId}`, `rooms/{roomAlias}`: the services whose namespaces
  ///   match are asked one after the other, in the order of the registrations;
  ///   200 `{}` at the first 2xx, 404 M_NOT_FOUND when there is none. Who
  ///   denies is not asked about the same one again for denials::lifetime.
  /// - `thirdparty/...`: the services with that protocol, or without one all
  ///   that have any, side by side; see merge_protocol() and merge_lookup().
  ///   404 M_NOT_FOUND when nothing was found.
  /// - `keys/claim`, `keys/query`: each user's keys of the service that alone
  ///   may speak for the user; see merge_keys(). Always 200: what nobody
  ///   answers is missing, as the MSCs have it.
  /// - `ping`: 200 `{}`. Posthorn itself is what is there.
  void answer(query_directory& services, const feed_target& target,
              httplib::Request& request, httplib::Response& response);

  /// Forgets what was denied: the services are others from now on.
  void forget() {
    denials_.clear();
  }

  const query_gate& gate() const {
    return gate_;
  }

private:
  /// A request to one service.
  struct asking {
    service_config_ptr whom;
    exchange_ptr what;
  };

  exchange_ptr make_exchange(const service_config& service,
                             const std::string& method,
                             const std::string& target,
                             std::chrono::milliseconds timeout) const;

  /// Asks all at once and waits for all. Null where no answer came, or the
  /// service had no place; then `crowded` is set.
  std::vector<answer_ptr> ask(const std::vector<asking>& all, bool& crowded);

  void ask_in_turn(const std::vector<service_config_ptr>& whom,
                   const std::string& subject, const std::string& target,
                   httplib::Response& response);
  void ask_third_parties(query_directory& services,
                         const std::vector<std::string>& query,
                         const std::string& target,
                         httplib::Response& response);
  void ask_for_keys(query_directory& services, bool by_category,
                    const std::string& target, const std::string& body,
                    httplib::Response& response);

  caf::actor_system& sys_;
  courier_actor courier_;
  const query_bounds bounds_;
  query_gate gate_;
  denials denials_;
};

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// The admin API's part for dead letters.
#pragma once

#include "actors/protocols.hpp"
#include "actors/sorter/directory.hpp"

#include <caf/actor_system.hpp>
#include <httplib.h>

#include <memory>
#include <string>

namespace posthorn {

/// Answers below /admin/v1/dead. Thread-safe.
///
///   GET  /dead             how many each service has
///   GET  /dead/ID          its dead letters, oldest first; `?after=NUMBER`
///                          goes on behind a page
///   POST /dead/ID/replay   back into the queue, at its end; `?txn=ID` for
///                          those of one transaction
///   POST /dead/ID/drop     deletes those of `?txn=ID`, which must be given
///
/// POST /dead/ID/skip is an order to the node that delivers: admin_api::order.
class dead_api {
public:
  dead_api(caf::actor_system& sys, std::shared_ptr<const storage::store> store,
           storage_actor writer);

  /// `rest`: the path behind /admin/v1/dead.
  void handle(const directory& services, const std::string& rest,
              const httplib::Request& request, httplib::Response& response);

private:
  void count(httplib::Response& response) const;
  void list(const listed_service& service, const httplib::Request& request,
            httplib::Response& response) const;

  /// Replays or drops until there is no more to do.
  template <class Mutation>
  void move(const listed_service& service, const std::string& txn_id,
            const char* verb, httplib::Response& response);

  caf::actor_system& sys_;
  std::shared_ptr<const storage::store> store_;
  storage_actor writer_;
};

} // namespace posthorn

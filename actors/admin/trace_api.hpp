// SPDX-License-Identifier: Apache-2.0
// Where an event is: the part of the admin API that looks for one.
#pragma once

#include "actors/protocols.hpp"

#include <caf/actor_system.hpp>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace posthorn {

/// Longest event id that is looked for, in bytes. The specification allows 255.
inline constexpr std::size_t traced_id_max = 1024;

/// Answers `GET /admin/v1/trace/EVENT_ID`. Thread-safe.
class trace_api {
public:
  /// `node` is the name of this one, whose memory `memory` is.
  trace_api(caf::actor_system& sys, std::shared_ptr<const storage::store> store,
            tracer_actor memory, std::string node);

  /// 200 also where nothing is known of the event; 429 while another look is
  /// under way, since each reads all that waits.
  void handle(const std::string& event_id, httplib::Response& response);

private:
  nlohmann::json ask_memory(const std::string& event_id,
                            nlohmann::json& delivered) const;

  caf::actor_system& sys_;
  std::shared_ptr<const storage::store> store_;
  tracer_actor memory_;
  std::string node_;
  std::mutex looking_;
};

/// The places of a trace as JSON: `pool`, `queues`, `dead`. `services` give the
/// numbers their ids.
nlohmann::json places_json(const event_trace& what,
                           const std::vector<service_row>& services,
                           std::chrono::system_clock::time_point now);

} // namespace posthorn

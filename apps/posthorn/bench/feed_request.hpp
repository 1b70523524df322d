// SPDX-License-Identifier: Apache-2.0
// Ready-made requests of a feed, patched from one to the next.
#pragma once

#include "apps/posthorn/bench/event_mould.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace posthorn::bench {

/// The id of a service of a load test, e.g. "bench-00af".
std::string service_id(std::size_t service);

/// The hs_token of a service of a load test.
std::string service_token(std::size_t service);

/// The hs_token of the catch-all feed of a load test.
inline constexpr std::string_view catch_all_token = "bench-hs-token-feed";

/// A PUT of a feed transaction with a fixed number of events.
class feed_request {
public:
  /// With an `addressed` feed, or else the catch-all feed.
  feed_request(const event_mould& mould, bool addressed, std::size_t events);

  /// Events in it.
  std::size_t events() const {
    return events_;
  }

  /// Fills in the transaction's id (lane and number), the feed's service (of
  /// the addressed feed) and the events. Returns the bytes to send, valid until
  /// the next call.
  std::string_view fill(std::uint16_t lane, std::uint32_t number,
                        std::uint16_t service, std::span<const stamp> events);

private:
  const event_mould* mould_;
  std::size_t events_;
  std::string bytes_;
  std::size_t service_at_ = std::string::npos;
  std::size_t token_at_ = std::string::npos;
  std::size_t txn_id_at_;
  std::size_t events_at_;
};

} // namespace posthorn::bench

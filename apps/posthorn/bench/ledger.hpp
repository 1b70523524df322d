// SPDX-License-Identifier: Apache-2.0
// The checker: what has arrived, and whether it is what was sent.
#pragma once

#include "apps/posthorn/bench/event_mould.hpp"

#include <xxhash.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace posthorn::bench {

/// How many events of each service and lane there are.
class lane_counts {
public:
  lane_counts(std::size_t services, std::size_t lanes)
    : lanes_{lanes}, counts_(services * lanes) {}

  std::size_t services() const {
    return counts_.size() / lanes_;
  }

  std::size_t lanes() const {
    return lanes_;
  }

  std::uint32_t& at(std::size_t service, std::size_t lane) {
    return counts_[service * lanes_ + lane];
  }

  std::uint32_t at(std::size_t service, std::size_t lane) const {
    return counts_[service * lanes_ + lane];
  }

private:
  std::size_t lanes_;
  std::vector<std::uint32_t> counts_;
};

/// Judges transactions as they arrive. For one thread.
class ledger {
public:
  ledger(const event_mould& mould, std::size_t services, std::size_t lanes);

  /// Enters a transaction that came to `service` at `now_ns`. Answers what is
  /// wrong with it, if anything: an event that is altered, for another service
  /// or out of order (lost, repeated, overtaken), or a transaction id that came
  /// before with other bytes. One that came before with the same bytes is
  /// right, and counts once.
  std::optional<std::string> enter(std::uint16_t service,
                                   std::string_view txn_id,
                                   std::string_view body, std::uint64_t now_ns);

  /// What of `sent` has not arrived, in words; none when all has.
  std::optional<std::string> missing(const lane_counts& sent) const;

  /// Events entered, those of repeated transactions once.
  std::uint64_t events() const {
    return events_;
  }

  /// Transactions that came again, with the same bytes.
  std::uint64_t repeats() const {
    return repeats_;
  }

  /// From due to arrival in ns, of the events that had a due time, as they
  /// came.
  const std::vector<std::uint64_t>& latencies_ns() const {
    return latencies_ns_;
  }

private:
  std::optional<std::string> enter_event(std::uint16_t service,
                                         std::string_view event,
                                         std::uint64_t now_ns);

  const event_mould& mould_;
  lane_counts next_;
  /// By service: the digest of each transaction's body.
  std::vector<std::unordered_map<std::string, XXH128_hash_t>> bodies_;
  std::uint64_t events_ = 0;
  std::uint64_t repeats_ = 0;
  std::vector<std::uint64_t> latencies_ns_;
};

} // namespace posthorn::bench

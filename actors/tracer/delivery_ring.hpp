// SPDX-License-Identifier: Apache-2.0
// The newest deliveries of events, as far as memory is spent on them.
#pragma once

#include "messages/event_trace.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace posthorn {

/// A ring: 16 bytes an event, and about a hundred a transaction. Of an event id
/// 64 bits of hash are kept.
class delivery_ring {
public:
  explicit delivery_ring(std::size_t events_max);

  /// From now on events are of this transaction.
  void begin(const std::string& service, std::string txn_id,
             std::chrono::system_clock::time_point when);

  /// Another event of it; forgets the oldest one where there is no room.
  void add(std::string_view event_id);

  /// The deliveries of an event, oldest first, at most `max` of the newest.
  std::vector<remembered_delivery> find(std::string_view event_id,
                                        std::size_t max) const;

  std::size_t events() const {
    return slots_.size();
  }

  std::size_t capacity() const {
    return capacity_;
  }

  /// When the oldest delivery was that is still there; none while nothing was
  /// forgotten.
  std::optional<std::chrono::system_clock::time_point> reaches_to() const;

private:
  struct slot {
    std::uint64_t hash = 0;
    /// Number of the transaction.
    std::uint64_t transaction = 0;
  };

  struct delivered {
    std::uint32_t service = 0;
    std::string txn_id;
    std::chrono::system_clock::time_point when;
  };

  std::size_t capacity_;
  std::vector<slot> slots_;
  /// Once all slots are taken: the oldest one, to be overwritten next.
  std::size_t oldest_ = 0;
  bool forgot_ = false;
  /// Those that slots tell of, the first one's number before them.
  std::deque<delivered> transactions_;
  std::uint64_t first_ = 0;
  std::vector<std::string> services_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// The events of a load test: all of one size, each says which it is and carries
// a checksum of its own bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthorn::bench {

/// Which event it is. Events with one service and one lane have an order: the
/// numbers 0, 1, 2, ... A lane is a connection of the generator; across lanes
/// nobody promises an order.
struct stamp {
  std::uint16_t service = 0;
  std::uint16_t lane = 0;
  std::uint32_t number = 0;
  /// When it was due by the steady clock, in ns; 0 when it was sent as fast as
  /// possible.
  std::uint64_t due_ns = 0;
};

/// Writes `value` as `digits` lower-case hex digits, zeros in front.
void put_hex(char* where, std::uint64_t value, std::size_t digits);

/// Makes and checks events. Fields have fixed places, so that an event is made
/// by patching a few dozen bytes of a copy of blank().
class event_mould {
public:
  /// What an event has at least; less is not possible.
  static constexpr std::size_t bytes_min = 400;

  /// `event_bytes` from bytes_min on.
  explicit event_mould(std::size_t event_bytes);

  /// Bytes of each event.
  std::size_t bytes() const {
    return blank_.size();
  }

  /// An event whose stamp and checksum are still to be filled in.
  const std::string& blank() const {
    return blank_;
  }

  /// Turns a copy of blank(), or an event made of one, into that of `what`.
  void fill(char* event, const stamp& what) const;

  /// Reads an event back; none when any byte of it is not as fill() made it.
  std::optional<stamp> read(std::string_view event) const;

private:
  std::string blank_;
  std::size_t sender_at_;
  std::size_t event_id_at_;
  std::size_t stamp_at_;
  std::size_t sum_at_;
};

} // namespace posthorn::bench

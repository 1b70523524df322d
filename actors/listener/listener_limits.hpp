// SPDX-License-Identifier: Apache-2.0
// What a client may cost the listener at most, and what it has cost so far.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace posthorn {

/// Bounds on what clients may send and hold. Sizes in bytes.
struct listener_limits {
  /// Request line and headers together.
  std::size_t header_max = std::size_t{32} << 10;
  /// Header lines.
  std::size_t headers_max = 100;
  /// A request's body, decoded.
  std::size_t body_max = std::size_t{16} << 20;
  /// From a request's first byte to the end of its headers.
  std::chrono::milliseconds header_deadline{10'000};
  /// From a request's first byte to its last.
  std::chrono::milliseconds request_deadline{60'000};
  /// Between two requests, and before the first.
  std::chrono::milliseconds idle_timeout{120'000};
  /// For a client to take its answer.
  std::chrono::milliseconds write_deadline{60'000};
  /// How long a client is listened to after its last answer, so that it can
  /// read that answer before the connection is gone.
  std::chrono::milliseconds linger_time{2'000};
  /// Open connections. Never more than three quarters of the file descriptors
  /// that the process may have. When it is reached, the connection that has
  /// waited longest without a complete request gives way to a new one.
  std::size_t connections_max = 4096;
  /// Threads that run the handler.
  std::size_t workers_max = 64;
  /// Bytes of all requests in memory, until they are answered. When it is
  /// reached, the largest request that is not complete is refused (503).
  std::size_t buffered_max = std::size_t{256} << 20;
};

/// Why a connection was refused or lost its place.
enum class refusal_reason : std::uint8_t {
  /// Not HTTP/1.x, or HTTP that can be read in two ways.
  malformed,
  /// Request line or headers larger than allowed.
  headers_too_large,
  /// Body larger than allowed.
  body_too_large,
  /// A feature of HTTP that is not offered: content encodings, other methods.
  unsupported,
  /// A deadline passed before the request was complete.
  too_slow,
  /// `buffered_max` reached, or no thread to be had.
  overloaded,
  /// `connections_max` reached.
  crowded_out,
};

constexpr std::size_t refusal_reasons = 7;

/// The name of a reason as it stands in logs and metrics, e.g. "too_slow".
std::string_view name_of(refusal_reason reason);

/// Running totals of a listener; read at any time from any thread.
struct listener_counters {
  std::atomic<std::uint64_t> accepted{0};
  /// Requests that reached the handler.
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> received_bytes{0};
  std::atomic<std::uint64_t> sent_bytes{0};
  /// Now open.
  std::atomic<std::uint64_t> open_connections{0};
  /// Bytes of requests now in memory, against `buffered_max`.
  std::atomic<std::uint64_t> buffered_bytes{0};
  /// By refusal_reason.
  std::array<std::atomic<std::uint64_t>, refusal_reasons> refused{};

  std::uint64_t refused_by(refusal_reason reason) const {
    return refused[static_cast<std::size_t>(reason)].load();
  }
};

} // namespace posthorn

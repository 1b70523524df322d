// SPDX-License-Identifier: Apache-2.0
// How far behind the tracer may be: beyond that it is not told, so that it
// costs deliveries neither memory nor time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace posthorn {

/// Counts what the tracer was told and has not read. Any thread.
class trace_backlog {
public:
  static constexpr std::uint64_t messages_max = 256;
  static constexpr std::uint64_t bytes_max = std::uint64_t{16} << 20;

  /// Before a transaction with a body of so many bytes is told of. False: there
  /// is no room, and it is counted as dropped.
  bool enter(std::size_t bytes) {
    if (messages_.load(std::memory_order_relaxed) >= messages_max
        || bytes_.load(std::memory_order_relaxed) >= bytes_max) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    messages_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
    return true;
  }

  /// After it was read.
  void leave(std::size_t bytes) {
    messages_.fetch_sub(1, std::memory_order_relaxed);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }

  /// Transactions that were not told of, ever.
  std::uint64_t dropped() const {
    return dropped_.load(std::memory_order_relaxed);
  }

private:
  std::atomic<std::uint64_t> messages_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

} // namespace posthorn

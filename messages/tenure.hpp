// SPDX-License-Identifier: Apache-2.0
// How long a node may act for the cluster, by its own clock.
#pragma once

#include "messages/transaction.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

namespace posthorn {

/// The host's time since it booted, times of suspension included.
std::chrono::milliseconds boot_time();

/// When a session is over for the node that has it: a little earlier than for
/// the others, who go by the store. Moved by the node's cluster actor, asked by
/// those who send and sort just before they do. One object a session: when that
/// is over, it stays over. Any thread.
class session_deadline {
public:
  using clock = std::function<std::chrono::milliseconds()>;

  explicit session_deadline(clock now = boot_time) : now_{std::move(now)} {
    // nop
  }

  bool over() const {
    return now_().count() >= until_.load(std::memory_order_relaxed);
  }

  /// It is over at `until`, by its clock.
  void move(std::chrono::milliseconds until) {
    until_.store(until.count(), std::memory_order_relaxed);
  }

private:
  clock now_;
  std::atomic<std::int64_t> until_{0};
};

/// Tells an actor whose work needs a lease that its node has got it, or, with
/// epoch 0, that it has not (any more).
struct tenure {
  posthorn::epoch epoch = 0;
  /// Null: until it is told otherwise.
  std::shared_ptr<const session_deadline> until;

  /// Whether the work may be done right now.
  bool holds() const {
    return epoch != 0 && !(until && until->over());
  }
};

} // namespace posthorn

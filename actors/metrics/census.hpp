// SPDX-License-Identifier: Apache-2.0
// The list of all actors of a node, with what each has done. Counted from
// outside the handlers and read without asking the actor: the dump answers
// while every worker is busy.
#pragma once

#include <caf/atom.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <typeinfo>
#include <vector>

namespace posthorn {

/// What is counted of one actor. Written by the actor's own thread, except
/// `enqueued`; read by anybody.
struct actor_card {
  std::atomic<std::uint64_t> enqueued{0};
  std::atomic<std::uint64_t> handled{0};
  std::atomic<std::uint64_t> mailbox_peak{0};
  std::atomic<std::int64_t> busy_ns{0};
  std::atomic<std::int64_t> longest_ns{0};
  /// Steady clock, when the handler that runs now began; 0 while none runs.
  std::atomic<std::int64_t> running_since_ns{0};
  /// The last message: an atom, or else the type of its first element.
  std::atomic<std::uint64_t> last_atom{0};
  std::atomic<const std::type_info*> last_type{nullptr};
  /// A word such as "UP"; points to static storage.
  std::atomic<const char*> state{"running"};
  /// Set once, before the card is in the census.
  std::string name;
};

using actor_card_ptr = std::shared_ptr<actor_card>;

/// A card as it was at one moment.
struct actor_snapshot {
  std::string name;
  std::string state;
  std::uint64_t handled = 0;
  std::uint64_t mailbox = 0;
  std::uint64_t mailbox_peak = 0;
  std::chrono::nanoseconds busy{0};
  std::chrono::nanoseconds longest{0};
  /// How long the handler that runs now has been running; 0 while none does.
  std::chrono::nanoseconds running{0};
  std::string last_message;
};

/// All cards of a node. Thread-safe.
class census {
public:
  /// Adds a card; its name must be set.
  void enlist(const actor_card_ptr& card);

  /// All cards of living actors, by name. A card is gone once its actor is.
  std::vector<actor_snapshot> snapshot() const;

private:
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<actor_card>> cards_;
};

using census_ptr = std::shared_ptr<census>;

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// The list of all actors of a node, with what each has done. Counted from
// outside the handlers and read without asking the actor: the dump answers
// while every worker is busy.
#pragma once

#include <caf/atom.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <typeinfo>
#include <vector>

namespace posthorn {

class figures;

/// What is counted of one actor. Written by the actor's own thread, except for
/// the first four; read by anybody.
struct actor_card {
  static constexpr std::size_t remembered = 64;

  /// Numbers given to messages on their way into the mailbox.
  std::atomic<std::uint64_t> numbered{0};
  /// Steady clock, when the newest messages came, by number modulo
  /// `remembered`.
  std::array<std::atomic<std::int64_t>, remembered> came_ns{};
  std::atomic<std::uint64_t> enqueued{0};
  /// Steady clock, when a message came last while none waited.
  std::atomic<std::int64_t> waiting_since_ns{0};
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
  /// Steady clock, when a handler ended last; at first when the actor began.
  std::atomic<std::int64_t> progress_ns{
    std::chrono::steady_clock::now().time_since_epoch().count()};
  /// Set once, before the card is in the census.
  std::string name;
  /// Actors of this name that the process had before; set by the census.
  std::uint64_t restarts = 0;
};

using actor_card_ptr = std::shared_ptr<actor_card>;

/// A card as it was at one moment.
struct actor_snapshot {
  std::string name;
  std::string state;
  std::uint64_t handled = 0;
  /// Messages that wait, the one in hand included.
  std::uint64_t mailbox = 0;
  std::uint64_t mailbox_peak = 0;
  std::chrono::nanoseconds busy{0};
  std::chrono::nanoseconds longest{0};
  /// How long the handler that runs now has been running; 0 while none does.
  std::chrono::nanoseconds running{0};
  /// Age of the oldest message of `mailbox`; where more than
  /// actor_card::remembered wait, it is at least that old. Messages of high
  /// priority overtake, so it may be the age of a neighbour.
  std::chrono::nanoseconds oldest{0};
  /// While messages wait: how long no handler has ended. An actor that makes no
  /// progress is stuck in a handler, or gets no thread to run on.
  std::chrono::nanoseconds no_progress{0};
  std::uint64_t restarts = 0;
  std::string last_message;
};

/// What is counted of a node: the cards of its actors, and the sums that belong
/// to no single actor. Every actor is given it when spawned. Thread-safe.
class census {
public:
  census();
  census(const census&) = delete;
  census& operator=(const census&) = delete;
  ~census();

  /// Adds a card; its name must be set.
  void enlist(const actor_card_ptr& card);

  /// All cards of living actors, by name. A card is gone once its actor is.
  std::vector<actor_snapshot> snapshot() const;

  /// Counters and histograms for Prometheus.
  figures& sums() const {
    return *sums_;
  }

private:
  std::unique_ptr<figures> sums_;
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<actor_card>> cards_;
  /// At so many cards those of actors that are gone are taken out.
  std::size_t sweep_at_ = 64;
  /// How many actors of each name there were.
  std::map<std::string, std::uint64_t> lives_;
};

using census_ptr = std::shared_ptr<census>;

} // namespace posthorn

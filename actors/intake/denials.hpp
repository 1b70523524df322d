// SPDX-License-Identifier: Apache-2.0
// What services have said no to a moment ago.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

namespace posthorn {

/// Remembers for a while that a service denied a user or an alias: Synapse asks
/// again for every event of a user that it does not know, and holds its feed
/// back meanwhile. Bounded; when full, the oldest is forgotten. Thread-safe.
class denials {
public:
  using clock = std::function<std::chrono::steady_clock::time_point()>;

  /// How long a denial holds.
  static constexpr std::chrono::seconds lifetime{30};
  static constexpr std::size_t entries_max = 10'000;
  /// Longer subjects, in bytes, are not remembered: Matrix ids have at most
  /// 255.
  static constexpr std::size_t subject_max = 255;

  explicit denials(clock now = std::chrono::steady_clock::now)
    : now_{std::move(now)} {}

  denials(const denials&) = delete;
  denials& operator=(const denials&) = delete;

  /// Notes that `service` denied `subject`, a user id or an alias.
  void note(const std::string& service, std::string_view subject);

  /// Whether it did, less than `lifetime` ago.
  bool stands(const std::string& service, std::string_view subject);

  /// Forgets all.
  void clear();

  std::size_t size() const;

private:
  using time_point = std::chrono::steady_clock::time_point;

  struct denial {
    std::string key;
    time_point until;
  };

  /// Drops those whose time is over; with the mutex held.
  void expire(time_point now);

  const clock now_;
  mutable std::mutex mutex_;
  /// Oldest first; all live equally long, so this is also the order in which
  /// they end.
  std::deque<denial> order_;
  /// The keys in `order_`.
  std::unordered_set<std::string> standing_;
};

} // namespace posthorn

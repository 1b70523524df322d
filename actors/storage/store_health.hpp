// SPDX-License-Identifier: Apache-2.0
// Whether the store does its work: what a node's readiness says of it.
#pragma once

#include "storage/store.hpp"

#include <caf/error.hpp>

#include <array>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>

namespace posthorn {

/// Remembers, for each kind of mutation, the last failure of the store that no
/// success of that kind has followed. Any thread.
class store_health {
public:
  using clock = std::chrono::steady_clock;

  /// A failure counts so long at most: whoever was refused may never ask
  /// again, and then nothing would show that the store has recovered.
  static constexpr std::chrono::seconds memory{10};

  /// Notes how a mutation ended; `why` is empty when it was carried out. What
  /// is refused by rule (fenced, full, unknown) says nothing about the store.
  void note(const storage::mutation& what, const caf::error& why,
            clock::time_point now);

  /// What is wrong, in an operator's words; none when nothing is.
  std::optional<std::string> trouble(clock::time_point now) const;

private:
  struct failure {
    clock::time_point when;
    std::string text;
  };

  mutable std::mutex guard_;
  std::array<std::optional<failure>, std::variant_size_v<storage::mutation>>
    failures_;
};

} // namespace posthorn

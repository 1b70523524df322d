// SPDX-License-Identifier: Apache-2.0
// The body of a transaction: how much fits, and what its bytes are.
#pragma once

#include "messages/batch.hpp"
#include "messages/transaction.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace posthorn::storage {

/// Which rendering a transaction was cut for. Kept with each transaction on
/// disk: the bytes of one that was ever sent never change, so whoever changes
/// render() keeps the old one beside it under its number. On disk, do not
/// renumber.
inline constexpr std::uint8_t rendering_now = 1;

/// Under which names ephemeral items go out (as in cut_limits). With neither,
/// they are left out.
struct ephemeral_names {
  bool stable = false;
  bool unstable = false;
};

/// Measures a transaction while it is cut: offered the items of a queue in
/// order, it says where to stop. What it counts is at least the size of the
/// body that render() makes of the same items, and exactly that when none of
/// them is folded.
class body_gauge {
public:
  explicit body_gauge(const cut_limits& limits);

  /// Takes an item of `size` bytes, or answers false: it and all after it are
  /// for a later transaction. The first item always fits. An ephemeral item
  /// that goes out under no name is taken and counts for nothing.
  bool take(item_kind kind, std::uint32_t size);

  /// Bytes of the body so far (an upper bound when something is folded).
  std::uint64_t bytes() const {
    return bytes_;
  }

  /// Items of kind event so far.
  std::uint32_t events() const {
    return counts_[static_cast<std::size_t>(item_kind::event)];
  }

  /// Whether anything was taken that goes out.
  bool sends() const {
    return sends_;
  }

private:
  std::uint64_t cost_of(item_kind kind, std::uint32_t size) const;

  cut_limits limits_;
  std::uint64_t bytes_;
  std::array<std::uint32_t, 7> counts_{};
  bool sends_ = false;
};

/// Items of one kind that lie side by side, as they came, a comma between each
/// two. Device lists, key counts and fallback keys come as runs of one.
struct body_run {
  item_kind kind = item_kind::event;
  std::string_view json;
};

/// A rendered body.
struct rendered_body {
  std::string json;
  /// Items of kind device_lists that are not an object of lists of strings, and
  /// of key counts and fallback keys that are not an object among several; they
  /// added nothing.
  std::uint32_t unfoldable = 0;
};

/// Renders a transaction of these runs, in queue order. The same runs and names
/// always give the same bytes. Keys, in this order, each absent when there is
/// nothing for it (but for `events`):
/// - `events`;
/// - `ephemeral` (stable name) and `de.sorunome.msc2409.ephemeral`;
/// - `de.sorunome.msc2409.to_device`;
/// - `org.matrix.msc3202.device_lists`: all folded into one `changed` and
///   `left`, in the order of first mention; a later `changed` takes a user out
///   of `left` and the reverse (Synapse's merge of pending summaries);
/// - `org.matrix.msc3202.device_one_time_key_counts` and
///   `org.matrix.msc3202.device_one_time_keys_count`: of each user the newest,
///   under both names, as Synapse sends it (which sends only the users that its
///   transaction is about, so a newer object does not replace an older one);
/// - `org.matrix.msc3202.device_unused_fallback_key_types`: of each user the
///   newest.
rendered_body render(std::span<const body_run> runs, ephemeral_names names);

} // namespace posthorn::storage

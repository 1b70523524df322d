// SPDX-License-Identifier: Apache-2.0
// How a refused transaction is cut smaller, and how the one refused item in it
// is found.
#pragma once

#include "messages/transaction.hpp"

#include <cstdint>

namespace posthorn::storage {

/// What is known of the head of a queue after a transaction was given up: kept
/// with the service, so that a restart goes on where it was. All zero: nothing.
/// Counts are items from the head of the queue on, open transaction included.
///
/// Of a transaction that was too large (413), the share is halved until it
/// fits, and holds until all of its items are through. Of one that was refused
/// for good, the smallest stretch that is known to hold a refused item is
/// halved: if its first half is accepted, the refused item is in the second. So
/// one of n items is found in at most log2(n) + 2 transactions.
///
/// On disk as it stands here, inside the service's record.
struct trial {
  /// Items of the transaction that was given up first which still wait. Nothing
  /// behind them goes out together with them.
  std::uint64_t items = 0;
  /// So many of them are known to hold a refused one; 0 where none is known.
  std::uint64_t bad = 0;
  /// Largest number of items of one transaction, and of its bytes; 0 for as
  /// many as the limits allow.
  std::uint64_t share = 0;
  std::uint64_t share_bytes = 0;
  /// Whether it was refused for good: its parts are judged at once then.
  std::uint8_t poison = 0;
  /// Whether a part of it was accepted since an item was last set aside. If
  /// not, the next one that is refused is not taken for another poison at once:
  /// perhaps the service refuses everything.
  std::uint8_t vouched = 0;
  std::uint8_t zero[6] = {};

  bool operator==(const trial&) const = default;

  bool active() const {
    return items > 0;
  }

  /// Items that the next transaction may have.
  std::uint64_t items_max() const;

  /// Bytes that the body of the next transaction may have.
  std::uint64_t bytes_max() const;

  /// The open transaction of `count` items and `bytes` was given up. Of a
  /// single item it only says that the item is judged at once from now on.
  void give_up(recut_reason why, std::uint64_t count, std::uint64_t bytes);

  /// `count` items from the head on were accepted, or left the queue because
  /// nothing of them goes out.
  void accept(std::uint64_t count);
  void pass(std::uint64_t count);

  /// `count` items of the trial, anywhere but in the open transaction, were
  /// withdrawn: newer ones have taken their place, or they have expired.
  void withdraw(std::uint64_t count);

  /// `count` items from the head on were set aside.
  void set_aside(std::uint64_t count);
};

static_assert(sizeof(trial) == 40);

} // namespace posthorn::storage

// SPDX-License-Identifier: Apache-2.0
// Where in the table seen a feed transaction may stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace posthorn::storage::lmdb {

/// Numbers of records in `seen` by hashes of their keys, in memory: 8 to 16
/// bytes for each. A table of it in the store would cost each append pages all
/// over the file. Two keys may have one hash: whoever asks compares the record.
///
/// It holds what is committed and what the commit in hand adds, which is
/// dropped unless that succeeds. What other processes have added is for who
/// asks to put in first.
class seen_index {
public:
  /// All numbers before it, from first() on, are in the index.
  std::uint64_t next() const {
    return next_;
  }

  std::uint64_t first() const {
    return first_;
  }

  /// How many the commit in hand has added.
  std::size_t added() const {
    return added_.size();
  }

  /// Forgets everything: the next that is put in has the number `first`.
  void clear(std::uint64_t first);

  /// Numbers before `first` are of no use any more.
  void forget_before(std::uint64_t first);

  /// Puts in what is committed: the number next(), or a later one where those
  /// between are not in the store.
  void put(std::uint32_t hash, std::uint64_t number);

  /// No number before `next` is missing, though none of them was put in.
  void skip_to(std::uint64_t next);

  /// Puts in what the commit in hand adds.
  void add(std::uint32_t hash, std::uint64_t number);

  /// The commit in hand has succeeded.
  void keep();

  /// It has not, or there is another one now.
  void drop() {
    added_.clear();
  }

  /// Whether `which(number)` says yes to any number with that hash.
  template <class Predicate>
  bool any(std::uint32_t hash, Predicate which) const {
    for (const auto& [other, number] : added_)
      if (other == hash && which(number))
        return true;
    if (slots_.empty())
      return false;
    for (auto at = place_of(hash); slots_[at].offset != 0; at = after(at))
      if (slots_[at].hash == hash) {
        const auto number = base_ + slots_[at].offset - 1;
        if (number >= first_ && which(number))
          return true;
      }
    return false;
  }

private:
  /// Open addressing: the next free place after that of its hash.
  struct slot {
    std::uint32_t hash = 0;
    /// From base_, and 1 more; 0 where the slot is free.
    std::uint32_t offset = 0;
  };

  std::size_t place_of(std::uint32_t hash) const {
    return hash & (slots_.size() - 1);
  }

  std::size_t after(std::size_t at) const {
    return (at + 1) & (slots_.size() - 1);
  }

  void make_room(std::uint64_t number);
  void place(slot what);

  /// A power of two of them, at most three quarters used.
  std::vector<slot> slots_;
  std::size_t used_ = 0;
  std::uint64_t base_ = 0;
  std::uint64_t first_ = 0;
  std::uint64_t next_ = 0;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> added_;
};

} // namespace posthorn::storage::lmdb

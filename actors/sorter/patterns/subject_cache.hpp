// SPDX-License-Identifier: Apache-2.0
// Remembers what was found for a subject: senders and rooms come again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace posthorn {

/// A bounded map from subject to numbers. It has a young and an old half; what
/// is asked for moves to the young one, and when that is full the old one is
/// dropped and the young one takes its place. Not for several threads.
class subject_cache {
public:
  using numbers = std::vector<std::uint32_t>;

  /// In both halves together.
  static constexpr std::size_t entries_max = 65'536;
  /// Of subjects and numbers, with some for each entry's own upkeep, in bytes;
  /// in both halves together.
  static constexpr std::size_t bytes_max = 32 * 1024 * 1024;

  /// What is remembered for `subject`, or null. Good until the next call.
  const numbers* find(std::string_view subject);

  /// Remembers `what` and returns it. Good until the next call. What is larger
  /// than all that may be kept is kept alone.
  const numbers& keep(std::string_view subject, numbers what);

  std::size_t size() const {
    return young_.size() + old_.size();
  }

private:
  struct hash {
    using is_transparent = void;

    std::size_t operator()(std::string_view subject) const {
      return std::hash<std::string_view>{}(subject);
    }
  };

  using half = std::unordered_map<std::string, numbers, hash, std::equal_to<>>;

  /// Makes room in the young half for an entry.
  void age(std::size_t bytes);

  half young_;
  half old_;
  std::size_t young_bytes_ = 0;
};

} // namespace posthorn

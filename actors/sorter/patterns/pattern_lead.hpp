// SPDX-License-Identifier: Apache-2.0
// What every match of a pattern begins with, to find candidates by.
#pragma once

#include "actors/sorter/patterns/pattern_syntax.hpp"

#include <string>
#include <vector>

namespace posthorn {

/// The literal beginnings of a pattern.
struct pattern_lead {
  enum class kind : std::uint8_t {
    /// The heads are all that the pattern matches.
    exact,
    /// A subject matches if and only if it begins with a head: after them all
    /// is optional, and the end is open.
    open,
    /// A subject that matches begins with a head, but there is more to see.
    partial,
  };

  kind what = kind::exact;
  /// UTF-8. At most heads_max; none is the beginning of another one. A pattern
  /// that can begin with anything has one empty head; one that never matches
  /// has none.
  std::vector<std::string> heads;

  static constexpr std::size_t heads_max = 64;

  /// Whether having a head is enough to match.
  bool decides() const {
    return what != kind::partial;
  }
};

/// The lead of `pattern`, its flags resolved.
pattern_lead lead_of(const parsed_pattern& pattern);

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Sets of code points, and what ignoring case makes of them.
#pragma once

#include "actors/sorter/patterns/unicode_tables.hpp"

#include <cstddef>
#include <vector>

namespace posthorn {

/// A set of Unicode scalar values. Surrogates fall out: no valid subject has
/// them.
class code_points {
public:
  code_points() = default;

  /// The union of `ranges`, which may overlap and stand in any order.
  explicit code_points(std::vector<code_range> ranges);

  static code_points all();

  /// Ascending, disjoint, not adjacent.
  const std::vector<code_range>& ranges() const {
    return ranges_;
  }

  bool empty() const {
    return ranges_.empty();
  }

  /// How many code points are in it.
  std::size_t size() const;

  bool contains(char32_t code) const;

  /// Whether each of `others` is in it.
  bool includes(const code_points& others) const;

  code_points complement() const;

  code_points minus(const code_points& others) const;

  friend bool operator==(const code_points&, const code_points&) = default;

private:
  std::vector<code_range> ranges_;
};

/// The set of a generated table; made once.
const code_points& unicode_words();
const code_points& unicode_digits();
const code_points& unicode_spaces();

/// How letters are mapped when case is ignored: by Unicode, or (flag `a`) only
/// the 26 of ASCII.
enum class case_rule { unicode, ascii };

/// The lower cases of the characters in `range`, with their siblings (none
/// under the ASCII rule).
std::vector<code_range> lowered(code_range range, case_rule rule);

/// The characters that are in `range` or whose Unicode upper case is.
std::vector<code_range> with_upper_in(code_range range);

/// The characters whose lower case is in `set`.
code_points lowering_into(const code_points& set, case_rule rule);

} // namespace posthorn

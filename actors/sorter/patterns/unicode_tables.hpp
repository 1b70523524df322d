// SPDX-License-Identifier: Apache-2.0
// What Python's `re` knows about Unicode, as generated tables.
#pragma once

#include <cstdint>
#include <span>

namespace posthorn {

/// Code points from `first` to `last`, both included.
struct code_range {
  char32_t first = 0;
  char32_t last = 0;

  friend bool operator==(const code_range&, const code_range&) = default;
};

/// Every `stride`-th code point from `first` to `last` maps to itself plus
/// `delta`.
struct case_run {
  char32_t first = 0;
  char32_t last = 0;
  std::uint32_t stride = 1;
  std::int32_t delta = 0;
};

/// Two different lower-case characters with one upper case; listed both ways.
struct case_sibling {
  char32_t lower = 0;
  char32_t other = 0;
};

/// What `\w` matches: letters, numbers and the underscore. Ascending, disjoint.
extern const std::span<const code_range> word_ranges;
/// What `\d` matches: the category Nd. Ascending, disjoint.
extern const std::span<const code_range> digit_ranges;
/// What `\s` matches; unlike Perl's it has U+001C to U+001F. Ascending,
/// disjoint.
extern const std::span<const code_range> space_ranges;
/// Simple lower-case mapping. Ascending by `first`; where runs interleave they
/// never name the same code point.
extern const std::span<const case_run> lower_runs;
/// Upper-case mapping, the first character where there are several.
extern const std::span<const case_run> upper_runs;
/// Which lower-case characters Python takes for equal when it ignores case.
/// Ascending by `lower`.
extern const std::span<const case_sibling> case_siblings;

} // namespace posthorn

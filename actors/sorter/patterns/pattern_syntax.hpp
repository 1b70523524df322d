// SPDX-License-Identifier: Apache-2.0
// A parsed pattern: the tree that the parser makes and the translators read.
#pragma once

#include "actors/sorter/patterns/code_points.hpp"

#include <cstdint>
#include <vector>

namespace posthorn {

/// The inline flags of Python's `re` that a pattern can turn on.
struct pattern_flags {
  static constexpr std::uint32_t ignore_case = 1;
  static constexpr std::uint32_t multiline = 2;
  static constexpr std::uint32_t dotall = 4;
  static constexpr std::uint32_t verbose = 8;
  static constexpr std::uint32_t ascii = 16;
  static constexpr std::uint32_t unicode = 32;
  static constexpr std::uint32_t locale = 64;
  /// `t`: forbids repetition. Global only.
  static constexpr std::uint32_t no_repeats = 128;
  /// Those of which one excludes the others.
  static constexpr std::uint32_t kinds = ascii | unicode | locale;
};

/// The classes that `\d`, `\s` and `\w` name.
enum class category : std::uint8_t { digit, space, word };

/// A member of a set as it is written, before flags say what it matches.
struct set_item {
  enum class kind : std::uint8_t { literal, range, named };

  kind what = kind::literal;
  /// A literal has `first` only.
  char32_t first = 0;
  char32_t last = 0;
  /// Only for `named`; `inverted` for the upper-case spelling.
  posthorn::category name = posthorn::category::word;
  bool inverted = false;

  friend bool operator==(const set_item&, const set_item&) = default;
};

/// Where a zero-width position test holds. The parser writes `begin` and `end`
/// for `^` and `$`; resolving the flags turns them into the line forms.
enum class anchor : std::uint8_t {
  /// `^`: at the start.
  begin,
  /// `\A`: at the start, whatever the flags.
  very_begin,
  /// `^` under flag m: at the start or after a newline.
  line_begin,
  /// `$`: at the end or before a newline at the end.
  end,
  /// `$` under flag m: at the end or before a newline.
  line_end,
  /// `\Z`: at the very end.
  very_end,
  /// `\b`
  boundary,
  /// `\B`; unlike elsewhere it does not hold in an empty subject.
  no_boundary,
};

enum class greed : std::uint8_t { greedy, lazy, possessive };

struct syntax_node;

/// What stands one after the other.
using sequence = std::vector<syntax_node>;

/// One element of a pattern.
struct syntax_node {
  enum class kind : std::uint8_t {
    /// One character out of a set; also a literal and the dot.
    set,
    at,
    /// One of `parts`.
    branch,
    /// parts[0] in parentheses.
    group,
    /// parts[0], never reconsidered once matched.
    atomic,
    /// parts[0], `min` to `max` times.
    repeat,
    /// parts[0] must (not) match ahead of or behind here.
    look,
    /// What group `number` matched.
    reference,
    /// parts[0] if group `number` has matched, else parts[1] if there is one.
    condition,
  };

  static constexpr std::uint32_t unlimited = 0xffff'ffff;

  kind what = kind::set;

  // -- set --------------------------------------------------------------------

  std::vector<set_item> items;
  bool inverted = false;
  /// The dot: `items` is empty.
  bool dot = false;
  /// What it matches, once the flags are resolved.
  code_points chars;

  // -- at ---------------------------------------------------------------------

  anchor where = anchor::begin;
  /// Of \b and \B: whether only ASCII has words. Set by resolving the flags.
  bool ascii = false;

  // -- everything with parts --------------------------------------------------

  std::vector<sequence> parts;
  /// Of a group: its number, or 0 where it does not capture. Of a reference and
  /// a condition: the group they look at.
  std::uint32_t number = 0;
  /// Of a group: `(?add-remove:...)`.
  std::uint32_t add = 0;
  std::uint32_t remove = 0;
  std::uint32_t min = 0;
  std::uint32_t max = 0;
  posthorn::greed greed = posthorn::greed::greedy;
  /// Of a look: whether it looks behind, and whether it must not match.
  bool behind = false;
  bool negative = false;
  /// Of a look behind: how many characters it looks back.
  std::uint64_t width = 0;
};

/// A whole pattern.
struct parsed_pattern {
  sequence body;
  /// The global flags, with exactly one of the kinds.
  std::uint32_t flags = pattern_flags::unicode;
};

} // namespace posthorn

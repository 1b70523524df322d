// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/pattern_meaning.hpp"

#include "messages/errors.hpp"

#include <algorithm>

namespace posthorn {

namespace {

constexpr char32_t first_beyond_basic_plane = 0x10000;

using range_list = std::vector<code_range>;

void append(range_list& to, const range_list& what) {
  to.insert(to.end(), what.begin(), what.end());
}

bool has(std::uint32_t flags, std::uint32_t flag) {
  return (flags & flag) != 0;
}

code_points ascii_only(const code_points& what) {
  return code_points{{{0, 0x7f}}}.minus(what.complement());
}

code_points named(const set_item& item, std::uint32_t flags) {
  const auto& all = item.name == category::digit   ? unicode_digits()
                    : item.name == category::space ? unicode_spaces()
                                                   : unicode_words();
  auto result = all;
  if (has(flags, pattern_flags::ascii)) {
    result = ascii_only(all);
    // ASCII's own blanks do not have the four separators.
    if (item.name == category::space)
      result = result.minus(code_points{{{0x1c, 0x1f}}});
  }
  return item.inverted ? result.complement() : result;
}

code_range range_of(const set_item& item) {
  const auto last
    = item.what == set_item::kind::literal ? item.first : item.last;
  return {item.first, last};
}

/// What a single character matches when case is ignored.
code_points folded_literal(char32_t code, case_rule rule) {
  return lowering_into(code_points{lowered({code, code}, rule)}, rule);
}

/// What a set matches when case is ignored: all that lowers into it. Beyond the
/// basic plane Python 3.11 does not lower the set itself: `[\U00010400x]` does
/// not match U+10400, yet a range does.
code_points folded_set(const std::vector<set_item>& items, std::uint32_t flags,
                       case_rule rule) {
  range_list result;
  for (const auto& item : items) {
    if (item.what == set_item::kind::named) {
      append(result, named(item, flags).ranges());
      continue;
    }
    const auto range = range_of(item);
    const auto beyond = range.last >= first_beyond_basic_plane;
    if (beyond && item.what == set_item::kind::range)
      append(result, with_upper_in(range));
    else if (beyond)
      result.push_back(range);
    if (range.first < first_beyond_basic_plane) {
      const auto last
        = std::min<char32_t>(range.last, first_beyond_basic_plane - 1);
      append(result, lowered({range.first, last}, rule));
    }
  }
  return lowering_into(code_points{std::move(result)}, rule);
}

code_points plain_set(const std::vector<set_item>& items, std::uint32_t flags) {
  range_list result;
  for (const auto& item : items)
    if (item.what == set_item::kind::named)
      append(result, named(item, flags).ranges());
    else
      result.push_back(range_of(item));
  return code_points{std::move(result)};
}

code_points chars_of(const syntax_node& what, std::uint32_t flags) {
  using f = pattern_flags;
  if (what.dot)
    return has(flags, f::dotall) ? code_points::all()
                                 : code_points{{{U'\n', U'\n'}}}.complement();
  const auto rule
    = has(flags, f::ascii) ? case_rule::ascii : case_rule::unicode;
  const auto is_literal
    = what.items.size() == 1 && what.items[0].what == set_item::kind::literal;
  code_points result;
  if (!has(flags, f::ignore_case))
    result = plain_set(what.items, flags);
  else if (is_literal)
    result = folded_literal(what.items[0].first, rule);
  else
    result = folded_set(what.items, flags, rule);
  return what.inverted ? result.complement() : result;
}

caf::error resolve(sequence& what, std::uint32_t flags);

std::uint32_t inner_flags(const syntax_node& what, std::uint32_t flags) {
  if (has(what.add, pattern_flags::kinds))
    flags &= ~pattern_flags::kinds;
  return (flags | what.add) & ~what.remove;
}

caf::error resolve(syntax_node& what, std::uint32_t flags) {
  using f = pattern_flags;
  switch (what.what) {
  case syntax_node::kind::set:
    what.chars = chars_of(what, flags);
    break;
  case syntax_node::kind::at:
    if (has(flags, f::multiline) && what.where == anchor::begin)
      what.where = anchor::line_begin;
    else if (has(flags, f::multiline) && what.where == anchor::end)
      what.where = anchor::line_end;
    what.ascii = has(flags, f::ascii);
    break;
  case syntax_node::kind::reference:
    if (has(flags, f::ignore_case))
      return fault(ec::bad_config, "a back-reference that ignores case is "
                                   "not supported");
    break;
  default:
    break;
  }
  for (auto& part : what.parts)
    if (auto failed = resolve(part, inner_flags(what, flags)))
      return failed;
  return caf::none;
}

caf::error resolve(sequence& what, std::uint32_t flags) {
  for (auto& one : what)
    if (auto failed = resolve(one, flags))
      return failed;
  return caf::none;
}

} // namespace

caf::error resolve_flags(parsed_pattern& pattern) {
  return resolve(pattern.body, pattern.flags);
}

} // namespace posthorn

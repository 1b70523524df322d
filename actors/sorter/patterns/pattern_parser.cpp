// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/pattern_parser.hpp"

#include "actors/sorter/patterns/utf8.hpp"
#include "messages/errors.hpp"

#include <algorithm>

namespace posthorn {

namespace {

constexpr std::u32string_view digits = U"0123456789";
constexpr std::u32string_view blanks = U" \t\n\r\v\f";

bool is_plain_group(const syntax_node& what) {
  return what.what == syntax_node::kind::group && what.number == 0
         && what.add == 0 && what.remove == 0;
}

/// Whether Python finds two elements equal when it looks for a prefix that all
/// alternatives share. Those with parts it compares by identity.
bool same(const syntax_node& a, const syntax_node& b) {
  if (a.what != b.what)
    return false;
  switch (a.what) {
  case syntax_node::kind::set:
    return a.items == b.items && a.inverted == b.inverted && a.dot == b.dot;
  case syntax_node::kind::at:
    return a.where == b.where;
  case syntax_node::kind::reference:
    return a.number == b.number;
  default:
    return false;
  }
}

bool share_first(const std::vector<sequence>& branches) {
  return std::all_of(branches.begin(), branches.end(), [&](const auto& one) {
    return !one.empty() && same(one[0], branches[0][0]);
  });
}

bool is_mergeable(const sequence& branch) {
  if (branch.size() != 1)
    return false;
  const auto& only = branch[0];
  return only.what == syntax_node::kind::set && !only.inverted && !only.dot;
}

/// The alternatives as Python rewrites them. That is no mere optimisation: a
/// set ignores case by other rules than a literal does.
sequence joined(std::vector<sequence> branches) {
  if (branches.size() == 1)
    return std::move(branches[0]);
  sequence result;
  while (!branches[0].empty() && share_first(branches)) {
    result.push_back(branches[0][0]);
    for (auto& one : branches)
      one.erase(one.begin());
  }
  syntax_node last;
  if (std::all_of(branches.begin(), branches.end(), is_mergeable)) {
    for (const auto& one : branches)
      for (const auto& item : one[0].items)
        if (std::find(last.items.begin(), last.items.end(), item)
            == last.items.end())
          last.items.push_back(item);
  } else {
    last.what = syntax_node::kind::branch;
    last.parts = std::move(branches);
  }
  result.push_back(std::move(last));
  return result;
}

/// Puts what stands in groups without number or flags in their place.
void unpack_groups(sequence& what) {
  sequence result;
  for (auto& one : what) {
    if (!is_plain_group(one)) {
      result.push_back(std::move(one));
      continue;
    }
    for (auto& inner : one.parts[0])
      result.push_back(std::move(inner));
  }
  what = std::move(result);
}

/// The number that decimal digits make, saturated at syntax_node::unlimited.
std::uint32_t number_of(const std::u32string& text) {
  std::uint64_t result = 0;
  for (auto c : text)
    result = std::min<std::uint64_t>(result * 10 + (c - U'0'),
                                     syntax_node::unlimited);
  return static_cast<std::uint32_t>(result);
}

} // namespace

caf::expected<parsed_pattern> parse_pattern(std::string_view pattern) {
  auto text = decode_utf8(pattern);
  if (!text)
    return fault(ec::bad_config, "not valid UTF-8");
  pattern_parser parser{std::move(*text)};
  if (!parser.parse())
    return fault(ec::bad_config, parser.fault());
  return parser.take_result();
}

pattern_parser::pattern_parser(std::u32string text) : tokens_{std::move(text)} {
  // nop
}

bool pattern_parser::parse() {
  using flags = pattern_flags;
  scope whole;
  whole.outermost = true;
  if (!parse_alternatives(result_.body, whole) || !fault().empty())
    return false;
  if ((flags_ & flags::ascii) == 0)
    flags_ |= flags::unicode;
  else if ((flags_ & flags::unicode) != 0)
    return tokens_.fail(0, "flags a and u exclude each other");
  if (!tokens_.next().at_end())
    return tokens_.fail(tokens_.place(), "unbalanced parenthesis");
  for (auto [number, at] : conditions_)
    if (number >= groups_.size())
      return tokens_.fail(at, "no group " + std::to_string(number));
  result_.flags = flags_;
  return true;
}

bool pattern_parser::parse_alternatives(sequence& out, scope where) {
  if (where.depth > pattern_nesting_max)
    return tokens_.fail(tokens_.place(), "groups are nested too deep");
  std::vector<sequence> branches;
  where.first = where.outermost;
  do {
    auto& branch = branches.emplace_back();
    if (!parse_sequence(branch, where))
      return false;
    where.first = false;
    if (where.outermost)
      where.verbose = (flags_ & pattern_flags::verbose) != 0;
  } while (tokens_.take_if(U'|'));
  out = joined(std::move(branches));
  return true;
}

bool pattern_parser::skip_blank(const pattern_token& token) {
  if (token.is_one_of(blanks))
    return true;
  if (!token.is(U'#'))
    return false;
  while (!tokens_.next().at_end())
    if (tokens_.take().is(U'\n'))
      break;
  return true;
}

bool pattern_parser::parse_sequence(sequence& out, scope where) {
  while (!tokens_.next().at_end() && !tokens_.next().is_one_of(U"|)")) {
    const auto at = tokens_.place();
    const auto token = tokens_.take();
    bool fine = true;
    if (where.verbose && skip_blank(token)) {
      continue;
    } else if (token.is_escape()) {
      fine = parse_escape(out, token, at);
    } else if (token.is(U'[')) {
      fine = parse_set(out);
    } else if (token.is_one_of(U"*+?{")) {
      fine = parse_repeat(out, token);
    } else if (token.is(U'(')) {
      fine = parse_group(out, where);
    } else {
      auto& added = out.emplace_back();
      if (token.is_one_of(U"^$")) {
        added.what = syntax_node::kind::at;
        added.where = token.is(U'^') ? anchor::begin : anchor::end;
      } else if (token.is(U'.')) {
        added.dot = true;
      } else {
        added.items.push_back({.first = token.first});
      }
    }
    if (!fine || !fault().empty())
      return false;
  }
  unpack_groups(out);
  return fault().empty();
}

bool pattern_parser::parse_bounds(std::uint32_t& min, std::uint32_t& max,
                                  bool& literal) {
  const auto start = tokens_.place();
  literal = tokens_.next().is(U'}');
  if (literal)
    return true;
  const auto from = tokens_.take_while(std::u32string::npos, digits);
  auto to = from;
  if (tokens_.take_if(U','))
    to = tokens_.take_while(std::u32string::npos, digits);
  if (!tokens_.take_if(U'}')) {
    tokens_.go_back(start);
    literal = true;
    return true;
  }
  min = from.empty() ? 0 : number_of(from);
  max = to.empty() ? syntax_node::unlimited : number_of(to);
  if (min == syntax_node::unlimited
      || (!to.empty() && max == syntax_node::unlimited))
    return tokens_.fail(start - 1, "the repetition number is too large");
  if (max < min)
    return tokens_.fail(start - 1, "the repetition's bounds are reversed");
  return true;
}

bool pattern_parser::parse_repeat(sequence& out, const pattern_token& sign) {
  const auto at = tokens_.place() - 1;
  syntax_node repeat;
  repeat.what = syntax_node::kind::repeat;
  repeat.min = sign.is(U'+') ? 1 : 0;
  repeat.max = sign.is(U'?') ? 1 : syntax_node::unlimited;
  bool literal = false;
  if (sign.is(U'{') && !parse_bounds(repeat.min, repeat.max, literal))
    return false;
  if (literal) {
    out.emplace_back().items.push_back({.first = U'{'});
    return true;
  }
  if (out.empty() || out.back().what == syntax_node::kind::at)
    return tokens_.fail(at, "nothing to repeat");
  if (out.back().what == syntax_node::kind::repeat)
    return tokens_.fail(at, "a repetition is repeated");
  if ((flags_ & pattern_flags::no_repeats) != 0)
    return tokens_.fail(at, "flag t allows no repetition");
  if (is_plain_group(out.back()))
    repeat.parts.push_back(std::move(out.back().parts[0]));
  else
    repeat.parts.push_back({std::move(out.back())});
  if (tokens_.take_if(U'?'))
    repeat.greed = greed::lazy;
  else if (tokens_.take_if(U'+'))
    repeat.greed = greed::possessive;
  out.back() = std::move(repeat);
  return true;
}

bool pattern_parser::close_group(std::size_t start) {
  if (tokens_.take_if(U')'))
    return true;
  return tokens_.fail(start, "missing ), unterminated group");
}

bool pattern_parser::is_closed(std::uint32_t number) const {
  return number < groups_.size() && groups_[number].has_value();
}

pattern_parser::extent pattern_parser::extent_of(const sequence& what) const {
  extent result;
  for (const auto& one : what) {
    const auto its = extent_of(one);
    result.min += its.min;
    result.max += its.max;
  }
  const std::uint64_t limit = syntax_node::unlimited;
  return {std::min(result.min, limit - 1), std::min(result.max, limit)};
}

pattern_parser::extent
pattern_parser::extent_of(const syntax_node& what) const {
  switch (what.what) {
  case syntax_node::kind::set:
    return {1, 1};
  case syntax_node::kind::at:
  case syntax_node::kind::look:
    return {0, 0};
  case syntax_node::kind::group:
  case syntax_node::kind::atomic:
    return extent_of(what.parts[0]);
  case syntax_node::kind::repeat: {
    const auto body = extent_of(what.parts[0]);
    const std::uint64_t limit = syntax_node::unlimited;
    return {std::min(body.min * what.min, limit),
            std::min(body.max * what.max, limit)};
  }
  case syntax_node::kind::reference:
    return *groups_[what.number];
  case syntax_node::kind::branch:
  case syntax_node::kind::condition:
    break;
  }
  extent result{syntax_node::unlimited - 1, 0};
  for (const auto& part : what.parts) {
    const auto its = extent_of(part);
    result.min = std::min(result.min, its.min);
    result.max = std::max(result.max, its.max);
  }
  if (what.what == syntax_node::kind::condition && what.parts.size() == 1)
    result.min = 0;
  return result;
}

} // namespace posthorn

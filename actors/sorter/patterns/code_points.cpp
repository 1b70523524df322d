// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/code_points.hpp"

#include <algorithm>

namespace posthorn {

namespace {

constexpr char32_t last_code_point = 0x10ffff;

constexpr case_run ascii_lower[] = {{U'A', U'Z', 1, 32}};

std::span<const case_run> lower_by(case_rule rule) {
  return rule == case_rule::unicode ? lower_runs : ascii_lower;
}

char32_t shifted(char32_t code, std::int32_t delta) {
  return static_cast<char32_t>(static_cast<std::int32_t>(code) + delta);
}

/// Calls f(from, to) for each mapping.
template <class F>
void each_mapping(std::span<const case_run> runs, F f) {
  for (const auto& run : runs)
    for (auto code = run.first; code <= run.last; code += run.stride)
      f(code, shifted(code, run.delta));
}

bool within(code_range range, char32_t code) {
  return range.first <= code && code <= range.last;
}

void append(std::vector<code_range>& to, const code_points& what) {
  to.insert(to.end(), what.ranges().begin(), what.ranges().end());
}

} // namespace

code_points::code_points(std::vector<code_range> ranges) {
  std::vector<code_range> scalars;
  for (auto [first, last] : ranges) {
    last = std::min(last, last_code_point);
    if (first < 0xd800 && first <= last)
      scalars.push_back({first, std::min<char32_t>(last, 0xd7ff)});
    if (last > 0xdfff && first <= last)
      scalars.push_back({std::max<char32_t>(first, 0xe000), last});
  }
  std::sort(scalars.begin(), scalars.end(),
            [](auto a, auto b) { return a.first < b.first; });
  for (auto one : scalars) {
    if (!ranges_.empty() && one.first <= ranges_.back().last + 1)
      ranges_.back().last = std::max(ranges_.back().last, one.last);
    else
      ranges_.push_back(one);
  }
}

code_points code_points::all() {
  return code_points{{{0, last_code_point}}};
}

std::size_t code_points::size() const {
  std::size_t result = 0;
  for (auto one : ranges_)
    result += one.last - one.first + 1;
  return result;
}

bool code_points::contains(char32_t code) const {
  const auto next
    = std::upper_bound(ranges_.begin(), ranges_.end(), code,
                       [](auto c, auto one) { return c < one.first; });
  return next != ranges_.begin() && code <= std::prev(next)->last;
}

bool code_points::includes(const code_points& others) const {
  auto mine = ranges_.begin();
  for (auto one : others.ranges_) {
    while (mine != ranges_.end() && mine->last < one.last)
      ++mine;
    if (mine == ranges_.end() || mine->first > one.first)
      return false;
  }
  return true;
}

code_points code_points::complement() const {
  std::vector<code_range> gaps;
  char32_t next = 0;
  for (auto one : ranges_) {
    if (one.first > next)
      gaps.push_back({next, one.first - 1});
    next = one.last + 1;
  }
  if (next <= last_code_point)
    gaps.push_back({next, last_code_point});
  return code_points{std::move(gaps)};
}

code_points code_points::minus(const code_points& others) const {
  auto kept = complement().ranges_;
  append(kept, others);
  return code_points{std::move(kept)}.complement();
}

const code_points& unicode_words() {
  static const code_points result{{word_ranges.begin(), word_ranges.end()}};
  return result;
}

const code_points& unicode_digits() {
  static const code_points result{{digit_ranges.begin(), digit_ranges.end()}};
  return result;
}

const code_points& unicode_spaces() {
  static const code_points result{{space_ranges.begin(), space_ranges.end()}};
  return result;
}

std::vector<code_range> lowered(code_range range, case_rule rule) {
  std::vector<code_range> moved;
  std::vector<code_range> result;
  each_mapping(lower_by(rule), [&](char32_t from, char32_t to) {
    if (!within(range, from))
      return;
    moved.push_back({from, from});
    result.push_back({to, to});
  });
  append(result, code_points{{range}}.minus(code_points{std::move(moved)}));
  if (rule == case_rule::ascii)
    return result;
  const code_points known{result};
  for (auto [lower, other] : case_siblings)
    if (known.contains(lower))
      result.push_back({other, other});
  return result;
}

std::vector<code_range> with_upper_in(code_range range) {
  std::vector<code_range> result{range};
  each_mapping(upper_runs, [&](char32_t from, char32_t to) {
    if (within(range, to))
      result.push_back({from, from});
  });
  return result;
}

code_points lowering_into(const code_points& set, case_rule rule) {
  std::vector<code_range> moved;
  std::vector<code_range> result;
  each_mapping(lower_by(rule), [&](char32_t from, char32_t to) {
    moved.push_back({from, from});
    if (set.contains(to))
      result.push_back({from, from});
  });
  append(result, set.minus(code_points{std::move(moved)}));
  return code_points{std::move(result)};
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/pattern_lead.hpp"

#include "actors/sorter/patterns/utf8.hpp"

#include <algorithm>
#include <utility>

namespace posthorn {

namespace {

/// Sets of more characters end the heads.
constexpr std::size_t chars_max = 8;

/// Whether it matches the empty string wherever it stands.
bool is_optional(const sequence& what);

bool is_optional(const syntax_node& what) {
  switch (what.what) {
  case syntax_node::kind::branch:
    return std::any_of(what.parts.begin(), what.parts.end(),
                       [](const auto& one) { return is_optional(one); });
  case syntax_node::kind::group:
    return is_optional(what.parts[0]);
  case syntax_node::kind::repeat:
    return what.min == 0 || is_optional(what.parts[0]);
  default:
    return false;
  }
}

bool is_optional(const sequence& what) {
  return std::all_of(what.begin(), what.end(),
                     [](const auto& one) { return is_optional(one); });
}

pattern_lead lead_of_sequence(const sequence& what);

pattern_lead lead_of_set(const code_points& what) {
  if (what.size() > chars_max)
    return {pattern_lead::kind::partial, {""}};
  pattern_lead result;
  for (auto [first, last] : what.ranges())
    for (auto code = first; code <= last; ++code)
      append_utf8(result.heads.emplace_back(), code);
  return result;
}

pattern_lead lead_of_branches(const std::vector<sequence>& branches) {
  pattern_lead result;
  for (const auto& branch : branches) {
    auto one = lead_of_sequence(branch);
    result.what = std::max(result.what, one.what);
    std::move(one.heads.begin(), one.heads.end(),
              std::back_inserter(result.heads));
  }
  return result;
}

pattern_lead lead_of_node(const syntax_node& what) {
  switch (what.what) {
  case syntax_node::kind::set:
    return lead_of_set(what.chars);
  case syntax_node::kind::branch:
    return lead_of_branches(what.parts);
  case syntax_node::kind::group:
    return lead_of_sequence(what.parts[0]);
  default:
    return {is_optional(what) ? pattern_lead::kind::open
                              : pattern_lead::kind::partial,
            {""}};
  }
}

bool is_start(const syntax_node& what) {
  return what.what == syntax_node::kind::at
         && (what.where == anchor::begin || what.where == anchor::very_begin);
}

std::vector<std::string> joined(const std::vector<std::string>& left,
                                const std::vector<std::string>& right) {
  std::vector<std::string> result;
  for (const auto& head : left)
    for (const auto& tail : right)
      result.push_back(head + tail);
  return result;
}

pattern_lead lead_of_sequence(const sequence& what) {
  pattern_lead result{pattern_lead::kind::exact, {""}};
  for (std::size_t i = 0; i < what.size(); ++i) {
    auto next = lead_of_node(what[i]);
    const auto product = result.heads.size() * next.heads.size();
    if (product > pattern_lead::heads_max)
      next = {is_optional(what[i]) ? pattern_lead::kind::open
                                   : pattern_lead::kind::partial,
              {""}};
    result.heads = joined(result.heads, next.heads);
    if (next.what == pattern_lead::kind::exact)
      continue;
    const auto rest_optional = std::all_of(
      what.begin() + static_cast<std::ptrdiff_t>(i) + 1, what.end(),
      [](const auto& one) { return is_optional(one); });
    result.what = next.what == pattern_lead::kind::open && rest_optional
                    ? pattern_lead::kind::open
                    : pattern_lead::kind::partial;
    break;
  }
  return result;
}

} // namespace

pattern_lead lead_of(const parsed_pattern& pattern) {
  // A start anchor in front says nothing that is not so anyway.
  sequence body{
    std::find_if_not(pattern.body.begin(), pattern.body.end(), is_start),
    pattern.body.end()};
  auto result = lead_of_sequence(body);
  // Sorted, whatever begins with a head follows it.
  std::sort(result.heads.begin(), result.heads.end());
  std::vector<std::string> kept;
  for (auto& head : result.heads)
    if (kept.empty() || !head.starts_with(kept.back()))
      kept.push_back(std::move(head));
  result.heads = std::move(kept);
  if (result.heads.size() > pattern_lead::heads_max)
    result = {pattern_lead::kind::partial, {""}};
  return result;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/group_names.hpp"

#include "actors/sorter/patterns/code_points.hpp"
#include "actors/sorter/patterns/perl_program.hpp"
#include "actors/sorter/patterns/utf8.hpp"

#include <algorithm>

namespace posthorn {

namespace {

/// The value of a decimal digit of any script: each has its ten in a row.
std::optional<std::uint32_t> digit_value(char32_t code) {
  for (auto range : digit_ranges)
    if (range.first <= code && code <= range.last)
      return (code - range.first) % 10;
  return std::nullopt;
}

/// Python's int() refuses longer ones.
constexpr std::size_t digits_max = 4'300;

} // namespace

bool is_identifier(const std::u32string& name) {
  static const auto program
    = perl_program::compile(R"((?:\p{XIDS}|_)\p{XIDC}*\z)");
  return program
         && program->match(encode_utf8(name)) == perl_program::verdict::yes;
}

std::optional<std::uint32_t> group_number(const std::u32string& text) {
  const auto is_blank = [](char32_t c) { return unicode_spaces().contains(c); };
  const auto from = std::find_if_not(text.begin(), text.end(), is_blank);
  const auto to = std::find_if_not(text.rbegin(),
                                   std::make_reverse_iterator(from), is_blank)
                    .base();
  std::u32string_view rest{text};
  rest = rest.substr(static_cast<std::size_t>(from - text.begin()),
                     static_cast<std::size_t>(to - from));
  const auto negative = !rest.empty() && rest[0] == U'-';
  if (!rest.empty() && (rest[0] == U'-' || rest[0] == U'+'))
    rest.remove_prefix(1);
  std::uint64_t result = 0;
  std::size_t digits = 0;
  bool after_digit = false;
  for (auto c : rest) {
    const auto value = digit_value(c);
    if (!value && (c != U'_' || !after_digit))
      return std::nullopt;
    after_digit = value.has_value();
    if (!value)
      continue;
    ++digits;
    result = std::min<std::uint64_t>(result * 10 + *value, 0xffff'ffff);
  }
  if (!after_digit || digits > digits_max || (negative && result > 0))
    return std::nullopt;
  return static_cast<std::uint32_t>(result);
}

std::string printable(const std::u32string& text) {
  std::string result;
  for (auto c : text)
    if (c < U' ' || c == 0x7f)
      result += '?';
    else
      append_utf8(result, c);
  return result;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/pattern_parser.hpp"

#include <algorithm>

namespace posthorn {

namespace {

constexpr std::u32string_view digits = U"0123456789";
constexpr std::u32string_view octal = U"01234567";
constexpr std::u32string_view hex = U"0123456789abcdefABCDEF";

bool is_letter(char32_t c) {
  return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z');
}

char32_t value_of(const std::u32string& text, char32_t base) {
  char32_t result = 0;
  for (auto c : text)
    result = result * base
             + (c <= U'9' ? c - U'0' : (c | U' ') - U'a' + char32_t{10});
  return result;
}

/// `\a` and the like.
std::optional<char32_t> control(char32_t letter) {
  switch (letter) {
  case U'a':
    return U'\a';
  case U'f':
    return U'\f';
  case U'n':
    return U'\n';
  case U'r':
    return U'\r';
  case U't':
    return U'\t';
  case U'v':
    return U'\v';
  default:
    return std::nullopt;
  }
}

std::optional<set_item> named_class(char32_t letter) {
  set_item result;
  result.what = set_item::kind::named;
  result.inverted = letter < U'a';
  switch (letter | U' ') {
  case U'd':
    result.name = category::digit;
    return result;
  case U's':
    result.name = category::space;
    return result;
  case U'w':
    result.name = category::word;
    return result;
  default:
    return std::nullopt;
  }
}

std::optional<anchor> position(char32_t letter) {
  switch (letter) {
  case U'A':
    return anchor::very_begin;
  case U'Z':
    return anchor::very_end;
  case U'b':
    return anchor::boundary;
  case U'B':
    return anchor::no_boundary;
  default:
    return std::nullopt;
  }
}

} // namespace

bool pattern_parser::parse_code(char32_t letter, std::size_t at,
                                char32_t& code) {
  if (const auto known = control(letter)) {
    code = *known;
    return true;
  }
  const auto size = letter == U'x' ? 2U : letter == U'u' ? 4U : 8U;
  if (letter == U'x' || letter == U'u' || letter == U'U') {
    const auto text = tokens_.take_while(size, hex);
    if (text.size() != size)
      return tokens_.fail(at, "incomplete escape");
    code = value_of(text, 16);
    if (code > 0x10ffff)
      return tokens_.fail(at, "an escape past U+10FFFF");
    return true;
  }
  if (letter == U'N')
    return tokens_.fail(at, "\\N{...} is not supported; write \\uXXXX");
  if (is_letter(letter))
    return tokens_.fail(at, "unknown escape");
  code = letter;
  return true;
}

bool pattern_parser::parse_escape(sequence& out, const pattern_token& token,
                                  std::size_t at) {
  const auto letter = token.escaped;
  syntax_node added;
  if (digits.find(letter) != std::u32string_view::npos)
    return parse_digits(out, letter, at);
  if (const auto where = position(letter)) {
    added.what = syntax_node::kind::at;
    added.where = *where;
  } else if (const auto known = named_class(letter)) {
    added.items.push_back(*known);
  } else {
    set_item item;
    if (!parse_code(letter, at, item.first))
      return false;
    added.items.push_back(item);
  }
  out.push_back(std::move(added));
  return true;
}

bool pattern_parser::parse_digits(sequence& out, char32_t digit,
                                  std::size_t at) {
  std::u32string text{digit};
  syntax_node added;
  const auto is_octal = [](char32_t c) { return c < U'8'; };
  if (digit == U'0') {
    text += tokens_.take_while(2, octal);
    added.items.push_back({.first = value_of(text, 8)});
    out.push_back(std::move(added));
    return true;
  }
  text += tokens_.take_while(1, digits);
  // Three octal digits are a character; less is a group's number.
  if (text.size() == 2 && is_octal(text[0]) && is_octal(text[1])
      && tokens_.next().is_one_of(octal)) {
    text.push_back(tokens_.take().first);
    const auto code = value_of(text, 8);
    if (code > 0377)
      return tokens_.fail(at, "an octal escape past \\377");
    added.items.push_back({.first = code});
  } else {
    added.what = syntax_node::kind::reference;
    added.number = value_of(text, 10);
    if (added.number >= groups_.size())
      return tokens_.fail(at, "no group " + std::to_string(added.number));
    if (!refer(added.number, at))
      return false;
  }
  out.push_back(std::move(added));
  return true;
}

bool pattern_parser::parse_set_item(const pattern_token& token, std::size_t at,
                                    set_item& item) {
  if (!token.is_escape()) {
    item.first = token.first;
    return true;
  }
  const auto letter = token.escaped;
  if (const auto known = named_class(letter)) {
    item = *known;
    return true;
  }
  if (letter == U'b') {
    item.first = U'\b';
    return true;
  }
  if (digits.find(letter) == std::u32string_view::npos)
    return parse_code(letter, at, item.first);
  if (octal.find(letter) == std::u32string_view::npos)
    return tokens_.fail(at, "unknown escape");
  std::u32string text{letter};
  text += tokens_.take_while(2, octal);
  item.first = value_of(text, 8);
  if (item.first > 0377)
    return tokens_.fail(at, "an octal escape past \\377");
  return true;
}

bool pattern_parser::parse_set_range(const set_item& first, std::size_t at,
                                     std::vector<set_item>& items,
                                     bool& closed) {
  const auto place = tokens_.place();
  const auto token = tokens_.take();
  if (token.at_end())
    return tokens_.fail(at, "unterminated character set");
  closed = token.is(U']');
  if (closed) {
    items.push_back(first);
    items.push_back({.first = U'-'});
    return true;
  }
  set_item last;
  if (!parse_set_item(token, place, last))
    return false;
  const auto literals = first.what == set_item::kind::literal
                        && last.what == set_item::kind::literal;
  if (!literals || last.first < first.first)
    return tokens_.fail(at, "bad character range");
  items.push_back(
    {.what = set_item::kind::range, .first = first.first, .last = last.first});
  return true;
}

bool pattern_parser::parse_set(sequence& out) {
  const auto start = tokens_.place() - 1;
  syntax_node added;
  std::vector<set_item> items;
  added.inverted = tokens_.take_if(U'^');
  bool closed = false;
  while (!closed) {
    const auto at = tokens_.place();
    const auto token = tokens_.take();
    if (token.at_end())
      return tokens_.fail(start, "unterminated character set");
    closed = token.is(U']') && !items.empty();
    if (closed)
      break;
    set_item item;
    if (!parse_set_item(token, at, item))
      return false;
    if (!tokens_.take_if(U'-'))
      items.push_back(item);
    else if (!parse_set_range(item, at, items, closed))
      return false;
  }
  for (const auto& one : items)
    if (std::find(added.items.begin(), added.items.end(), one)
        == added.items.end())
      added.items.push_back(one);
  out.push_back(std::move(added));
  return true;
}

} // namespace posthorn

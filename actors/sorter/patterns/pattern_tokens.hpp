// SPDX-License-Identifier: Apache-2.0
// Reads a pattern character by character; an escape and what it escapes are
// one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace posthorn {

/// A character, an escape with the character after it, or the end.
struct pattern_token {
  static constexpr char32_t none = 0xffff'ffff;

  char32_t first = none;
  /// Only after a backslash.
  char32_t escaped = none;

  bool at_end() const {
    return first == none;
  }

  bool is_escape() const {
    return escaped != none;
  }

  /// Whether it is the bare character `c`.
  bool is(char32_t c) const {
    return first == c && !is_escape();
  }

  /// Whether it is a bare character out of `set`.
  bool is_one_of(std::u32string_view set) const {
    return !at_end() && !is_escape()
           && set.find(first) != std::u32string_view::npos;
  }
};

/// The pattern under the parser's eye, one token ahead. Keeps the first fault
/// found; whoever sees one returns at once.
class pattern_tokens {
public:
  explicit pattern_tokens(std::u32string text);

  const pattern_token& next() const {
    return next_;
  }

  pattern_token take();

  /// Takes the next token if it is the bare character `c`.
  bool take_if(char32_t c);

  /// Takes at most `limit` bare characters out of `set`.
  std::u32string take_while(std::size_t limit, std::u32string_view set);

  /// Takes all up to the bare character `end` and that too. None, with a
  /// fault, where nothing stands before it or it does not come; `what` names
  /// it.
  std::optional<std::u32string> take_until(char32_t end, std::string_view what);

  /// Where the next token begins, in code points.
  std::size_t place() const;

  void go_back(std::size_t place);

  /// Records a fault at `at` unless there is one already; always false.
  bool fail(std::size_t at, std::string text);

  /// Empty while all is well.
  const std::string& fault() const {
    return fault_;
  }

private:
  void advance();

  std::u32string text_;
  /// Behind the next token.
  std::size_t index_ = 0;
  pattern_token next_;
  std::string fault_;
};

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/pattern_tokens.hpp"

namespace posthorn {

pattern_tokens::pattern_tokens(std::u32string text) : text_{std::move(text)} {
  advance();
}

void pattern_tokens::advance() {
  next_ = {};
  if (index_ == text_.size())
    return;
  next_.first = text_[index_++];
  if (next_.first != U'\\')
    return;
  if (index_ == text_.size()) {
    next_ = {};
    fail(index_ - 1, "a backslash at the end escapes nothing");
    return;
  }
  next_.escaped = text_[index_++];
}

pattern_token pattern_tokens::take() {
  const auto result = next_;
  advance();
  return result;
}

bool pattern_tokens::take_if(char32_t c) {
  if (!next_.is(c))
    return false;
  advance();
  return true;
}

std::u32string pattern_tokens::take_while(std::size_t limit,
                                          std::u32string_view set) {
  std::u32string result;
  while (result.size() < limit && next_.is_one_of(set))
    result.push_back(take().first);
  return result;
}

std::optional<std::u32string>
pattern_tokens::take_until(char32_t end, std::string_view what) {
  const auto start = place();
  std::u32string result;
  while (!next_.at_end()) {
    const auto one = take();
    if (one.is(end)) {
      if (!result.empty())
        return result;
      fail(start, "missing " + std::string{what});
      return std::nullopt;
    }
    result.push_back(one.first);
    if (one.is_escape())
      result.push_back(one.escaped);
  }
  fail(start, "unterminated " + std::string{what});
  return std::nullopt;
}

std::size_t pattern_tokens::place() const {
  if (next_.at_end())
    return index_;
  return index_ - (next_.is_escape() ? 2 : 1);
}

void pattern_tokens::go_back(std::size_t place) {
  index_ = place;
  advance();
}

bool pattern_tokens::fail(std::size_t at, std::string text) {
  if (fault_.empty())
    fault_ = "at character " + std::to_string(at + 1) + ": " + std::move(text);
  return false;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/json_reference.hpp"

#include "actors/sorter/patterns/utf8.hpp"

#include <algorithm>
#include <string>

namespace posthorn::fuzz {

namespace {

// Keeps its containers in a string of brackets: no recursion, any depth.
class reader {
public:
  explicit reader(std::string_view text) : rest_{text} {}

  json_verdict read() {
    json_verdict result;
    blank();
    result.first = peek();
    result.valid = value();
    while (result.valid && !open_.empty())
      result.valid = step();
    blank();
    result.valid = result.valid && rest_.empty();
    result.depth = depth_;
    return result;
  }

private:
  char peek() const {
    return rest_.empty() ? '\0' : rest_.front();
  }

  bool take(char what) {
    if (rest_.empty() || rest_.front() != what)
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool word(std::string_view what) {
    if (!rest_.starts_with(what))
      return false;
    rest_.remove_prefix(what.size());
    return true;
  }

  void blank() {
    auto end = rest_.find_first_not_of(" \t\n\r");
    rest_.remove_prefix(std::min(end, rest_.size()));
  }

  bool digits() {
    auto end = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(end);
    return end > 0;
  }

  bool number() {
    take('-');
    if (!take('0') && !digits())
      return false;
    if (take('.') && !digits())
      return false;
    if (!take('e') && !take('E'))
      return true;
    if (!take('+'))
      take('-');
    return digits();
  }

  bool escape() {
    if (!take('u')) {
      auto known = std::string_view{"\"\\/bfnrt"}.find(peek());
      return known != std::string_view::npos && take(peek());
    }
    for (int i = 0; i < 4; ++i) {
      auto known = std::string_view{"0123456789abcdefABCDEF"}.find(peek());
      if (known == std::string_view::npos || !take(peek()))
        return false;
    }
    return true;
  }

  bool string() {
    if (!take('"'))
      return false;
    while (!take('"')) {
      if (rest_.empty() || static_cast<unsigned char>(peek()) < 0x20)
        return false;
      if (take('\\')) {
        if (!escape())
          return false;
      } else {
        rest_.remove_prefix(1);
      }
    }
    return true;
  }

  bool member() {
    blank();
    if (!string())
      return false;
    blank();
    return take(':') && value();
  }

  // A whole scalar, or a container up to and with its first value.
  bool value() {
    for (;;) {
      blank();
      auto first = peek();
      if (first == '"')
        return string();
      if (first != '[' && first != '{')
        return first == '-' || (first >= '0' && first <= '9')
                 ? number()
                 : word("true") || word("false") || word("null");
      take(first);
      open_ += first;
      depth_ = std::max(depth_, open_.size());
      blank();
      if (take(first == '[' ? ']' : '}')) {
        open_.pop_back();
        return true;
      }
      if (first == '{')
        return member();
    }
  }

  // What follows a value inside a container.
  bool step() {
    blank();
    auto list = open_.back() == '[';
    if (take(list ? ']' : '}')) {
      open_.pop_back();
      return true;
    }
    if (!take(','))
      return false;
    return list ? value() : member();
  }

  std::string_view rest_;
  std::string open_;
  std::size_t depth_ = 0;
};

} // namespace

json_verdict judge_json(std::string_view text) {
  if (!valid_utf8(text))
    return {};
  return reader{text}.read();
}

} // namespace posthorn::fuzz

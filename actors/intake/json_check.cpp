// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/json_check.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace posthorn {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The value of four hex digits, or -1.
int hex4(std::string_view text) {
  if (text.size() < 4)
    return -1;
  int result = 0;
  for (char c : text.substr(0, 4)) {
    int digit = 0;
    if (is_digit(c))
      digit = c - '0';
    else if (c >= 'a' && c <= 'f')
      digit = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F')
      digit = c - 'A' + 10;
    else
      return -1;
    result = result * 16 + digit;
  }
  return result;
}

bool is_simple_escape(char c) {
  return std::string_view{"\"\\/bfnrt"}.find(c) != std::string_view::npos;
}

const char* find(const char* first, const char* last, char what) {
  return static_cast<const char*>(
    std::memchr(first, what, static_cast<std::size_t>(last - first)));
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// Decodes the \u escape at `rest` (which starts behind the `u`) and returns how
// many bytes it took from there: 4, or 10 for a surrogate pair.
std::size_t append_unicode_escape(std::string& out, std::string_view rest) {
  auto code = static_cast<std::uint32_t>(hex4(rest));
  auto high = code >= 0xd800 && code < 0xdc00;
  if (high && rest.size() >= 10 && rest[4] == '\\' && rest[5] == 'u') {
    auto low = static_cast<std::uint32_t>(hex4(rest.substr(6)));
    if (low >= 0xdc00 && low < 0xe000) {
      append_utf8(out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
      return 10;
    }
  }
  append_utf8(out, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
  return 4;
}

std::string_view trimmed(std::string_view token) {
  auto last = token.find_last_not_of(" \t\r\n");
  return token.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

// How many bytes the UTF-8 character at the front of `text` has, 0 if invalid.
std::size_t utf8_length(std::string_view text) {
  auto lead = static_cast<unsigned char>(text.front());
  auto size = lead < 0x80 ? 1u : lead < 0xe0 ? 2u : lead < 0xf0 ? 3u : 4u;
  if (text.size() < size || !simdjson::validate_utf8(text.data(), size))
    return 0;
  return size;
}

} // namespace

std::optional<std::string_view> checked_string(std::string_view text) {
  auto* at = text.data() + 1;
  auto* end = text.data() + text.size();
  // The next quote, escaped or not. Looked for again only once it is passed, so
  // that the work stays linear however many escapes come before it.
  const char* quote = nullptr;
  while (at < end) {
    if (quote == nullptr || quote < at)
      quote = find(at, end, '"');
    auto* escape = quote == nullptr ? nullptr : find(at, quote, '\\');
    if (quote != nullptr && escape == nullptr) {
      auto* content = text.data() + 1;
      return std::string_view{content,
                              static_cast<std::size_t>(quote - content)};
    }
    if (quote == nullptr)
      return std::nullopt;
    // There is a byte behind the backslash: the quote at the latest.
    at = escape + 1;
    std::string_view rest{at, static_cast<std::size_t>(end - at)};
    if (rest.front() == 'u' ? hex4(rest.substr(1)) < 0
                            : !is_simple_escape(rest.front()))
      return std::nullopt;
    at += rest.front() == 'u' ? 5 : 1;
  }
  return std::nullopt;
}

bool is_number(std::string_view text) {
  auto at = text.begin();
  auto digits = [&] {
    auto start = at;
    while (at != text.end() && is_digit(*at))
      ++at;
    return at != start;
  };
  if (at != text.end() && *at == '-')
    ++at;
  if (at != text.end() && *at == '0')
    ++at;
  else if (!digits())
    return false;
  if (at != text.end() && *at == '.') {
    ++at;
    if (!digits())
      return false;
  }
  if (at != text.end() && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != text.end() && (*at == '+' || *at == '-'))
      ++at;
    if (!digits())
      return false;
  }
  return at == text.end();
}

std::string unescaped(std::string_view content) {
  std::string result;
  result.reserve(content.size());
  for (;;) {
    auto escape = content.find('\\');
    result += content.substr(0, escape);
    if (escape == std::string_view::npos)
      return result;
    auto kind = content[escape + 1];
    content.remove_prefix(escape + 2);
    switch (kind) {
    case 'b':
      result += '\b';
      break;
    case 'f':
      result += '\f';
      break;
    case 'n':
      result += '\n';
      break;
    case 'r':
      result += '\r';
      break;
    case 't':
      result += '\t';
      break;
    case 'u':
      content.remove_prefix(append_unicode_escape(result, content));
      break;
    default:
      result += kind;
    }
  }
}

std::string_view kind_of_json(char first) {
  switch (first) {
  case '{':
    return "an object";
  case '[':
    return "a list";
  case '"':
    return "a string";
  case 't':
  case 'f':
    return "a boolean";
  case 'n':
    return "null";
  default:
    return first == '-' || is_digit(first) ? "a number"
                                           : "nothing that JSON knows";
  }
}

std::string describe_text_fault(std::string_view body) {
  auto open = std::string_view::npos;
  for (std::size_t at = 0; at < body.size();) {
    auto size = utf8_length(body.substr(at));
    if (size == 0)
      return "at byte " + std::to_string(at) + ": invalid UTF-8";
    auto c = body[at];
    if (open != std::string_view::npos) {
      if (static_cast<unsigned char>(c) < 0x20)
        return "at byte " + std::to_string(at)
               + ": a control character inside a string";
      if (c == '"')
        open = std::string_view::npos;
      else if (c == '\\' && at + 1 < body.size())
        ++at, size = utf8_length(body.substr(at));
    } else if (c == '"') {
      open = at;
    }
    at += std::max<std::size_t>(size, 1);
  }
  if (open != std::string_view::npos)
    return "at byte " + std::to_string(open) + ": a string that never ends";
  return "at byte 0: no JSON text";
}

// -- json_walker
// ---------------------------------------------------------------

json_walker::json_walker(std::string_view body, std::size_t depth_max)
  : body_(body), depth_max_(depth_max), last_(body.data()) {}

bool json_walker::value(value_type what, std::string_view& text) {
  text = {};
  auto token = what.raw_json_token();
  last_ = token.data();
  switch (token.empty() ? '\0' : token.front()) {
  case '{': {
    simdjson::ondemand::object object;
    if (what.get_object().get(object) != simdjson::SUCCESS)
      return broken();
    return members(object, [this](std::string_view, value_type inner) {
      return value(inner);
    });
  }
  case '[': {
    simdjson::ondemand::array array;
    if (what.get_array().get(array) != simdjson::SUCCESS)
      return broken();
    return elements(array, [this](value_type each) { return value(each); });
  }
  case '"':
    // Consumed here: what On-Demand skips by itself it takes for a key when a
    // colon follows, and lets `"a":"b":1` through.
    if (what.get_raw_json_string().error() != simdjson::SUCCESS)
      return broken();
    return scalar(token, text);
  default:
    return scalar(token, text);
  }
}

char json_walker::first_byte(value_type what) {
  auto token = what.raw_json_token();
  last_ = token.data();
  return token.empty() ? '\0' : token.front();
}

bool json_walker::enter() {
  if (++depth_ <= depth_max_)
    return true;
  too_deep_ = true;
  fault_ = "at byte " + std::to_string(last_ - body_.data())
           + ": nested deeper than " + std::to_string(depth_max_) + " levels";
  return false;
}

bool json_walker::broken() {
  if (fault_.empty())
    fault_ = "near byte " + std::to_string(last_ - body_.data())
             + ": a comma, colon, quote or bracket is missing or too many";
  return false;
}

bool json_walker::broken(std::string_view token, std::string_view why) {
  fault_ = "at byte " + std::to_string(token.data() - body_.data()) + ": ";
  fault_ += why;
  return false;
}

bool json_walker::scalar(std::string_view token, std::string_view& text) {
  if (token.empty())
    return broken();
  if (token.front() == '"') {
    auto content = checked_string(token);
    if (!content)
      return broken(token, "a string with an invalid escape");
    text = *content;
    return true;
  }
  token = trimmed(token);
  if (is_number(token) || token == "true" || token == "false"
      || token == "null")
    return true;
  return broken(token, "not a value");
}

std::optional<std::string_view>
json_walker::key_of(simdjson::ondemand::field& field) {
  last_ = field.key().raw() - 1;
  auto content = checked_string(rest_from(last_));
  if (!content)
    broken(rest_from(last_), "a key with an invalid escape");
  return content;
}

std::string_view json_walker::rest_from(const char* where) const {
  return body_.substr(static_cast<std::size_t>(where - body_.data()));
}

} // namespace posthorn

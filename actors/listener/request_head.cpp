// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/request_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace posthorn::inbound {

namespace {

// cpp-httplib takes request lines of up to 8,192 bytes.
constexpr std::size_t target_max = 8000;

constexpr std::array<std::string_view, 7> methods{
  "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};

using maybe_refusal = std::optional<refusal>;

refusal malformed(const char* error) {
  return {refusal_reason::malformed, 400, error};
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty()
         && std::all_of(text.begin(), text.end(), [marks](char c) {
              return (c >= '0' && c <= '9')
                     || (lower(c) >= 'a' && lower(c) <= 'z')
                     || marks.find(c) != marks.npos;
            });
}

bool is_field_text(char c) {
  auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

std::string_view trimmed(std::string_view text) {
  auto first = text.find_first_not_of(" \t");
  if (first == text.npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Calls `visit` with each element of a comma-separated list.
template <class Visit>
void each_of(std::string_view list, Visit visit) {
  for (;;) {
    auto comma = list.find(',');
    visit(trimmed(list.substr(0, comma)));
    if (comma == list.npos)
      return;
    list.remove_prefix(comma + 1);
  }
}

class head_reader {
public:
  explicit head_reader(const listener_limits& limits) : limits_(limits) {}

  maybe_refusal request_line(std::string_view line);
  maybe_refusal field(std::string_view line);
  maybe_refusal finish();

  request_head take() {
    return std::move(head_);
  }

private:
  maybe_refusal target(std::string_view text);
  maybe_refusal version(std::string_view text);
  maybe_refusal length(std::string_view value);
  maybe_refusal coding(std::string_view value);
  maybe_refusal known_field(std::string_view name, std::string_view value,
                            bool& keep);

  const listener_limits& limits_;
  request_head head_;
  bool old_version_ = false;
  bool has_length_ = false;
  bool has_host_ = false;
  bool says_close_ = false;
};

maybe_refusal head_reader::request_line(std::string_view line) {
  auto first = line.find(' ');
  auto last = line.rfind(' ');
  if (first == line.npos || first == last)
    return malformed("the request line is not: method, target, version");
  if (auto refused = version(line.substr(last + 1)))
    return refused;
  auto method = line.substr(0, first);
  if (!is_token(method))
    return malformed("the method is not a token");
  if (std::find(methods.begin(), methods.end(), method) == methods.end())
    return refusal{refusal_reason::unsupported, 501, "unknown method"};
  head_.method = method;
  return target(line.substr(first + 1, last - first - 1));
}

maybe_refusal head_reader::version(std::string_view text) {
  if (text == "HTTP/1.1")
    return std::nullopt;
  old_version_ = text == "HTTP/1.0";
  if (old_version_)
    return std::nullopt;
  auto digit
    = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  if (text.size() == 8 && text.starts_with("HTTP/") && digit(5)
      && text[6] == '.' && digit(7))
    return refusal{refusal_reason::unsupported, 505,
                   "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  return malformed("the request line does not end in a HTTP version");
}

maybe_refusal head_reader::target(std::string_view text) {
  if (text.size() > target_max)
    return refusal{refusal_reason::headers_too_large, 414,
                   "the request target has more than 8000 bytes"};
  if (!std::all_of(text.begin(), text.end(),
                   [](char c) { return c > 0x20 && c < 0x7f && c != '#'; }))
    return malformed("the request target has a character that must be encoded");
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!same(text.substr(0, scheme.size()), scheme))
      continue;
    auto path = text.find('/', scheme.size());
    text = path == text.npos ? "/" : text.substr(path);
  }
  if (!text.starts_with('/'))
    return malformed("the request target is not a path");
  head_.target = text;
  return std::nullopt;
}

maybe_refusal head_reader::field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t')
    return malformed("a header is folded over lines");
  auto colon = line.find(':');
  if (colon == line.npos)
    return malformed("a header line has no colon");
  auto name = line.substr(0, colon);
  if (!is_token(name))
    return malformed("a header's name is not a token");
  auto value = trimmed(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), is_field_text))
    return malformed("a header's value has a control character");
  auto keep = true;
  if (auto refused = known_field(name, value, keep))
    return refused;
  if (keep)
    head_.headers.emplace(name, value);
  return std::nullopt;
}

maybe_refusal head_reader::known_field(std::string_view name,
                                       std::string_view value, bool& keep) {
  if (same(name, "content-length"))
    return length(value);
  if (same(name, "content-encoding"))
    return refusal{refusal_reason::unsupported, 415,
                   "bodies with a content encoding are not taken"};
  if (same(name, "host")) {
    if (has_host_)
      return malformed("there are two Host headers");
    has_host_ = true;
    return std::nullopt;
  }
  keep = false;
  if (same(name, "transfer-encoding"))
    return coding(value);
  if (same(name, "connection")) {
    each_of(value, [this](std::string_view option) {
      says_close_ = says_close_ || same(option, "close");
    });
  } else if (same(name, "expect")) {
    if (!same(value, "100-continue"))
      return refusal{refusal_reason::unsupported, 417,
                     "no expectation but 100-continue is met here"};
    head_.expects_continue = true;
  } else {
    keep = !same(name, "keep-alive") && !same(name, "range")
           && !same(name, "accept-encoding");
  }
  return std::nullopt;
}

maybe_refusal head_reader::length(std::string_view value) {
  if (has_length_)
    return malformed("there are two Content-Length headers");
  has_length_ = true;
  auto* end = value.data() + value.size();
  auto [stop, code] = std::from_chars(value.data(), end, head_.content_length);
  if (value.empty() || stop != end || code == std::errc::invalid_argument)
    return malformed("Content-Length is not a number");
  if (code != std::errc{} || head_.content_length > limits_.body_max)
    return refusal{refusal_reason::body_too_large, 413,
                   "the body is larger than " + std::to_string(limits_.body_max)
                     + " bytes"};
  return std::nullopt;
}

maybe_refusal head_reader::coding(std::string_view value) {
  if (head_.chunked)
    return malformed("there are two Transfer-Encoding headers");
  if (!same(value, "chunked"))
    return refusal{refusal_reason::unsupported, 501,
                   "no transfer coding but chunked is taken"};
  head_.chunked = true;
  return std::nullopt;
}

maybe_refusal head_reader::finish() {
  if (head_.chunked && has_length_)
    return malformed("there are Content-Length and Transfer-Encoding");
  if (head_.chunked && old_version_)
    return malformed("HTTP/1.0 has no Transfer-Encoding");
  auto has_body = head_.method.starts_with('P');
  if (has_body && !head_.chunked && !has_length_)
    return refusal{refusal_reason::malformed, 411,
                   "a Content-Length is needed"};
  head_.keep_alive = !says_close_ && !old_version_;
  head_.expects_continue = head_.expects_continue && !old_version_;
  return std::nullopt;
}

} // namespace

std::variant<request_head, refusal> read_head(std::string_view lines,
                                              const listener_limits& limits) {
  head_reader reader{limits};
  auto first = true;
  for (;;) {
    auto end = lines.find("\r\n");
    auto line = lines.substr(0, end);
    if (line.find_first_of(std::string_view{"\r\n\0", 3}) != line.npos)
      return malformed("a line holds a bare CR, a bare LF or NUL");
    if (line.empty() && !first)
      break;
    auto refused = first ? reader.request_line(line) : reader.field(line);
    if (refused)
      return std::move(*refused);
    first = false;
    lines.remove_prefix(end == lines.npos ? lines.size() : end + 2);
  }
  if (auto refused = reader.finish())
    return std::move(*refused);
  return reader.take();
}

} // namespace posthorn::inbound

// SPDX-License-Identifier: Apache-2.0
#include "actors/courier/verdict.hpp"

#include "actors/courier/open_exchange.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <system_error>

namespace posthorn {

namespace {

constexpr std::size_t shown_max = 200;

/// One line, whatever came.
std::string one_line(std::string_view text) {
  std::string result{text.substr(0, shown_max)};
  for (auto& c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
  return result;
}

/// "Connection refused" -> "connection refused".
std::string errno_text(long code) {
  auto text = std::generic_category().message(static_cast<int>(code));
  if (!text.empty())
    text.front() = static_cast<char>(
      std::tolower(static_cast<unsigned char>(text.front())));
  return text;
}

std::string words_of(const ending& how) {
  return one_line(how.words.empty() ? curl_easy_strerror(how.code) : how.words);
}

std::string no_connection(const exchange& sent, const ending& how) {
  const auto base = shown_base(sent.base);
  switch (how.code) {
  case CURLE_OPERATION_TIMEDOUT: {
    const auto span = shown(std::min(sent.connect_timeout, sent.timeout));
    return how.resolved ? "no connection within " + span + " to " + base
                        : "no address within " + span + " for " + base
                            + ": the resolver does not answer";
  }
  case CURLE_COULDNT_RESOLVE_HOST:
    // Or no thread could be made to ask for it.
    if (how.words.starts_with("Could not resolve host"))
      return "name not found: " + base;
    return "no address for " + base + ": " + words_of(how);
  case CURLE_COULDNT_CONNECT:
    if (how.connect_errno == ECONNREFUSED)
      return "connection refused by " + base;
    return "no connection to " + base + ": "
           + (how.connect_errno != 0 ? errno_text(how.connect_errno)
                                     : words_of(how));
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL:
    return "not a usable URL: " + base;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
    return "TLS with " + base + " failed: " + words_of(how);
  default:
    return "no connection to " + base + ": " + words_of(how);
  }
}

std::string broken_off(const exchange& sent, const ending& how) {
  const auto base = shown_base(sent.base);
  if (how.headers_too_large)
    return "headers of the answer larger than " + shown_size(headers_max)
           + " or more than " + std::to_string(header_lines_max)
           + " lines, from " + base;
  if (how.answer_too_large)
    return "answer larger than " + shown_size(sent.answer_max) + " from "
           + base;
  switch (how.code) {
  case CURLE_GOT_NOTHING:
    return "connection closed without an answer by " + base;
  case CURLE_PARTIAL_FILE:
    return "connection closed in the middle of the answer by " + base;
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_WEIRD_SERVER_REPLY:
    return "what came is not HTTP/1.1, from " + base;
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
    return "connection broken by " + base + ": " + words_of(how);
  default:
    return "broken answer from " + base + ": " + words_of(how);
  }
}

} // namespace

void judge(const exchange& sent, const ending& how, answer& result) {
  // A kept connection that turned out closed was replaced by a new attempt to
  // connect, and that one failed: nobody is there.
  const bool connected = how.connected && how.code != CURLE_COULDNT_CONNECT;
  result.status = static_cast<std::uint16_t>(std::clamp(how.status, 0l, 999l));
  if (how.headers_too_large || how.answer_too_large
      || (how.code != CURLE_OK && how.code != CURLE_OPERATION_TIMEDOUT
          && connected)
      || (how.code == CURLE_OK && result.status == 0)) {
    result.what = outcome::broken;
    result.detail = broken_off(sent, how);
  } else if (how.code == CURLE_OK) {
    const auto good = result.status >= 200 && result.status < 300;
    result.what = good ? outcome::accepted : outcome::refused;
    result.detail = "HTTP " + std::to_string(result.status) + " from "
                    + shown_base(sent.base);
  } else if (connected) {
    result.what = outcome::timed_out;
    result.detail
      = (how.status == 0 ? "no answer within " : "no whole answer within ")
        + shown(sent.timeout) + " from " + shown_base(sent.base);
  } else {
    result.what = outcome::unreachable;
    result.detail = no_connection(sent, how);
  }
}

answer_ptr local_answer(outcome what, std::string detail,
                        std::chrono::steady_clock::time_point since) {
  auto result = std::make_shared<answer>();
  result->what = what;
  result->detail = std::move(detail);
  result->took = std::chrono::duration_cast<std::chrono::microseconds>(
    std::chrono::steady_clock::now() - since);
  return result;
}

answer_ptr withheld_answer(std::chrono::steady_clock::time_point since) {
  auto result = std::make_shared<answer>(*local_answer(
    outcome::broken, "not sent: the node's session has run out", since));
  result->withheld = true;
  return result;
}

std::string shown_base(std::string_view base) {
  const auto scheme = base.find("://");
  if (scheme == std::string_view::npos)
    return one_line(base);
  const auto start = scheme + 3;
  auto rest = base.substr(start);
  const auto at = rest.substr(0, rest.find_first_of("/?#")).rfind('@');
  if (at != std::string_view::npos)
    rest.remove_prefix(at + 1);
  std::string result{base.substr(0, start)};
  return one_line(result.append(rest));
}

std::string shown(std::chrono::milliseconds span) {
  const auto ms = span.count();
  if (ms != 0 && ms % 1000 == 0)
    return std::to_string(ms / 1000) + "s";
  return std::to_string(ms) + "ms";
}

std::string shown_size(std::uint64_t bytes) {
  constexpr std::uint64_t kib = 1024;
  constexpr std::uint64_t mib = kib * kib;
  if (bytes != 0 && bytes % mib == 0)
    return std::to_string(bytes / mib) + " MiB";
  if (bytes != 0 && bytes % kib == 0)
    return std::to_string(bytes / kib) + " KiB";
  return std::to_string(bytes) + " bytes";
}

} // namespace posthorn

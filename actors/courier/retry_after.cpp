// SPDX-License-Identifier: Apache-2.0
#include "actors/courier/retry_after.hpp"

#include <curl/curl.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <exception>
#include <string>

namespace posthorn {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t header_value_max = 64;
constexpr std::size_t body_max = 64 * 1024;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trimmed(std::string_view text) {
  const auto blank = " \t\r\n";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

milliseconds capped(std::uint64_t ms) {
  const auto most = static_cast<std::uint64_t>(retry_after_max.count());
  return milliseconds{static_cast<std::int64_t>(std::min(ms, most))};
}

milliseconds capped_seconds(std::string_view digits) {
  std::uint64_t seconds = 0;
  const auto code
    = std::from_chars(digits.data(), digits.data() + digits.size(), seconds).ec;
  const auto most = std::chrono::floor<std::chrono::seconds>(retry_after_max);
  // Only digits came: what does not fit is long.
  if (code != std::errc{} || seconds > static_cast<std::uint64_t>(most.count()))
    return retry_after_max;
  return std::chrono::seconds{seconds};
}

} // namespace

std::optional<milliseconds>
parse_retry_after(std::string_view value,
                  std::chrono::system_clock::time_point now) {
  value = trimmed(value);
  if (value.empty() || value.size() > header_value_max)
    return std::nullopt;
  if (std::all_of(value.begin(), value.end(), is_digit))
    return capped_seconds(value);
  // curl_getdate() takes much for a date, "7up" too; each form of an HTTP-date
  // starts with a weekday and holds a time.
  if (is_digit(value.front()) || value.find(':') == std::string_view::npos)
    return std::nullopt;
  const auto date = curl_getdate(std::string{value}.c_str(), nullptr);
  if (date == -1)
    return std::nullopt;
  const auto wait = std::chrono::system_clock::from_time_t(date) - now;
  const auto ms = std::chrono::ceil<milliseconds>(wait);
  return std::clamp(ms, milliseconds{0}, retry_after_max);
}

std::optional<milliseconds> parse_retry_after_ms(std::string_view body) {
  if (body.size() > body_max)
    return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(body, nullptr, false);
    if (!json.is_object())
      return std::nullopt;
    const auto found = json.find("retry_after_ms");
    if (found == json.end() || !found->is_number_unsigned())
      return std::nullopt;
    return capped(found->get<std::uint64_t>());
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

} // namespace posthorn

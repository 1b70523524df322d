// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/event_mould.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace posthorn::bench {

namespace {

constexpr std::size_t service_digits = 4;
constexpr std::size_t lane_digits = 4;
constexpr std::size_t number_digits = 8;
constexpr std::size_t due_digits = 16;
constexpr std::size_t sum_digits = 16;
constexpr std::string_view tail = R"("}})";

/// Text that does not repeat within an event, letters and digits only.
std::string filler(std::size_t bytes) {
  constexpr std::string_view letters
    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::string result;
  result.reserve(bytes);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < bytes; ++i) {
    state = state * 1664525 + 1013904223;
    result += letters[(state >> 16) % letters.size()];
  }
  return result;
}

/// The value of `digits`, or none where one is not a lower-case hex digit.
std::optional<std::uint64_t> read_hex(std::string_view digits) {
  std::uint64_t result = 0;
  for (const char c : digits) {
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && (c < 'a' || c > 'f'))
      return std::nullopt;
    const auto digit = static_cast<unsigned>(decimal ? c - '0' : c - 'a' + 10);
    result = result << 4 | digit;
  }
  return result;
}

} // namespace

void put_hex(char* where, std::uint64_t value, std::size_t digits) {
  for (std::size_t i = digits; i-- > 0; value >>= 4)
    where[i] = "0123456789abcdef"[value & 0xf];
}

event_mould::event_mould(std::size_t event_bytes) {
  const auto place = [this](std::size_t digits) {
    const auto at = blank_.size();
    blank_.append(digits, '0');
    return at;
  };
  blank_ = R"({"type":"m.room.message","room_id":"!room:bench.example",)"
           R"("sender":"@_bench_)";
  sender_at_ = place(service_digits);
  blank_ += R"(_user:bench.example","event_id":"$)";
  event_id_at_ = place(service_digits + lane_digits + number_digits);
  blank_ += R"(","origin_server_ts":1700000000000,"unsigned":{"age":7},)"
            R"("content":{"msgtype":"m.text","stamp":")";
  stamp_at_ = place(service_digits + lane_digits + number_digits + due_digits);
  blank_ += R"(","body":")";
  constexpr std::string_view sum_key = R"(","sum":")";
  const auto rest = blank_.size() + sum_key.size() + sum_digits + tail.size();
  assert(event_bytes >= bytes_min && rest <= bytes_min);
  blank_ += filler(std::max(event_bytes, rest) - rest);
  blank_ += sum_key;
  sum_at_ = place(sum_digits);
  blank_ += tail;
}

void event_mould::fill(char* event, const stamp& what) const {
  put_hex(event + sender_at_, what.service, service_digits);
  auto* at = event + stamp_at_;
  put_hex(at, what.service, service_digits);
  put_hex(at + 4, what.lane, lane_digits);
  put_hex(at + 8, what.number, number_digits);
  put_hex(at + 16, what.due_ns, due_digits);
  std::memcpy(event + event_id_at_, at, 16);
  put_hex(event + sum_at_, XXH3_64bits(event, sum_at_), sum_digits);
}

std::optional<stamp> event_mould::read(std::string_view event) const {
  if (event.size() != blank_.size() || !event.ends_with(tail))
    return std::nullopt;
  const auto sum = read_hex(event.substr(sum_at_, sum_digits));
  if (!sum || *sum != XXH3_64bits(event.data(), sum_at_))
    return std::nullopt;
  const auto digits = event.substr(stamp_at_, 32);
  const auto which = read_hex(digits.substr(0, 16));
  const auto due = read_hex(digits.substr(16));
  if (!which || !due)
    return std::nullopt;
  stamp result;
  result.service = static_cast<std::uint16_t>(*which >> 48);
  result.lane = static_cast<std::uint16_t>(*which >> 32);
  result.number = static_cast<std::uint32_t>(*which);
  result.due_ns = *due;
  return result;
}

} // namespace posthorn::bench

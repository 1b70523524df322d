// SPDX-License-Identifier: Apache-2.0
// A number and a unit, largest unit first.
#include "apps/posthorn/config/quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace posthorn {

namespace {

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array durations{unit{"h", 3'600'000}, unit{"m", 60'000},
                               unit{"s", 1'000}, unit{"ms", 1}};

constexpr std::array sizes{unit{"TiB", std::uint64_t{1} << 40},
                           unit{"GiB", std::uint64_t{1} << 30},
                           unit{"MiB", std::uint64_t{1} << 20},
                           unit{"KiB", std::uint64_t{1} << 10}, unit{"B", 1}};

template <std::size_t Count>
std::optional<std::uint64_t> parse(std::string_view text,
                                   const std::array<unit, Count>& units) {
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  std::uint64_t number = 0;
  auto last = text.data() + text.size();
  auto [end, failed] = std::from_chars(text.data(), last, number);
  if (failed != std::errc{})
    return std::nullopt;
  std::string_view name{end, static_cast<std::size_t>(last - end)};
  auto found = std::find_if(units.begin(), units.end(),
                            [&](const unit& one) { return one.name == name; });
  if (found == units.end() || number > most / found->factor)
    return std::nullopt;
  return number * found->factor;
}

template <std::size_t Count>
std::string print(std::uint64_t value, const std::array<unit, Count>& units) {
  auto found
    = std::find_if(units.begin(), units.end() - 1, [&](const unit& one) {
        return value >= one.factor && value % one.factor == 0;
      });
  return std::to_string(value / found->factor) + std::string{found->name};
}

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  auto value = parse(text, durations);
  if (!value)
    return std::nullopt;
  return std::chrono::milliseconds{static_cast<std::int64_t>(*value)};
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse(text, sizes);
}

std::string duration_text(std::chrono::milliseconds value) {
  return print(static_cast<std::uint64_t>(value.count()), durations);
}

std::string size_text(std::uint64_t bytes) {
  return print(bytes, sizes);
}

} // namespace posthorn

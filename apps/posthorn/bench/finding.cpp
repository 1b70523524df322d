// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/finding.hpp"

#include "apps/posthorn/inspect/table.hpp"

#include <cmath>
#include <cstdio>
#include <utility>

namespace posthorn::bench {

namespace {

using nlohmann::json;

constexpr double ms_per_second = 1'000;

/// A ratio and what it is to.
using ratio = std::pair<const char*, double>;

const char* name_of(unit what) {
  switch (what) {
  case unit::events_per_second:
    return "events/s";
  case unit::milliseconds:
    return "ms";
  case unit::ms_per_1000_events:
    return "ms per 1,000 events";
  case unit::mebibytes:
    return "MiB";
  case unit::seconds:
    return "s";
  case unit::percent:
    return "%";
  case unit::count:
    break;
  }
  return "";
}

std::vector<ratio> ratios(const figure& what, const raw_rates& raw) {
  switch (what.in) {
  case unit::events_per_second:
    return {{"lmdb_1000", what.value / raw.lmdb_1000},
            {"lmdb_100", what.value / raw.lmdb_100},
            {"lmdb_1", what.value / raw.lmdb_1},
            {"http_1", what.value / raw.http_1},
            {"http_8", what.value / raw.http_8},
            {"http_single", what.value / raw.http_single}};
  case unit::milliseconds:
    return {{"lmdb_1", what.value * raw.lmdb_1 / ms_per_second},
            {"http_single", what.value * raw.http_single / ms_per_second}};
  case unit::ms_per_1000_events:
    return {{"lmdb_1000", what.value * raw.lmdb_1000 / 1'000 / ms_per_second}};
  default:
    return {};
  }
}

/// With commas from 10,000 on, else three digits that count.
std::string shown(double value) {
  if (value < 10'000) {
    char text[32];
    const int places = value >= 100 || value == std::floor(value) ? 0
                       : value >= 10                              ? 1
                       : value >= 1                               ? 2
                                                                  : 3;
    std::snprintf(text, sizeof(text), "%.*f", places, value);
    return text;
  }
  auto digits = std::to_string(std::llround(value));
  for (auto at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

std::string shown(const std::vector<ratio>& all, const std::string& to) {
  for (const auto& [name, value] : all)
    if (name == to)
      return shown(value);
  return "";
}

} // namespace

json to_json(const finding& what, const raw_rates& raw) {
  json figures = json::object();
  for (const auto& each : what.figures) {
    json known{{"value", each.value}, {"unit", name_of(each.in)}};
    for (const auto& [name, value] : ratios(each, raw))
      known["ratios"][name] = value;
    figures[each.name] = std::move(known);
  }
  return {{"workload", what.workload},
          {"about", what.about},
          {"figures", std::move(figures)}};
}

json to_json(const raw_rates& raw) {
  return {{"lmdb_1000", raw.lmdb_1000}, {"lmdb_100", raw.lmdb_100},
          {"lmdb_1", raw.lmdb_1},       {"http_1", raw.http_1},
          {"http_8", raw.http_8},       {"http_single", raw.http_single}};
}

void print(std::ostream& out, const raw_rates& raw,
           const std::vector<finding>& findings) {
  out << "Plain rates of this machine, events/s, full sync:\n"
      << "  LMDB, commits of 1,000, of 100, of 1: " << shown(raw.lmdb_1000)
      << ", " << shown(raw.lmdb_100) << ", " << shown(raw.lmdb_1)
      << "\n  HTTP, batches over 1 and 8 connections, singles over 1: "
      << shown(raw.http_1) << ", " << shown(raw.http_8) << ", "
      << shown(raw.http_single) << "\n\n";
  table rows{{"WORKLOAD", "FIGURE", "VALUE", "UNIT", "/LMDB 1000", "/LMDB 100",
              "/LMDB 1", "/HTTP 1", "/HTTP 8", "/HTTP SINGLE"}};
  for (const auto& each : findings)
    for (const auto& x : each.figures) {
      const auto all = ratios(x, raw);
      rows.add({each.workload, x.name, shown(x.value), name_of(x.in),
                shown(all, "lmdb_1000"), shown(all, "lmdb_100"),
                shown(all, "lmdb_1"), shown(all, "http_1"),
                shown(all, "http_8"), shown(all, "http_single")});
    }
  rows.print(out);
  out << '\n';
  for (const auto& each : findings)
    out << each.workload << ": " << each.about << '\n';
}

} // namespace posthorn::bench

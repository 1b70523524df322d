// SPDX-License-Identifier: Apache-2.0
// What a load test has found, and how it is shown.
#pragma once

#include "apps/posthorn/bench/raw_rates.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace posthorn::bench {

/// What a figure counts; decides with which plain rates it is compared.
enum class unit {
  /// Compared with plain LMDB and plain HTTP, as value / plain.
  events_per_second,
  /// Compared with the time of one plain commit and of one plain request.
  milliseconds,
  /// CPU time; compared with the time that plain LMDB takes for a thousand
  /// events in one commit.
  ms_per_1000_events,
  mebibytes,
  seconds,
  percent,
  count,
};

struct figure {
  /// In the words of the table, e.g. "delivered".
  std::string name;
  double value = 0;
  unit in = unit::count;
};

/// The figures of one run of a workload whose check has passed.
struct finding {
  /// e.g. "w2 catch-all".
  std::string workload;
  /// One line: what was done.
  std::string about;
  std::vector<figure> figures;
};

/// All figures with their ratios: {"workload", "about", "figures": {name:
/// {"value", "unit", "ratios"}}}.
nlohmann::json to_json(const finding& what, const raw_rates& raw);

/// The plain rates in events a second, by name.
nlohmann::json to_json(const raw_rates& raw);

/// All of it as a table, a line a figure.
void print(std::ostream& out, const raw_rates& raw,
           const std::vector<finding>& findings);

} // namespace posthorn::bench

// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/inspect/table.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>
#include <cstdio>
#include <utility>

namespace posthorn {

namespace {

template <class... Ts>
std::string format(const char* pattern, Ts... xs) {
  std::array<char, 64> buffer{};
  const auto size = std::snprintf(buffer.data(), buffer.size(), pattern, xs...);
  return {buffer.data(), static_cast<std::size_t>(std::max(size, 0))};
}

} // namespace

table::table(std::vector<std::string> heading) {
  rows_.push_back(std::move(heading));
}

void table::add(std::vector<std::string> row) {
  assert(row.size() == rows_.front().size());
  for (auto& cell : row)
    for (auto& c : cell)
      if (std::iscntrl(static_cast<unsigned char>(c)))
        c = '?';
  rows_.push_back(std::move(row));
}

void table::print(std::ostream& out) const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string fill(widths[i] - row[i].size(), ' ');
      const bool number
        = !row[i].empty()
          && std::isdigit(static_cast<unsigned char>(row[i][0]));
      line += (i > 0 ? "  " : "") + (number ? fill + row[i] : row[i] + fill);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

std::string show_span(double seconds) {
  if (seconds < 0)
    return "-";
  if (seconds < 60)
    return format("%.1fs", seconds);
  const auto whole = static_cast<long>(seconds);
  if (whole < 3'600)
    return format("%ldm%02lds", whole / 60, whole % 60);
  if (whole < 86'400)
    return format("%ldh%02ldm", whole / 3'600, whole / 60 % 60);
  return format("%ldd%02ldh", whole / 86'400, whole / 3'600 % 24);
}

std::string show_bytes(double bytes) {
  constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.size(); ++unit)
    bytes /= 1024;
  return format(unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/admin/process_figures.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace posthorn {

namespace {

/// The time at which the machine was started, in seconds since 1970.
double boot_seconds() {
  std::ifstream file{"/proc/stat"};
  for (std::string word; file >> word;)
    if (word == "btime") {
      double result = 0;
      file >> result;
      return result;
    }
  return 0;
}

/// The fields of /proc/self/stat (proc(5)) from the third on: the second is the
/// program's name, which may hold anything.
std::vector<std::string> stat_fields() {
  std::ifstream file{"/proc/self/stat"};
  std::string line{std::istreambuf_iterator<char>{file}, {}};
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos)
    return {};
  std::istringstream rest{line.substr(name_end + 1)};
  return {std::istream_iterator<std::string>{rest}, {}};
}

std::uint64_t count_descriptors() {
  std::error_code failed;
  std::filesystem::directory_iterator each{"/proc/self/fd", failed};
  std::uint64_t result = 0;
  for (const std::filesystem::directory_iterator end; !failed && each != end;
       each.increment(failed))
    ++result;
  return result;
}

} // namespace

process_figures read_process_figures() {
  process_figures result;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  // Numbered as in proc(5), less the first two and from 0.
  const auto fields = stat_fields();
  if (fields.size() > 21) {
    result.cpu_seconds
      = (std::stod(fields[11]) + std::stod(fields[12])) / ticks;
    result.threads = std::stoull(fields[17]);
    result.start_seconds = boot_seconds() + std::stod(fields[19]) / ticks;
    result.virtual_bytes = std::stoull(fields[20]);
    result.resident_bytes = std::stoull(fields[21]) * page;
  }
  result.open_descriptors = count_descriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
    result.descriptors_max = limit.rlim_cur;
  return result;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// What the kernel says about this process.
#pragma once

#include <cstdint>

namespace posthorn {

/// In base units, as Prometheus' client libraries show them under `process_`.
struct process_figures {
  double cpu_seconds = 0;
  /// Since 1970.
  double start_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t threads = 0;
  std::uint64_t open_descriptors = 0;
  std::uint64_t descriptors_max = 0;
};

/// Reads /proc/self; what cannot be read stays 0.
process_figures read_process_figures();

} // namespace posthorn

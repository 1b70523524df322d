// SPDX-License-Identifier: Apache-2.0
// Tells how far a load test is, while it runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

namespace posthorn::bench {

/// Writes to `out`: on a terminal one line that changes, else a line a phase.
class progress {
public:
  progress(std::ostream& out, bool terminal) : out_{out}, terminal_{terminal} {}

  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// Wipes the line.
  ~progress();

  /// Something new begins, e.g. "w1: sending".
  void begin(std::string phase);

  /// How far it is; shown a few times a second at most.
  void advance(std::uint64_t done, std::uint64_t of);

private:
  std::ostream& out_;
  bool terminal_;
  std::string phase_;
  std::chrono::steady_clock::time_point shown_;
};

} // namespace posthorn::bench

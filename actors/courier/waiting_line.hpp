// SPDX-License-Identifier: Apache-2.0
// Exchanges that wait for others to end, because so many are open.
#pragma once

#include "actors/courier/http_client.hpp"

#include <chrono>
#include <deque>
#include <optional>
#include <vector>

namespace posthorn {

/// An exchange that was asked for and has not begun.
struct wanted {
  exchange_ptr what;
  answered done;
  std::chrono::steady_clock::time_point since;

  /// When it must have a connection.
  std::chrono::steady_clock::time_point latest() const;
};

/// First come, first served; who waits too long is taken out. libcurl's own
/// line (CURLMOPT_MAX_TOTAL_CONNECTIONS) knows no deadline: in 7.88 an exchange
/// stays in it until others end.
class waiting_line {
public:
  void push(wanted what);

  /// Takes the one who has waited longest; not when empty().
  wanted pop();

  bool empty() const {
    return line_.empty();
  }

  /// Takes out those whose latest() is not after `now`.
  std::vector<wanted> take_late(std::chrono::steady_clock::time_point now);

  /// Takes out all.
  std::vector<wanted> take_all();

  /// No later than when take_late() will next have something.
  std::optional<std::chrono::steady_clock::time_point> due() const {
    return due_;
  }

private:
  std::deque<wanted> line_;
  std::optional<std::chrono::steady_clock::time_point> due_;
};

} // namespace posthorn

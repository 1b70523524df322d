// SPDX-License-Identifier: Apache-2.0
// How the links stand, readable by anybody without asking an actor.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace posthorn {

/// One link as it stands.
struct link_standing {
  /// Of the peer; empty while nobody has said it.
  std::string name;
  std::string address;
  bool up = false;
  /// Why it is not up; empty when it is, and before the first attempt ended.
  std::string problem;
  /// How often it has come up.
  std::uint64_t connects = 0;
};

/// Written by the link actors, read by the admin API. Thread-safe.
class link_board {
public:
  /// The link to `address` came up, and the node there said its name.
  void up(const std::string& address, const std::string& name);

  /// It is not up, because of `problem`.
  void down(const std::string& address, const std::string& name,
            const std::string& problem);

  /// There is no link to that address any more.
  void forget(const std::string& address);

  /// All links, by address.
  std::vector<link_standing> snapshot() const;

private:
  mutable std::mutex mutex_;
  std::map<std::string, link_standing> links_;
};

using link_board_ptr = std::shared_ptr<link_board>;

} // namespace posthorn

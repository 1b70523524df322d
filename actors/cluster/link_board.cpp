// SPDX-License-Identifier: Apache-2.0
#include "actors/cluster/link_board.hpp"

namespace posthorn {

void link_board::up(const std::string& address, const std::string& name) {
  std::lock_guard guard{mutex_};
  auto& one = links_[address];
  one.address = address;
  one.name = name;
  one.up = true;
  one.problem.clear();
  ++one.connects;
}

void link_board::down(const std::string& address, const std::string& name,
                      const std::string& problem) {
  std::lock_guard guard{mutex_};
  auto& one = links_[address];
  one.address = address;
  if (!name.empty())
    one.name = name;
  one.up = false;
  one.problem = problem;
}

void link_board::forget(const std::string& address) {
  std::lock_guard guard{mutex_};
  links_.erase(address);
}

std::vector<link_standing> link_board::snapshot() const {
  std::lock_guard guard{mutex_};
  std::vector<link_standing> result;
  for (const auto& entry : links_)
    result.push_back(entry.second);
  return result;
}

} // namespace posthorn

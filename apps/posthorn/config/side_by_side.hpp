// SPDX-License-Identifier: Apache-2.0
// Work on many independent things, on all cores.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <system_error>
#include <thread>
#include <vector>

namespace posthorn {

/// Calls `work(i)` for each i below `count`, in no particular order and on
/// several threads where there are many; returns when all are done. `work` must
/// not throw.
inline void side_by_side(std::size_t count,
                         const std::function<void(std::size_t)>& work) {
  // So many are read sooner than a thread is started for half of them.
  constexpr std::size_t few = 64;
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (auto i = next++; i < count; i = next++)
      work(i);
  };
  std::vector<std::thread> others;
  const auto cores = count < few ? 1u : std::thread::hardware_concurrency();
  try {
    while (others.size() + 1 < cores)
      others.emplace_back(run);
  } catch (const std::system_error&) {
    // Those that there are do all of it.
  }
  run();
  for (auto& one : others)
    one.join();
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "storage/trial.hpp"

#include <algorithm>
#include <limits>

namespace posthorn::storage {

std::uint64_t trial::items_max() const {
  auto result = std::numeric_limits<std::uint64_t>::max();
  if (items > 0)
    result = items;
  if (share > 0)
    result = std::min(result, share);
  if (bad > 0)
    result = std::min(result, (bad + 1) / 2);
  return result;
}

std::uint64_t trial::bytes_max() const {
  return share_bytes > 0 ? share_bytes
                         : std::numeric_limits<std::uint64_t>::max();
}

void trial::give_up(recut_reason why, std::uint64_t count,
                    std::uint64_t bytes) {
  if (why == recut_reason::renewed)
    return;
  items = std::max(items, count);
  if (why == recut_reason::too_large) {
    share = std::max<std::uint64_t>(count / 2, 1);
    share_bytes = std::max<std::uint64_t>(bytes / 2, 1);
  } else {
    bad = count;
    poison = 1;
  }
}

void trial::accept(std::uint64_t count) {
  vouched = 1;
  pass(count);
}

void trial::pass(std::uint64_t count) {
  items -= std::min(count, items);
  bad -= std::min(count, bad);
  if (items == 0)
    *this = {};
}

void trial::withdraw(std::uint64_t count) {
  items -= std::min(count, items);
  // Where it stood is not known: a stretch that is one too long still holds
  // what it is known to hold.
  bad = std::min(bad, items);
  if (items == 0)
    *this = {};
}

void trial::set_aside(std::uint64_t count) {
  // The refused item of the stretch is found; whether there is another one, the
  // rest tells.
  pass(count);
  bad = 0;
  if (vouched == 0)
    poison = 0;
  vouched = 0;
}

} // namespace posthorn::storage

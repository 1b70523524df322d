// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/seen_index.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>

namespace posthorn::storage::lmdb {

namespace {

constexpr std::size_t slots_min = 1024;

constexpr std::uint64_t offset_max = std::numeric_limits<std::uint32_t>::max();

} // namespace

void seen_index::clear(std::uint64_t first) {
  slots_ = {};
  used_ = 0;
  added_.clear();
  base_ = first_ = next_ = first;
}

void seen_index::forget_before(std::uint64_t first) {
  first_ = std::max(first_, first);
  next_ = std::max(next_, first);
}

void seen_index::put(std::uint32_t hash, std::uint64_t number) {
  assert(number >= next_);
  make_room(number);
  place({hash, static_cast<std::uint32_t>(number - base_ + 1)});
  next_ = number + 1;
}

void seen_index::skip_to(std::uint64_t next) {
  next_ = std::max(next_, next);
}

void seen_index::add(std::uint32_t hash, std::uint64_t number) {
  added_.emplace_back(hash, number);
}

void seen_index::keep() {
  for (const auto& [hash, number] : added_)
    put(hash, number);
  added_.clear();
}

void seen_index::make_room(std::uint64_t number) {
  if ((used_ + 1) * 4 <= slots_.size() * 3 && number - base_ < offset_max)
    return;
  const auto old_base = base_;
  const auto old = std::move(slots_);
  const auto live
    = std::count_if(old.begin(), old.end(), [this](const slot& one) {
        return one.offset != 0 && base_ + one.offset - 1 >= first_;
      });
  slots_.assign(
    std::max(slots_min, std::bit_ceil(static_cast<std::size_t>(live + 1) * 2)),
    slot{});
  used_ = 0;
  base_ = first_;
  for (const auto& one : old)
    if (one.offset != 0 && old_base + one.offset - 1 >= first_)
      place(
        {one.hash, static_cast<std::uint32_t>(old_base + one.offset - base_)});
}

void seen_index::place(slot what) {
  auto at = place_of(what.hash);
  while (slots_[at].offset != 0)
    at = after(at);
  slots_[at] = what;
  ++used_;
}

} // namespace posthorn::storage::lmdb

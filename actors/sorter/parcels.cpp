// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/parcels.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace posthorn {

void parcel_builder::add_batch(const pool_entry& what,
                               const std::vector<service_no>& to) {
  const auto items = static_cast<std::uint32_t>(what.kinds.size());
  const auto bytes
    = std::accumulate(what.sizes.begin(), what.sizes.end(), std::uint64_t{0});
  const bool whole = bytes >= whole_bytes_min;
  auto& target = whole ? start(to) : open_for(to);
  target.pieces.push_back({what.position, 0, items});
  target.items += items;
  target.bytes += bytes;
  if (whole)
    open_.erase(to);
}

void parcel_builder::add_item(const pool_entry& what, std::uint32_t index,
                              const std::vector<service_no>& to) {
  auto& target = open_for(to);
  auto& pieces = target.pieces;
  const bool next_to_last
    = !pieces.empty() && pieces.back().position == what.position
      && pieces.back().first + pieces.back().count == index;
  if (next_to_last)
    ++pieces.back().count;
  else
    pieces.push_back({what.position, index, 1});
  ++target.items;
  target.bytes += what.sizes[index];
}

std::vector<parcel> parcel_builder::take() {
  open_.clear();
  newest_.clear();
  return std::exchange(parcels_, {});
}

parcel& parcel_builder::open_for(const std::vector<service_no>& to) {
  const auto found = open_.find(to);
  if (found == open_.end())
    return start(to);
  const auto index = found->second;
  const bool in_order = std::all_of(to.begin(), to.end(), [&](service_no no) {
    return newest_.at(no) == index;
  });
  return in_order ? parcels_[index] : start(to);
}

parcel& parcel_builder::start(const std::vector<service_no>& to) {
  const auto index = parcels_.size();
  parcels_.emplace_back().to = to;
  open_[to] = index;
  for (auto no : to)
    newest_[no] = index;
  return parcels_.back();
}

} // namespace posthorn

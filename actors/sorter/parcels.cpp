// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/parcels.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

namespace posthorn {

void parcel_builder::add_batch(const pool_entry& what,
                               const std::vector<service_no>& to) {
  add_run(what, 0, static_cast<std::uint32_t>(what.kinds.size()), to);
}

void parcel_builder::add_run(const pool_entry& what, std::uint32_t first,
                             std::uint32_t count,
                             const std::vector<service_no>& to) {
  const auto sizes = what.sizes.begin() + first;
  const auto bytes = std::accumulate(sizes, sizes + count, std::uint64_t{0});
  const bool whole = bytes >= whole_bytes_min;
  auto& target = whole ? start(to) : open_for(to);
  target.pieces.push_back({what.position, first, count});
  target.items += count;
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

void parcel_builder::add_newest(const pool_entry& what, std::uint32_t index,
                                const std::vector<service_no>& to,
                                const freshness& fresh) {
  put_newest(
    {to, {{what.position, index, 1}}, 1, what.sizes[index], fresh, {}});
}

void parcel_builder::add_newest(made_item what,
                                const std::vector<service_no>& to,
                                const freshness& fresh) {
  const auto bytes = what.json.size();
  put_newest({to, {}, 1, bytes, fresh, std::move(what)});
}

void parcel_builder::put_newest(parcel what) {
  const auto [found, fresh]
    = by_subject_.emplace(what.fresh.subject, newest_of_subjects_.size());
  // Where the services are others, both stay: the store lets each service keep
  // the later one.
  if (!fresh && newest_of_subjects_[found->second].to == what.to) {
    newest_of_subjects_[found->second] = std::move(what);
    return;
  }
  found->second = newest_of_subjects_.size();
  newest_of_subjects_.push_back(std::move(what));
}

std::vector<parcel> parcel_builder::take() {
  open_.clear();
  newest_.clear();
  by_subject_.clear();
  std::move(newest_of_subjects_.begin(), newest_of_subjects_.end(),
            std::back_inserter(parcels_));
  newest_of_subjects_.clear();
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

// SPDX-License-Identifier: Apache-2.0
#include "actors/tracer/delivery_ring.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace posthorn {

delivery_ring::delivery_ring(std::size_t events_max)
  : capacity_{std::max<std::size_t>(events_max, 1)} {
  // nop
}

void delivery_ring::begin(const std::string& service, std::string txn_id,
                          std::chrono::system_clock::time_point when) {
  const auto [known, fresh] = numbers_.try_emplace(
    service, static_cast<std::uint32_t>(services_.size()));
  if (fresh)
    services_.push_back(service);
  transactions_.push_back({known->second, std::move(txn_id), when});
}

void delivery_ring::add(std::string_view event_id) {
  const slot made{std::hash<std::string_view>{}(event_id),
                  first_ + transactions_.size() - 1};
  if (slots_.size() < capacity_) {
    slots_.push_back(made);
    return;
  }
  forgot_ = true;
  slots_[oldest_] = made;
  oldest_ = (oldest_ + 1) % capacity_;
  for (; first_ < slots_[oldest_].transaction; ++first_)
    transactions_.pop_front();
}

std::vector<remembered_delivery> delivery_ring::find(std::string_view event_id,
                                                     std::size_t max) const {
  const auto hash = std::hash<std::string_view>{}(event_id);
  std::vector<remembered_delivery> result;
  for (auto i = slots_.size(); i > 0 && result.size() < max; --i) {
    const auto& one = slots_[(oldest_ + i - 1) % slots_.size()];
    if (one.hash != hash)
      continue;
    const auto& where = transactions_[one.transaction - first_];
    result.push_back({services_[where.service], where.txn_id, where.when});
  }
  std::reverse(result.begin(), result.end());
  return result;
}

std::optional<std::chrono::system_clock::time_point>
delivery_ring::reaches_to() const {
  if (!forgot_)
    return std::nullopt;
  return transactions_.front().when;
}

} // namespace posthorn

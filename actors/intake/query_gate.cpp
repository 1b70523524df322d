// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/query_gate.hpp"

namespace posthorn {

std::optional<query_gate::place> query_gate::enter() {
  std::lock_guard guard{mutex_};
  if (open_ >= limits_.node_max) {
    ++refused_;
    return std::nullopt;
  }
  ++open_;
  return place{this, {}};
}

std::optional<query_gate::place> query_gate::enter(const std::string& service) {
  std::lock_guard guard{mutex_};
  const auto known = services_.find(service);
  if (known != services_.end() && known->second >= limits_.service_max) {
    ++refused_;
    return std::nullopt;
  }
  ++services_[service];
  return place{this, service};
}

std::size_t query_gate::open() const {
  std::lock_guard guard{mutex_};
  return open_;
}

std::uint64_t query_gate::refused() const {
  std::lock_guard guard{mutex_};
  return refused_;
}

void query_gate::leave(const std::string& service) {
  std::lock_guard guard{mutex_};
  if (service.empty()) {
    --open_;
    return;
  }
  const auto known = services_.find(service);
  if (--known->second == 0)
    services_.erase(known);
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/denials.hpp"

namespace posthorn {

namespace {

/// Service ids hold no `|` (see registration files), so keys cannot collide.
std::string key_of(const std::string& service, std::string_view subject) {
  return service + "|" + std::string{subject};
}

} // namespace

void denials::note(const std::string& service, std::string_view subject) {
  if (subject.size() > subject_max)
    return;
  const auto now = now_();
  auto key = key_of(service, subject);
  std::lock_guard guard{mutex_};
  expire(now);
  if (standing_.count(key) > 0)
    return;
  if (order_.size() >= entries_max) {
    standing_.erase(order_.front().key);
    order_.pop_front();
  }
  standing_.insert(key);
  order_.push_back({std::move(key), now + lifetime});
}

bool denials::stands(const std::string& service, std::string_view subject) {
  const auto now = now_();
  std::lock_guard guard{mutex_};
  expire(now);
  return standing_.count(key_of(service, subject)) > 0;
}

void denials::clear() {
  std::lock_guard guard{mutex_};
  order_.clear();
  standing_.clear();
}

std::size_t denials::size() const {
  std::lock_guard guard{mutex_};
  return order_.size();
}

void denials::expire(time_point now) {
  while (!order_.empty() && order_.front().until <= now) {
    standing_.erase(order_.front().key);
    order_.pop_front();
  }
}

} // namespace posthorn

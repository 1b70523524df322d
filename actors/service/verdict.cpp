// SPDX-License-Identifier: Apache-2.0
#include "actors/service/verdict.hpp"

#include <algorithm>
#include <array>

namespace posthorn {

namespace {

constexpr std::uint16_t content_too_large = 413;

/// 4xx that are about the way to the service and not about the transaction.
constexpr std::array<std::uint16_t, 6> passing{401, 403, 404, 408, 425, 429};

} // namespace

objection objection_of(const answer& how) {
  switch (how.what) {
  case outcome::timed_out:
  case outcome::broken:
    return objection::doubtful;
  case outcome::refused:
    break;
  case outcome::accepted:
  case outcome::unreachable:
    return objection::outage;
  }
  if (how.status == content_too_large)
    return objection::too_large;
  if (how.status >= 500)
    return objection::doubtful;
  const bool passes
    = std::find(passing.begin(), passing.end(), how.status) != passing.end();
  return how.status < 400 || passes ? objection::outage : objection::refused;
}

void verdict::begin(const outbound& what) {
  items_ = what.items;
  suspect_ = what.suspect;
  refusals_ = what.refusals;
  doubts_ = what.doubts;
}

ruling verdict::hear(const answer& how, std::uint32_t attempts) {
  alive_before_ = alive_;
  alive_ = false;
  switch (objection_of(how)) {
  case objection::too_large:
    alive_ = true;
    return items_ > 1 ? ruling::cut_smaller : ruling::set_aside;
  case objection::refused:
    alive_ = true;
    ++refusals_;
    if (attempts == 0 || refusals_ < needed(attempts))
      return ruling::retry;
    return items_ > 1 ? ruling::bisect : ruling::set_aside;
  case objection::doubtful:
    ++doubts_;
    return attempts > 0 && doubts_ >= needed(attempts) ? ruling::probe
                                                       : ruling::retry;
  case objection::outage:
    doubts_ = 0;
    break;
  }
  return ruling::retry;
}

ruling verdict::hear_probe(bool accepted, std::uint32_t attempts) {
  alive_ = accepted;
  if (!accepted)
    return ruling::retry;
  // A reload has said so while the probe was open.
  if (attempts == 0)
    return ruling::renew;
  return items_ == 1 && suspect_ && alive_before_ ? ruling::set_aside
                                                  : ruling::bisect;
}

void verdict::accepted() {
  alive_ = true;
}

void verdict::paused() {
  alive_ = false;
}

std::uint32_t verdict::needed(std::uint32_t attempts) const {
  return suspect_ ? 1 : attempts;
}

} // namespace posthorn

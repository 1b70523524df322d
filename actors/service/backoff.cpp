// SPDX-License-Identifier: Apache-2.0
#include "actors/service/backoff.hpp"

#include <algorithm>

namespace posthorn {

std::chrono::milliseconds backoff(const recovery_settings& settings,
                                  std::uint32_t failures, double spread) {
  using std::chrono::milliseconds;
  if (failures == 0)
    return milliseconds{0};
  auto pause = std::min(settings.initial_backoff, settings.max_backoff);
  for (std::uint32_t n = 1; n < failures && pause < settings.max_backoff; ++n)
    pause = std::min(pause * 2, settings.max_backoff);
  if (!settings.jitter)
    return pause;
  const auto part = static_cast<double>(pause.count()) * 0.2 * spread;
  return pause - milliseconds{static_cast<milliseconds::rep>(part)};
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// How long a service that is DOWN is left alone.
#pragma once

#include "messages/registration.hpp"

#include <chrono>
#include <cstdint>

namespace posthorn {

/// The pause after the `failures`-th failure in a row (1 is the first): the
/// initial backoff doubled with each further one, up to the longest. With the
/// defaults 2, 4, 8, ... 512 s, as Synapse's recoverer waits; the attempts of a
/// dead service are then at 0, 2, 6, 14, 30, 62, 126, 254, 510, 1022, 1534 s.
///
/// `spread` in [0, 1) shortens the pause by up to a fifth when the settings ask
/// for jitter, and is not looked at otherwise. 0 failures give no pause.
std::chrono::milliseconds backoff(const recovery_settings& settings,
                                  std::uint32_t failures, double spread);

} // namespace posthorn

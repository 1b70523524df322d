// SPDX-License-Identifier: Apache-2.0
#include "messages/tenure.hpp"

#include <time.h>

namespace posthorn {

std::chrono::milliseconds boot_time() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds{now.tv_sec}
         + std::chrono::duration_cast<std::chrono::milliseconds>(
           std::chrono::nanoseconds{now.tv_nsec});
}

} // namespace posthorn

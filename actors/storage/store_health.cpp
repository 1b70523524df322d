// SPDX-License-Identifier: Apache-2.0
#include "actors/storage/store_health.hpp"

#include "messages/errors.hpp"

namespace posthorn {

void store_health::note(const storage::mutation& what, const caf::error& why,
                        clock::time_point now) {
  const bool failed
    = why && (is(why, ec::store_failed) || is(why, ec::store_corrupt));
  if (why && !failed)
    return;
  std::lock_guard guard{guard_};
  auto& slot = failures_[what.index()];
  if (failed)
    slot = failure{now, text_of(why)};
  else
    slot.reset();
}

std::optional<std::string> store_health::trouble(clock::time_point now) const {
  std::lock_guard guard{guard_};
  for (const auto& one : failures_)
    if (one && now - one->when < memory)
      return one->text;
  return std::nullopt;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Entries of the pool for tests that do not care what is in them.
#pragma once

#include "messages/batch.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace posthorn::testing {

/// An entry of `items` events of `size` bytes each; on the catch-all feed
/// (`feed` empty) with empty fields.
inline pool_entry entry(std::uint64_t position, std::string feed,
                        std::size_t items, std::uint32_t size = 100) {
  pool_entry result;
  result.position = position;
  result.feed = std::move(feed);
  result.kinds.assign(items, item_kind::event);
  result.sizes.assign(items, size);
  if (result.feed.empty())
    result.fields.resize(items);
  return result;
}

} // namespace posthorn::testing

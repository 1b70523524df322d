// SPDX-License-Identifier: Apache-2.0
// What the disk and the network of this machine could do at most, measured in
// the same run: events a second without a node.
#pragma once

#include "apps/posthorn/bench/event_mould.hpp"
#include "messages/errors.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <filesystem>

namespace posthorn::bench {

/// Events a second.
struct raw_rates {
  /// LMDB with full sync, a record an event, so many events a commit.
  double lmdb_1000 = 0;
  double lmdb_100 = 0;
  double lmdb_1 = 0;
  /// The generator straight to a receiver that checks: batches over one and
  /// over eight connections, and single events over one.
  double http_1 = 0;
  double http_8 = 0;
  double http_single = 0;
};

/// Measures all of them with `events` events, none for longer than about three
/// seconds. `directory` is where the LMDB environments are made, and removed.
/// Errors: store_failed (LMDB), bad_address (HTTP), store_corrupt (what arrived
/// was not what was sent).
caf::expected<raw_rates> measure_raw(const std::filesystem::path& directory,
                                     const event_mould& mould,
                                     std::uint64_t events, std::size_t batch);

} // namespace posthorn::bench

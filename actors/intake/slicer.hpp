// SPDX-License-Identifier: Apache-2.0
// Slices a feed transaction into its items, without changing a byte of them.
#pragma once

#include "messages/batch.hpp"

#include <caf/expected.hpp>

#include <cstddef>
#include <string>

namespace posthorn {

/// How a transaction is sliced.
struct slicing_options {
  /// Whether batch::fields is filled for the events (the catch-all feed: the
  /// sorter decides by them).
  bool want_fields = false;
  /// Items in one transaction, all kinds together; Synapse sends at most 100
  /// events.
  std::size_t items_max = 10'000;
  /// Nested containers, the transaction itself counts as 1. Receivers' parsers
  /// give up somewhere above that.
  std::size_t depth_max = 512;
};

/// Slices the body of `PUT /_matrix/app/v1/transactions/{txnId}` (Application
/// Service API, "Pushing events"; MSC2409, MSC3202). The whole body is checked:
/// what is not JSON by RFC 8259's grammar in valid UTF-8 is refused wherever it
/// stands, and what is (integers of any size, 1e400, lone surrogates, duplicate
/// keys inside events) passes byte for byte.
///
/// The batch has `body`, `digest`, and `items` in this order: events,
/// ephemeral, to_device, device_lists, key_counts, fallback_keys; inside a kind
/// as they came. Of two names for the same thing one is taken: `ephemeral`
/// before `de.sorunome.msc2409.ephemeral`, `device_one_time_key_counts` before
/// `device_one_time_keys_count` (Synapse sends both, with the same content).
/// An optional part that is null counts as absent. `feed`, `txn_id` and
/// `received` are the caller's to fill.
///
/// `fields` are those of the events only, from the event itself and its content
/// (never from the room state that an invite carries in `unsigned`); of a key
/// that comes twice inside an event the last one counts, as in every JSON
/// parser of the homeservers.
///
/// The digest is XXH3-128 over each event's id (of an event without one: its
/// bytes), each after its length; over the whole body when there is no event.
///
/// Errors, each with a text that names the place: not_json, bad_json (not the
/// spec's shape, nested too deep, a top-level key that comes twice, a part that
/// check_parts() has something against), too_large
/// (more than items_max items, or 4 GiB).
caf::expected<batch> slice(std::string body, const slicing_options& options);

} // namespace posthorn

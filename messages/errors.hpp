// SPDX-License-Identifier: Apache-2.0
// Every error of the program, in an operator's words.
#pragma once

#include <caf/error.hpp>
#include <caf/make_message.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace posthorn {

/// Why something was refused or failed. The context string of the `caf::error`
/// that carries a code says what and where. Codes are never renumbered: they
/// cross processes.
enum class ec : std::uint8_t {
  /// A configuration, registration or argument is not valid.
  bad_config = 1,
  /// A request's body is not JSON.
  not_json = 2,
  /// A request's JSON has not the shape that the Matrix spec asks for.
  bad_json = 3,
  /// A request is larger than a configured limit.
  too_large = 4,
  /// The store has reached `limits.max_store`: it takes no new events until
  /// some are delivered.
  store_full = 5,
  /// The store could not read or write: disk full, I/O error.
  store_failed = 6,
  /// A record of the store does not match its checksum.
  store_corrupt = 7,
  /// The store was written by another format version.
  store_version = 8,
  /// Another process holds the store.
  store_locked = 9,
  /// A write came under a lease that has since gone to somebody else.
  fenced = 10,
  /// The lease is held by another live node.
  lease_held = 11,
  /// No service of that id is known.
  unknown_service = 12,
  /// A transaction was named that is not the open one.
  unknown_transaction = 13,
  /// The node is shutting down and takes nothing new.
  draining = 14,
  /// Too much is waiting to be committed; try again in a moment.
  overloaded = 15,
  /// An address cannot be listened on or connected to.
  bad_address = 16,
};

/// The name of a code as it stands in logs and answers, e.g. "store_full".
std::string_view name_of(ec code);

/// CAF's stringification hook; the same as name_of().
std::string to_string(ec code);

/// The context text of an error, or its code's name when it has none.
std::string text_of(const caf::error& what);

/// Whether `what` carries `code`.
bool is(const caf::error& what, ec code);

} // namespace posthorn

CAF_ERROR_CODE_ENUM(posthorn::ec, "posthorn")

namespace posthorn {

/// Makes an error with a context text that says what was wrong and where.
inline caf::error fault(ec code, std::string what) {
  return caf::make_error(code, std::move(what));
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// The ids of events, read out of their JSON.
#pragma once

#include <simdjson.h>

#include <functional>
#include <string>
#include <string_view>

namespace posthorn::storage {

/// Reads event ids. Keeps a parser; one thread at a time.
class event_id_reader {
public:
  /// Whether `json` is an object whose own `event_id` is the string `id`: not
  /// one further inside, and not a part of a longer one. Escapes are decoded;
  /// of a key that comes twice the last one counts. Quick where `id` does not
  /// occur.
  bool is(std::string_view json, std::string_view id);

  /// Calls `each` with the id of each event that has one, in the order of the
  /// `events` of a transaction's body. Answers false where the body cannot be
  /// read to its end; what came before that was told.
  bool each_of(std::string_view body,
               const std::function<void(std::string_view)>& each);

private:
  simdjson::ondemand::parser parser_;
};

} // namespace posthorn::storage

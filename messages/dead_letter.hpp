// SPDX-License-Identifier: Apache-2.0
// An item that a service refused for good, set aside so that the rest flows.
#pragma once

#include "messages/batch.hpp"
#include "messages/transaction.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace posthorn {

/// A dead letter: kept until an operator sends it again or drops it.
struct dead_letter {
  /// Given once, growing: the order in which they were set aside.
  std::uint64_t number = 0;
  service_no service = 0;
  item_kind kind = item_kind::event;
  /// Id of the transaction that was refused with it; several letters have the
  /// same one where a transaction was set aside as a whole.
  std::string txn_id;
  /// One line for the operator, at most 500 bytes: what the service answered.
  std::string reason;
  std::chrono::system_clock::time_point set_aside;
  /// When it was taken in from the homeserver.
  std::chrono::system_clock::time_point received;
  /// Bytes of its JSON, and these, where they were asked for.
  std::uint64_t size = 0;
  std::string json;
};

/// Which dead letters are asked for.
struct dead_query {
  service_no service = 0;
  /// Those with a larger number, at most `max`.
  std::uint64_t after = 0;
  std::size_t max = 1'000;
  /// Whether their JSON is wanted, too: then no more than so many bytes of it,
  /// but at least one letter.
  bool with_json = false;
  std::uint64_t max_bytes = std::uint64_t{16} << 20;
};

/// Dead letters, oldest first.
struct dead_page {
  std::vector<dead_letter> letters;
  /// Whether there are more behind the last one.
  bool more = false;
};

} // namespace posthorn

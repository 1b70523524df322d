// SPDX-License-Identifier: Apache-2.0
// A service's registration and how it is to be treated.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace posthorn {

/// One entry of a namespace list.
struct namespace_entry {
  std::string regex;
  bool exclusive = false;
};

/// An application service's registration, as the Matrix spec defines it
/// (Application Service API, "Registration"), checked.
struct registration {
  std::string id;
  /// Base URL without trailing slash: http, https or `unix:/path`. None for
  /// `url: null`: nothing is sent to that service.
  std::optional<std::string> url;
  std::string as_token;
  std::string hs_token;
  std::string sender_localpart;
  std::vector<namespace_entry> users;
  std::vector<namespace_entry> aliases;
  std::vector<namespace_entry> rooms;
  std::vector<std::string> protocols;
  bool rate_limited = true;
  bool receive_ephemeral = false;
  /// `de.sorunome.msc2409.push_ephemeral`
  bool push_ephemeral = false;
  /// `org.matrix.msc3202`
  bool device_lists = false;
  /// The file it came from, for errors.
  std::string file;
};

/// When to try again: 2^n s, n = 1..9 in Synapse; here the first pause, doubled
/// up to the longest.
struct recovery_settings {
  std::chrono::milliseconds initial_backoff{2'000};
  std::chrono::milliseconds max_backoff{512'000};
  /// Spreads each pause over 80 to 100 % of its length, so that services which
  /// failed together do not all come back in the same instant.
  bool jitter = true;
};

/// How transactions are cut and sent.
struct delivery_settings {
  std::uint32_t max_events = 100;
  std::uint64_t max_bytes = std::uint64_t{1} << 20;
  std::chrono::milliseconds connect_timeout{15'000};
  /// From the first byte sent to the last byte of the answer.
  std::chrono::milliseconds timeout{60'000};
  /// After so many attempts that were refused for good, the refused event is
  /// searched for and set aside; 0: never, the transaction is retried for ever.
  std::uint32_t poison_attempts = 5;
  /// Falls back on `/transactions/{txnId}` where the service answers the v1
  /// path with 404 (Application Service API, "Legacy routes").
  bool legacy_path = false;
};

/// A service: its registration and its settings. Immutable; a reload makes new
/// ones.
struct service_config {
  posthorn::registration registration;
  recovery_settings recovery;
  delivery_settings delivery;
};

using service_config_ptr = std::shared_ptr<const service_config>;

} // namespace posthorn

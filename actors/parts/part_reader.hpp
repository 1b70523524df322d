// SPDX-License-Identifier: Apache-2.0
// Reads the parts of a transaction that are not events, and takes them apart.
#pragma once

#include "messages/batch.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

/// One user's receipt out of an m.receipt.
struct single_receipt {
  /// `m.read`, `m.read.private`, ...
  std::string type;
  std::string user_id;
  /// `main`, a thread's root, or empty for an unthreaded receipt.
  std::string thread_id;
  /// An m.receipt with this receipt and no other. The receipt itself has its
  /// bytes as they came; so has the whole where there was no other.
  std::string json;

  /// Whether nobody but the user may see it (the client-server API, "Receipts";
  /// also under MSC2285's name).
  bool is_private() const;
};

/// An element of `ephemeral`. What it lacks is empty.
struct ephemeral_part {
  std::string type;
  std::string room_id;
  std::string sender;
  /// Of an m.receipt.
  std::vector<single_receipt> receipts;
};

/// Reads an element of `ephemeral` (Application Service API, "Pushing
/// ephemeral data"; MSC2409). Errors: bad_json, for one without a string
/// `type` (or `edu_type`, as MSC2409 once had it); an m.typing or m.receipt
/// without a string `room_id`; an m.presence without a string `sender`; an
/// m.receipt whose `content` is not
/// `{event: {type: {user: {...}}}}`. The text says what is wrong, not where.
/// Other types and other keys are nobody's business.
caf::expected<ephemeral_part> read_ephemeral(std::string_view json);

/// The user that a to-device message is to, its `to_user_id` (MSC4203).
/// Errors: bad_json where that or `to_device_id` is not a string.
caf::expected<std::string> read_recipient(std::string_view json);

/// What a part says about one user.
struct user_part {
  std::string user_id;
  /// A part of the same kind that says just this.
  std::string json;
};

/// Takes apart what is one object about many users (MSC3202): device lists,
/// `{"changed": [user], "left": [user]}`, each key optional; key counts and
/// fallback keys, `{user: ...}`. Each user once; one that is both in `changed`
/// and in `left` has left. Where there is one user only, the part is as it
/// came. Errors: bad_json, for anything else.
caf::expected<std::vector<user_part>> read_by_user(item_kind kind,
                                                   std::string_view json);

/// Whether a part can be read. Errors: as above; none for an event.
caf::error check_part(item_kind kind, std::string_view json);

} // namespace posthorn

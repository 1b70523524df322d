// SPDX-License-Identifier: Apache-2.0
// What goes out: routing, transactions, attempts.
#pragma once

#include "messages/batch.hpp"
#include "messages/room_state.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace posthorn {

/// A service's number in the store: given once per service id, never again.
using service_no = std::uint32_t;

/// Proof of a lease: the number grows each time the lease changes hands, and
/// the store refuses a write that carries an old one.
using epoch = std::uint64_t;

/// Says who writes: the service and the epoch of the lease on it.
struct claim {
  service_no service = 0;
  posthorn::epoch epoch = 0;
};

/// How large a transaction may get. The first item always fits, whatever its
/// size: what cannot be cut smaller is for the receiver to refuse.
struct cut_limits {
  /// Items of kind event (and, separately, ephemeral and to-device ones).
  std::uint32_t max_events = 100;
  /// Bytes of the whole body.
  std::uint64_t max_bytes = std::uint64_t{1} << 20;
  /// Under which names ephemeral items go out (registration flags
  /// `receive_ephemeral`, `de.sorunome.msc2409.push_ephemeral`).
  bool stable_ephemeral = false;
  bool unstable_ephemeral = false;
};

/// A run of items of one pooled batch.
struct piece {
  std::uint64_t position = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// How long an item that waits is worth sending. Once it is part of a
/// transaction, none of this touches it any more.
struct freshness {
  /// What the item tells about: of two that wait for a service with the same
  /// subject only the later one is sent. 0: it is for keeps.
  std::uint64_t subject = 0;
  /// How long after it was taken in it may still be cut; 0: for ever. Only
  /// items with a subject expire.
  std::chrono::milliseconds lifetime{0};
};

/// An item whose bytes the sorter made out of one that came.
struct made_item {
  item_kind kind = item_kind::ephemeral;
  std::string json;
  /// The batch that it came in, which says when it was taken in.
  std::uint64_t position = 0;
};

/// Items that go to the same services, in pool order.
struct parcel {
  std::vector<service_no> to;
  std::vector<piece> pieces;
  std::uint32_t items = 0;
  std::uint64_t bytes = 0;
  /// With a subject: the parcel is a single item.
  freshness fresh = {};
  /// The parcel is this item, and has no pieces.
  std::optional<made_item> made = std::nullopt;
};

/// How the sorter wants a service's transaction cut if it is idle.
struct addressee {
  service_no service = 0;
  cut_limits limits;
  /// Whether the store may cut at once when the service is UP and has no open
  /// transaction: saves the woken service a commit of its own.
  bool cut_when_idle = true;
};

/// One step of the sorter: the cursor moves, the queues grow, in one commit.
struct routing {
  /// Epoch of the sorter's lease.
  posthorn::epoch epoch = 0;
  /// The cursor must be at `from`, and is at `to` afterwards.
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  /// Appended to each service's queue in this order. Items of the pages between
  /// `from` and `to` that are in no parcel are for nobody and are dropped.
  std::vector<parcel> parcels;
  /// One for each service that stands in a parcel.
  std::vector<addressee> addressees;
  /// What the items between `from` and `to` say about rooms.
  room_changes rooms;
};

using routing_ptr = std::shared_ptr<const routing>;

/// A transaction as it is sent: stored before, never changed after.
struct outbound {
  /// Opaque, url-safe, never used twice.
  std::string txn_id;
  /// Of two of one service's transactions the one cut later has the greater.
  std::uint64_t number = 0;
  /// The request's body.
  std::string body;
  std::uint32_t events = 0;
  /// Items of every kind.
  std::uint64_t items = 0;
  /// When the oldest of its items was taken in.
  std::chrono::system_clock::time_point oldest;
  /// Failed attempts so far, over restarts.
  std::uint32_t failures = 0;
  /// How many of the attempts at this transaction were refused for good, and
  /// how many ended in a way that leaves open whether the service or the
  /// transaction is to blame (5xx, no answer).
  std::uint32_t refusals = 0;
  std::uint32_t doubts = 0;
  /// Whether it is a part of a transaction that was refused for good.
  bool suspect = false;
  /// Whether a probe was under way of which nobody knows how it ended; see
  /// setback.
  bool probing = false;
  /// When the next attempt is due, if it has failed before.
  std::chrono::system_clock::time_point next_attempt;
};

/// Null where there is nothing to send.
using outbound_ptr = std::shared_ptr<const outbound>;

/// A transaction that is on its way to who sends it: open in the store when the
/// commit that cut it was made, under the lease that is named here.
struct handed_transaction {
  claim who;
  outbound_ptr what;
};

/// The services that a routing gave something, for the sorter to wake.
struct routed {
  /// In ascending order.
  std::vector<service_no> services;
  /// Those of them that another node delivers, or nobody.
  std::vector<service_no> elsewhere;
  /// What was cut for some of the others, by service: small ones, and not many,
  /// since they lie in memory until they are sent.
  std::vector<handed_transaction> handed;
};

/// How an attempt ended: a closed set that log, metrics and store share.
/// On disk, do not renumber.
enum class outcome : std::uint8_t {
  /// Any 2xx.
  accepted = 1,
  /// Any other status.
  refused = 2,
  /// No connection: refused, no route, name not found, TLS failed.
  unreachable = 3,
  /// No whole answer before the deadline.
  timed_out = 4,
  /// The connection broke, or what came was not HTTP or too large.
  broken = 5,
};

/// The name of an outcome as it stands in logs and answers.
const char* to_string(outcome what);

/// Why a transaction is given up and cut anew.
enum class recut_reason : std::uint8_t {
  /// The service answered 413.
  too_large = 1,
  /// Something in it is refused for good.
  refused = 2,
  /// Nothing is known against it, but its id must not be used again: a probe
  /// under a newer id may have been accepted.
  renewed = 3,
};

/// What is written when an attempt has failed.
struct setback {
  std::string txn_id;
  outcome what = outcome::unreachable;
  /// HTTP status, or 0.
  std::uint16_t status = 0;
  /// One line for the operator.
  std::string detail;
  /// Failures in a row, this one included.
  std::uint32_t failures = 0;
  /// As outbound::refusals and outbound::doubts, this attempt included.
  std::uint32_t refusals = 0;
  std::uint32_t doubts = 0;
  /// Whether a probe is about to be sent. Noted first: whoever finds it after a
  /// crash must not use the transaction's id again.
  bool probing = false;
  std::chrono::system_clock::time_point next_attempt;
};

/// A service as the store knows it.
struct service_row {
  service_no number = 0;
  std::string id;
  /// Whether the operator has stopped sending to it.
  bool paused = false;
  /// Items that wait, those of the open transaction included.
  std::uint64_t pending_events = 0;
  std::uint64_t pending_bytes = 0;
  /// When the oldest waiting item was taken in; only with pending_events > 0.
  std::chrono::system_clock::time_point oldest;
  /// Id of the open transaction, or else of the last one; empty before the
  /// first.
  std::string txn_id;
  /// Whether `txn_id` is open: cut, and not yet accepted.
  bool open = false;
  std::uint64_t delivered_events = 0;
  std::uint64_t delivered_transactions = 0;
  /// Items that were set aside as dead letters, and their bytes.
  std::uint64_t dead_items = 0;
  std::uint64_t dead_bytes = 0;
  /// Failures in a row; the service is DOWN while it is not 0.
  std::uint32_t failures = 0;
  std::chrono::system_clock::time_point next_attempt;
  /// Of the last failure: what, HTTP status or 0, one line. Kept after success.
  std::string last_error;
  std::chrono::system_clock::time_point last_failure;
  std::chrono::system_clock::time_point last_success;
  /// Node that holds its lease, empty where none does.
  std::string owner;
  posthorn::epoch epoch = 0;
};

} // namespace posthorn

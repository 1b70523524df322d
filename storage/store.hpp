// SPDX-License-Identifier: Apache-2.0
// The store: what every implementation promises. No actors, no HTTP here.
#pragma once

#include "messages/batch.hpp"
#include "messages/cluster.hpp"
#include "messages/dead_letter.hpp"
#include "messages/errors.hpp"
#include "messages/event_trace.hpp"
#include "messages/transaction.hpp"

#include <caf/expected.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace posthorn::storage {

// -- mutations: each is fenced and atomic -------------------------------------

/// Puts a feed transaction into the pool. Answers receipt; a feed transaction
/// that was taken before (feed, txn id, digest) is a duplicate and changes
/// nothing. Errors: store_full.
struct append {
  batch_ptr what;
};

/// Moves the sorter's cursor and appends to the queues. A parcel that is one
/// run and most of its batch is left where it is; others are copied together,
/// so that items with one destination lie side by side. A parcel with a subject
/// takes the place of the one with the same subject that waits for a service,
/// unless that has been cut. Pool batches that no queue needs any more are
/// deleted. What the items say about rooms is stored, too; it counts for more
/// than what `learn` brings. For each addressee that is UP, not paused, without
/// an open transaction and allows it, a transaction is cut; where this node
/// delivers it is handed over with the answer, up to a MiB in all. Answers
/// routed.
/// Errors: fenced (also when the cursor is not at `from`), unknown_service,
/// store_failed (names what is not there, or more than one item under a
/// subject).
struct route {
  routing_ptr what;
};

/// The service's open transaction; else cuts one from the head of its queue and
/// stores it; null when the queue is empty or the service is paused. What has
/// expired by then (freshness::lifetime) leaves the queue uncut. Answers
/// outbound_ptr. Errors: fenced.
struct next {
  claim who;
  cut_limits limits;
};

/// The open transaction was accepted: it leaves the queue, failures go to 0,
/// and the next one is cut as `next` does, in the same commit. Answers
/// outbound_ptr. Errors: fenced, unknown_transaction (not the open one).
struct complete {
  claim who;
  std::string txn_id;
  cut_limits limits;
};

/// An attempt at the open transaction failed; the service is DOWN. Answers
/// nothing_more. Errors: fenced, unknown_transaction.
struct fail {
  claim who;
  setback what;
};

/// The open transaction is given up, its id is never used again, and another
/// one is cut from the same head under a new id, in the same commit: at most
/// half of it, or the same where it is a single item or only renewed. How small
/// the ones after it are is kept with the service until its items are through
/// (storage/trial.hpp). The failures stay as they were, the next attempt is due
/// at once. Answers outbound_ptr. Errors: fenced, unknown_transaction.
struct recut {
  claim who;
  std::string txn_id;
  cut_limits limits;
  recut_reason why = recut_reason::refused;
};

/// All items of the open transaction leave the queue and become dead letters;
/// its id is never used again, and the next one is cut as `next` does, in the
/// same commit. The failures stay as they were, or go to 0 where nothing is
/// left. An empty `txn_id` means the open one, whichever it is. Answers
/// outbound_ptr. Errors: fenced, unknown_transaction.
struct set_aside {
  claim who;
  std::string txn_id;
  cut_limits limits;
  /// One line for the operator; the first 500 bytes are kept.
  std::string reason;
};

/// Dead letters go back into the queue, at its end and in the order in which
/// they were set aside: those of `txn_id`, or all where that is empty. Up to
/// dead_step of them and a MiB at a time. Answers moved. Errors:
/// unknown_service.
struct replay {
  service_no service = 0;
  std::string txn_id;
};

/// Deletes the dead letters of `txn_id`, up to dead_step of them at a time.
/// Answers moved. Errors: unknown_service.
struct drop {
  service_no service = 0;
  std::string txn_id;
};

/// How many dead letters one replay or drop takes at most, so that no commit
/// takes long.
inline constexpr std::size_t dead_step = 1'000;

/// Stops or restarts sending; events are kept. Survives restarts. The service's
/// owner is told as by `call`. Answers nothing_more. Errors: unknown_service.
struct set_paused {
  service_no service = 0;
  bool paused = false;
};

/// Makes services known by their ids (new ones get a number). Answers
/// enrolled, in the same order.
struct enroll {
  std::vector<std::string> ids;
};

/// Opens a session of a node. A former one of the same name is over; while the
/// process that opened it lives, nobody else gets one under that name. Answers
/// posthorn::session. Errors: lease_held (names the process), bad_config.
struct open_session {
  session_request what;
};

/// A sign of life: the session lasts for another ttl, and so do all leases that
/// were granted in it. Answers nothing_more. Errors: fenced (the session is
/// over: it stays so).
struct heartbeat {
  pulse what;
};

/// Ends a session, and with it the leases that were granted in it. Answers
/// nothing_more; also when it was over.
struct close_session {
  std::string node;
  session_no session = 0;
};

/// Grants a lease, when nobody holds it or the session in which it was granted
/// is over. Each grant raises the epoch by one. Answers posthorn::lease.
/// Errors: lease_held, fenced (the asker's session is over).
struct take_lease {
  lease_request what;
};

/// Gives a lease back, so that another node need not wait for its end. Answers
/// nothing_more. Errors: fenced.
struct give_lease {
  std::string name;
  posthorn::epoch epoch = 0;
};

/// Asks something of a service's owner; lost where nobody owns it, since who
/// takes it over looks at everything. A skip is of the transaction that is open
/// in this commit, and nothing is asked where none is. Answers called. Errors:
/// unknown_service.
struct call {
  service_no service = 0;
  call_kind kind = call_kind::wake;
};

/// What was asked of the services that this session owns since the last
/// take_calls. Routings and set_paused call, too. Answers calls.
struct take_calls {
  session_no session = 0;
};

/// What was true of rooms before the feed told of them (an import). Where a
/// routing has said something about the same user in the same room, or about
/// that room's aliases, nothing changes: that is newer. Of what came by this
/// way before, the later counts. Answers learned. Errors: fenced, store_full.
struct learn {
  /// Epoch of the sorter's lease: the sorter must not have decided by what
  /// this changes.
  posthorn::epoch epoch = 0;
  room_changes_ptr what;
};

using mutation
  = std::variant<append, route, next, complete, fail, set_paused, enroll,
                 open_session, heartbeat, close_session, take_lease, give_lease,
                 call, take_calls, learn, recut, set_aside, replay, drop>;

// -- answers ------------------------------------------------------------------

struct nothing_more {};

struct enrolled {
  std::vector<service_no> numbers;
};

struct called {
  /// Whether the service has a transaction open.
  bool open = false;
  /// Whether a node had its lease, and was asked.
  bool owned = false;
};

struct calls {
  std::vector<service_call> what;
};

/// What became of the changes of a `learn`, in numbers of them.
struct learned {
  std::uint64_t changed = 0;
  /// Known already.
  std::uint64_t same = 0;
  /// Left aside: the feed has said something newer.
  std::uint64_t outdated = 0;
};

/// What a replay or drop did.
struct moved {
  std::uint64_t letters = 0;
  /// Whether there are more of the same: ask again.
  bool more = false;
};

using reply = std::variant<receipt, routed, outbound_ptr, nothing_more,
                           enrolled, posthorn::session, posthorn::lease, called,
                           calls, learned, moved>;

// -- reading ------------------------------------------------------------------

/// Sizes and counts, for operators and metrics.
struct store_stat {
  /// Random, made with the store.
  std::string id;
  /// Bytes that hold records, against `limits.max_store`.
  std::uint64_t used_bytes = 0;
  std::uint64_t capacity_bytes = 0;
  /// Batches in the pool that are not routed yet.
  std::uint64_t pool_batches = 0;
  std::uint64_t sorter_cursor = 0;
  std::uint64_t corrupt_records = 0;
  /// Items that were set aside as dead letters, of all services.
  std::uint64_t dead_items = 0;
};

/// Limits of a page that the sorter takes.
struct page_limits {
  std::size_t max_items = 10'000;
  std::size_t max_bytes = std::size_t{4} << 20;
};

/// A store. commit() belongs to one thread; the reading functions may be called
/// from any thread at any time.
class store {
public:
  virtual ~store() = default;

  /// Carries out `work` in order in one commit and returns when it is on disk:
  /// one answer each. A mutation that is refused (fenced, duplicate, full)
  /// changes nothing and leaves the others alone. When the commit itself fails,
  /// nothing has happened and every answer is that error, except that
  /// implementations try the mutations one by one first where that can save
  /// some of them (a full disk refuses appends, and lets completions through).
  virtual std::vector<caf::expected<reply>>
  commit(std::span<const mutation> work) = 0;

  /// The pool from the sorter's cursor `from` on, at most a page. A page holds
  /// at least one batch if there is one.
  virtual caf::expected<pool_page> peek(std::uint64_t from,
                                        const page_limits& limits) const = 0;

  /// Where the sorter's cursor is.
  virtual caf::expected<std::uint64_t> cursor() const = 0;

  /// All services that were ever enrolled and not forgotten, by number.
  virtual caf::expected<std::vector<service_row>> services() const = 0;

  /// Calls `each` with the id of each local user that is joined to a room, in
  /// no particular order. It must not call the store. A rotten record counts
  /// as joined and is reported: one event too many is better than one lost.
  /// Errors: store_failed.
  virtual caf::error
  joined(std::string_view room_id,
         const std::function<void(std::string_view)>& each) const = 0;

  /// Calls `each` with the id of each room that a user, local or not, is joined
  /// to, in no particular order, until it answers false. It must not call the
  /// store. A rotten record counts as joined and is reported. Errors:
  /// store_failed.
  virtual caf::error
  rooms_of(std::string_view user_id,
           const std::function<bool(std::string_view)>& each) const = 0;

  /// Whether a local user is joined to a room, as joined() would say.
  virtual caf::expected<bool> is_joined(std::string_view room_id,
                                        std::string_view user_id) const = 0;

  /// A room's local aliases. A rotten record counts as none and is reported.
  /// Errors: store_failed.
  virtual caf::expected<std::vector<std::string>>
  aliases(std::string_view room_id) const = 0;
  /// Dead letters of a service, oldest first.
  virtual caf::expected<dead_page>
  dead_letters(const dead_query& what) const = 0;

  /// Sizes and counts.
  virtual caf::expected<store_stat> stat() const = 0;

  /// The nodes that have a session or had one when they were last heard of.
  virtual caf::expected<std::vector<node_row>> nodes() const = 0;

  /// All leases; without rows where nothing has changed since `known`, which
  /// is lease_list::changes of an earlier answer or 0. Sessions that end change
  /// nothing here: see nodes().
  virtual caf::expected<lease_list> leases(std::uint64_t known) const = 0;

  /// Whether take_calls would have something for this session.
  virtual caf::expected<bool> is_called(session_no session) const = 0;

  /// Where an event is: in the pool, not sorted yet; in which services' queues
  /// and how far from their heads; among the dead letters. Compares the event's
  /// own `event_id` exactly. Reads everything that waits, which may take all of
  /// `what.patience`; blocks nobody, keeps no old pages alive for longer than
  /// moments, and holds no more than what it finds. Errors: store_failed.
  virtual caf::expected<event_trace> trace(const trace_query& what) const = 0;

  /// Ends what keeps everybody from writing for good, where there is such a
  /// thing. To be asked when a heartbeat has not been answered for long. Any
  /// thread. Answers what was done in a line, or an empty one.
  virtual std::string unblock() {
    return {};
  }
};

} // namespace posthorn::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/routing.hpp"

#include "storage/lmdb/calls.hpp"
#include "storage/lmdb/cutting.hpp"
#include "storage/lmdb/leases.hpp"
#include "storage/lmdb/newest.hpp"
#include "storage/lmdb/rooms.hpp"
#include "storage/lmdb/services.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>
#include <vector>

namespace posthorn::storage::lmdb {

namespace {

/// Largest record of copied items, unless one item alone is larger.
constexpr std::uint64_t copied_bytes_max = 64ull * 1024;

/// What a copied item takes in a record besides its JSON: comma and index.
constexpr std::uint64_t item_overhead = 9;

/// Bytes of all that one routing hands over; the rest is asked for.
constexpr std::uint64_t handed_bytes_max = 1024ull * 1024;

/// A batch stays where it is for the sake of items that are this many times as
/// large as the others in it.
constexpr std::uint64_t kept_share = 3;

caf::error refused(const std::string& why) {
  return fault(ec::store_failed, "routing refused: " + why);
}

/// Carries out one routing: first all checks, then all writes.
class route_step {
public:
  route_step(commit_scope& scope, const routing& what)
    : scope_{scope}, what_{what} {
    // nop
  }

  caf::error check();
  routed carry_out();

private:
  /// A pool batch that a parcel names.
  struct pool_batch {
    std::uint32_t items = 0;
    bool rotten = false;
    /// Queue entries that refer to it where it is.
    std::uint64_t users = 0;
  };

  caf::error check_pieces();
  caf::error look_at(std::uint64_t position);
  caf::error load(service_no service);

  void place(const parcel& what);
  bool place_where_it_is(const parcel& what,
                         const std::vector<service_no>& addressees);
  void place_made(const parcel& what,
                  const std::vector<service_no>& addressees);
  void copy(const std::vector<piece>& pieces,
            const std::vector<service_no>& addressees);
  void write_copy(const std::vector<piece>& pieces, std::uint64_t bytes,
                  const std::vector<service_no>& addressees);
  void enqueue(const std::vector<service_no>& addressees, queue_entry entry);
  void clear_pool();
  void tell_owners();
  void cut_idle();
  void hand_over(open_queue& queue, epoch owner);

  batch_view view(std::uint64_t position);

  commit_scope& scope_;
  const routing& what_;
  /// Of the parcel in hand.
  freshness fresh_;
  std::unordered_map<std::uint64_t, pool_batch> sources_;
  // Ordered: the same routing always leaves the same bytes.
  std::map<service_no, open_queue> queues_;
  std::vector<service_no> reached_;
  std::vector<service_no> elsewhere_;
  /// In which the sorter's lease was granted, and which of the services' leases
  /// were, too, under which epoch: their owner is this node.
  session_no session_ = 0;
  std::map<service_no, epoch> own_;
  std::vector<handed_transaction> handed_;
  std::uint64_t handed_bytes_ = 0;
};

caf::error route_step::check() {
  auto lease = check_lease(scope_.txn, sorter_lease, what_.epoch);
  if (!lease)
    return lease.error();
  session_ = lease->session;
  auto cursor = scope_.count.cursor;
  if (what_.from != cursor)
    return fault(ec::fenced, "routing from " + std::to_string(what_.from)
                               + ": the sorter's cursor is at "
                               + std::to_string(cursor));
  if (what_.to < what_.from || what_.to >= scope_.count.next_position)
    return refused("it moves the cursor from " + std::to_string(what_.from)
                   + " to " + std::to_string(what_.to) + ", the pool ends at "
                   + std::to_string(scope_.count.next_position - 1));
  for (auto& each : what_.parcels)
    for (auto service : each.to)
      if (auto error = load(service))
        return error;
  for (auto& each : what_.addressees)
    if (auto error = load(each.service))
      return error;
  return check_pieces();
}

caf::error route_step::load(service_no service) {
  if (queues_.count(service) > 0)
    return {};
  auto state = find_service(scope_, service);
  if (!state)
    return state.error();
  queues_.emplace(service, open_queue{service, std::move(*state)});
  return {};
}

caf::error route_step::check_pieces() {
  for (auto& each : what_.parcels) {
    std::uint64_t items = each.made ? 1 : 0;
    if (each.made)
      if (auto error = look_at(each.made->position))
        return error;
    for (auto& piece : each.pieces) {
      items += piece.count;
      if (auto error = look_at(piece.position))
        return error;
      auto& source = sources_[piece.position];
      auto end = std::uint64_t{piece.first} + piece.count;
      if (!source.rotten && end > source.items)
        return refused("it names item " + std::to_string(end) + " of batch "
                       + std::to_string(piece.position) + ", which has "
                       + std::to_string(source.items));
    }
    if (items != 1 && (each.made || each.fresh.subject != 0))
      return refused("a parcel that is to be a single item has "
                     + std::to_string(items));
  }
  return {};
}

caf::error route_step::look_at(std::uint64_t position) {
  if (sources_.count(position) > 0)
    return {};
  if (position <= what_.from || position > what_.to)
    return refused("it names batch " + std::to_string(position)
                   + ", which is not between " + std::to_string(what_.from)
                   + " and " + std::to_string(what_.to));
  pool_batch result;
  if (auto batch = find_batch(scope_, position))
    result.items = batch->items();
  else
    result.rotten = true;
  sources_.emplace(position, result);
  return {};
}

routed route_step::carry_out() {
  for (auto& each : what_.parcels)
    place(each);
  clear_pool();
  store_changes(scope_, what_.rooms);
  scope_.count.cursor = what_.to;
  tell_owners();
  cut_idle();
  for (auto& [service, queue] : queues_)
    if (queue.changed)
      put_service(scope_.txn, service, std::move(queue.state));
  return {std::move(reached_), std::move(elsewhere_), std::move(handed_)};
}

void route_step::tell_owners() {
  std::sort(reached_.begin(), reached_.end());
  reached_.erase(std::unique(reached_.begin(), reached_.end()), reached_.end());
  for (auto service : reached_) {
    const auto& id = queues_.at(service).state.id;
    if (auto owner = wake_owner(scope_, service, id, session_))
      own_.emplace(service, owner);
    else
      elsewhere_.push_back(service);
  }
}

void route_step::place(const parcel& what) {
  auto addressees = what.to;
  std::sort(addressees.begin(), addressees.end());
  addressees.erase(std::unique(addressees.begin(), addressees.end()),
                   addressees.end());
  fresh_ = what.fresh;
  if (what.made)
    return place_made(what, addressees);
  if (addressees.empty())
    return;
  // An item with a subject may be withdrawn while this routing is carried out:
  // it gets a record of its own.
  if (fresh_.subject == 0 && place_where_it_is(what, addressees))
    return;
  std::vector<piece> pieces;
  for (auto& piece : what.pieces)
    if (piece.count > 0 && !sources_[piece.position].rotten)
      pieces.push_back(piece);
  copy(pieces, addressees);
}

bool route_step::place_where_it_is(const parcel& what,
                                   const std::vector<service_no>& addressees) {
  if (what.pieces.size() != 1)
    return false;
  auto& piece = what.pieces.front();
  auto& source = sources_[piece.position];
  if (source.rotten || piece.count == 0)
    return false;
  auto batch = view(piece.position);
  if (batch.items() == 0)
    return true;
  queue_entry entry;
  entry.record = piece.position;
  entry.first = piece.first;
  entry.count = piece.count;
  entry.bytes = batch.bytes(piece.first, piece.count);
  entry.received = batch.received();
  // What waits must not keep much else on the disk.
  if (entry.bytes / kept_share < batch.bytes(0, batch.items()) - entry.bytes)
    return false;
  source.users += addressees.size();
  enqueue(addressees, entry);
  return true;
}

batch_view route_step::view(std::uint64_t position) {
  auto batch = find_batch(scope_, position);
  // check() has seen it in this transaction, so only a failure of LMDB's can
  // hide it; then nothing of this is committed.
  return batch ? *batch : batch_view{};
}

void route_step::copy(const std::vector<piece>& pieces,
                      const std::vector<service_no>& addressees) {
  std::vector<piece> taken;
  std::uint64_t json_bytes = 0;
  std::uint64_t size = 0;
  for (auto& each : pieces) {
    auto batch = view(each.position);
    if (batch.items() == 0)
      return;
    taken.push_back({each.position, each.first, 0});
    for (auto i = each.first; i < each.first + each.count; ++i) {
      auto item = batch.size(i);
      if (size > 0 && size + item + item_overhead > copied_bytes_max) {
        write_copy(taken, json_bytes, addressees);
        taken.assign(1, {each.position, i, 0});
        json_bytes = 0;
        size = 0;
        // The write may have moved what it pointed to.
        batch = view(each.position);
        if (batch.items() == 0)
          return;
      }
      ++taken.back().count;
      json_bytes += item;
      size += item + item_overhead;
    }
  }
  write_copy(taken, json_bytes, addressees);
}

void route_step::write_copy(const std::vector<piece>& pieces,
                            std::uint64_t bytes,
                            const std::vector<service_no>& addressees) {
  batch_fixed fixed;
  fixed.received = std::numeric_limits<std::int64_t>::max();
  for (auto& each : pieces) {
    if (each.count == 0)
      continue;
    fixed.items += each.count;
    fixed.received = std::min(fixed.received, view(each.position).received());
  }
  if (fixed.items == 0)
    return;
  auto record = scope_.count.next_parcel | in_parcels;
  auto size = batch_record_size(fixed.items, 0, 0, bytes);
  auto at
    = scope_.txn.reserve(table::parcels, record_key(record), size, MDB_APPEND);
  if (at == nullptr)
    return;
  ++scope_.count.next_parcel;
  auto taken = footprint(size, scope_.txn.env().page_bytes());
  scope_.count.used_bytes += taken;
  scope_.written += taken;
  batch_writer writer{at, size, fixed, {}, {}};
  for (auto& each : pieces) {
    if (each.count == 0)
      continue;
    auto batch = view(each.position);
    if (batch.items() == 0)
      return;
    writer.add(batch, each.first, each.count);
  }
  writer.finish(record);
  queue_entry entry;
  entry.record = record;
  entry.count = fixed.items;
  entry.bytes = bytes;
  entry.received = fixed.received;
  enqueue(addressees, entry);
  if (addressees.size() > 1)
    share(scope_, record, addressees.size());
}

void route_step::place_made(const parcel& what,
                            const std::vector<service_no>& addressees) {
  auto& made = *what.made;
  if (addressees.empty() || sources_[made.position].rotten)
    return;
  auto entry
    = write_item(scope_, made.kind, made.json, view(made.position).received());
  if (!entry)
    return;
  enqueue(addressees, *entry);
  if (addressees.size() > 1)
    share(scope_, entry->record, addressees.size());
}

void route_step::enqueue(const std::vector<service_no>& addressees,
                         queue_entry entry) {
  using std::chrono::microseconds;
  entry.subject = fresh_.subject;
  if (fresh_.subject != 0 && fresh_.lifetime.count() != 0)
    entry.expires = entry.received + microseconds{fresh_.lifetime}.count();
  for (auto service : addressees) {
    auto& queue = queues_.at(service);
    auto& state = queue.state;
    if (entry.subject != 0)
      supersede(scope_, queue, entry.subject, state.tail);
    put_record(scope_.txn, table::queue, queue_key(service, state.tail), entry);
    ++state.tail;
    state.pending_items += entry.count;
    state.pending_bytes += entry.bytes;
    queue.changed = true;
    reached_.push_back(service);
  }
}

void route_step::clear_pool() {
  std::vector<std::uint64_t> passed;
  {
    walker walk{scope_.txn, table::pool};
    auto from = number_key(what_.from + 1);
    for (auto more = walk.seek(from); more; more = walk.step()) {
      auto position = load_big_endian<std::uint64_t>(walk.key());
      if (position > what_.to)
        break;
      passed.push_back(position);
    }
  }
  scope_.count.pool_batches
    -= std::min<std::uint64_t>(passed.size(), scope_.count.pool_batches);
  for (auto position : passed) {
    auto known = sources_.find(position);
    auto users = known != sources_.end() ? known->second.users : 0;
    if (users > 1)
      share(scope_, position, users);
    if (users > 0)
      continue;
    // Also where no parcel names it: the sorter may not have seen it because it
    // is rotten.
    if (find_batch(scope_, position))
      erase_batch(scope_, position);
    else
      set_aside_batch(scope_, position);
  }
}

void route_step::cut_idle() {
  for (auto& each : what_.addressees) {
    auto& queue = queues_.at(each.service);
    auto& state = queue.state;
    // Where another node delivers, more may come until it is told.
    const auto owner = own_.find(each.service);
    if (!each.cut_when_idle || owner == own_.end() || state.failures != 0
        || state.paused != 0 || state.open != 0)
      continue;
    cut(scope_, queue, each.limits);
    if (state.open != 0)
      hand_over(queue, owner->second);
  }
  std::sort(handed_.begin(), handed_.end(), [](const auto& a, const auto& b) {
    return a.who.service < b.who.service;
  });
}

void route_step::hand_over(open_queue& queue, epoch owner) {
  if (handed_bytes_ + queue.state.open_bytes > handed_bytes_max)
    return;
  auto what = render_open(scope_, queue);
  if (!what)
    return;
  handed_bytes_ += what->body.size();
  handed_.push_back({{queue.service, owner}, std::move(what)});
}

} // namespace

caf::expected<reply> apply(commit_scope& scope, const route& what) {
  route_step step{scope, *what.what};
  if (auto error = step.check())
    return error;
  return step.carry_out();
}

} // namespace posthorn::storage::lmdb

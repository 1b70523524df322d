// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/calls.hpp"

#include "storage/lmdb/leases.hpp"
#include "storage/lmdb/services.hpp"

#include <set>
#include <string>
#include <vector>

namespace posthorn::storage::lmdb {

namespace {

std::uint8_t bit(call_kind kind) {
  return static_cast<std::uint8_t>(kind);
}

/// What both together ask for: the later of pause and resume counts.
std::uint8_t joined(std::uint8_t before, call_kind kind) {
  auto result = static_cast<std::uint8_t>(before | bit(kind));
  if (kind == call_kind::pause)
    result &= static_cast<std::uint8_t>(~bit(call_kind::resume));
  if (kind == call_kind::resume)
    result &= static_cast<std::uint8_t>(~bit(call_kind::pause));
  return result;
}

} // namespace

void ring(commit_scope& scope, service_no service, const lease_state& owner,
          call_kind kind, std::uint32_t transaction) {
  if (owner.holder.empty())
    return;
  auto key = call_key(owner.session, service);
  call_record before;
  if (auto bytes = scope.txn.get(table::calls, key))
    if (auto record = decode<call_record>(table::calls, key, *bytes))
      before = *record;
  auto now = before;
  now.kinds = joined(before.kinds, kind);
  // Of two skips the later counts: what the earlier meant is open no more.
  if (kind == call_kind::skip)
    now.transaction = transaction;
  if (now.kinds != before.kinds || now.transaction != before.transaction)
    put_record(scope.txn, table::calls, key, now);
}

epoch wake_owner(commit_scope& scope, service_no service, const std::string& id,
                 session_no mine) {
  auto owner = find_lease(scope.txn, lease_name(id));
  // A rotten one keeps its owner from writing, and so from sending.
  if (!owner)
    return 0;
  if (owner->session == mine)
    return owner->epoch;
  ring(scope, service, *owner, call_kind::wake);
  return 0;
}

caf::expected<reply> apply(commit_scope& scope, const call& what) {
  auto state = find_service(scope, what.service);
  if (!state)
    return state.error();
  auto owner = find_lease(scope.txn, lease_name(state->id));
  if (!owner)
    return owner.error();
  called result;
  result.open = state->open != 0;
  result.owned = !owner->holder.empty();
  if (what.kind != call_kind::skip)
    ring(scope, what.service, *owner, what.kind);
  else if (result.open)
    ring(scope, what.service, *owner, what.kind,
         static_cast<std::uint32_t>(state->transaction));
  return result;
}

caf::expected<reply> apply(commit_scope& scope, const take_calls& what) {
  calls result;
  {
    walker walk{scope.txn, table::calls};
    for (auto more = walk.seek(call_key(what.session, 0)); more;
         more = walk.step()) {
      if (load_big_endian<session_no>(walk.key()) != what.session)
        break;
      service_call one;
      one.service = load_big_endian<service_no>(walk.key().substr(8));
      auto record = decode<call_record>(table::calls, walk.key(), walk.value());
      // Who looks once too often does no harm.
      one.kinds = record ? record->kinds : bit(call_kind::wake);
      one.transaction = record ? record->transaction : 0;
      result.what.push_back(one);
    }
  }
  for (auto& one : result.what)
    scope.txn.erase(table::calls, call_key(what.session, one.service));
  return result;
}

void forget_calls(commit_scope& scope) {
  std::set<session_no> current;
  std::vector<std::string> stale;
  {
    walker walk{scope.txn, table::nodes};
    for (auto more = walk.seek({"\0", 1}); more; more = walk.step())
      if (auto record = decode_node(walk.key(), walk.value()))
        current.insert(record->session);
  }
  {
    walker walk{scope.txn, table::calls};
    for (auto more = walk.seek(call_key(0, 0)); more; more = walk.step())
      if (current.count(load_big_endian<session_no>(walk.key())) == 0)
        stale.emplace_back(walk.key());
  }
  for (auto& key : stale)
    scope.txn.erase(table::calls, key);
}

bool read_is_called(transaction& txn, session_no session) {
  walker walk{txn, table::calls};
  return walk.seek(call_key(session, 0))
         && load_big_endian<session_no>(walk.key()) == session;
}

} // namespace posthorn::storage::lmdb

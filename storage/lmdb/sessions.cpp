// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/sessions.hpp"

#include "storage/lmdb/calls.hpp"
#include "storage/lmdb/commit_scope.hpp"

#include <algorithm>

namespace posthorn::storage::lmdb {

namespace {

caf::error check_request(const session_request& what) {
  if (what.node.empty() || what.node.size() > node_name_max
      || what.node.find('/') != std::string::npos)
    return fault(ec::bad_config, "node \"" + what.node + "\": a name has 1 to "
                                   + std::to_string(node_name_max)
                                   + " bytes and no slash");
  if (what.ttl.count() <= 0)
    return fault(ec::bad_config, "node " + what.node + ": its ttl is 0");
  return {};
}

/// How long a dead node is shown.
constexpr std::chrono::hours gone_after{24};

/// Deletes nodes that will not come back under their name, or that the host has
/// been restarted without.
void forget_gone(commit_scope& scope) {
  const auto oldest = scope.options.lease_clock() - gone_after;
  std::vector<std::string> gone;
  {
    walker walk{scope.txn, table::nodes};
    for (auto more = walk.seek({"\0", 1}); more; more = walk.step()) {
      auto record = decode_node(walk.key(), walk.value());
      if (record
          && (record->boot != scope.options.boot_id
              || record->heard_ms < oldest.count()))
        gone.emplace_back(walk.key());
    }
  }
  for (auto& name : gone)
    if (!scope.sessions.alive(name, scope.sessions.find(name)->session)) {
      scope.txn.erase(table::nodes, name);
      forget_admin(scope.txn, name);
      scope.sessions.forget(name);
    }
}

caf::error over(const std::string& node, session_no session) {
  return fault(ec::fenced, "node " + node + ": its session "
                             + std::to_string(session) + " is over");
}

} // namespace

// -- session_book -------------------------------------------------------------

session_book::session_book(transaction& txn, const lmdb_options& options,
                           const node_locks& locks)
  : txn_{txn}, options_{options}, locks_{locks} {
  // nop
}

const session_book::known& session_book::look_at(std::string_view node) {
  if (auto found = known_.find(node); found != known_.end())
    return found->second;
  known result;
  if (auto bytes = txn_.get(table::nodes, node))
    result.record = decode_node(node, *bytes);
  if (auto& record = result.record)
    result.alive
      = record->boot == options_.boot_id
        && options_.lease_clock().count() < record->heard_ms + record->ttl_ms
        && locks_.is_held(node);
  return known_.emplace(std::string{node}, std::move(result)).first->second;
}

const std::optional<node_record>& session_book::find(std::string_view node) {
  return look_at(node).record;
}

bool session_book::alive(std::string_view node, session_no session) {
  auto& it = look_at(node);
  return it.alive && it.record->session == session;
}

void session_book::forget(std::string_view node) {
  if (auto found = known_.find(node); found != known_.end())
    known_.erase(found);
}

// -- mutations ----------------------------------------------------------------

caf::expected<reply> apply(commit_scope& scope, const open_session& what) {
  auto& request = what.what;
  if (auto error = check_request(request))
    return error;
  if (auto error = scope.locks.take(request.node))
    return error;
  auto cluster = read_cluster(scope.txn);
  if (!cluster)
    return cluster.error();
  ++cluster->last_session;
  put_record(scope.txn, table::meta, "cluster", *cluster);
  node_record record;
  record.session = cluster->last_session;
  record.heard_ms = scope.options.lease_clock().count();
  record.ttl_ms = request.ttl.count();
  record.state = static_cast<std::uint8_t>(node_state::up);
  record.services = request.services;
  record.boot = scope.options.boot_id;
  record.address = request.address;
  record.version = request.version;
  put_node(scope.txn, request.node, std::move(record));
  put_admin(scope.txn, request.node, cluster->last_session, request.admin);
  scope.sessions.forget(request.node);
  forget_gone(scope);
  forget_calls(scope);
  return posthorn::session{request.node, cluster->last_session};
}

caf::expected<reply> apply(commit_scope& scope, const heartbeat& what) {
  auto& sign = what.what;
  if (!scope.sessions.alive(sign.node, sign.session))
    return over(sign.node, sign.session);
  auto record = *scope.sessions.find(sign.node);
  record.heard_ms = scope.options.lease_clock().count();
  record.state = static_cast<std::uint8_t>(sign.state);
  record.services = sign.services;
  put_node(scope.txn, sign.node, std::move(record));
  scope.sessions.forget(sign.node);
  return nothing_more{};
}

caf::expected<reply> apply(commit_scope& scope, const close_session& what) {
  auto& record = scope.sessions.find(what.node);
  if (!record || record->session != what.session)
    return nothing_more{};
  scope.txn.erase(table::nodes, what.node);
  forget_admin(scope.txn, what.node);
  scope.sessions.forget(what.node);
  scope.locks.give(what.node);
  return nothing_more{};
}

// -- reading ------------------------------------------------------------------

caf::expected<std::vector<node_row>> read_nodes(transaction& txn,
                                                session_book& sessions,
                                                const lmdb_options& options) {
  std::vector<node_row> rows;
  walker walk{txn, table::nodes};
  for (auto more = walk.seek({"\0", 1}); more; more = walk.step()) {
    auto record = decode_node(walk.key(), walk.value());
    // The node finds its session over, and opens another.
    if (!record)
      continue;
    node_row row;
    row.name = walk.key();
    row.session = record->session;
    row.state = static_cast<node_state>(record->state);
    row.alive = sessions.alive(row.name, row.session);
    row.ttl = std::chrono::milliseconds{record->ttl_ms};
    row.silent = row.ttl;
    if (record->boot == options.boot_id)
      row.silent
        = options.lease_clock() - std::chrono::milliseconds{record->heard_ms};
    row.services = record->services;
    row.address = std::move(record->address);
    row.admin = read_admin(txn, row.name, row.session);
    row.version = std::move(record->version);
    rows.push_back(std::move(row));
  }
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  return rows;
}

} // namespace posthorn::storage::lmdb

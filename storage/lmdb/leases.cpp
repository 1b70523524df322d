// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/leases.hpp"

namespace posthorn::storage::lmdb {

namespace {

caf::error check_request(const lease_request& what) {
  if (what.name.empty() || what.name.size() > lease_name_max)
    return fault(ec::bad_config, "lease \"" + what.name + "\": a name has 1 to "
                                   + std::to_string(lease_name_max) + " bytes");
  if (what.node.empty())
    return fault(ec::bad_config,
                 "lease \"" + what.name + "\": the node has no name");
  return {};
}

caf::error fenced(std::string_view name, posthorn::epoch epoch,
                  const lease_state& lease) {
  std::string text = "lease ";
  text.append(name).append(": epoch ").append(std::to_string(epoch));
  text.append(" is over, it is at ").append(std::to_string(lease.epoch));
  text.append(lease.holder.empty() ? " and nobody holds it"
                                   : ", held by " + lease.holder);
  return fault(ec::fenced, std::move(text));
}

caf::error note_change(commit_scope& scope) {
  auto cluster = read_cluster(scope.txn);
  if (!cluster)
    return cluster.error();
  ++cluster->lease_changes;
  put_record(scope.txn, table::meta, "cluster", *cluster);
  return {};
}

} // namespace

caf::expected<lease_state> find_lease(transaction& txn, std::string_view name) {
  auto bytes = txn.get(table::leases, name);
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  if (!bytes)
    return lease_state{};
  if (auto result = decode_lease(name, *bytes))
    return std::move(*result);
  return rotten_fault(txn.env(),
                      "of lease " + std::string{name} + " in table leases");
}

bool is_held(const lease_state& lease, session_book& sessions) {
  return !lease.holder.empty() && sessions.alive(lease.holder, lease.session);
}

caf::expected<lease_state> check_lease(transaction& txn, std::string_view name,
                                       posthorn::epoch epoch) {
  auto lease = find_lease(txn, name);
  if (!lease)
    return lease;
  if (epoch == 0 || lease->epoch != epoch || lease->holder.empty())
    return fenced(name, epoch, *lease);
  return lease;
}

caf::expected<reply> apply(commit_scope& scope, const take_lease& what) {
  auto& request = what.what;
  if (auto error = check_request(request))
    return error;
  if (!scope.sessions.alive(request.node, request.session))
    return fault(ec::fenced, "lease " + request.name + ": session "
                               + std::to_string(request.session) + " of node "
                               + request.node + ", which asks, is over");
  auto lease = find_lease(scope.txn, request.name);
  if (!lease)
    return lease.error();
  auto own = lease->holder == request.node && lease->session == request.session;
  if (!own && is_held(*lease, scope.sessions))
    return fault(ec::lease_held,
                 "lease " + request.name + ": held by node " + lease->holder);
  if (auto error = note_change(scope))
    return error;
  ++lease->epoch;
  lease->holder = request.node;
  lease->session = request.session;
  auto granted = lease->epoch;
  put_lease(scope.txn, request.name, std::move(*lease));
  return posthorn::lease{request.name, granted};
}

caf::expected<reply> apply(commit_scope& scope, const give_lease& what) {
  auto lease = check_lease(scope.txn, what.name, what.epoch);
  if (!lease)
    return lease.error();
  if (auto error = note_change(scope))
    return error;
  lease->holder.clear();
  put_lease(scope.txn, what.name, std::move(*lease));
  return nothing_more{};
}

caf::expected<lease_list> read_leases(transaction& txn, session_book& sessions,
                                      std::uint64_t known) {
  auto cluster = read_cluster(txn);
  if (!cluster)
    return cluster.error();
  lease_list result;
  result.changes = cluster->lease_changes;
  if (result.changes == known && known != 0)
    return result;
  walker walk{txn, table::leases};
  for (auto more = walk.seek({"\0", 1}); more; more = walk.step()) {
    auto lease = decode_lease(walk.key(), walk.value());
    if (!lease)
      return rotten_fault(txn.env(), "of lease " + std::string{walk.key()}
                                       + " in table leases");
    auto held = is_held(*lease, sessions);
    result.rows.push_back({std::string{walk.key()}, lease->epoch,
                           std::move(lease->holder), lease->session, held});
  }
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  return result;
}

} // namespace posthorn::storage::lmdb

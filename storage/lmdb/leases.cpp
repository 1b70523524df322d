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

caf::expected<reply> grant(commit_scope& scope, const lease_request& what,
                           lease_state lease) {
  lease.boot = scope.options.boot_id;
  lease.holder = what.node;
  lease.ends_ms = (scope.options.lease_clock() + what.ttl).count();
  put_lease(scope.txn, what.name, lease);
  return posthorn::lease{what.name, lease.epoch};
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

bool is_held(const lease_state& lease, const lmdb_options& options) {
  return !lease.holder.empty() && lease.boot == options.boot_id
         && options.lease_clock().count() < lease.ends_ms;
}

caf::error check_lease(transaction& txn, std::string_view name,
                       posthorn::epoch epoch) {
  auto lease = find_lease(txn, name);
  if (!lease)
    return lease.error();
  if (epoch == 0 || lease->epoch != epoch || lease->holder.empty())
    return fenced(name, epoch, *lease);
  return {};
}

caf::expected<reply> apply(commit_scope& scope, const take_lease& what) {
  auto& request = what.what;
  if (auto error = check_request(request))
    return error;
  auto lease = find_lease(scope.txn, request.name);
  if (!lease)
    return lease.error();
  if (request.epoch != 0) {
    if (lease->epoch != request.epoch || lease->holder != request.node)
      return fenced(request.name, request.epoch, *lease);
    return grant(scope, request, std::move(*lease));
  }
  if (is_held(*lease, scope.options) && lease->holder != request.node)
    return fault(ec::lease_held,
                 "lease " + request.name + ": held by node " + lease->holder);
  ++lease->epoch;
  return grant(scope, request, std::move(*lease));
}

caf::expected<reply> apply(commit_scope& scope, const give_lease& what) {
  auto lease = find_lease(scope.txn, what.name);
  if (!lease)
    return lease.error();
  if (what.epoch == 0 || lease->epoch != what.epoch || lease->holder.empty())
    return fenced(what.name, what.epoch, *lease);
  lease->holder.clear();
  put_lease(scope.txn, what.name, std::move(*lease));
  return nothing_more{};
}

} // namespace posthorn::storage::lmdb

// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/records.hpp"

#include "messages/errors.hpp"

#include <xxhash.h>

namespace posthorn::storage::lmdb {

std::uint64_t checksum_of(table where, std::string_view key,
                          std::string_view body) {
  auto seed = XXH3_64bits_withSeed(key.data(), key.size(),
                                   static_cast<std::uint64_t>(where));
  return XXH3_64bits_withSeed(body.data(), body.size(), seed);
}

void seal(table where, std::string_view key, char* record, std::size_t size) {
  auto sum = checksum_of(where, key, {record + 8, size - 8});
  std::memcpy(record, &sum, sizeof(sum));
}

bool intact(table where, std::string_view key, std::string_view record) {
  std::uint64_t sum = 0;
  if (record.size() <= sizeof(sum))
    return false;
  std::memcpy(&sum, record.data(), sizeof(sum));
  return sum == checksum_of(where, key, record.substr(8));
}

std::optional<service_state> decode_service(std::string_view key,
                                            std::string_view bytes) {
  service_state result;
  auto& fixed = static_cast<service_fixed&>(result);
  if (bytes.size() < sizeof(fixed) || !intact(table::services, key, bytes))
    return std::nullopt;
  std::memcpy(&fixed, bytes.data(), sizeof(fixed));
  bytes.remove_prefix(sizeof(fixed));
  if (bytes.size() != std::size_t{fixed.id_bytes} + fixed.error_bytes)
    return std::nullopt;
  result.id = bytes.substr(0, fixed.id_bytes);
  result.last_error = bytes.substr(fixed.id_bytes);
  return result;
}

void put_service(writing& txn, service_no service, service_state state) {
  state.id_bytes = static_cast<std::uint32_t>(state.id.size());
  state.error_bytes = static_cast<std::uint32_t>(state.last_error.size());
  auto& fixed = static_cast<const service_fixed&>(state);
  std::string bytes;
  bytes.reserve(sizeof(fixed) + state.id.size() + state.last_error.size());
  bytes.append(reinterpret_cast<const char*>(&fixed), sizeof(fixed));
  bytes.append(state.id).append(state.last_error);
  auto key = service_key(service);
  seal(table::services, key, bytes.data(), bytes.size());
  txn.put(table::services, key, bytes);
}

std::optional<lease_state> decode_lease(std::string_view key,
                                        std::string_view bytes) {
  lease_state result;
  auto& fixed = static_cast<lease_fixed&>(result);
  if (bytes.size() < sizeof(fixed) || !intact(table::leases, key, bytes))
    return std::nullopt;
  std::memcpy(&fixed, bytes.data(), sizeof(fixed));
  bytes.remove_prefix(sizeof(fixed));
  if (bytes.size() != fixed.holder_bytes)
    return std::nullopt;
  result.holder = bytes;
  return result;
}

void put_lease(writing& txn, std::string_view name, lease_state state) {
  state.holder_bytes = static_cast<std::uint32_t>(state.holder.size());
  auto& fixed = static_cast<const lease_fixed&>(state);
  std::string bytes{reinterpret_cast<const char*>(&fixed), sizeof(fixed)};
  bytes.append(state.holder);
  seal(table::leases, name, bytes.data(), bytes.size());
  txn.put(table::leases, name, bytes);
}

caf::error check_version(const std::filesystem::path& directory,
                         std::uint32_t version) {
  if (version == format_version)
    return {};
  return fault(ec::store_version,
               "store " + directory.string() + ": has format version "
                 + std::to_string(version) + ", this program reads version "
                 + std::to_string(format_version));
}

std::optional<node_record> decode_node(std::string_view key,
                                       std::string_view bytes) {
  node_record result;
  auto& fixed = static_cast<node_fixed&>(result);
  if (bytes.size() < sizeof(fixed) || !intact(table::nodes, key, bytes))
    return std::nullopt;
  std::memcpy(&fixed, bytes.data(), sizeof(fixed));
  bytes.remove_prefix(sizeof(fixed));
  if (bytes.size()
      != std::size_t{fixed.boot_bytes} + fixed.address_bytes
           + fixed.version_bytes)
    return std::nullopt;
  result.boot = bytes.substr(0, fixed.boot_bytes);
  result.address = bytes.substr(fixed.boot_bytes, fixed.address_bytes);
  result.version = bytes.substr(fixed.boot_bytes + fixed.address_bytes);
  return result;
}

void put_node(writing& txn, std::string_view name, node_record state) {
  state.boot_bytes = static_cast<std::uint32_t>(state.boot.size());
  state.address_bytes = static_cast<std::uint32_t>(state.address.size());
  state.version_bytes = static_cast<std::uint32_t>(state.version.size());
  auto& fixed = static_cast<const node_fixed&>(state);
  std::string bytes{reinterpret_cast<const char*>(&fixed), sizeof(fixed)};
  bytes.append(state.boot).append(state.address).append(state.version);
  seal(table::nodes, name, bytes.data(), bytes.size());
  txn.put(table::nodes, name, bytes);
}

void put_admin(writing& txn, std::string_view node, session_no session,
               std::string_view url) {
  if (url.empty())
    return forget_admin(txn, node);
  const admin_fixed fixed{0, session};
  std::string bytes{reinterpret_cast<const char*>(&fixed), sizeof(fixed)};
  bytes.append(url);
  const auto key = admin_key(node);
  seal(table::meta, key, bytes.data(), bytes.size());
  txn.put(table::meta, key, bytes);
}

std::string read_admin(transaction& txn, std::string_view node,
                       session_no session) {
  const auto key = admin_key(node);
  const auto bytes = txn.get(table::meta, key);
  admin_fixed fixed;
  if (!bytes || bytes->size() < sizeof(fixed)
      || !intact(table::meta, key, *bytes))
    return {};
  std::memcpy(&fixed, bytes->data(), sizeof(fixed));
  if (fixed.session != session)
    return {};
  return std::string{bytes->substr(sizeof(fixed))};
}

void forget_admin(writing& txn, std::string_view node) {
  txn.erase(table::meta, admin_key(node));
}

caf::expected<cluster_record> read_cluster(transaction& txn) {
  auto bytes = txn.get(table::meta, "cluster");
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  if (!bytes)
    return cluster_record{};
  if (auto result = decode<cluster_record>(table::meta, "cluster", *bytes))
    return *result;
  return rotten_fault(txn.env(), "\"cluster\" of table meta");
}

caf::expected<counters> read_counters(transaction& txn) {
  auto bytes = txn.get(table::meta, "counters");
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  if (bytes)
    if (auto result = decode<counters>(table::meta, "counters", *bytes))
      return *result;
  return rotten_fault(txn.env(), "\"counters\" of table meta");
}

caf::error rotten_fault(const environment& env, std::string_view what) {
  std::string text = "store " + env.directory().string() + ": the record ";
  text.append(what).append(" does not match its checksum; restore the store "
                           "from a backup, and check the disk");
  return fault(ec::store_corrupt, std::move(text));
}

} // namespace posthorn::storage::lmdb

// SPDX-License-Identifier: Apache-2.0
// Batch records: found, shared, deleted, set aside.
#include "storage/lmdb/commit_scope.hpp"

namespace posthorn::storage::lmdb {

namespace {

/// How many rotten records are remembered as told of.
constexpr std::size_t told_max = 10'000;

} // namespace

rot_log::rot_log(std::function<void(const std::string&)> report)
  : report_{std::move(report)} {
  // nop
}

void rot_log::tell(const std::string& what, const std::string& text) {
  {
    std::lock_guard guard{guard_};
    if (told_.size() >= told_max || !told_.insert(what).second)
      return;
  }
  if (report_)
    report_(text);
}

std::string name_of(record_no record) {
  std::string kind = table_of(record) == table::pool ? "batch " : "parcel ";
  return kind + std::to_string(number_of(record));
}

std::optional<batch_view> find_batch(commit_scope& scope, record_no record) {
  auto bytes = scope.txn.get(table_of(record), record_key(record));
  if (!bytes)
    return std::nullopt;
  if (scope.verified.contains(record))
    return batch_view::trust(*bytes);
  auto result = batch_view::verify(record, *bytes);
  if (result)
    scope.verified.add(record);
  return result;
}

void set_aside(commit_scope& scope, table where, std::string_view key,
               const std::string& what) {
  auto bytes = scope.txn.get(where, key);
  if (!bytes)
    return;
  // A copy: the write may move what `bytes` points to.
  std::string kept{*bytes};
  scope.txn.put(table::rotten, rotten_key(where, key), kept);
  scope.txn.erase(where, key);
  ++scope.count.corrupt_records;
  scope.rot.tell(what,
                 "store " + scope.txn.env().directory().string() + ": " + what
                   + " does not match its checksum; it is not delivered, and "
                     "kept in the table rotten; check the disk");
}

void set_aside_batch(commit_scope& scope, record_no record) {
  auto where = table_of(record);
  auto key = record_key(record);
  auto what = name_of(record);
  if (auto bytes = scope.txn.get(where, key)) {
    scope.count.used_bytes
      -= footprint(bytes->size(), scope.txn.env().page_bytes());
    set_aside(scope, where, key, what);
    scope.txn.erase(table::shared, shared_key(record));
  } else if (scope.txn.failure() == 0
             && !scope.txn.get(table::rotten, rotten_key(where, key))) {
    scope.rot.tell(what, "store " + scope.txn.env().directory().string() + ": "
                           + what
                           + " is missing though a queue refers to it; it "
                             "cannot be delivered");
  }
}

void share(commit_scope& scope, record_no record, std::uint64_t users) {
  put_record(scope.txn, table::shared, shared_key(record),
             shared_record{0, users});
}

void release(commit_scope& scope, record_no record) {
  auto key = shared_key(record);
  auto bytes = scope.txn.get(table::shared, key);
  if (!bytes) {
    erase_batch(scope, record);
    return;
  }
  auto shared = decode<shared_record>(table::shared, key, *bytes);
  if (!shared) {
    // Nobody knows any more who needs the record: it stays.
    set_aside(scope, table::shared, key, "the use count of " + name_of(record));
    share(scope, record, UINT64_MAX);
    return;
  }
  if (shared->users == UINT64_MAX)
    return;
  if (--shared->users > 1)
    share(scope, record, shared->users);
  else
    scope.txn.erase(table::shared, key);
}

void erase_batch(commit_scope& scope, record_no record) {
  auto key = record_key(record);
  auto bytes = scope.txn.get(table_of(record), key);
  if (!bytes)
    return;
  scope.count.used_bytes
    -= footprint(bytes->size(), scope.txn.env().page_bytes());
  scope.txn.erase(table_of(record), key);
}

} // namespace posthorn::storage::lmdb

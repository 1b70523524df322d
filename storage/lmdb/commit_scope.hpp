// SPDX-License-Identifier: Apache-2.0
// What the mutations of one commit share.
#pragma once

#include "storage/lmdb/batch_record.hpp"
#include "storage/lmdb/environment.hpp"
#include "storage/lmdb/lmdb_store.hpp"
#include "storage/lmdb/records.hpp"
#include "storage/lmdb/seen_index.hpp"
#include "storage/lmdb/sessions.hpp"

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace posthorn::storage::lmdb {

/// Tells the operator about each rotten record once, however often it is come
/// across (a commit may be carried out twice). Any thread.
class rot_log {
public:
  explicit rot_log(std::function<void(const std::string&)> report);

  /// Passes `text` on unless `what` was told of before.
  void tell(const std::string& what, const std::string& text);

private:
  std::function<void(const std::string&)> report_;
  std::mutex guard_;
  std::set<std::string> told_;
};

/// Remembers which batch records were verified a moment ago, so that a batch
/// that is cut into many transactions is not summed up for each. Numbers of
/// records are never used again, so nothing has to be forgotten.
class verified_records {
public:
  bool contains(record_no record) const {
    return slots_[record % slots_.size()] == record;
  }

  void add(record_no record) {
    slots_[record % slots_.size()] = record;
  }

private:
  std::array<record_no, 256> slots_{};
};

/// One write transaction and what belongs to it. Changed counters are stored at
/// the commit.
struct commit_scope {
  const lmdb_options& options;
  /// The first part of the ids of transactions cut by this process.
  const std::array<char, 12>& prefix;
  writing& txn;
  counters& count;
  verified_records& verified;
  seen_index& seen;
  rot_log& rot;
  session_book& sessions;
  node_locks& locks;
  /// Whether the last batch found no room: what can be deleted is.
  bool& scarce;
  /// Bytes of batch records written in this commit.
  std::uint64_t written = 0;

  std::int64_t now() const {
    return micros_of(options.wall_clock());
  }
};

/// A batch record, verified; none when it is rotten or gone.
std::optional<batch_view> find_batch(commit_scope& scope, record_no record);

/// Moves a rotten record to the table rotten, counts and reports it.
/// `what` names it for the operator, e.g. "batch 17".
void set_aside(commit_scope& scope, table where, std::string_view key,
               const std::string& what);

/// set_aside() for a batch record, which no longer counts as used. One that is
/// not there at all is reported only.
void set_aside_batch(commit_scope& scope, record_no record);

/// "batch 17" or "parcel 4".
std::string name_of(record_no record);

/// Notes how many queue entries need a record. Not called for one.
void share(commit_scope& scope, record_no record, std::uint64_t users);

/// A queue entry no longer needs the record: the last one to do so deletes it.
void release(commit_scope& scope, record_no record);

/// Deletes a batch record.
void erase_batch(commit_scope& scope, record_no record);

} // namespace posthorn::storage::lmdb

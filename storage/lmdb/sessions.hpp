// SPDX-License-Identifier: Apache-2.0
// Sessions of nodes: who is alive.
#pragma once

#include "storage/lmdb/locks.hpp"
#include "storage/lmdb/records.hpp"
#include "storage/store.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn::storage {
struct lmdb_options;
}

namespace posthorn::storage::lmdb {

struct commit_scope;

/// The sessions as one transaction sees them; a node is looked at once.
class session_book {
public:
  session_book(transaction& txn, const lmdb_options& options,
               const node_locks& locks);

  /// A node's record; none where it has no session, or a rotten record.
  const std::optional<node_record>& find(std::string_view node);

  /// Whether that session of that node is not over: nobody has opened a later
  /// one, its last heartbeat is less than its ttl ago, in this boot of the
  /// host, and its process lives.
  bool alive(std::string_view node, session_no session);

  /// The node's record was changed.
  void forget(std::string_view node);

private:
  struct known {
    std::optional<node_record> record;
    bool alive = false;
  };

  const known& look_at(std::string_view node);

  transaction& txn_;
  const lmdb_options& options_;
  const node_locks& locks_;
  std::map<std::string, known, std::less<>> known_;
};

caf::expected<reply> apply(commit_scope& scope, const open_session& what);
caf::expected<reply> apply(commit_scope& scope, const heartbeat& what);
caf::expected<reply> apply(commit_scope& scope, const close_session& what);

/// As store::nodes().
caf::expected<std::vector<node_row>> read_nodes(transaction& txn,
                                                session_book& sessions,
                                                const lmdb_options& options);

} // namespace posthorn::storage::lmdb

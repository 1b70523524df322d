// SPDX-License-Identifier: Apache-2.0
// The node's one writer.
#pragma once

#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"
#include "actors/storage/store_health.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace posthorn {

struct storage_state;

using storage_self = counted_actor<storage_actor, storage_state>;

/// Group commit. Each mutation is kept with the promise to answer it; the first
/// one sends `commit` to the actor itself, which therefore comes after all that
/// was waiting in the mailbox by then. While a commit syncs, the next group
/// gathers: the busier the node, the more mutations share a sync.
struct storage_state {
  explicit storage_state(storage_self* owner) : self{owner} {}

  /// Notes a mutation; the answer comes with the group's commit.
  template <class Answer, class Mutation>
  caf::typed_response_promise<Answer> gather(Mutation&& what);

  /// Commits what was gathered and answers it.
  void commit();

  /// Counts what became of one mutation.
  void count(const storage::mutation& what,
             const caf::expected<storage::reply>& result) const;

  storage_self* self;
  census_ptr all;
  std::shared_ptr<storage::store> store;
  std::vector<storage::mutation> work;
  std::vector<std::function<void(caf::expected<storage::reply>&)>> answers;
  std::vector<arrival_listener> listeners;
  /// Is told how each mutation ended; null where nobody asks.
  std::shared_ptr<store_health> health;

  static constexpr const char* name = "storage";
};

/// Owns the writing side of `store`. It blocks on the disk: spawn it detached.
storage_actor::behavior_type
storage_writer(storage_self* self, const census_ptr& all,
               std::shared_ptr<storage::store> store);

/// The same, and tells `health` how the store does.
storage_actor::behavior_type
watched_storage_writer(storage_self* self, const census_ptr& all,
                       std::shared_ptr<storage::store> store,
                       std::shared_ptr<store_health> health);

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Asks the intake from threads that are no actors.
#pragma once

#include "actors/protocols.hpp"

#include <caf/actor_system.hpp>
#include <caf/expected.hpp>
#include <caf/scoped_actor.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

namespace posthorn {

/// Hands batches to the intake and waits until they are on disk. Thread-safe.
/// Must go before the actor system does.
class appending {
public:
  appending(caf::actor_system& sys, intake_actor intake);

  /// Blocks until `what` is durable, for at most `patience`; what comes of it
  /// after that is not heard of. Errors: those of the intake, and overloaded
  /// when the patience is over: whether the batch was taken is not known then.
  caf::expected<receipt> take(batch_ptr what,
                              std::chrono::milliseconds patience);

private:
  using asker = std::unique_ptr<caf::scoped_actor>;

  asker borrow();
  void give_back(asker which);

  caf::actor_system& sys_;
  intake_actor intake_;
  std::mutex mutex_;
  /// Actors to ask with that nobody uses now: making one for each transaction
  /// costs more than asking with it.
  std::vector<asker> idle_;
};

} // namespace posthorn

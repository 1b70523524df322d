// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/appending.hpp"

#include "messages/errors.hpp"

#include <string>
#include <utility>

namespace posthorn {

namespace {

/// As many as the listener has workers in a busy hour.
constexpr std::size_t idle_max = 64;

} // namespace

appending::appending(caf::actor_system& sys, intake_actor intake)
  : sys_{sys}, intake_{std::move(intake)} {}

caf::expected<receipt> appending::take(batch_ptr what,
                                       std::chrono::milliseconds patience) {
  auto self = borrow();
  caf::expected<receipt> result{receipt{}};
  // A deadline of the mailbox and not of the request: a request's is a timer
  // that the clock's thread is woken for, thousands of times a second.
  auto answer = (*self)->request(intake_, caf::infinite,
                                 storage::append{std::move(what)});
  const auto deadline = std::chrono::high_resolution_clock::now() + patience;
  if (!(*self)->await_data(deadline))
    // The late answer must not be taken for that of the next batch.
    return fault(ec::overloaded, "the disk has not taken it within "
                                   + std::to_string(patience.count()) + " ms");
  answer.receive([&result](const receipt& done) { result = done; },
                 [&result](caf::error& why) { result = std::move(why); });
  give_back(std::move(self));
  return result;
}

appending::asker appending::borrow() {
  {
    std::lock_guard guard{mutex_};
    if (!idle_.empty()) {
      auto result = std::move(idle_.back());
      idle_.pop_back();
      return result;
    }
  }
  return std::make_unique<caf::scoped_actor>(sys_);
}

void appending::give_back(asker which) {
  std::lock_guard guard{mutex_};
  if (idle_.size() < idle_max)
    idle_.push_back(std::move(which));
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/storage/storage_actor.hpp"

#include "actors/metrics/figures.hpp"

#include <algorithm>
#include <chrono>

namespace posthorn {

template <class Answer, class Mutation>
caf::typed_response_promise<Answer> storage_state::gather(Mutation&& what) {
  if (work.empty())
    self->send(self, commit_atom::value);
  work.emplace_back(std::forward<Mutation>(what));
  auto promise = self->make_response_promise<Answer>();
  answers.emplace_back(
    [promise](caf::expected<storage::reply>& result) mutable {
      if (!result)
        promise.deliver(std::move(result.error()));
      else
        promise.deliver(std::move(std::get<Answer>(*result)));
    });
  return promise;
}

void storage_state::commit() {
  auto group = std::exchange(work, {});
  auto waiting = std::exchange(answers, {});
  const auto begin = std::chrono::steady_clock::now();
  auto results = store->commit(group);
  if (health) {
    const auto now = store_health::clock::now();
    for (std::size_t i = 0; i < results.size(); ++i)
      health->note(group[i], results[i] ? caf::error{} : results[i].error(),
                   now);
  }
  all->sums().committed(group.size(), std::chrono::steady_clock::now() - begin);
  for (std::size_t i = 0; i < results.size(); ++i)
    count(group[i], results[i]);
  const auto is_arrival = [](const auto& result) {
    return result && std::holds_alternative<receipt>(*result)
           && !std::get<receipt>(*result).duplicate;
  };
  const bool arrivals = std::any_of(results.begin(), results.end(), is_arrival);
  for (std::size_t i = 0; i < results.size(); ++i)
    waiting[i](results[i]);
  if (arrivals)
    for (auto& listener : listeners)
      self->send(listener, arrived_atom::value);
}

void storage_state::count(const storage::mutation& what,
                          const caf::expected<storage::reply>& result) const {
  if (result) {
    if (std::holds_alternative<storage::take_lease>(what))
      all->sums().lease_taken();
    return;
  }
  const auto& why = result.error();
  if (is(why, ec::fenced))
    all->sums().fenced();
  // A lease that another node holds is an answer, not an error.
  if (why.category() == caf::atom("posthorn") && !is(why, ec::lease_held))
    all->sums().store_refused(name_of(static_cast<ec>(why.code())));
}

storage_actor::behavior_type
storage_writer(storage_self* self, const census_ptr& all,
               std::shared_ptr<storage::store> store) {
  self->state.all = all;
  self->state.store = std::move(store);
  self->enlist(*all, "storage");
  auto& state = self->state;
  return {
    [&state](storage::append& x) {
      return state.gather<receipt>(std::move(x));
    },
    [&state](storage::route& x) { return state.gather<routed>(std::move(x)); },
    [&state](storage::next& x) {
      return state.gather<outbound_ptr>(std::move(x));
    },
    [&state](storage::complete& x) {
      return state.gather<outbound_ptr>(std::move(x));
    },
    [&state](storage::fail& x) {
      return state.gather<storage::nothing_more>(std::move(x));
    },
    [&state](storage::set_paused& x) {
      return state.gather<storage::nothing_more>(std::move(x));
    },
    [&state](storage::enroll& x) {
      return state.gather<storage::enrolled>(std::move(x));
    },
    [&state](storage::open_session& x) {
      return state.gather<session>(std::move(x));
    },
    [&state](storage::heartbeat& x) {
      return state.gather<storage::nothing_more>(std::move(x));
    },
    [&state](storage::close_session& x) {
      return state.gather<storage::nothing_more>(std::move(x));
    },
    [&state](storage::call& x) {
      return state.gather<storage::called>(std::move(x));
    },
    [&state](storage::take_calls& x) {
      return state.gather<storage::calls>(std::move(x));
    },
    [&state](storage::take_lease& x) {
      return state.gather<lease>(std::move(x));
    },
    [&state](storage::give_lease& x) {
      return state.gather<storage::nothing_more>(std::move(x));
    },
    [&state](storage::learn& x) {
      return state.gather<storage::learned>(std::move(x));
    },
    [&state](storage::recut& x) {
      return state.gather<outbound_ptr>(std::move(x));
    },
    [&state](storage::set_aside& x) {
      return state.gather<outbound_ptr>(std::move(x));
    },
    [&state](storage::replay& x) {
      return state.gather<storage::moved>(std::move(x));
    },
    [&state](storage::drop& x) {
      return state.gather<storage::moved>(std::move(x));
    },
    [&state](arrival_listener& x) { state.listeners.push_back(std::move(x)); },
    [&state](commit_atom) { state.commit(); },
  };
}

storage_actor::behavior_type
watched_storage_writer(storage_self* self, const census_ptr& all,
                       std::shared_ptr<storage::store> store,
                       std::shared_ptr<store_health> health) {
  self->state.health = std::move(health);
  return storage_writer(self, all, std::move(store));
}

} // namespace posthorn

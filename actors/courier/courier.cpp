// SPDX-License-Identifier: Apache-2.0
#include "actors/courier/courier.hpp"

#include "actors/courier/verdict.hpp"

#include <caf/send.hpp>
#include <caf/system_messages.hpp>

#include <utility>

namespace posthorn {

courier_state::~courier_state() {
  if (client)
    client->stop();
}

courier_actor::behavior_type courier_state::running() {
  return {
    [this](send_atom, exchange_ptr& what) { return dispatch(std::move(what)); },
    [this](done_atom, std::uint64_t ticket, answer_ptr& what) {
      deliver(ticket, std::move(what));
    },
  };
}

caf::result<answer_ptr> courier_state::dispatch(exchange_ptr what) {
  const auto ticket = ++last_ticket;
  auto promise = self->make_response_promise<answer_ptr>();
  waiting.emplace(ticket, promise);
  // The handle keeps the courier alive until the last exchange has ended.
  client->start(
    std::move(what), [to = courier_actor{self}, ticket](answer_ptr result) {
      caf::anon_send(to, done_atom::value, ticket, std::move(result));
    });
  return promise;
}

void courier_state::deliver(std::uint64_t ticket, answer_ptr what) {
  auto found = waiting.extract(ticket);
  if (!found.empty())
    found.mapped().deliver(std::move(what));
}

void courier_state::close() {
  client->stop();
  // What the client said to these while stopping will not be read any more.
  for (auto& [ticket, promise] : std::exchange(waiting, {}))
    promise.deliver(local_answer(outcome::broken,
                                 "cancelled: the courier is stopping",
                                 std::chrono::steady_clock::now()));
}

courier_actor::behavior_type courier(courier_self* self, const census_ptr& all,
                                     std::shared_ptr<http_client> client) {
  self->state.client = std::move(client);
  self->enlist(*all, "courier");
  self->set_exit_handler([self](caf::exit_msg& why) {
    self->state.close();
    self->quit(std::move(why.reason));
  });
  return self->state.running();
}

} // namespace posthorn

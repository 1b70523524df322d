// SPDX-License-Identifier: Apache-2.0
// A base for actors that counts what passes through them.
#pragma once

#include "actors/metrics/census.hpp"

#include <caf/actor_config.hpp>
#include <caf/execution_unit.hpp>
#include <caf/invoke_message_result.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <utility>

namespace posthorn {

/// Counts every message at the mailbox and around the handler. CAF 0.17.6 as
/// Debian builds it has no telemetry of its own; its mailbox cannot be measured
/// from outside, so the two counters do it.
template <class Base>
class counted : public Base {
public:
  using Base::Base;

  /// Makes the actor known to the census under a stable name such as
  /// "service/irc". Without it the actor works the same, unseen.
  void enlist(census& all, std::string name) {
    card_->name = std::move(name);
    all.enlist(card_);
  }

  /// Shows a word for the state the actor is in. `word` must live for ever.
  void show_state(const char* word) {
    card_->state.store(word, std::memory_order_relaxed);
  }

  void enqueue(caf::mailbox_element_ptr what,
               caf::execution_unit* host) override {
    const auto number = card_->numbered.fetch_add(1, std::memory_order_relaxed);
    const auto now = now_ns();
    card_->came_ns[number % actor_card::remembered].store(
      now, std::memory_order_relaxed);
    if (number == card_->handled.load(std::memory_order_relaxed))
      card_->waiting_since_ns.store(now, std::memory_order_relaxed);
    // After its time is there: whoever counts a message finds when it came.
    card_->enqueued.fetch_add(1, std::memory_order_release);
    Base::enqueue(std::move(what), host);
  }

  caf::invoke_message_result consume(caf::mailbox_element& what) override {
    const auto begin = now_ns();
    card_->running_since_ns.store(begin, std::memory_order_relaxed);
    note_message(what);
    const auto result = Base::consume(what);
    const auto end = now_ns();
    const auto took = end - begin;
    card_->progress_ns.store(end, std::memory_order_relaxed);
    card_->running_since_ns.store(0, std::memory_order_relaxed);
    raise(card_->longest_ns, took);
    card_->busy_ns.fetch_add(took, std::memory_order_relaxed);
    // A skipped message stays in the mailbox and comes again.
    if (result != caf::invoke_message_result::skipped)
      card_->handled.fetch_add(1, std::memory_order_release);
    return result;
  }

  bool cleanup(caf::error&& reason, caf::execution_unit* host) override {
    card_->state.store("ended", std::memory_order_relaxed);
    return Base::cleanup(std::move(reason), host);
  }

private:
  static std::int64_t now_ns() {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  }

  template <class T>
  static void raise(std::atomic<T>& mark, T value) {
    if (mark.load(std::memory_order_relaxed) < value)
      mark.store(value, std::memory_order_relaxed);
  }

  void note_message(const caf::mailbox_element& what) {
    const auto waiting = card_->enqueued.load(std::memory_order_relaxed)
                         - card_->handled.load(std::memory_order_relaxed);
    raise(card_->mailbox_peak, waiting);
    const auto& content = what.content();
    if (content.empty())
      return;
    const auto type = content.type(0);
    if (type.second != nullptr) {
      card_->last_type.store(type.second, std::memory_order_relaxed);
    } else if (content.template match_element<caf::atom_value>(0)) {
      card_->last_type.store(nullptr, std::memory_order_relaxed);
      card_->last_atom.store(
        static_cast<std::uint64_t>(content.template get_as<caf::atom_value>(0)),
        std::memory_order_relaxed);
    }
  }

  actor_card_ptr card_ = std::make_shared<actor_card>();
};

/// The class of an actor with interface `Handle` and state `State`.
template <class Handle, class State>
using counted_actor
  = caf::stateful_actor<State, counted<typename Handle::base>>;

} // namespace posthorn

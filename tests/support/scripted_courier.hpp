// SPDX-License-Identifier: Apache-2.0
// A courier for actor tests: answers as scripted, notes what it was asked.
#pragma once

#include "actors/protocols.hpp"

#include <caf/all.hpp>

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace posthorn::testing {

/// What the courier does with the next request: an HTTP status, `dead` for no
/// connection, or `hold` to answer only when told to.
constexpr int dead = 0;
constexpr int hold = -1;

struct courier_script {
  /// Answers in order; when they are used up, `otherwise`.
  std::deque<int> answers;
  int otherwise = 200;
  /// When set, answers instead of both; nothing for what they say.
  std::function<std::optional<answer>(const exchange&)> react;

  struct request {
    long at = 0;
    std::string txn_id;
    std::string body;
    std::string url;
    std::string bearer;
    /// Whether the service answered 2xx, as far as `react` says.
    bool accepted = false;
  };

  std::vector<request> requests;
  /// Requests open now, and the most there ever were.
  int open = 0;
  int open_max = 0;
  std::function<long()> clock;
  std::vector<caf::typed_response_promise<answer_ptr>> held;

  /// Answers the oldest request that is held; from inside the actor only.
  void release(int status) {
    auto promise = held.front();
    held.erase(held.begin());
    --open;
    promise.deliver(answer_for(status));
  }

  static answer_ptr answer_for(int status) {
    auto result = std::make_shared<answer>();
    result->status = static_cast<std::uint16_t>(status);
    result->what = status == dead                  ? outcome::unreachable
                   : status >= 200 && status < 300 ? outcome::accepted
                                                   : outcome::refused;
    result->detail = "scripted " + std::to_string(status);
    return result;
  }
};

struct courier_state {
  std::shared_ptr<courier_script> script;
  static constexpr const char* name = "courier";
};

inline courier_actor::behavior_type
scripted_courier(courier_actor::stateful_pointer<courier_state> self,
                 std::shared_ptr<courier_script> script) {
  self->state.script = std::move(script);
  return {
    [self](send_atom, const exchange_ptr& what) {
      auto& plan = *self->state.script;
      auto promise = self->make_response_promise<answer_ptr>();
      const auto slash = what->target.rfind('/');
      plan.requests.push_back({plan.clock(), what->target.substr(slash + 1),
                               *what->body, what->base + what->target,
                               what->bearer});
      plan.open_max = std::max(plan.open_max, ++plan.open);
      if (plan.react) {
        if (auto how = plan.react(*what)) {
          --plan.open;
          plan.requests.back().accepted = how->what == outcome::accepted;
          promise.deliver(answer_ptr{std::make_shared<answer>(*how)});
          return promise;
        }
      }
      int status = plan.otherwise;
      if (!plan.answers.empty()) {
        status = plan.answers.front();
        plan.answers.pop_front();
      }
      plan.held.push_back(promise);
      if (status != hold)
        plan.release(status);
      return promise;
    },
    // A test's way to answer what is held; only the actor itself may do so.
    [self](done_atom, std::uint64_t status, const answer_ptr&) {
      self->state.script->release(static_cast<int>(status));
    },
  };
}

} // namespace posthorn::testing

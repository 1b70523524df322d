// SPDX-License-Identifier: Apache-2.0
// Orders about a service: carried out by the node that delivers to it.
#include "actors/admin/admin_api.hpp"
#include "actors/admin/json_answer.hpp"
#include "actors/cluster/link.hpp"
#include "actors/intake/matrix_error.hpp"

#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace posthorn {

namespace {

using nlohmann::json;

/// How long an actor may take to answer the admin API.
constexpr std::chrono::milliseconds patience{5'000};

const char* word_of(order::verb what) {
  switch (what) {
  case order::verb::retry:
    return "retry";
  case order::verb::pause:
    return "pause";
  case order::verb::resume:
    return "resume";
  case order::verb::skip:
    return "skip";
  }
  return "unknown";
}

/// What POST /admin/v1/services/ID/WORD knows. A skip has a place of its own.
std::optional<order::verb> verb_of(const std::string& word) {
  for (const auto verb :
       {order::verb::retry, order::verb::pause, order::verb::resume})
    if (word == word_of(verb))
      return verb;
  return std::nullopt;
}

void add_skip(json& to, skip_answer how) {
  to["skipped"] = how == skip_answer::done;
  to["when_refused"] = how == skip_answer::when_refused;
  to["asked"] = how == skip_answer::asked;
}

/// What came of a skip at another node.
skip_answer skip_answer_of(const order_outcome& done) {
  if (done.when_refused)
    return skip_answer::when_refused;
  return done.attempted ? skip_answer::done : skip_answer::nothing_open;
}

} // namespace

service_actor admin_api::actor_of(const std::string& id) const {
  const auto known = services();
  const auto found = known->by_id.find(id);
  return found == known->by_id.end() ? service_actor{}
                                     : known->services[found->second].actor;
}

service_actor admin_api::service_here(const std::string& id) const {
  // By the store, not by what this node saw of it last: a lease may have moved
  // since.
  const auto rows = wiring_.store->services();
  if (!rows)
    return {};
  const auto mine = [&](const service_row& row) {
    return row.id == id && row.owner == wiring_.node;
  };
  return std::any_of(rows->begin(), rows->end(), mine) ? actor_of(id)
                                                       : service_actor{};
}

void admin_api::order(const std::string& id, const std::string& verb,
                      httplib::Response& response) {
  if (const auto what = verb_of(verb))
    return carry_out({id, *what}, response);
  set_matrix_error(response, 404, "M_UNRECOGNIZED",
                   "no such order: '" + verb + "' (retry, pause or resume)");
}

void admin_api::carry_out(const posthorn::order& what,
                          httplib::Response& response) {
  const auto& id = what.service;
  std::string problem;
  if (links_ && !service_here(id) && order_elsewhere(what, problem, response))
    return;
  // One that stands by asks the owner through the store.
  const auto actor = actor_of(id);
  // Whoever could not be asked may be the one that delivers to it.
  if (!actor && !problem.empty())
    return set_matrix_error(response, 503, "M_UNKNOWN",
                            "no node that answers delivers to service '" + id
                              + "'; " + problem);
  if (services()->by_id.count(id) == 0)
    return set_matrix_error(response, 404, "M_NOT_FOUND",
                            "no service '" + id + "'");
  if (!actor)
    return set_matrix_error(response, 409, "M_UNKNOWN",
                            "nothing is sent to service '" + id
                              + "': it has no url or is not configured");
  order_here(actor, what, response);
}

void admin_api::order_here(const service_actor& actor,
                           const posthorn::order& what,
                           httplib::Response& response) {
  caf::scoped_actor self{sys_};
  caf::error failed;
  json done{{"id", what.service}};
  const auto on_error = [&](caf::error& why) { failed = std::move(why); };
  const caf::duration at_most{patience};
  if (what.what == posthorn::order::verb::retry) {
    self->request(actor, at_most, retry_atom::value)
      .receive([&](bool attempted) { done["attempted"] = attempted; },
               on_error);
  } else if (what.what == posthorn::order::verb::skip) {
    self->request(actor, at_most, skip_atom::value)
      .receive([&](skip_answer how) { add_skip(done, how); }, on_error);
  } else {
    const bool stop = what.what == posthorn::order::verb::pause;
    self->request(actor, at_most, pause_atom::value, stop)
      .receive([&](const storage::nothing_more&) { done["paused"] = stop; },
               on_error);
  }
  if (failed)
    return set_matrix_error(response, 503, "M_UNKNOWN",
                            "service '" + what.service
                              + "' did not answer: " + text_of(failed));
  spdlog::info("admin: {} {}", word_of(what.what), what.service);
  set_json(response, done);
}

bool admin_api::order_elsewhere(const posthorn::order& what,
                                std::string& problem,
                                httplib::Response& response) {
  order_outcome done;
  caf::scoped_actor self{sys_};
  self->request(links_, caf::duration{order_patience + answer_patience}, what)
    .receive([&](order_outcome& x) { done = std::move(x); },
             [&](const caf::error& why) { done.problem = text_of(why); });
  if (!done.found) {
    problem = done.problem;
    return false;
  }
  if (!done.problem.empty()) {
    set_matrix_error(response, 503, "M_UNKNOWN",
                     "node " + done.node + ": " + done.problem);
    return true;
  }
  json answer{{"id", what.service}, {"node", done.node}};
  if (what.what == posthorn::order::verb::retry)
    answer["attempted"] = done.attempted;
  else if (what.what == posthorn::order::verb::skip)
    add_skip(answer, skip_answer_of(done));
  else
    answer["paused"] = what.what == posthorn::order::verb::pause;
  set_json(response, answer);
  return true;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/queries.hpp"

#include "actors/intake/matrix_error.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <utility>

namespace posthorn {

namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using steady_clock = std::chrono::steady_clock;

/// What the courier may take beyond its own deadline before it counts as dead.
constexpr milliseconds courier_grace{10'000};

constexpr const char* json_type = "application/json";

void set_json(httplib::Response& response, const json& body) {
  response.status = 200;
  response.set_content(
    body.dump(-1, ' ', false, json::error_handler_t::replace), json_type);
}

void set_crowded(httplib::Response& response) {
  response.set_header("Retry-After", "1");
  set_matrix_error(response, 503, "M_LIMIT_EXCEEDED",
                   "too many queries are open already");
}

/// Whether a status is an answer about the subject: a service that is broken
/// (5xx), busy (429) or slow (408) has not said anything about it.
bool is_denial(const answer& what) {
  return what.status >= 400 && what.status < 500 && what.status != 408
         && what.status != 429;
}

bool accepted(const answer_ptr& what) {
  return what && what->what == outcome::accepted;
}

/// Services are asked by v1, also where the homeserver asked by a legacy path.
std::string v1_target(const feed_target& target) {
  return target.segments.front() == "_matrix"
           ? target.passed_on
           : "/_matrix/app/v1" + target.passed_on;
}

/// Each user with whoever alone may speak for them, in the users' order.
std::vector<std::pair<service_config_ptr, key_question>>
split_by_owner(query_directory& services, const json& about) {
  std::vector<std::pair<service_config_ptr, key_question>> result;
  for (const auto& [user, wanted] : about.items()) {
    const auto owner = services.exclusive_for(user);
    if (!owner)
      continue;
    auto known
      = std::find_if(result.begin(), result.end(),
                     [&](const auto& one) { return one.first == owner; });
    if (known == result.end())
      known = result.insert(
        known, {owner, {owner->registration.id, json::object(), {}}});
    known->second.body[user] = wanted;
    known->second.users.push_back(user);
  }
  return result;
}

} // namespace

queries::queries(caf::actor_system& sys, courier_actor courier,
                 query_bounds bounds, denials::clock now)
  : sys_{sys}, courier_{std::move(courier)}, bounds_{bounds},
    gate_{bounds.places}, denials_{std::move(now)} {}

exchange_ptr queries::make_exchange(const service_config& service,
                                    const std::string& method,
                                    const std::string& target,
                                    milliseconds timeout) const {
  auto result = std::make_shared<exchange>();
  result->method = method;
  result->base = *service.registration.url;
  result->target = target;
  result->bearer = service.registration.hs_token;
  result->connect_timeout = std::min(timeout, service.delivery.connect_timeout);
  result->timeout = timeout;
  return result;
}

std::vector<answer_ptr> queries::ask(const std::vector<asking>& all,
                                     bool& crowded) {
  caf::scoped_actor self{sys_};
  const caf::duration longest{bounds_.timeout + courier_grace};
  using pending = decltype(self->request(courier_, longest, send_atom::value,
                                         exchange_ptr{}));
  std::vector<answer_ptr> result(all.size());
  std::vector<query_gate::place> places;
  std::vector<std::pair<std::size_t, pending>> open;
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto place = gate_.enter(all[i].whom->registration.id);
    if (!place) {
      crowded = true;
      continue;
    }
    places.push_back(std::move(*place));
    open.emplace_back(
      i, self->request(courier_, longest, send_atom::value, all[i].what));
  }
  for (auto& one : open) {
    auto& to = result[one.first];
    one.second.receive([&to](answer_ptr& how) { to = std::move(how); },
                       [](const caf::error&) {});
  }
  return result;
}

void queries::pass_on(const service_config& service, const service_actor& actor,
                      const feed_target& target, httplib::Request& request,
                      httplib::Response& response) {
  const auto place = gate_.enter();
  if (!place)
    return set_crowded(response);
  auto what = std::make_shared<exchange>(
    *make_exchange(service, request.method, target.passed_on, bounds_.timeout));
  if (!request.body.empty())
    what->body = std::make_shared<const std::string>(std::move(request.body));
  bool crowded = false;
  // Not owned: it outlives the call.
  const service_config_ptr whom{service_config_ptr{}, &service};
  const auto how = ask({{whom, what}}, crowded).front();
  if (crowded)
    return set_crowded(response);
  if (how && how->status != 0) {
    response.status = how->status;
    response.set_content(how->body, json_type);
    if (accepted(how) && actor && is_ping(query_of(target)))
      caf::anon_send(actor, retry_atom::value);
    return;
  }
  if (!how || how->what == outcome::timed_out)
    return set_matrix_error(response, 504, "M_CONNECTION_TIMEOUT",
                            "the service did not answer in time");
  set_matrix_error(response, 502, "M_CONNECTION_FAILED", how->detail);
}

void queries::answer(query_directory& services, const feed_target& target,
                     httplib::Request& request, httplib::Response& response) {
  const auto query = query_of(target);
  const auto& kind = query.front();
  const bool keys
    = query.size() == 3 && query[1] == "keys"
      && ((kind == "org.matrix.msc3983" && query[2] == "claim")
          || (kind == "org.matrix.msc3984" && query[2] == "query"));
  const bool post = keys || is_ping(query);
  const bool known
    = post || (kind == "thirdparty" && query.size() >= 2)
      || ((kind == "users" || kind == "rooms") && query.size() == 2);
  if (!known)
    return set_matrix_error(response, 404, "M_UNRECOGNIZED",
                            "no such endpoint");
  if (request.method != (post ? "POST" : "GET"))
    return set_matrix_error(response, 405, "M_UNRECOGNIZED",
                            post ? "this is asked with POST"
                                 : "this is asked with GET");
  if (is_ping(query))
    return set_json(response, json::object());
  const auto place = gate_.enter();
  if (!place)
    return set_crowded(response);
  const auto v1 = v1_target(target);
  if (keys)
    return ask_for_keys(services, query[2] == "query", v1, request.body,
                        response);
  if (kind == "thirdparty")
    return ask_third_parties(services, query, v1, response);
  ask_in_turn(kind == "users" ? services.for_user(query[1])
                              : services.for_alias(query[1]),
              query[1], v1, response);
}

void queries::ask_in_turn(const std::vector<service_config_ptr>& whom,
                          const std::string& subject, const std::string& target,
                          httplib::Response& response) {
  const auto end = steady_clock::now() + bounds_.patience;
  bool crowded = false;
  for (const auto& service : whom) {
    const auto& id = service->registration.id;
    if (denials_.stands(id, subject))
      continue;
    const auto left
      = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
    if (left <= milliseconds{0})
      break;
    const auto what
      = make_exchange(*service, "GET", target, std::min(left, bounds_.timeout));
    const auto how = ask({{service, what}}, crowded).front();
    if (accepted(how))
      return set_json(response, json::object());
    if (how && is_denial(*how))
      denials_.note(id, subject);
  }
  if (crowded)
    return set_crowded(response);
  set_matrix_error(response, 404, "M_NOT_FOUND",
                   "no service knows '" + subject + "'");
}

void queries::ask_third_parties(query_directory& services,
                                const std::vector<std::string>& query,
                                const std::string& target,
                                httplib::Response& response) {
  const auto& what = query[1];
  const bool by_protocol = query.size() == 3;
  const bool lookup = what == "user" || what == "location";
  if (query.size() > 3 || !(lookup || (what == "protocol" && by_protocol)))
    return set_matrix_error(response, 404, "M_UNRECOGNIZED",
                            "no such endpoint");
  std::vector<asking> all;
  for (const auto& service : by_protocol ? services.for_protocol(query[2])
                                         : services.with_protocols())
    all.push_back(
      {service, make_exchange(*service, "GET", target, bounds_.timeout)});
  bool crowded = false;
  const auto how = ask(all, crowded);
  std::vector<service_answer> answers;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (accepted(how[i]))
      if (auto body = parse_shallow(how[i]->body))
        answers.push_back({all[i].whom->registration.id, std::move(*body)});
  if (lookup) {
    const auto merged
      = merge_lookup(answers, what == "user" ? "userid" : "alias");
    if (!merged.empty())
      return set_json(response, merged);
  } else if (const auto merged = merge_protocol(answers)) {
    return set_json(response, *merged);
  }
  if (crowded)
    return set_crowded(response);
  set_matrix_error(response, 404, "M_NOT_FOUND",
                   all.empty() ? "no service has such a protocol"
                               : "no service found anything");
}

void queries::ask_for_keys(query_directory& services, bool by_category,
                           const std::string& target, const std::string& body,
                           httplib::Response& response) {
  const auto wanted = parse_shallow(body);
  if (!wanted)
    return set_matrix_error(response, 400, "M_NOT_JSON",
                            "the body is not JSON, or nested too deeply");
  if (!wanted->is_object())
    return set_matrix_error(response, 400, "M_BAD_JSON",
                            "the body must be an object of users");
  // The MSC has users under `device_keys`, as clients ask; Synapse sends them
  // as they are.
  const std::string wrapping = "device_keys";
  const bool wrapped = by_category && wanted->contains(wrapping)
                       && wanted->at(wrapping).is_object();
  std::vector<key_question> questions;
  std::vector<asking> all;
  for (auto& [owner, question] :
       split_by_owner(services, wrapped ? wanted->at(wrapping) : *wanted)) {
    auto what = std::make_shared<exchange>(
      *make_exchange(*owner, "POST", target, bounds_.timeout));
    const auto text = wrapped ? json{{wrapping, question.body}} : question.body;
    what->body = std::make_shared<const std::string>(text.dump());
    all.push_back({owner, what});
    questions.push_back(std::move(question));
  }
  bool crowded = false;
  std::vector<json> answers;
  for (const auto& how : ask(all, crowded)) {
    auto parsed
      = accepted(how) ? parse_shallow(how->body) : std::optional<json>{};
    answers.push_back(parsed ? std::move(*parsed) : json{});
  }
  const auto merged = merge_keys(questions, answers, by_category);
  if (merged.empty() && crowded)
    return set_crowded(response);
  set_json(response, merged);
}

} // namespace posthorn

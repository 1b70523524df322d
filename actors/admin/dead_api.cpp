// SPDX-License-Identifier: Apache-2.0
#include "actors/admin/dead_api.hpp"

#include "actors/intake/feed_api.hpp"

#include <caf/scoped_actor.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <charconv>
#include <utility>

namespace posthorn {

namespace {

using nlohmann::json;

/// How long an actor may take to answer the admin API.
constexpr std::chrono::milliseconds patience{5'000};

void set_json(httplib::Response& response, const json& body) {
  response.status = 200;
  response.set_content(
    body.dump(-1, ' ', false, json::error_handler_t::replace),
    "application/json");
}

void set_store_error(httplib::Response& response, const caf::error& why) {
  set_matrix_error(response, 503, "M_UNKNOWN", text_of(why));
}

const char* name_of(item_kind kind) {
  switch (kind) {
  case item_kind::event:
    return "event";
  case item_kind::ephemeral:
    return "ephemeral";
  case item_kind::to_device:
    return "to_device";
  case item_kind::device_lists:
    return "device_lists";
  case item_kind::key_counts:
    return "key_counts";
  case item_kind::fallback_keys:
    return "fallback_keys";
  }
  return "unknown";
}

double since_1970(std::chrono::system_clock::time_point when) {
  return std::chrono::duration<double>(when.time_since_epoch()).count();
}

json letter_json(const dead_letter& x) {
  // The item is shown as text: what a service refuses may be of any depth.
  return {{"number", x.number},
          {"transaction", x.txn_id},
          {"kind", name_of(x.kind)},
          {"reason", x.reason},
          {"set_aside", since_1970(x.set_aside)},
          {"received", since_1970(x.received)},
          {"bytes", x.size},
          {"item", x.json}};
}

} // namespace

dead_api::dead_api(caf::actor_system& sys,
                   std::shared_ptr<const storage::store> store,
                   storage_actor writer)
  : sys_{sys}, store_{std::move(store)}, writer_{std::move(writer)} {}

void dead_api::handle(const directory& services, const std::string& rest,
                      const httplib::Request& request,
                      httplib::Response& response) {
  const bool get = request.method == "GET";
  if (get && (rest.empty() || rest == "/"))
    return count(response);
  const auto slash = rest.find('/', 1);
  const auto id = rest.empty() ? "" : rest.substr(1, slash - 1);
  const auto verb = slash == std::string::npos ? "" : rest.substr(slash + 1);
  const auto found = services.by_id.find(id);
  if (found == services.by_id.end())
    return set_matrix_error(response, 404, "M_NOT_FOUND",
                            "no service '" + id + "'");
  const auto& service = services.services[found->second];
  const auto txn_id
    = request.has_param("txn") ? request.get_param_value("txn") : "";
  if (get && verb.empty())
    return list(service, request, response);
  if (request.method == "POST" && verb == "replay")
    return move<storage::replay>(service, txn_id, "replay", response);
  if (request.method == "POST" && verb == "drop") {
    if (txn_id.empty())
      return set_matrix_error(response, 400, "M_MISSING_PARAM",
                              "drop needs ?txn=ID: the transaction whose dead "
                              "letters are to be deleted");
    return move<storage::drop>(service, txn_id, "drop", response);
  }
  set_matrix_error(response, 404, "M_UNRECOGNIZED",
                   "no such order: '" + verb + "' (skip, replay or drop)");
}

void dead_api::count(httplib::Response& response) const {
  const auto rows = store_->services();
  if (!rows)
    return set_store_error(response, rows.error());
  json services = json::array();
  for (const auto& row : *rows)
    if (row.dead_items > 0)
      services.push_back({{"id", row.id},
                          {"dead_letters", row.dead_items},
                          {"bytes", row.dead_bytes}});
  set_json(response, {{"services", std::move(services)}});
}

void dead_api::list(const listed_service& service,
                    const httplib::Request& request,
                    httplib::Response& response) const {
  dead_query what;
  what.service = service.number;
  what.with_json = true;
  if (request.has_param("after")) {
    const auto text = request.get_param_value("after");
    const auto* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, what.after);
    if (read.ec != std::errc{} || read.ptr != end || what.after == UINT64_MAX)
      return set_matrix_error(response, 400, "M_INVALID_PARAM",
                              "after: '" + text + "' is no number of a letter");
  }
  const auto page = store_->dead_letters(what);
  if (!page)
    return set_store_error(response, page.error());
  json letters = json::array();
  for (const auto& one : page->letters)
    letters.push_back(letter_json(one));
  set_json(response, {{"id", service.id},
                      {"letters", std::move(letters)},
                      {"more", page->more}});
}

template <class Mutation>
void dead_api::move(const listed_service& service, const std::string& txn_id,
                    const char* verb, httplib::Response& response) {
  caf::scoped_actor self{sys_};
  std::uint64_t letters = 0;
  storage::moved step;
  // Those that are set aside meanwhile are not for this order: a service that
  // refuses everything would keep it busy for ever.
  const auto rows = store_->services();
  if (!rows)
    return set_store_error(response, rows.error());
  std::uint64_t there = 0;
  for (const auto& row : *rows)
    if (row.number == service.number)
      there = row.dead_items;
  do {
    caf::error failed;
    self
      ->request(writer_, caf::duration{patience},
                Mutation{service.number, txn_id})
      .receive([&](const storage::moved& done) { step = done; },
               [&](caf::error& why) { failed = std::move(why); });
    if (failed)
      return set_matrix_error(response, 503, "M_UNKNOWN",
                              "service '" + service.id + "': " + text_of(failed)
                                + " (" + verb + " of " + std::to_string(letters)
                                + " dead letters is done)");
    letters += step.letters;
    if (service.actor && step.letters > 0)
      self->send(service.actor, wake_atom::value);
  } while (step.more && letters < there);
  if (letters == 0 && !txn_id.empty())
    return set_matrix_error(response, 404, "M_NOT_FOUND",
                            "service '" + service.id
                              + "' has no dead letter of transaction '" + txn_id
                              + "'");
  spdlog::info("admin: {} {} {}: {} dead letters", verb, service.id, txn_id,
               letters);
  set_json(response, {{"id", service.id}, {"letters", letters}});
}

} // namespace posthorn

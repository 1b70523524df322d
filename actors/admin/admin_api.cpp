// SPDX-License-Identifier: Apache-2.0
#include "actors/admin/admin_api.hpp"

#include "actors/admin/json_answer.hpp"
#include "actors/admin/openapi.hpp"
#include "actors/admin/room_lines.hpp"
#include "actors/intake/matrix_error.hpp"
#include "actors/metrics/figures.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <utility>

namespace posthorn {

namespace {

using nlohmann::json;
using std::chrono::system_clock;

/// A page of events may have to be sorted first, and the disk be waited for.
constexpr std::chrono::milliseconds import_patience{25'000};

const std::string services_path = "/admin/v1/services";
const std::string dead_path = "/admin/v1/dead";
const std::string trace_path = "/admin/v1/trace/";

double seconds(system_clock::duration span) {
  return std::chrono::duration<double>(span).count();
}

json timestamp(system_clock::time_point when) {
  if (when == system_clock::time_point{})
    return nullptr;
  return seconds(when.time_since_epoch());
}

bool is_local(const std::string& address) {
  return address == "unix" || address == "::1" || address.starts_with("127.")
         || address.starts_with("::ffff:127.");
}

/// The service of POST /admin/v1/dead/ID/skip.
std::optional<std::string> skipped_by(const httplib::Request& request) {
  const std::string_view end = "/skip";
  const auto& path = request.path;
  if (request.method != "POST" || !path.starts_with(dead_path + "/")
      || !path.ends_with(end))
    return std::nullopt;
  const auto begin = dead_path.size() + 1;
  if (path.size() <= begin + end.size())
    return std::nullopt;
  return path.substr(begin, path.size() - begin - end.size());
}

json findings_json(const std::vector<reload_finding>& all) {
  auto result = json::array();
  for (const auto& one : all)
    result.push_back({{"file", one.file},
                      {"line", one.line},
                      {"field", one.field},
                      {"text", one.text}});
  return result;
}

/// The node that sorts; empty while none does.
caf::expected<std::string> sorter_of(const storage::store& store) {
  const auto leases = store.leases(0);
  if (!leases)
    return leases.error();
  for (const auto& one : leases->rows)
    if (one.name == "sorter" && one.held)
      return one.node;
  return std::string{};
}

const char* state_of(const service_row& row) {
  if (row.paused)
    return "PAUSED";
  return row.failures > 0 ? "DOWN" : "UP";
}

} // namespace

json to_json(const service_row& row, const service_config* config,
             system_clock::time_point now) {
  json result{{"id", row.id},
              {"number", row.number},
              {"configured", config != nullptr},
              {"state", state_of(row)},
              {"owner", row.owner},
              {"epoch", row.epoch},
              {"pending_events", row.pending_events},
              {"pending_bytes", row.pending_bytes},
              {"oldest_pending_seconds", nullptr},
              {"last_transaction", row.txn_id},
              {"transaction_open", row.open},
              {"delivered_events", row.delivered_events},
              {"delivered_transactions", row.delivered_transactions},
              {"dead_letters", row.dead_items},
              {"failures", row.failures},
              {"next_attempt_seconds", nullptr},
              {"last_error", row.last_error},
              {"last_failure", timestamp(row.last_failure)},
              {"last_success", timestamp(row.last_success)}};
  if (row.pending_events > 0)
    result["oldest_pending_seconds"] = std::max(0.0, seconds(now - row.oldest));
  if (row.failures > 0 && !row.paused)
    result["next_attempt_seconds"]
      = std::max(0.0, seconds(row.next_attempt - now));
  if (config)
    result["url"] = config->registration.url ? json(*config->registration.url)
                                             : json(nullptr);
  return result;
}

admin_api::admin_api(caf::actor_system& sys, admin_wiring wiring,
                     directory_ptr services)
  : sys_{sys}, wiring_{std::move(wiring)},
    started_{std::chrono::steady_clock::now()}, dead_{sys, wiring_.store,
                                                      wiring_.writer},
    trace_{sys, wiring_.store, wiring_.tracer, wiring_.node},
    services_{std::move(services)}, configured_{system_clock::now()} {}

void admin_api::link(links_actor links, link_board_ptr board) {
  links_ = std::move(links);
  board_ = std::move(board);
}

void admin_api::replace(directory_ptr services) {
  std::lock_guard guard{mutex_};
  services_ = std::move(services);
  configured_ = system_clock::now();
}

directory_ptr admin_api::services() const {
  std::lock_guard guard{mutex_};
  return services_;
}

void admin_api::handle(httplib::Request& request, httplib::Response& response) {
  const auto& path = request.path;
  if (path.starts_with("/health/"))
    return health(path, response);
  const bool get = request.method == "GET";
  // Prometheus is let in without a token from where nobody else can come.
  if (get && path == "/metrics" && is_local(request.remote_addr))
    return show_metrics(response);
  // Has an authorization of its own: browsers know no bearer tokens.
  if (get && path == "/")
    return show_status(request, response);
  if (wiring_.admin_token)
    if (const auto why = check_token(request, *wiring_.admin_token))
      return set_matrix_error(response, why->status, why->errcode, why->error);
  if (get && path == "/metrics")
    return show_metrics(response);
  if (get && path == "/admin/v1/openapi.json")
    return response.set_content(openapi_document, "application/json");
  if (request.method == "POST" && path == "/admin/v1/reload")
    return reload(response);
  if (get && path == "/admin/v1/actors")
    return set_json(response, dump());
  if (get && path == "/admin/v1/store")
    return show_store(response);
  if (get && path == services_path)
    return list_services("", response);
  if (get && path.starts_with(trace_path))
    return trace_.handle(path.substr(trace_path.size()), response);
  if (request.method == "POST" && path == "/admin/v1/import")
    return import_rooms(request, response);
  if (const auto id = skipped_by(request))
    return carry_out({*id, posthorn::order::verb::skip}, response);
  if (path == dead_path || path.starts_with(dead_path + "/"))
    return dead_.handle(*services(), path.substr(dead_path.size()), request,
                        response);
  if (path.starts_with(services_path + "/")) {
    const auto rest = path.substr(services_path.size() + 1);
    const auto slash = rest.find('/');
    if (get && slash == std::string::npos)
      return list_services(rest, response);
    if (request.method == "POST" && slash != std::string::npos)
      return order(rest.substr(0, slash), rest.substr(slash + 1), response);
  }
  set_matrix_error(response, 404, "M_UNRECOGNIZED", "no such endpoint");
}

void admin_api::health(const std::string& path,
                       httplib::Response& response) const {
  if (path == "/health/live")
    return set_json(response, {{"live", true}});
  if (path != "/health/ready")
    return set_matrix_error(response, 404, "M_UNRECOGNIZED",
                            "no such endpoint");
  if (const auto why = wiring_.not_ready())
    return set_json(response, {{"ready", false}, {"reason", *why}}, 503);
  set_json(response, {{"ready", true}});
}

json admin_api::services_json(const std::vector<service_row>& rows) const {
  const auto known = services();
  const auto now = system_clock::now();
  auto result = json::array();
  for (const auto& row : rows) {
    const auto listed = known->by_number.find(row.number);
    const service_config* config = nullptr;
    if (listed != known->by_number.end())
      config = known->services[listed->second].config.get();
    result.push_back(to_json(row, config, now));
  }
  return result;
}

void admin_api::list_services(const std::string& id,
                              httplib::Response& response) const {
  auto rows = wiring_.store->services();
  if (!rows)
    return set_matrix_error(response, 503, "M_UNKNOWN", text_of(rows.error()));
  if (id.empty())
    return set_json(response, {{"services", services_json(*rows)}});
  std::erase_if(*rows, [&id](const service_row& row) { return row.id != id; });
  if (rows->empty())
    return set_matrix_error(response, 404, "M_NOT_FOUND",
                            "no service '" + id + "'");
  set_json(response, services_json(*rows).front());
}

std::string admin_api::state() const {
  return wiring_.not_ready().value_or("ready");
}

std::chrono::milliseconds admin_api::uptime() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
    std::chrono::steady_clock::now() - started_);
}

dump_sources admin_api::sources() const {
  return {wiring_.node,
          wiring_.version,
          wiring_.metrics,
          links_,
          board_,
          [this] { return state(); },
          [this] { return wiring_.cluster->others(); },
          started_};
}

json admin_api::dump() {
  const auto rows = wiring_.store->services();
  auto result
    = dump_json(gather_dump(sys_, sources()),
                services_json(rows ? *rows : std::vector<service_row>{}));
  if (!rows)
    result["services_problem"] = text_of(rows.error());
  return result;
}

void admin_api::import_rooms(const httplib::Request& request,
                             httplib::Response& response) {
  auto found = read_room_lines(request.body, wiring_.server_name);
  storage::learned done;
  caf::error failed;
  if (!found.changes.empty()) {
    caf::scoped_actor self{sys_};
    const storage::learn step{
      0, std::make_shared<room_changes>(std::move(found.changes))};
    self->request(wiring_.sorter, caf::duration{import_patience}, step)
      .receive([&](const storage::learned& x) { done = x; },
               [&](caf::error& why) { failed = std::move(why); });
  }
  if (failed && is(failed, ec::lease_held))
    return name_sorter(response);
  if (failed)
    return set_matrix_error(response, 503, "M_UNKNOWN",
                            "nothing of this was imported: " + text_of(failed));
  json errors = json::array();
  for (const auto& one : found.faults)
    errors.push_back({{"line", one.line}, {"error", one.text}});
  set_json(response, {{"lines", found.lines},
                      {"changed", done.changed},
                      {"same", done.same},
                      {"outdated", done.outdated},
                      {"ignored", found.ignored},
                      {"bad", found.bad},
                      {"errors", std::move(errors)}});
}

void admin_api::name_sorter(httplib::Response& response) const {
  const auto sorter = sorter_of(*wiring_.store);
  const auto nodes = wiring_.store->nodes();
  if (!sorter || !nodes || sorter->empty() || *sorter == wiring_.node)
    return set_matrix_error(response, 503, "M_UNKNOWN",
                            "nothing of this was imported: no node sorts at "
                            "the moment, try again in a second");
  std::string where;
  for (const auto& one : *nodes)
    if (one.name == *sorter)
      where = one.admin;
  set_json(response,
           {{"errcode", "M_UNKNOWN"},
            {"error", "nothing of this was imported: node " + *sorter
                        + " sorts, give it to that one"
                        + (where.empty() ? "" : ": --admin " + where)},
            {"sorter", *sorter},
            {"admin", where}},
           409);
}

void admin_api::show_store(httplib::Response& response) const {
  const auto stat = wiring_.store->stat();
  if (!stat)
    return set_matrix_error(response, 503, "M_UNKNOWN", text_of(stat.error()));
  const auto sorter = sorter_of(*wiring_.store);
  if (!sorter)
    return set_matrix_error(response, 503, "M_UNKNOWN",
                            text_of(sorter.error()));
  set_json(response, {{"id", stat->id},
                      {"sorter", *sorter},
                      {"used_bytes", stat->used_bytes},
                      {"capacity_bytes", stat->capacity_bytes},
                      {"pool_batches", stat->pool_batches},
                      {"sorter_cursor", stat->sorter_cursor},
                      {"corrupt_records", stat->corrupt_records},
                      {"dead_letters", stat->dead_items}});
}

void admin_api::show_metrics(httplib::Response& response) {
  exposed_figures what;
  auto rows = wiring_.store->services();
  auto stat = wiring_.store->stat();
  for (const auto* why :
       {rows ? nullptr : &rows.error(), stat ? nullptr : &stat.error()})
    if (why)
      return set_matrix_error(response, 503, "M_UNKNOWN", text_of(*why));
  what.node = wiring_.node;
  what.version = wiring_.version;
  what.ready = !wiring_.not_ready();
  what.services = std::move(*rows);
  what.store = *stat;
  what.actors = wiring_.all->snapshot();
  what.counted = wiring_.all->sums().collect();
  if (board_)
    what.peers = board_->snapshot();
  what.others = wiring_.cluster->others();
  what.listeners = wiring_.listeners();
  what.queries_open = wiring_.queries->open();
  what.queries_refused = wiring_.queries->refused();
  if (const auto known = services(); known->match_limits)
    what.match_limits = known->match_limits();
  what.now = system_clock::now();
  {
    std::lock_guard guard{mutex_};
    what.configured = configured_;
  }
  response.status = 200;
  response.set_content(exposition_.text(what), exposition::content_type);
}

void admin_api::reload(httplib::Response& response) {
  const auto done = wiring_.reload();
  auto warnings = findings_json(done.warnings);
  if (done.errors.empty())
    return set_json(response, {{"services", done.services},
                               {"started", done.started},
                               {"stopped", done.stopped},
                               {"warnings", std::move(warnings)}});
  set_json(response,
           {{"errcode", "M_INVALID_PARAM"},
            {"error", std::to_string(done.errors.size())
                        + " errors, the services stay as they were"},
            {"errors", findings_json(done.errors)},
            {"warnings", std::move(warnings)}},
           400);
}

} // namespace posthorn

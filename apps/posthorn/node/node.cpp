// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/node/node.hpp"

#include "actors/admin/room_lines.hpp"
#include "actors/courier/courier.hpp"
#include "actors/metrics/metrics.hpp"
#include "actors/pool/pool.hpp"
#include "actors/service/service.hpp"
#include "actors/sorter/namespaces.hpp"
#include "actors/sorter/sorter.hpp"
#include "actors/storage/storage_actor.hpp"
#include "apps/posthorn/version.hpp"
#include "storage/lmdb/lmdb_store.hpp"

#include <caf/exit_reason.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>

namespace posthorn {

namespace {

/// How long a stop waits for open requests. What is not answered by then is
/// sent again at the next start, with the same id and the same bytes.
constexpr std::chrono::milliseconds drain_timeout{30'000};

const char* sorter_lease = "sorter";

std::string lease_name(const std::string& id) {
  return "service/" + id;
}

/// Each actor has its own generator: they run on different threads.
std::function<double()> make_spread() {
  return [generator = std::mt19937_64{std::random_device{}()}]() mutable {
    return std::uniform_real_distribution<double>{0.0, 1.0}(generator);
  };
}

} // namespace

node::node() {
  actor_config_.set("scheduler.policy", caf::atom("sharing"));
}

caf::expected<std::unique_ptr<node>>
node::start(loaded what, std::function<loaded()> reread) {
  std::unique_ptr<node> result{new node};
  result->reread_ = std::move(reread);
  result->setup_ = std::move(what);
  if (auto why = result->open_store())
    return why;
  if (auto why = result->spawn_actors())
    return why;
  if (auto why = result->open_links())
    return why;
  if (auto why = result->open_listeners())
    return why;
  return result;
}

node::~node() {
  // Listeners first: their workers use the actors.
  feed_listener_.reset();
  admin_listener_.reset();
  links_.reset();
  const auto end = [](const auto& actor) {
    if (actor)
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  };
  end(sorter_);
  for (const auto& entry : running_)
    end(entry.second);
  end(intake_);
  end(pool_);
  end(courier_);
  end(metrics_);
  end(writer_);
}

caf::error node::open_store() {
  storage::lmdb_options options;
  options.directory = setup_.config.store_path;
  options.max_store = setup_.config.limits.max_store;
  options.report
    = [](const std::string& line) { spdlog::error("store: {}", line); };
  auto opened = storage::open_lmdb(std::move(options));
  if (!opened)
    return std::move(opened.error());
  store_ = std::move(*opened);
  return {};
}

caf::error node::spawn_actors() {
  node_links::prepare(actor_config_, setup_.config);
  sys_ = std::make_unique<caf::actor_system>(actor_config_);
  auto client = http_client::open({});
  if (!client)
    return std::move(client.error());
  // Detached: these block on the disk, or must answer while others block.
  metrics_ = sys_->spawn<caf::detached>(metrics, census_);
  writer_ = sys_->spawn<caf::detached>(storage_writer, census_, store_);
  pool_ = sys_->spawn<caf::detached>(pool, census_, store_, writer_,
                                     storage::page_limits{});
  courier_ = sys_->spawn(courier, census_,
                         std::shared_ptr<http_client>{std::move(*client)});
  intake_
    = sys_->spawn(intake, census_, pool_, std::make_shared<intake_credit>());
  const storage::take_lease wanted{
    {sorter_lease, setup_.config.name, std::chrono::milliseconds{10'000}, 0}};
  const std::vector<storage::mutation> work{wanted};
  auto granted = store_->commit(work);
  if (!granted.front())
    return std::move(granted.front().error());
  auto services = make_directory();
  if (!services)
    return std::move(services.error());
  sorter_wiring wiring;
  wiring.pool = pool_;
  wiring.writer = writer_;
  wiring.services = *services;
  wiring.epoch = std::get<lease>(*granted.front()).epoch;
  wiring.poll_interval = setup_.config.sorter.poll_interval;
  wiring.wake_on_arrival = setup_.config.sorter.wake_on_arrival;
  sorter_ = sys_->spawn<caf::detached>(sorter, census_, std::move(wiring));
  if (setup_.config.sorter.wake_on_arrival)
    caf::anon_send(writer_, arrival_listener{sorter_});
  auto feeds = make_feeds(**services);
  if (!feeds)
    return std::move(feeds.error());
  feeds_
    = std::make_unique<feed_api>(*sys_, census_, intake_, courier_, std::move(*feeds));
  admin_wiring shown;
  shown.node = setup_.config.name;
  shown.version = version;
  shown.store = store_;
  shown.metrics = metrics_;
  shown.all = census_;
  shown.sorter = sorter_;
  shown.server_name = setup_.config.server_name;
  if (!setup_.config.admin_token.empty())
    shown.admin_token = digest_of(setup_.config.admin_token);
  shown.not_ready = [this]() -> std::optional<std::string> {
    if (!serving_)
      return "starting";
    if (draining_)
      return "draining";
    return std::nullopt;
  };
  shown.reload = [this] { return reload(); };
  shown.listeners = [this] {
    std::vector<std::pair<std::string, const listener_counters*>> result;
    // Before that they are still being made.
    if (serving_)
      result = {{"feed", &feed_listener_->counters()},
                {"admin", &admin_listener_->counters()}};
    return result;
  };
  shown.queries = &feeds_->gate();
  admin_ = std::make_unique<admin_api>(*sys_, std::move(shown), *services);
  return {};
}

caf::expected<directory_ptr> node::make_directory() {
  storage::enroll ids;
  std::vector<storage::mutation> work;
  for (const auto& config : setup_.services)
    ids.ids.push_back(config->registration.id);
  work.emplace_back(ids);
  // A lease is taken where an actor is to be spawned.
  std::vector<service_config_ptr> starting;
  for (const auto& config : setup_.services) {
    const auto& id = config->registration.id;
    if (!config->registration.url || running_.count(id) > 0)
      continue;
    starting.push_back(config);
    work.emplace_back(
      storage::take_lease{{lease_name(id), setup_.config.name,
                           std::chrono::milliseconds{10'000}, 0}});
  }
  caf::scoped_actor self{*sys_};
  auto answers = store_->commit(work);
  for (auto& answer : answers)
    if (!answer)
      return std::move(answer.error());
  const auto& numbers = std::get<storage::enrolled>(*answers[0]).numbers;
  auto result = std::make_shared<directory>();
  std::size_t granted = 0;
  for (std::size_t i = 0; i < setup_.services.size(); ++i) {
    const auto& config = setup_.services[i];
    const auto& id = config->registration.id;
    if (granted < starting.size() && starting[granted] == config) {
      const auto& mine = std::get<lease>(*answers[1 + granted]);
      running_[id] = spawn_service({numbers[i], mine.epoch}, config);
      ++granted;
    }
    // A reload may have taken its url away; the actor is ended after this.
    const auto actor
      = config->registration.url ? running_.find(id) : running_.end();
    result->add({numbers[i], id, config,
                 actor != running_.end() ? actor->second : service_actor{}});
  }
  // What was configured once may still have a queue.
  auto rows = store_->services();
  if (!rows)
    return std::move(rows.error());
  for (const auto& row : *rows)
    if (result->by_id.count(row.id) == 0)
      result->add({row.number, row.id, nullptr, {}});
  if (auto why = add_interest(*result))
    return why;
  return directory_ptr{std::move(result)};
}

caf::error node::add_interest(directory& to) const {
  auto matcher = std::make_shared<interest>(setup_.config.server_name);
  for (const auto& service : to.services)
    if (service.actor)
      if (auto why = matcher->add(service.number, service.config->registration))
        return why;
  matcher->build();
  name_interest names;
  names.users = [matcher](std::string_view user) -> const auto& {
    return matcher->users_of(user);
  };
  names.rooms = [matcher](std::string_view room) -> const auto& {
    return matcher->rooms_of(room);
  };
  names.aliases = [matcher](std::string_view alias) -> const auto& {
    return matcher->aliases_of(alias);
  };
  room_interest_options options;
  options.server_name = setup_.config.server_name;
  to.rooms = std::make_shared<room_interest>(std::move(names), store_,
                                             std::move(options));
  to.parts.users
    = [matcher](const std::string& id, std::vector<service_no>& found) {
        const auto& services = matcher->users_of(id);
        found.insert(found.end(), services.begin(), services.end());
        return caf::error{};
      };
  // An event that changes nothing asks what every event of its room is asked.
  to.parts.rooms = [rooms = to.rooms](const std::string& id,
                                      std::vector<service_no>& found) {
    event_fields asked;
    asked.type = "m.typing";
    asked.room_id = id;
    return rooms->decide(asked, found);
  };
  return {};
}

service_actor node::spawn_service(claim who, service_config_ptr config) {
  service_wiring wiring;
  wiring.who = who;
  wiring.config = std::move(config);
  wiring.writer = writer_;
  wiring.courier = courier_;
  wiring.spread = make_spread();
  return sys_->spawn(service, census_, std::move(wiring));
}

caf::expected<std::shared_ptr<const feed_directory>>
node::make_feeds(const directory& services) const {
  auto result = std::make_shared<feed_directory>();
  for (const auto& one : services.services)
    if (one.config && one.config->registration.url)
      result->addressed[one.id]
        = {digest_of(one.config->registration.hs_token), one.config, one.actor};
  if (setup_.own) {
    auto askable
      = query_directory::make(setup_.config.server_name, setup_.services);
    if (!askable)
      return std::move(askable.error());
    result->askable = std::move(*askable);
    result->catch_all = digest_of(setup_.own->hs_token);
  }
  return std::shared_ptr<const feed_directory>{std::move(result)};
}

caf::error node::open_links() {
  gate_wiring answers;
  answers.node = setup_.config.name;
  answers.version = version;
  answers.service_here
    = [this](const std::string& id) { return admin_->service_here(id); };
  answers.state = [this] { return admin_->state(); };
  answers.uptime = [this] { return admin_->uptime(); };
  auto opened
    = node_links::start(*sys_, census_, setup_.config, std::move(answers));
  if (!opened)
    return std::move(opened.error());
  links_ = std::move(*opened);
  if (!links_)
    return {};
  admin_->link(links_->actor(), links_->board());
  caf::anon_send(sorter_, elsewhere_listener{links_->actor()});
  return {};
}

caf::error node::open_listeners() {
  listener_limits limits;
  limits.body_max = setup_.config.limits.max_request;
  const auto open
    = [&limits](const listen_address& address,
                auto& api) -> caf::expected<std::unique_ptr<listener>> {
    return listen(
      to_string(address), limits,
      [&api](httplib::Request& request, httplib::Response& response) {
        api->handle(request, response);
      });
  };
  // An import comes in larger pieces than a feed may be allowed.
  limits.body_max = std::max<std::size_t>(limits.body_max, import_body_max);
  auto admin = open(setup_.config.admin, admin_);
  if (!admin)
    return std::move(admin.error());
  admin_listener_ = std::move(*admin);
  limits.body_max = setup_.config.limits.max_request;
  auto feed = open(setup_.config.listen, feeds_);
  if (!feed)
    return std::move(feed.error());
  feed_listener_ = std::move(*feed);
  serving_ = true;
  return {};
}

reload_report node::reload() {
  const auto finding = [](const problem& x) {
    return reload_finding{x.file, x.line, x.field, x.text};
  };
  std::lock_guard guard{reloading_};
  reload_report done;
  auto what = reread_();
  for (const auto& warning : what.warnings) {
    spdlog::warn("reload: {}", to_string(warning));
    done.warnings.push_back(finding(warning));
  }
  for (const auto& error : what.errors) {
    spdlog::error("reload: {}", to_string(error));
    done.errors.push_back(finding(error));
  }
  if (done.errors.empty())
    if (const auto why = take_services(std::move(what), done)) {
      spdlog::error("reload: {}", text_of(why));
      done.errors.push_back({{}, 0, {}, text_of(why)});
    }
  if (done.errors.empty())
    spdlog::info("reload: {} services, {} started, {} stopped", done.services,
                 done.started, done.stopped);
  else
    spdlog::error("reload: {} errors, the services stay as they were",
                  done.errors.size());
  return done;
}

caf::error node::take_services(loaded what, reload_report& done) {
  if (draining_)
    return fault(ec::draining, "the node is shutting down");
  const auto before = running_.size();
  // What cannot change while running stays as it was.
  std::swap(what.config, setup_.config);
  std::swap(what, setup_);
  std::set<std::string> wanted;
  for (const auto& config : setup_.services)
    if (config->registration.url)
      wanted.insert(config->registration.id);
  auto services = make_directory();
  if (!services) {
    std::swap(what, setup_);
    return std::move(services.error());
  }
  auto feeds = make_feeds(**services);
  if (!feeds) {
    std::swap(what, setup_);
    return std::move(feeds.error());
  }
  done.services = setup_.services.size();
  done.started = running_.size() - before;
  for (const auto& one : (*services)->services)
    if (one.actor && one.config)
      caf::anon_send(one.actor, one.config);
  for (auto i = running_.begin(); i != running_.end();) {
    if (wanted.count(i->first) > 0) {
      ++i;
      continue;
    }
    spdlog::info("service/{}: no longer configured, its queue is kept",
                 i->first);
    caf::anon_send_exit(i->second, caf::exit_reason::user_shutdown);
    i = running_.erase(i);
    ++done.stopped;
  }
  caf::anon_send(sorter_, *services);
  feeds_->replace(std::move(*feeds));
  admin_->replace(*services);
  return {};
}

void node::drain() {
  draining_ = true;
  std::lock_guard guard{reloading_};
  caf::scoped_actor self{*sys_};
  const auto ignore = [](const caf::error&) {};
  const auto done = [](const storage::nothing_more&) {};
  const caf::duration patience{drain_timeout};
  self->request(intake_, patience, drain_atom::value).receive(done, ignore);
  self->request(sorter_, patience, drain_atom::value).receive(done, ignore);
  using pending
    = decltype(self->request(service_actor{}, patience, drain_atom::value));
  std::vector<pending> waiting;
  for (const auto& entry : running_)
    waiting.push_back(self->request(entry.second, patience, drain_atom::value));
  for (auto& one : waiting)
    one.receive(done, ignore);
}

void node::log_dump() {
  for (const auto& line : dump_lines(admin_->dump()))
    spdlog::info("{}", line);
}

std::uint16_t node::listen_port() const {
  return feed_listener_->port();
}

std::uint16_t node::admin_port() const {
  return admin_listener_->port();
}

} // namespace posthorn

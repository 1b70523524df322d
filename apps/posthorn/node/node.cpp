// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/node/node.hpp"

#include "actors/admin/room_lines.hpp"
#include "actors/cluster/cluster.hpp"
#include "actors/courier/courier.hpp"
#include "actors/metrics/metrics.hpp"
#include "actors/pool/pool.hpp"
#include "actors/sorter/sorter.hpp"
#include "actors/storage/storage_actor.hpp"
#include "actors/tracer/tracer.hpp"
#include "apps/posthorn/version.hpp"
#include "storage/lmdb/lmdb_store.hpp"

#include <caf/exit_reason.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace posthorn {

namespace {

/// How long a stop waits for open requests. What is not answered by then is
/// sent again at the next start, with the same id and the same bytes.
constexpr std::chrono::milliseconds drain_timeout{30'000};

/// Threads for the actors that share them.
constexpr std::size_t workers_max = 8;

/// How long who has just connected to a node that stops has for a request.
constexpr std::chrono::milliseconds first_request_time{1'000};

} // namespace

node::node() {
  actor_config_.set("scheduler.policy", caf::atom("sharing"));
  // Those that share threads only pass on what others did: more threads than
  // cores would be woken to find nothing left to do. Two at least: the pool
  // reads the disk.
  actor_config_.set("scheduler.max-threads",
                    std::clamp<std::size_t>(std::thread::hardware_concurrency(),
                                            2, workers_max));
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
  end(cluster_);
  end(sorter_);
  for (const auto& entry : running_)
    end(entry.second);
  end(intake_);
  end(pool_);
  end(courier_);
  end(tracer_);
  end(watch_);
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
  // Detached: these block for long, or must answer while others block.
  metrics_ = sys_->spawn<caf::detached>(metrics, census_);
  writer_ = sys_->spawn<caf::detached>(watched_storage_writer, census_, store_,
                                       health_);
  pool_ = sys_->spawn(pool, census_, store_, writer_, storage::page_limits{});
  courier_ = sys_->spawn(courier, census_,
                         std::shared_ptr<http_client>{std::move(*client)});
  tracer_wiring remembered;
  remembered.backlog = backlog_;
  tracer_ = sys_->spawn<caf::detached>(tracer, census_, remembered);
  intake_
    = sys_->spawn(intake, census_, pool_, std::make_shared<intake_credit>());
  const auto opened = boot_time();
  auto mine = open_session();
  if (!mine)
    return std::move(mine.error());
  auto services = make_directory();
  if (!services)
    return std::move(services.error());
  sorter_wiring wiring;
  wiring.pool = pool_;
  wiring.writer = writer_;
  wiring.services = *services;
  wiring.poll_interval = setup_.config.sorter.poll_interval;
  wiring.wake_on_arrival = setup_.config.sorter.wake_on_arrival;
  sorter_ = sys_->spawn<caf::detached>(sorter, census_, std::move(wiring));
  if (setup_.config.sorter.wake_on_arrival)
    caf::anon_send(writer_, arrival_listener{sorter_});
  join(mine->number, opened, *services);
  auto feeds = make_feeds(**services);
  if (!feeds)
    return std::move(feeds.error());
  feeds_ = std::make_unique<feed_api>(*sys_, census_, intake_, courier_,
                                      std::move(*feeds));
  admin_wiring shown;
  shown.node = setup_.config.name;
  shown.version = version;
  shown.store = store_;
  shown.metrics = metrics_;
  shown.all = census_;
  shown.cluster = cluster_board_;
  shown.sorter = sorter_;
  shown.server_name = setup_.config.server_name;
  shown.writer = writer_;
  shown.tracer = tracer_;
  if (!setup_.config.admin_token.empty())
    shown.admin_token = digest_of(setup_.config.admin_token);
  shown.not_ready = [this]() -> std::optional<std::string> {
    if (!serving_)
      return "starting";
    if (draining_)
      return "draining";
    return health_->trouble(store_health::clock::now());
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

caf::error node::open_links() {
  gate_wiring answers;
  answers.node = setup_.config.name;
  answers.version = version;
  answers.actor_of
    = [this](const std::string& id) { return admin_->actor_of(id); };
  answers.service_here
    = [this](const std::string& id) { return admin_->service_here(id); };
  answers.state = [this] { return admin_->state(); };
  answers.uptime = [this] { return admin_->uptime(); };
  auto opened
    = node_links::start(*sys_, census_, setup_.config, std::move(answers));
  if (!opened)
    return std::move(opened.error());
  links_ = std::move(*opened);
  watch_ = sys_->spawn(peer_watch, census_, cluster_board_,
                       links_ ? links_->actor() : links_actor{});
  caf::anon_send(cluster_, watch_);
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

void node::drain() {
  draining_ = true;
  std::lock_guard guard{reloading_};
  caf::scoped_actor self{*sys_};
  const auto ignore = [](const caf::error&) {};
  const auto done = [](const storage::nothing_more&) {};
  const caf::duration patience{drain_timeout};
  auto leaving = self->request(cluster_, patience, drain_atom::value);
  // Where others listen on the same socket, who connects from now on is theirs:
  // nobody is refused. Else a refusal with a reason is better than a closed
  // door.
  if (setup_.config.listen.kind == address_kind::inherited) {
    feed_listener_->stop_accepting();
    std::this_thread::sleep_for(first_request_time);
    feed_listener_->stop(drain_timeout);
  }
  self->request(intake_, patience, drain_atom::value).receive(done, ignore);
  leaving.receive(done, ignore);
}

void node::close() {
  feed_listener_.reset();
  admin_listener_.reset();
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

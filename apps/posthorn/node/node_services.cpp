// SPDX-License-Identifier: Apache-2.0
// The node's services: enrolled, spawned, listed, replaced by a reload.
#include "actors/cluster/cluster.hpp"
#include "actors/service/service.hpp"
#include "actors/sorter/interest_wiring.hpp"
#include "apps/posthorn/node/node.hpp"
#include "apps/posthorn/version.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <random>
#include <set>
#include <utility>

namespace posthorn {

namespace {

/// How long the store may take to write at a start or a reload.
constexpr std::chrono::milliseconds store_patience{30'000};

/// Whether anything is sent to the service.
bool is_delivered(const service_config_ptr& config) {
  return config->registration.url.has_value();
}

/// Each actor has its own generator, since they run on different threads, and
/// a small one, since there may be thousands.
std::function<double()> make_spread(std::uint32_t seed) {
  return [generator = std::minstd_rand{seed}]() mutable {
    return std::uniform_real_distribution<double>{0.0, 1.0}(generator);
  };
}

/// What the node says of itself, but for its services.
session_request request_of(const node_config& config) {
  session_request result;
  result.node = config.name;
  result.ttl = config.lease_ttl;
  if (config.cluster)
    result.address = to_string(config.cluster->advertise);
  result.admin = url_of(config.admin);
  result.version = version;
  return result;
}

} // namespace

caf::expected<session> node::open_session() {
  std::vector<std::string> ids;
  for (const auto& config : setup_.services)
    if (is_delivered(config))
      ids.push_back(config->registration.id);
  auto asked = request_of(setup_.config);
  asked.services = services_digest(std::move(ids));
  caf::scoped_actor self{*sys_};
  caf::expected<session> result{session{}};
  self
    ->request(writer_, caf::duration{store_patience},
              storage::open_session{std::move(asked)})
    .receive([&](session& x) { result = std::move(x); },
             [&](caf::error& why) { result = std::move(why); });
  return result;
}

void node::join(session_no mine, std::chrono::milliseconds opened,
                const directory_ptr& services) {
  cluster_wiring wiring;
  wiring.store = store_;
  wiring.writer = writer_;
  wiring.sorter = sorter_;
  wiring.services = services;
  wiring.self = request_of(setup_.config);
  wiring.session = mine;
  wiring.opened = opened;
  wiring.poll_interval = setup_.config.sorter.poll_interval;
  cluster_ = sys_->spawn<caf::detached>(cluster, census_, std::move(wiring));
}

caf::expected<directory_ptr> node::make_directory() {
  storage::enroll ids;
  for (const auto& config : setup_.services)
    ids.ids.push_back(config->registration.id);
  // Not by the store itself: writing belongs to one actor.
  caf::scoped_actor self{*sys_};
  caf::expected<storage::enrolled> given{storage::enrolled{}};
  self->request(writer_, caf::duration{store_patience}, std::move(ids))
    .receive([&](storage::enrolled& x) { given = std::move(x); },
             [&](caf::error& why) { given = std::move(why); });
  if (!given)
    return std::move(given.error());
  auto result = std::make_shared<directory>();
  for (std::size_t i = 0; i < setup_.services.size(); ++i) {
    const auto& config = setup_.services[i];
    const auto& id = config->registration.id;
    const auto number = given->numbers[i];
    if (is_delivered(config) && running_.count(id) == 0)
      running_[id] = spawn_service(number, config);
    // A reload may have taken its url away; the actor is ended after this.
    const auto actor
      = is_delivered(config) ? running_.find(id) : running_.end();
    result->add({number, id, config,
                 actor != running_.end() ? actor->second : service_actor{}});
  }
  // What was configured once may still have a queue.
  auto rows = store_->services();
  if (!rows)
    return std::move(rows.error());
  for (const auto& row : *rows)
    if (result->by_id.count(row.id) == 0)
      result->add({row.number, row.id, nullptr, {}});
  if (auto why = add_interest(*result, setup_.config.server_name, store_))
    return why;
  return directory_ptr{std::move(result)};
}

service_actor node::spawn_service(service_no number,
                                  service_config_ptr config) {
  service_wiring wiring;
  wiring.who = {number, 0};
  wiring.config = std::move(config);
  wiring.writer = writer_;
  wiring.courier = courier_;
  wiring.tracer = tracer_;
  wiring.backlog = backlog_;
  wiring.spread = make_spread(static_cast<std::uint32_t>(seeds_()));
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
    // The cluster actor ends it, once its lease is given back.
    i = running_.erase(i);
    ++done.stopped;
  }
  caf::anon_send(sorter_, *services);
  caf::anon_send(cluster_, *services);
  feeds_->replace(std::move(*feeds));
  admin_->replace(*services);
  return {};
}

} // namespace posthorn

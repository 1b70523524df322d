// SPDX-License-Identifier: Apache-2.0
// One node: the store, the actors, the two listeners.
#pragma once

#include "actors/admin/admin_api.hpp"
#include "actors/intake/feed_api.hpp"
#include "actors/intake/intake.hpp"
#include "actors/listener/listener.hpp"
#include "actors/protocols.hpp"
#include "actors/sorter/directory.hpp"
#include "actors/storage/store_health.hpp"
#include "actors/tracer/trace_backlog.hpp"
#include "apps/posthorn/config/config.hpp"
#include "apps/posthorn/node/links_setup.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/expected.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>

namespace posthorn {

/// Runs what `posthorn node` runs. Construction starts nothing that must be
/// undone in a certain order by hand; destruction ends everything.
class node {
public:
  /// Opens the store, joins those who share it, spawns the actors and listens.
  /// `reread` loads the configuration again for a reload, on any thread.
  /// Errors: those of open_lmdb() and listen().
  static caf::expected<std::unique_ptr<node>>
  start(loaded what, std::function<loaded()> reread);

  node(const node&) = delete;
  node& operator=(const node&) = delete;
  ~node();

  /// Reads the configuration again. Without an error its services take the
  /// place of those there are: new ones start, removed ones stop and keep their
  /// queues, changed ones use their new settings from the next attempt on. What
  /// concerns listening and the store stays as it was. Writes what it found to
  /// the log. May be called from any thread; reloads follow each other.
  reload_report reload();

  /// Leaves the cluster: refuses transactions from now on (or, on a socket that
  /// was passed to it, leaves connections to others), and waits until what is
  /// open has been answered and given back, at most drain_timeout.
  void drain();

  /// Closes the listeners, after drain().
  void close();

  /// Writes the actor dump to the log, a line an actor.
  void log_dump();

  /// Where it listens: the bound port, for a configured port 0.
  std::uint16_t listen_port() const;
  std::uint16_t admin_port() const;

private:
  node();

  caf::error open_store();
  caf::error spawn_actors();
  caf::error open_listeners();
  /// After the admin API, whose directory the gate looks services up in.
  caf::error open_links();

  /// Takes the services of `what`. Errors: those of the store, or draining;
  /// then nothing has changed.
  caf::error take_services(loaded what, reload_report& done);

  /// This node's session. Errors: lease_held (a process runs under its name).
  caf::expected<session> open_session();
  /// Spawns the cluster actor, which takes the leases.
  void join(session_no mine, std::chrono::milliseconds opened,
            const directory_ptr& services);

  /// The services of `setup_`, enrolled, with the actors that `running` has
  /// already; the others are spawned, and stand by until they get a lease.
  caf::expected<directory_ptr> make_directory();
  service_actor spawn_service(service_no number, service_config_ptr config);
  caf::expected<std::shared_ptr<const feed_directory>>
  make_feeds(const directory& services) const;

  /// Held by a reload, and while draining.
  std::mutex reloading_;
  std::function<loaded()> reread_;
  loaded setup_;
  std::shared_ptr<storage::store> store_;
  std::shared_ptr<store_health> health_ = std::make_shared<store_health>();
  census_ptr census_ = std::make_shared<census>();
  caf::actor_system_config actor_config_;
  std::unique_ptr<caf::actor_system> sys_;
  storage_actor writer_;
  pool_actor pool_;
  sorter_actor sorter_;
  courier_actor courier_;
  tracer_actor tracer_;
  std::shared_ptr<trace_backlog> backlog_ = std::make_shared<trace_backlog>();
  intake_actor intake_;
  metrics_actor metrics_;
  cluster_actor cluster_;
  cluster_board_ptr cluster_board_ = std::make_shared<cluster_board>();
  cluster_listener watch_;
  /// For the jitter of each service. One seed for all: that of the kernel is
  /// too slow to be asked thousands of times.
  std::minstd_rand seeds_{std::random_device{}()};
  /// By service id.
  std::map<std::string, service_actor> running_;
  std::unique_ptr<feed_api> feeds_;
  std::unique_ptr<admin_api> admin_;
  /// Null where the node has no links to others.
  std::unique_ptr<node_links> links_;
  /// Both listeners are open.
  std::atomic<bool> serving_{false};
  std::atomic<bool> draining_{false};
  std::unique_ptr<listener> feed_listener_;
  std::unique_ptr<listener> admin_listener_;
};

} // namespace posthorn

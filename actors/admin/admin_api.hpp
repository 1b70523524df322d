// SPDX-License-Identifier: Apache-2.0
// The admin API: what operators see and order.
#pragma once

#include "actors/admin/dead_api.hpp"
#include "actors/admin/dump_report.hpp"
#include "actors/admin/exposition.hpp"
#include "actors/admin/reload_report.hpp"
#include "actors/admin/trace_api.hpp"
#include "actors/cluster/peer_watch.hpp"
#include "actors/intake/credentials.hpp"
#include "actors/intake/query_gate.hpp"
#include "actors/protocols.hpp"
#include "actors/sorter/directory.hpp"

#include <caf/actor_system.hpp>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace posthorn {

/// What the admin API is given to show.
struct admin_wiring {
  std::string node;
  std::string version;
  std::shared_ptr<const storage::store> store;
  metrics_actor metrics;
  /// What the store tells of the cluster.
  cluster_board_ptr cluster;
  /// Where the node's sums are counted.
  census_ptr all;
  sorter_actor sorter;
  /// The homeserver's name: whose users and aliases an import is about.
  std::string server_name;
  storage_actor writer;
  /// What this node remembers of deliveries.
  tracer_actor tracer;
  /// None: no token is asked for (loopback or unix socket only).
  std::optional<token_digest> admin_token;
  /// Nothing when the node takes transactions, else why not.
  std::function<std::optional<std::string>()> not_ready;
  /// Reads the configuration again and takes it where it has no error. May
  /// block; called on any thread.
  std::function<reload_report()> reload;
  /// Those that are open, by name; empty while starting.
  std::function<std::vector<std::pair<std::string, const listener_counters*>>()>
    listeners;
  /// Of the feeds' queries.
  const query_gate* queries = nullptr;
};

/// Answers requests on `admin`. Thread-safe. JSON keys are stable: scripts rely
/// on them.
class admin_api {
public:
  admin_api(caf::actor_system& sys, admin_wiring wiring,
            directory_ptr services);

  /// Has orders and the dump go to the other nodes, too. Before the first
  /// request.
  void link(links_actor links, link_board_ptr board);

  /// From now on these are the services.
  void replace(directory_ptr services);

  void handle(httplib::Request& request, httplib::Response& response);

  /// The service's actor of this node, which may be standing by.
  service_actor actor_of(const std::string& id) const;

  /// The actor that delivers to a service, if this node has the lease.
  service_actor service_here(const std::string& id) const;

  /// The actor dump of the whole cluster; the same as /admin/v1/actors.
  nlohmann::json dump();

  /// "ready", or why the node takes no transactions.
  std::string state() const;

  /// Since the node began.
  std::chrono::milliseconds uptime() const;

private:
  directory_ptr services() const;
  nlohmann::json services_json(const std::vector<service_row>& rows) const;

  void health(const std::string& path, httplib::Response& response) const;
  void list_services(const std::string& id, httplib::Response& response) const;
  void order(const std::string& id, const std::string& verb,
             httplib::Response& response);
  /// Carries an order out, wherever the service is delivered.
  void carry_out(const posthorn::order& what, httplib::Response& response);
  /// Has this node's actor carry it out, which asks the owner through the store
  /// where it stands by.
  void order_here(const service_actor& actor, const posthorn::order& what,
                  httplib::Response& response);
  /// Has another node carry it out. False: none that delivers to the service
  /// was found, and nothing is answered yet; `problem` says who did not answer.
  bool order_elsewhere(const posthorn::order& what, std::string& problem,
                       httplib::Response& response);
  void show_store(httplib::Response& response) const;
  void import_rooms(const httplib::Request& request,
                    httplib::Response& response);
  /// The answer to an import where another node sorts: who, and where it is.
  void name_sorter(httplib::Response& response) const;
  void show_metrics(httplib::Response& response);
  void reload(httplib::Response& response);
  void show_status(const httplib::Request& request,
                   httplib::Response& response);
  dump_sources sources() const;

  caf::actor_system& sys_;
  admin_wiring wiring_;
  /// Invalid and null where the node has no links to others.
  links_actor links_;
  link_board_ptr board_;
  std::chrono::steady_clock::time_point started_;
  exposition exposition_;
  dead_api dead_;
  trace_api trace_;
  mutable std::mutex mutex_;
  directory_ptr services_;
  /// When they were last replaced.
  std::chrono::system_clock::time_point configured_;
};

/// A service as the admin API shows it: its row in the store, and whether it is
/// configured. Ages and pauses are seconds from `now`.
nlohmann::json to_json(const service_row& row, const service_config* config,
                       std::chrono::system_clock::time_point now);

} // namespace posthorn

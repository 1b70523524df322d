// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/node/links_setup.hpp"

#include "actors/cluster/link.hpp"
#include "actors/cluster/links.hpp"
#include "actors/cluster/probe_address.hpp"

#include <caf/exit_reason.hpp>
#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>
#include <caf/openssl/publish.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <random>
#include <utility>

namespace posthorn {

namespace {

using std::chrono::milliseconds;

/// CAF's defaults are 0: a peer that is frozen would never be noticed. Both
/// ends must have both, since a healthy idle link is cut by a timeout here
/// without heartbeats there; so neither can be configured.
constexpr caf::timespan heartbeat{milliseconds{500}};
constexpr caf::timespan silence_max{milliseconds{3'000}};

constexpr milliseconds probe_patience{1'000};

caf::actor broker_of(caf::actor_system& sys, bool tls) {
  return caf::actor_cast<caf::actor>(tls ? sys.openssl_manager().actor_handle()
                                         : sys.middleman().actor_handle());
}

/// The one place that chooses between plain and TLS: CAF's own publish() stays
/// plain whatever is loaded.
caf::expected<std::uint16_t> publish(caf::actor_system& sys,
                                     const gate_actor& gate,
                                     const listen_address& where, bool tls) {
  const char* host = where.host.c_str();
  if (tls)
    return caf::openssl::publish(gate, where.port, host, true);
  return sys.middleman().publish(gate, where.port, host, true);
}

} // namespace

void node_links::spawn_links(caf::actor_system& sys, const census_ptr& all,
                             const cluster_settings& cluster, const peer& own,
                             const std::string& version) {
  links_wiring wiring;
  wiring.own = own;
  for (const auto& one : cluster.peers)
    wiring.addresses.push_back(to_string(one));
  wiring.board = board_;
  link_wiring each;
  each.own = own;
  each.version = version;
  each.own_gate = gate_;
  each.broker = broker_of(sys, cluster.tls.has_value());
  each.board = board_;
  each.probe = [](const std::string& host, std::uint16_t port) {
    return probe_address(host, port, probe_patience);
  };
  wiring.spawn_link = [&sys, all, each](const peer& to) {
    auto link = each;
    link.to = to;
    link.spread
      = [generator = std::mt19937_64{std::random_device{}()}]() mutable {
          return std::uniform_real_distribution<double>{0.0, 1.0}(generator);
        };
    return sys.spawn<caf::detached>(link_to, all, std::move(link));
  };
  links_ = sys.spawn<caf::detached>(links, all, std::move(wiring));
}

void node_links::prepare(caf::actor_system_config& config,
                         const node_config& node) {
  if (!node.cluster)
    return;
  config.add_message_types<caf::id_block::posthorn_links>();
  config.load<caf::io::middleman>();
  config.set("middleman.heartbeat-interval", heartbeat);
  config.set("middleman.connection-timeout", silence_max);
  // None: what comes is read by the network's own thread and not by a
  // scheduler worker, all of which may be busy.
  config.set("middleman.workers", std::size_t{0});
  if (!node.cluster->tls)
    return;
  // All three, always: without a certificate CAF would speak TLS with anybody.
  config.load<caf::openssl::manager>();
  config.openssl_certificate = node.cluster->tls->certificate;
  config.openssl_key = node.cluster->tls->key;
  config.openssl_cafile = node.cluster->tls->ca;
}

caf::expected<std::unique_ptr<node_links>>
node_links::start(caf::actor_system& sys, const census_ptr& all,
                  const node_config& node, gate_wiring answers) {
  std::unique_ptr<node_links> result;
  if (!node.cluster)
    return result;
  const auto& cluster = *node.cluster;
  const bool tls = cluster.tls.has_value();
  result.reset(new node_links);
  const peer own{node.name, to_string(cluster.advertise)};
  // Nobody can greet before the gate is published below.
  const auto greeted = std::make_shared<links_actor>();
  answers.address = own.address;
  answers.greeted
    = [greeted](const greeting& who) { caf::anon_send(*greeted, who); };
  result->gate_ = sys.spawn<caf::detached>(gate, all, answers);
  result->spawn_links(sys, all, cluster, own, answers.version);
  *greeted = result->links_;
  const auto port = publish(sys, result->gate_, cluster.listen, tls);
  if (!port)
    return fault(ec::bad_address,
                 "cluster.listen: " + to_string(cluster.listen)
                   + " cannot be listened on: " + text_of(port.error()));
  spdlog::info("node {}: open to other nodes on {}{}", node.name,
               to_string(cluster.listen), tls ? " with TLS" : "");
  return result;
}

node_links::~node_links() {
  if (links_)
    caf::anon_send_exit(links_, caf::exit_reason::user_shutdown);
  if (!gate_)
    return;
  // It answers with what the node owns, which may end after this.
  caf::scoped_actor self{gate_.home_system()};
  self->send_exit(gate_, caf::exit_reason::user_shutdown);
  self->wait_for(gate_);
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/node/links_setup.hpp"

#include "actors/cluster/link.hpp"
#include "actors/cluster/links.hpp"
#include "actors/cluster/probe_address.hpp"

#include <caf/exit_reason.hpp>
#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>
#include <caf/openssl/publish.hpp>
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
  return caf::actor_cast<caf::actor>(
    tls ? sys.openssl_manager().actor_handle()
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
  result->gate_ = sys.spawn<caf::detached>(gate, all, answers);
  const auto port = publish(sys, result->gate_, cluster.listen, tls);
  if (!port)
    return fault(ec::bad_address, "cluster.listen: " + to_string(cluster.listen)
                                    + " cannot be listened on: "
                                    + text_of(port.error()));
  links_wiring wiring;
  wiring.own = {node.name, to_string(cluster.advertise)};
  for (const auto& one : cluster.peers)
    wiring.addresses.push_back(to_string(one));
  wiring.board = result->board_;
  wiring.spawn_link = [&sys, all, node = node.name,
                       version = answers.version,
                       board = result->board_, tls](const peer& to) {
    link_wiring link;
    link.node = node;
    link.version = version;
    link.to = to;
    link.broker = broker_of(sys, tls);
    link.probe = [](const std::string& host, std::uint16_t port) {
      return probe_address(host, port, probe_patience);
    };
    link.spread = [generator = std::mt19937_64{std::random_device{}()}]() mutable {
      return std::uniform_real_distribution<double>{0.0, 1.0}(generator);
    };
    link.board = board;
    return sys.spawn<caf::detached>(link_to, all, std::move(link));
  };
  result->links_ = sys.spawn<caf::detached>(links, all, std::move(wiring));
  spdlog::info("node {}: open to other nodes on {}{}", node.name,
               to_string(cluster.listen), tls ? " with TLS" : "");
  return result;
}

node_links::~node_links() {
  if (links_)
    caf::anon_send_exit(links_, caf::exit_reason::user_shutdown);
  if (gate_)
    caf::anon_send_exit(gate_, caf::exit_reason::user_shutdown);
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/listener.hpp"

#include "actors/listener/reactor.hpp"
#include "actors/listener/sockets.hpp"

#include <utility>

namespace posthorn {

listener::listener(std::unique_ptr<inbound::reactor> reactor)
  : reactor_(std::move(reactor)) {}

listener::~listener() {
  stop();
}

std::uint16_t listener::port() const {
  return reactor_->port();
}

void listener::stop_accepting() {
  reactor_->stop_accepting();
}

void listener::stop(std::chrono::milliseconds grace) {
  reactor_->stop(grace);
}

const listener_counters& listener::counters() const {
  return reactor_->counters();
}

caf::expected<std::unique_ptr<listener>> listen(const std::string& address,
                                                const listener_limits& limits,
                                                http_handler handler,
                                                bool reuse_port) {
  auto sockets = inbound::open_sockets(address, reuse_port);
  if (!sockets)
    return std::move(sockets.error());
  auto reactor = std::make_unique<inbound::reactor>(std::move(*sockets), limits,
                                                    std::move(handler));
  if (auto failed = reactor->start())
    return failed;
  return std::make_unique<listener>(std::move(reactor));
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/loopback.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace posthorn::bench {

namespace {

/// Connections that may wait to be accepted.
constexpr int backlog = 512;

sockaddr_in address_of(std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return result;
}

sockaddr* generic(sockaddr_in& address) {
  return reinterpret_cast<sockaddr*>(&address);
}

caf::error control(const descriptor& poll, int how, int fd,
                   std::uint32_t events, std::uint64_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  if (epoll_ctl(poll.get(), how, fd, &event) == 0)
    return caf::none;
  return os_fault(ec::overloaded, "cannot watch a socket");
}

} // namespace

descriptor::~descriptor() {
  if (fd_ != -1)
    ::close(fd_);
}

caf::expected<bound_socket> bind_loopback() {
  bound_socket result;
  result.fd = descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  auto address = address_of(0);
  socklen_t size = sizeof(address);
  if (result.fd.get() == -1
      || ::bind(result.fd.get(), generic(address), size) != 0
      || ::getsockname(result.fd.get(), generic(address), &size) != 0)
    return os_fault(ec::bad_address, "no free port on 127.0.0.1");
  result.port = ntohs(address.sin_port);
  return result;
}

caf::error listen_on(const bound_socket& socket) {
  tune_connection(socket.fd.get());
  if (::listen(socket.fd.get(), backlog) == 0)
    return caf::none;
  return os_fault(ec::bad_address,
                  "cannot listen on 127.0.0.1:" + std::to_string(socket.port));
}

caf::expected<descriptor> connect_loopback(std::uint16_t port) {
  descriptor result{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  auto address = address_of(port);
  if (result.get() == -1
      || ::connect(result.get(), generic(address), sizeof(address)) != 0)
    return os_fault(ec::bad_address,
                    "cannot connect to 127.0.0.1:" + std::to_string(port));
  tune_connection(result.get());
  return result;
}

void tune_connection(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

caf::expected<descriptor> make_epoll() {
  descriptor result{::epoll_create1(EPOLL_CLOEXEC)};
  if (result.get() == -1)
    return os_fault(ec::overloaded, "cannot wait for sockets");
  return result;
}

caf::error watch(const descriptor& poll, int fd, std::uint32_t events,
                 std::uint64_t tag) {
  return control(poll, EPOLL_CTL_ADD, fd, events, tag);
}

caf::error watch_again(const descriptor& poll, int fd, std::uint32_t events,
                       std::uint64_t tag) {
  return control(poll, EPOLL_CTL_MOD, fd, events, tag);
}

caf::error os_fault(ec code, const std::string& doing) {
  return fault(code, doing + ": " + std::generic_category().message(errno));
}

std::uint64_t steady_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000
         + static_cast<std::uint64_t>(now.tv_nsec);
}

} // namespace posthorn::bench

// SPDX-License-Identifier: Apache-2.0
#include "actors/cluster/probe_address.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace posthorn {

namespace {

/// errno of the attempt at one address; 0: it was taken.
int knock(const addrinfo& at, std::chrono::milliseconds patience) {
  const int fd
    = ::socket(at.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return errno;
  int result = 0;
  if (::connect(fd, at.ai_addr, at.ai_addrlen) != 0)
    result = errno;
  if (result == EINPROGRESS) {
    pollfd waiting{fd, POLLOUT, 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) != 1) {
      result = ETIMEDOUT;
    } else {
      socklen_t size = sizeof(result);
      ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &size);
    }
  }
  ::close(fd);
  return result;
}

} // namespace

caf::error probe_address(const std::string& host, std::uint16_t port,
                         std::chrono::milliseconds patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const auto service = std::to_string(port);
  if (const int why
      = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found))
    return fault(ec::bad_address, host + ": " + ::gai_strerror(why));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all{
    found, &::freeaddrinfo};
  int why = EHOSTUNREACH;
  for (const auto* one = found; one != nullptr; one = one->ai_next) {
    why = knock(*one, patience);
    if (why == 0)
      return {};
  }
  return fault(ec::bad_address, "nobody answers at " + host + ":" + service
                                  + ": " + std::strerror(why));
}

} // namespace posthorn

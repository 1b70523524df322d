// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/sockets.hpp"

#include "messages/errors.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace posthorn::inbound {

namespace {

constexpr int backlog = 4096;

// The first descriptor that systemd passes; sd_listen_fds(3).
constexpr int first_passed = 3;

using opened = caf::expected<listening_sockets>;

caf::error cannot(const std::string& address, const std::string& why) {
  return fault(ec::bad_address, "cannot listen on " + address + ": " + why);
}

caf::error cannot(const std::string& address, int code) {
  return cannot(address, std::string{std::strerror(code)});
}

std::optional<int> number(std::string_view text, int max) {
  int result = 0;
  auto* end = text.data() + text.size();
  auto [stop, code] = std::from_chars(text.data(), end, result);
  if (text.empty() || stop != end || code != std::errc{} || result < 0
      || result > max)
    return std::nullopt;
  return result;
}

// -- inherited
// ------------------------------------------------------------------

opened adopt(const std::string& address, int descriptor) {
  int listening = 0;
  socklen_t size = sizeof(listening);
  if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0)
    return cannot(address, errno);
  if (listening == 0)
    return cannot(address, "descriptor " + std::to_string(descriptor)
                             + " is not a listening socket");
  auto flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0
      || fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0)
    return cannot(address, errno);
  listening_sockets result;
  result.add(descriptor);
  return result;
}

std::string_view variable(const char* name) {
  auto* value = std::getenv(name);
  return value != nullptr ? value : "";
}

opened adopt_from_systemd(const std::string& address) {
  auto count = number(variable("LISTEN_FDS"), 1'000'000);
  if (number(variable("LISTEN_PID"), 0x7fff'ffff) != getpid() || !count
      || *count == 0)
    return cannot(address, "systemd passed no socket to this process "
                           "(LISTEN_PID, LISTEN_FDS)");
  if (address == "systemd")
    return adopt(address, first_passed);
  auto wanted = std::string_view{address}.substr(sizeof("systemd:") - 1);
  auto names = variable("LISTEN_FDNAMES");
  for (auto index = 0; index < *count; ++index) {
    auto colon = names.find(':');
    if (names.substr(0, colon) == wanted)
      return adopt(address, first_passed + index);
    if (colon == names.npos)
      break;
    names.remove_prefix(colon + 1);
  }
  return cannot(address, "systemd passed no socket of that name "
                         "(LISTEN_FDNAMES)");
}

// -- Unix
// -----------------------------------------------------------------------

// Whether the socket file at `where` has a listener. 0: it has none, or is not
// there; else the reason why it cannot be taken.
int occupied(const sockaddr_un& where) {
  struct stat info {};

  if (lstat(where.sun_path, &info) != 0)
    return errno == ENOENT ? 0 : errno;
  if (!S_ISSOCK(info.st_mode))
    return EEXIST;
  auto probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0)
    return errno;
  auto failed
    = connect(probe, reinterpret_cast<const sockaddr*>(&where), sizeof(where))
      != 0;
  auto code = errno;
  close(probe);
  if (failed && code == ECONNREFUSED)
    return unlink(where.sun_path) == 0 ? 0 : errno;
  return EADDRINUSE;
}

opened open_unix(const std::string& address) {
  auto path = address.substr(sizeof("unix:") - 1);
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(where.sun_path))
    return cannot(address, "the path must have 1 to 107 bytes");
  std::memcpy(where.sun_path, path.c_str(), path.size() + 1);
  if (auto code = occupied(where))
    return cannot(address, code);
  listening_sockets result;
  auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return cannot(address, errno);
  result.add(fd);
  // Before bind(): Linux gives the file this mode, so that it is never open to
  // others, not even for an instant.
  if (fchmod(fd, 0600) != 0
      || bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof(where)) != 0
      || ::listen(fd, backlog) != 0)
    return cannot(address, errno);
  result.remember_file(std::move(path));
  return result;
}

// -- TCP
// ------------------------------------------------------------------------

struct free_addresses {
  void operator()(addrinfo* list) const {
    freeaddrinfo(list);
  }
};

struct host_and_port {
  std::string host;
  std::string port;
};

std::optional<host_and_port> split(const std::string& address) {
  auto colon = address.rfind(':');
  if (colon == std::string::npos || !number(address.substr(colon + 1), 65535))
    return std::nullopt;
  auto host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string::npos)
    return std::nullopt;
  return host_and_port{host, address.substr(colon + 1)};
}

// Whether the list holds the address of `last` before it: /etc/hosts may name
// one twice.
bool repeated(const addrinfo* list, const addrinfo* last) {
  for (; list != last; list = list->ai_next)
    if (list->ai_addrlen == last->ai_addrlen
        && std::memcmp(list->ai_addr, last->ai_addr, last->ai_addrlen) == 0)
      return true;
  return false;
}

// Opens one socket. 0, or the reason why not.
int open_tcp(const addrinfo& where, bool alone, bool reuse_port,
             listening_sockets& to) {
  auto fd
    = socket(where.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return errno;
  auto on = 1;
  auto set = [&](int level, int option) {
    return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
  };
  // [::] alone also takes IPv4; beside 0.0.0.0 it must not.
  auto six = where.ai_family == AF_INET6 && !alone;
  if (!set(SOL_SOCKET, SO_REUSEADDR)
      || (reuse_port && !set(SOL_SOCKET, SO_REUSEPORT))
      || (six && !set(IPPROTO_IPV6, IPV6_V6ONLY))
      || bind(fd, where.ai_addr, where.ai_addrlen) != 0
      || ::listen(fd, backlog) != 0) {
    auto code = errno;
    close(fd);
    return code;
  }
  to.add(fd);
  return 0;
}

void set_port(addrinfo& where, std::uint16_t port) {
  if (where.ai_family == AF_INET)
    reinterpret_cast<sockaddr_in*>(where.ai_addr)->sin_port = htons(port);
  else if (where.ai_family == AF_INET6)
    reinterpret_cast<sockaddr_in6*>(where.ai_addr)->sin6_port = htons(port);
}

opened open_inet(const std::string& address, bool reuse_port) {
  auto parts = split(address);
  if (!parts)
    return cannot(address,
                  "not of the form host:port, [address]:port, unix:/path, "
                  "fd:N, systemd or systemd:NAME");
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  auto any = parts->host.empty() || parts->host == "*";
  addrinfo* found = nullptr;
  auto code = getaddrinfo(any ? nullptr : parts->host.c_str(),
                          parts->port.c_str(), &hints, &found);
  if (code != 0)
    return cannot(address, std::string{gai_strerror(code)});
  std::unique_ptr<addrinfo, free_addresses> list{found};
  listening_sockets result;
  for (auto* each = found; each != nullptr; each = each->ai_next) {
    // With port 0, all addresses of a host get the port of the first.
    if (!result.descriptors().empty())
      set_port(*each, result.port());
    if (repeated(found, each))
      continue;
    auto failed
      = open_tcp(*each, found->ai_next == nullptr, reuse_port, result);
    auto absent = failed == EAFNOSUPPORT || failed == EADDRNOTAVAIL;
    if (failed != 0 && (!absent || found->ai_next == nullptr))
      return cannot(address, failed);
  }
  if (result.descriptors().empty())
    return cannot(address, EADDRNOTAVAIL);
  return result;
}

} // namespace

// -- listening_sockets
// ------------------------------------------------------------

listening_sockets::listening_sockets(listening_sockets&& other) noexcept
  : descriptors_(std::exchange(other.descriptors_, {})),
    path_(std::exchange(other.path_, {})), device_(other.device_),
    inode_(other.inode_) {}

listening_sockets&
listening_sockets::operator=(listening_sockets&& other) noexcept {
  close_all();
  descriptors_ = std::exchange(other.descriptors_, {});
  path_ = std::exchange(other.path_, {});
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

listening_sockets::~listening_sockets() {
  close_all();
}

std::uint16_t listening_sockets::port() const {
  sockaddr_storage where{};
  socklen_t size = sizeof(where);
  if (descriptors_.empty()
      || getsockname(descriptors_.front(), reinterpret_cast<sockaddr*>(&where),
                     &size)
           != 0)
    return 0;
  if (where.ss_family == AF_INET)
    return ntohs(reinterpret_cast<sockaddr_in&>(where).sin_port);
  if (where.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<sockaddr_in6&>(where).sin6_port);
  return 0;
}

void listening_sockets::close_all() {
  for (auto descriptor : descriptors_)
    close(descriptor);
  descriptors_.clear();

  struct stat info {};

  if (!path_.empty() && lstat(path_.c_str(), &info) == 0
      && info.st_dev == device_ && info.st_ino == inode_)
    unlink(path_.c_str());
  path_.clear();
}

void listening_sockets::add(int descriptor) {
  descriptors_.push_back(descriptor);
}

void listening_sockets::remember_file(std::string path) {
  struct stat info {};

  if (lstat(path.c_str(), &info) != 0)
    return;
  path_ = std::move(path);
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

caf::expected<listening_sockets> open_sockets(const std::string& address,
                                              bool reuse_port) {
  if (address == "systemd" || address.starts_with("systemd:"))
    return adopt_from_systemd(address);
  if (address.starts_with("unix:"))
    return open_unix(address);
  if (address.starts_with("fd:")) {
    auto descriptor = number(address.substr(sizeof("fd:") - 1), 1'000'000);
    return descriptor ? adopt(address, *descriptor)
                      : cannot(address, "not a descriptor's number");
  }
  return open_inet(address, reuse_port);
}

} // namespace posthorn::inbound

// SPDX-License-Identifier: Apache-2.0
// A server for tests that does to its clients whatever a script says: real
// sockets on loopback or on a path, one thread a connection.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace posthorn::testing {

/// A request as it came.
struct peer_request {
  /// Request line and headers.
  std::string head;
  std::string body;
  /// Number of the connection that it came on, from 1.
  int connection = 0;
};

class http_peer {
public:
  /// What a script can do with one connection. It is closed when the script
  /// returns.
  class connection {
  public:
    connection(http_peer& owner, int fd, int number)
      : owner_{owner}, fd_{fd}, number_{number} {}

    /// The connection's number, from 1.
    int number() const {
      return number_;
    }

    /// Reads and notes one request; nothing once the client has closed.
    std::optional<peer_request> read() {
      peer_request result;
      result.connection = number_;
      auto end = std::string::npos;
      while ((end = pending_.find("\r\n\r\n")) == std::string::npos)
        if (!receive())
          return std::nullopt;
      result.head = pending_.substr(0, end + 2);
      pending_.erase(0, end + 4);
      const auto size = content_length(result.head);
      while (pending_.size() < size)
        if (!receive())
          return std::nullopt;
      result.body = pending_.substr(0, size);
      pending_.erase(0, size);
      owner_.note(result);
      return result;
    }

    /// Reads only until the headers are there; the body is left in the socket.
    bool read_head() {
      while (pending_.find("\r\n\r\n") == std::string::npos)
        if (!receive(512))
          return false;
      return true;
    }

    /// Sends bytes as they are. False once the client has closed.
    bool write(std::string_view bytes) {
      while (!bytes.empty()) {
        const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0)
          return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      }
      return true;
    }

    /// Sends a whole answer; `extra` are header lines, each with its CRLF.
    bool reply(int status, std::string_view body = "{}",
               std::string_view extra = "") {
      std::string all = "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
      all.append(extra).append("Content-Length: ");
      all.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
      return write(all);
    }

    /// Waits; false, and at once, when the client has closed.
    bool wait(std::chrono::milliseconds span) {
      pollfd poll_{fd_, POLLRDHUP, 0};
      return ::poll(&poll_, 1, static_cast<int>(span.count())) == 0;
    }

    /// Does nothing until the client closes.
    void hang() {
      while (wait(std::chrono::seconds{1}))
        ;
    }

    /// Makes the close a reset.
    void reset() {
      linger now{1, 0};
      ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }

  private:
    bool receive(std::size_t most = 65536) {
      char buffer[65536];
      const auto got = ::recv(fd_, buffer, std::min(most, sizeof(buffer)), 0);
      if (got <= 0)
        return false;
      pending_.append(buffer, static_cast<std::size_t>(got));
      return true;
    }

    static std::size_t content_length(const std::string& head) {
      constexpr std::string_view name = "\r\nContent-Length: ";
      const auto at = head.find(name);
      return at == std::string::npos
               ? 0
               : std::strtoul(head.c_str() + at + name.size(), nullptr, 10);
    }

    http_peer& owner_;
    int fd_;
    int number_;
    std::string pending_;
  };

  using script = std::function<void(connection&)>;

  /// Listens on a free port of 127.0.0.1, or on `socket_path`.
  explicit http_peer(script what, std::string socket_path = {})
    : script_{std::move(what)}, path_{std::move(socket_path)} {
    fd_ = path_.empty() ? bound_port(port_) : bound_path(path_);
    must(::listen(fd_, 1024) == 0);
    acceptor_ = std::thread{[this] { run(); }};
  }

  http_peer(const http_peer&) = delete;
  http_peer& operator=(const http_peer&) = delete;

  /// Ends all connections.
  ~http_peer() {
    ::shutdown(fd_, SHUT_RDWR);
    acceptor_.join();
    {
      std::lock_guard guard{mutex_};
      for (auto fd : open_)
        ::shutdown(fd, SHUT_RDWR);
    }
    for (auto& x : threads_)
      x.join();
    ::close(fd_);
    if (!path_.empty())
      ::unlink(path_.c_str());
  }

  /// Answers every request with `status`, keeping the connection.
  static script answering(int status, std::string body = "{}",
                          std::string extra = "") {
    return [=](connection& c) {
      while (c.read())
        c.reply(status, body, extra);
    };
  }

  /// Reads one request, sends `bytes` and closes.
  static script sending(std::string bytes) {
    return [=](connection& c) {
      c.read();
      c.write(bytes);
    };
  }

  /// The base URL for an exchange.
  std::string base() const {
    return path_.empty() ? "http://127.0.0.1:" + std::to_string(port_)
                         : "unix:" + path_;
  }

  std::uint16_t port() const {
    return port_;
  }

  /// Connections so far.
  int connections() const {
    return accepted_;
  }

  std::vector<peer_request> requests() const {
    std::lock_guard guard{mutex_};
    return requests_;
  }

  /// A socket bound to a free port of 127.0.0.1 and not listening: connections
  /// are refused, and nobody else gets the port.
  static int bound_port(std::uint16_t& port) {
    const auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(where);
    auto* raw = reinterpret_cast<sockaddr*>(&where);
    must(::bind(fd, raw, size) == 0 && ::getsockname(fd, raw, &size) == 0);
    port = ntohs(where.sin_port);
    return fd;
  }

private:
  static void must(bool done) {
    if (!done)
      std::abort();
  }

  static int bound_path(const std::string& path) {
    const auto fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    must(path.size() < sizeof(where.sun_path));
    std::memcpy(where.sun_path, path.data(), path.size());
    ::unlink(path.c_str());
    must(::bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof(where)) == 0);
    return fd;
  }

  void run() {
    for (;;) {
      const auto fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0 && errno == EMFILE) {
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
        continue;
      }
      if (fd < 0)
        return;
      const auto number = ++accepted_;
      std::lock_guard guard{mutex_};
      open_.push_back(fd);
      threads_.emplace_back([this, fd, number] {
        connection c{*this, fd, number};
        script_(c);
        std::lock_guard guard_{mutex_};
        std::erase(open_, fd);
        ::close(fd);
      });
    }
  }

  void note(const peer_request& what) {
    std::lock_guard guard{mutex_};
    requests_.push_back(what);
  }

  script script_;
  std::string path_;
  std::uint16_t port_ = 0;
  int fd_ = -1;
  std::atomic<int> accepted_{0};
  mutable std::mutex mutex_;
  std::vector<int> open_;
  std::vector<peer_request> requests_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

} // namespace posthorn::testing

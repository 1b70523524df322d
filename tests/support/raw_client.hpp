// SPDX-License-Identifier: Apache-2.0
// A client that sends exactly the bytes it is told to.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace posthorn::test {

/// What a server answered.
struct raw_answer {
  /// 0 when the connection ended before an answer.
  int status = 0;
  std::string head;
  std::string body;
};

/// One connection. Reads give up after ten seconds, so that a test fails and
/// does not hang.
class raw_client {
public:
  /// Connects to 127.0.0.1.
  explicit raw_client(std::uint16_t port)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    open(reinterpret_cast<sockaddr*>(&to), sizeof(to));
  }

  /// Connects to a Unix socket.
  explicit raw_client(const std::string& path)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof(to.sun_path));
    std::memcpy(to.sun_path, path.c_str(), path.size() + 1);
    open(reinterpret_cast<sockaddr*>(&to), sizeof(to));
  }

  raw_client(raw_client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), read_(std::move(other.read_)) {
  }

  ~raw_client() {
    if (socket_ >= 0)
      ::close(socket_);
  }

  /// False when the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0)
        return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Says that nothing more will be sent.
  void finish() {
    ::shutdown(socket_, SHUT_WR);
  }

  /// The next answer, by its Content-Length.
  raw_answer receive() {
    raw_answer result;
    auto end = std::string::npos;
    while ((end = read_.find("\r\n\r\n")) == std::string::npos)
      if (!more())
        return result;
    result.head = read_.substr(0, end + 2);
    read_.erase(0, end + 4);
    result.status = std::stoi(result.head.substr(9, 3));
    constexpr std::string_view name = "\r\nContent-Length: ";
    auto at = result.head.find(name);
    auto size = at == std::string::npos
                  ? 0
                  : std::stoul(result.head.substr(at + name.size()));
    while (read_.size() < size)
      if (!more())
        return {};
    result.body = read_.substr(0, size);
    read_.erase(0, size);
    return result;
  }

  /// Sends a request and returns its answer.
  raw_answer ask(std::string_view bytes) {
    send(bytes);
    return receive();
  }

  /// Whether the server closes, with nothing more to say.
  bool closed() {
    return read_.empty() && !more() && ended_;
  }

private:
  void open(const sockaddr* to, socklen_t size) {
    timeval patience{10, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    REQUIRE(::connect(socket_, to, size) == 0);
  }

  bool more() {
    char buffer[65536];
    auto got = ::recv(socket_, buffer, sizeof(buffer), 0);
    ended_ = got == 0;
    if (got <= 0)
      return false;
    read_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  std::string read_;
  bool ended_ = false;
};

} // namespace posthorn::test

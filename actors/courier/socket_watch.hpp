// SPDX-License-Identifier: Apache-2.0
// The sockets of the HTTP client: who uses which, and what happens on them.
#pragma once

#include "messages/errors.hpp"

#include <curl/curl.h>

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

namespace posthorn {

/// What libcurl does not tell of an exchange that failed.
struct parting {
  /// What still lay unread, at most 1 KiB, in the connection when it was
  /// closed. A peer that refuses in the middle of our body and closes makes our
  /// next write fail; libcurl then closes without a look at what the peer had
  /// said.
  std::string unread;
  /// errno of a socket() that failed since the last time, or 0: the process has
  /// too many descriptors open, whichever exchange met it.
  int open_errno = 0;
};

/// epoll with a memory of what each socket is for. All but wake() belongs to
/// the loop's thread.
///
/// It also guards idle connections: whatever comes on one is nobody's answer,
/// but libcurl 7.88 would take it for the next one's, since it only looks
/// whether the peer has closed. Such a connection is made to look closed, and
/// libcurl then replaces it.
class socket_watch {
public:
  /// Called for a socket where something happened, with CURL_CSELECT_* bits.
  using acting = std::function<void(int fd, int action)>;

  socket_watch() = default;
  socket_watch(const socket_watch&) = delete;
  socket_watch& operator=(const socket_watch&) = delete;
  ~socket_watch();

  /// Makes the descriptors. Call once, first. Errors: overloaded.
  caf::error open();

  /// Makes the wait that is under way, or the next one, return. Any thread.
  void wake();

  /// Waits up to `wait_ms` (-1: for ever) and calls `act` for each socket in
  /// use where something happened.
  void wait(int wait_ms, const acting& act);

  /// Makes `easy` call this object when it opens and closes sockets.
  void follow(CURL* easy);

  /// libcurl wants `fd` watched on behalf of `easy`; `what` is CURL_POLL_*.
  /// Whether it is a connection's, and not the resolver's.
  bool want(CURL* easy, int fd, int what);

  /// `easy` has ended, and `fd` was its last socket: if it is still open and
  /// nobody else's by now, it is idle.
  void rest(CURL* easy, int fd);

  /// What was left of `easy`'s sockets, and is not said a second time.
  parting last_of(CURL* easy);

private:
  /// A socket of a connection, from its making to its close.
  struct use {
    /// Null while it belongs to no exchange.
    CURL* user = nullptr;
    /// Kept for a next exchange.
    bool idle = false;
  };

  static curl_socket_t on_open(void* self, curlsocktype, curl_sockaddr* where);
  static int on_close(void* self, curl_socket_t fd);

  void watch(int fd, std::uint32_t events);
  void act_on(int fd, std::uint32_t events, const acting& act);
  void give_up(int fd);
  void listen_once_more(CURL* user, int fd);

  int epoll_ = -1;
  int wake_ = -1;
  std::unordered_map<int, use> sockets_;
  std::unordered_map<CURL*, std::string> last_words_;
  int open_errno_ = 0;
};

} // namespace posthorn

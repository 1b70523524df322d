// SPDX-License-Identifier: Apache-2.0
// What the reactor knows of one connection.
#pragma once

#include "actors/listener/framer.hpp"
#include "actors/listener/responder.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <utility>

namespace posthorn::inbound {

/// A connection. Belongs to the reactor's thread; while it is `working`, one
/// worker may write to its socket, and the reactor neither writes nor closes.
struct connection {
  enum class phase {
    /// Between requests.
    idle,
    /// Part of a request has come.
    receiving,
    /// A worker has the request.
    working,
    /// The client has yet to take the answer's last bytes.
    writing,
    /// The last answer is out; what the client still sends is thrown away.
    lingering,
    /// Gone; freed at the end of the reactor's turn.
    closed,
  };

  connection(std::uint64_t number, int descriptor, peer from,
             const listener_limits& limits)
    : id(number), socket(descriptor), who(std::move(from)), frames(limits) {}

  bool takes_input() const {
    return now == phase::idle || now == phase::receiving;
  }

  /// Bytes that were received and belong to later requests.
  std::string_view waiting_input() const {
    return std::string_view{pending}.substr(pending_at);
  }

  void drop_input(std::size_t size) {
    pending_at += size;
    if (pending_at < pending.size())
      return;
    std::string{}.swap(pending);
    pending_at = 0;
  }

  std::uint64_t id;
  int socket;
  peer who;
  framer frames;
  phase now = phase::idle;
  /// Its place in one of the reactor's lists.
  std::list<connection>::iterator self;
  std::string pending;
  std::size_t pending_at = 0;
  std::string out;
  std::size_t out_at = 0;
  /// Whether the socket may have something to read. epoll says it once.
  bool readable = false;
  /// Whether epoll said something while it was `working`.
  bool heard = false;
  /// Whether the client has closed its side, or the connection broke.
  bool hung_up = false;
  /// Whether the connection ends with the answer that is being written.
  bool last = false;
  /// Its share of the bytes in memory.
  std::size_t charged = 0;
  /// When the current request's first byte came.
  std::chrono::steady_clock::time_point begun;
  std::chrono::steady_clock::time_point deadline;
};

} // namespace posthorn::inbound

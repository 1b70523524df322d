// SPDX-License-Identifier: Apache-2.0
// Turns a complete request into the bytes of its answer.
#pragma once

#include "actors/listener/listener.hpp"
#include "actors/listener/request_head.hpp"

#include <httplib.h>

#include <string>

namespace posthorn::inbound {

/// Who sent a request.
struct peer {
  /// IP address; "unix" for a Unix socket.
  std::string address;
  int port = 0;
};

/// Runs requests through cpp-httplib, of which only what lies between a parsed
/// request and a written answer is used: it never reads a socket, a header or a
/// body. May be called from many threads at once.
class responder : private httplib::Server {
public:
  responder(const listener_limits& limits, http_handler handler);

  /// Calls the handler and returns the whole answer, `Connection: close` in it
  /// if `last`.
  std::string answer(request what, const peer& from, bool last);

private:
  void run(httplib::Request& what, httplib::Response& to) const;

  http_handler handler_;
};

} // namespace posthorn::inbound

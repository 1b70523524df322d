// SPDX-License-Identifier: Apache-2.0
// The thread that owns the listener's sockets.
#pragma once

#include "actors/listener/connection.hpp"
#include "actors/listener/listener_limits.hpp"
#include "actors/listener/responder.hpp"
#include "actors/listener/sockets.hpp"
#include "actors/listener/worker_pool.hpp"

#include <caf/error.hpp>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace posthorn::inbound {

/// Reads, frames and writes all connections on one thread with edge-triggered
/// epoll; complete requests go to workers. A worker writes its answer itself as
/// far as the socket takes it, and hands the rest and the connection back.
/// Public functions may be called from any thread but a worker's.
class reactor {
public:
  reactor(listening_sockets sockets, const listener_limits& limits,
          http_handler handler);

  reactor(const reactor&) = delete;
  reactor& operator=(const reactor&) = delete;

  /// stop() must have been called if start() succeeded.
  ~reactor();

  /// Starts the thread.
  caf::error start();

  std::uint16_t port() const {
    return port_;
  }

  const listener_counters& counters() const {
    return counters_;
  }

  void stop_accepting();

  void stop(std::chrono::milliseconds grace);

private:
  using clock = std::chrono::steady_clock;
  using place = std::list<connection>::iterator;

  // A worker's report.
  struct done {
    std::uint64_t connection = 0;
    // What the socket did not take.
    std::string rest;
    bool last = false;
    bool failed = false;
  };

  // reactor.cpp: the loop, who is in and who is out
  void run();
  int turn_timeout() const;
  void on_event(std::uint64_t id, std::uint32_t events);
  void hear(connection& who);
  void on_commands();
  bool accept_from(int socket);
  void admit(int socket, const sockaddr_storage& from);
  bool give_way();
  void pause_accepting();
  void resume_accepting();
  void end_accepting();
  void begin_drain();
  bool drained() const;
  void sweep();
  void set_deadline(connection& who, clock::time_point when);
  void close_connection(connection& who);
  void wake();

  // reactor_input.cpp
  void read(connection& from);
  bool receive(connection& from, std::size_t& turn_left);
  void advance(connection& who);
  void charge(connection& who);
  void set_charge(connection& who, std::size_t size);
  void dispatch(connection& who);
  void send_continue(connection& who);

  // reactor_output.cpp
  void answer(job& what);
  void take_reports();
  void on_report(done& what);
  void refuse(connection& who, const refusal& what);
  void write(connection& to);
  void answered(connection& who);
  void linger(connection& who);
  void discard(connection& from);

  const listener_limits limits_;
  std::size_t connections_max_;
  listening_sockets sockets_;
  std::uint16_t port_;
  listener_counters counters_;
  responder responder_;
  int epoll_ = -1;
  int wakeup_ = -1;

  clock::time_point now_;
  clock::time_point next_sweep_ = clock::time_point::max();
  clock::time_point resume_at_ = clock::time_point::max();
  std::uint64_t last_id_;
  std::unordered_map<std::uint64_t, place> by_id_;
  // Without a complete request, the longest waiting first.
  std::list<connection> waiting_;
  std::list<connection> working_;
  std::list<connection> dead_;
  // Not read to the end in their last turn.
  std::vector<std::uint64_t> again_;
  std::vector<char> scratch_;
  std::size_t buffered_ = 0;
  bool drain_begun_ = false;

  std::atomic<bool> accepting_{false};
  std::atomic<bool> stop_accepting_{false};
  std::atomic<bool> draining_{false};
  std::atomic<clock::time_point> drain_until_{clock::time_point::max()};
  std::mutex reports_mutex_;
  std::vector<done> reports_;
  // Connections of which something came while a worker had their request.
  std::atomic<std::size_t> working_heard_{0};

  std::thread thread_;
  worker_pool workers_;
};

} // namespace posthorn::inbound

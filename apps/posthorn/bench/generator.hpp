// SPDX-License-Identifier: Apache-2.0
// The homeserver of a load test: one thread sends over several connections.
#pragma once

#include "apps/posthorn/bench/feed_request.hpp"
#include "apps/posthorn/bench/ledger.hpp"
#include "apps/posthorn/bench/loopback.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace posthorn::bench {

/// What is to be sent.
struct load {
  /// Where to, on 127.0.0.1.
  std::uint16_t port = 0;
  /// Connections, each with one request open at a time.
  std::size_t lanes = 4;
  /// Services are numbered from `first_service` on.
  std::size_t first_service = 0;
  std::size_t services = 1;
  std::uint64_t events = 0;
  /// Events of a transaction; the last of a lane may have fewer.
  std::size_t batch = 100;
  /// Each transaction is for one service, the next of a lane for another one.
  /// Otherwise it goes to the catch-all feed and each event is for another
  /// service.
  bool addressed = true;
  /// Events a second over all lanes, each due at its instant whether or not
  /// the ones before have been answered (an open loop; `batch` must be 1).
  /// 0: each lane sends when its last request has been answered.
  double rate = 0;
};

/// Sends a load. An answer other than 200 is a failure.
class generator {
public:
  /// Connects; sends nothing yet. Errors: bad_address, overloaded.
  static caf::expected<std::unique_ptr<generator>>
  open(const event_mould& mould, const load& what);

  generator(const generator&) = delete;
  generator& operator=(const generator&) = delete;

  /// Stops sending and closes the connections.
  ~generator();

  /// Starts the thread that sends.
  void start();

  /// Whether all has been answered, or has failed.
  bool done() const {
    return done_;
  }

  caf::error failure() const;

  /// Events that were answered with 200.
  std::uint64_t acked_events() const {
    return acked_events_;
  }

  /// When the first request was sent, and the newest answered, by steady_ns().
  std::uint64_t first_ns() const {
    return first_ns_;
  }

  std::uint64_t newest_ns() const {
    return newest_ns_;
  }

  /// What was sent, by service and lane. Only when done().
  const lane_counts& sent() const {
    return sent_;
  }

private:
  struct lane {
    explicit lane(feed_request first) : request{std::move(first)} {}

    descriptor fd;
    std::uint16_t number = 0;
    /// Events that are still to be sent.
    std::uint64_t left = 0;
    /// Events and transactions that were sent before.
    std::uint64_t events_before = 0;
    std::uint32_t transactions_before = 0;
    feed_request request;
    std::string_view unsent;
    bool waiting = false;
    bool watched_for_writing = false;
    std::string answer;
  };

  generator(const event_mould& mould, const load& what);

  caf::error connect();
  void run();

  /// Sends all that is due on idle lanes and sets the timer for what is next.
  void send_due(std::uint64_t now);
  std::uint64_t due_ns(const lane& on) const;

  /// Service of the next event of `on`.
  std::uint16_t next_service(const lane& on, std::size_t index) const;

  void send_next(lane& on, std::uint64_t due);
  void push(lane& on);
  void read(lane& on);
  void answered(lane& on);
  void fail(std::string why);

  const event_mould& mould_;
  load what_;
  descriptor poll_;
  descriptor timer_;
  std::vector<lane> lanes_;
  std::vector<stamp> stamps_;
  lane_counts sent_;
  std::uint64_t begin_ns_ = 0;
  std::atomic<std::uint64_t> acked_events_{0};
  std::atomic<std::uint64_t> first_ns_{0};
  std::atomic<std::uint64_t> newest_ns_{0};
  std::atomic<bool> done_{false};
  std::atomic<bool> ending_{false};
  mutable std::mutex mutex_;
  std::string failure_;
  std::thread thread_;
};

} // namespace posthorn::bench

// SPDX-License-Identifier: Apache-2.0
// The loop of the HTTP client: epoll below, libcurl's multi interface on top.
#pragma once

#include "actors/courier/http_client.hpp"
#include "actors/courier/open_exchange.hpp"
#include "actors/courier/socket_watch.hpp"
#include "actors/courier/waiting_line.hpp"

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace posthorn {

/// What runs on the HTTP client's thread. Its cost is that of the sockets where
/// something happens, however many are open; without traffic it sleeps.
class http_loop {
public:
  explicit http_loop(http_client_options options);

  http_loop(const http_loop&) = delete;
  http_loop& operator=(const http_loop&) = delete;

  ~http_loop();

  /// Makes the descriptors and libcurl's multi handle. Call once, before run().
  /// Errors: overloaded.
  caf::error open();

  /// Hands an exchange to the loop; after the end, answers it at once. Any
  /// thread.
  void submit(exchange_ptr what, answered done);

  /// Makes run() cancel what is open and return. Any thread.
  void end();

  /// Works until end().
  void run();

private:
  struct pending {
    std::unique_ptr<open_exchange> work;
    answered done;
    /// The last connection's socket that libcurl used for it.
    int fd = -1;
  };

  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* loop,
                       void*);
  static int on_timer(CURLM*, long timeout_ms, void* loop);

  void set_limits();
  int wait_ms() const;
  void wait_and_act();
  void take_inbox();
  /// Whether somebody waits whose turn it is.
  bool may_begin() const;
  void admit();
  void begin(wanted what);
  void reap();
  void finish(CURL* easy, CURLcode code);
  void cancel_all();
  CURL* take_easy();
  void give_back(CURL* easy, CURLcode code);

  http_client_options options_;
  /// Outlives multi_, which closes its connections through it.
  socket_watch sockets_;
  CURLM* multi_ = nullptr;
  /// When libcurl wants to be called though no socket is ready.
  std::optional<std::chrono::steady_clock::time_point> due_;
  /// At most options_.connections_max; the others wait.
  std::unordered_map<CURL*, pending> open_;
  waiting_line waiting_;
  std::vector<CURL*> spare_;

  std::mutex mutex_;
  /// Guarded by mutex_: what submit() left for the loop.
  std::vector<wanted> inbox_;
  /// Guarded by mutex_.
  bool ending_ = false;
  /// Guarded by mutex_: nothing put into inbox_ would be seen any more.
  bool closed_ = false;
};

} // namespace posthorn

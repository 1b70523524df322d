// SPDX-License-Identifier: Apache-2.0
// Threads that come with the work and go when there is none.
#pragma once

#include "actors/listener/request_head.hpp"
#include "actors/listener/responder.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

namespace posthorn::inbound {

/// A request on its way through a worker.
struct job {
  std::uint64_t connection = 0;
  /// Of the connection, which stays open until the job is done.
  int socket = -1;
  request what;
  peer from;
};

/// Runs jobs, each on a thread of its own, in the order they came. A thread is
/// started when a job finds none idle, and ends after ten idle seconds. The
/// queue is bounded by the connections: each has one job at most.
class worker_pool {
public:
  worker_pool(std::size_t threads_max, std::function<void(job&)> run);

  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  ~worker_pool();

  /// Takes the job over. False, and `what` untouched, when no thread is there
  /// and none can be started.
  bool submit(job& what);

  /// Drops the jobs that wait, and returns when those that run are done.
  void stop();

private:
  void work(std::list<std::thread>::iterator self);
  bool start_thread();

  const std::size_t threads_max_;
  const std::function<void(job&)> run_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<job> queue_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::list<std::thread> threads_;
  // Threads that have ended, or will in a moment: to be joined.
  std::list<std::thread> ended_;
};

} // namespace posthorn::inbound

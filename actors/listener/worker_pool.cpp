// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/worker_pool.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace posthorn::inbound {

namespace {

constexpr std::chrono::seconds idle_max{10};

} // namespace

worker_pool::worker_pool(std::size_t threads_max, std::function<void(job&)> run)
  : threads_max_(std::max<std::size_t>(threads_max, 1)), run_(std::move(run)) {}

worker_pool::~worker_pool() {
  stop();
}

bool worker_pool::submit(job& what) {
  std::list<std::thread> ended;
  {
    std::lock_guard guard{mutex_};
    ended.swap(ended_);
    if (queue_.size() >= idle_ && threads_.size() < threads_max_
        && !start_thread() && threads_.empty())
      return false;
    queue_.push_back(std::move(what));
  }
  more_.notify_one();
  for (auto& each : ended)
    each.join();
  return true;
}

void worker_pool::stop() {
  std::list<std::thread> all;
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
    queue_.clear();
    all.swap(threads_);
    all.splice(all.end(), ended_);
  }
  more_.notify_all();
  for (auto& each : all)
    each.join();
}

bool worker_pool::start_thread() {
  threads_.emplace_back();
  auto self = std::prev(threads_.end());
  try {
    *self = std::thread{[this, self] { work(self); }};
    return true;
  } catch (const std::system_error&) {
    threads_.erase(self);
    return false;
  }
}

void worker_pool::work(std::list<std::thread>::iterator self) {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    ++idle_;
    auto woken = more_.wait_for(
      lock, idle_max, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (stopping_)
      return;
    if (!woken) {
      ended_.splice(ended_.end(), threads_, self);
      return;
    }
    auto mine = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    run_(mine);
    lock.lock();
  }
}

} // namespace posthorn::inbound

// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/generator.hpp"

#include "apps/posthorn/bench/http_head.hpp"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>

namespace posthorn::bench {

namespace {

/// How long the end of the thread may be overlooked.
constexpr int wait_ms = 50;

constexpr std::uint64_t timer_tag = ~std::uint64_t{0};

constexpr double ns_per_second = 1e9;

} // namespace

generator::generator(const event_mould& mould, const load& what)
  : mould_{mould}, what_{what}, sent_{what.first_service + what.services,
                                      what.lanes} {
  assert(what.rate == 0 || what.batch == 1);
  for (std::size_t i = 0; i < what.lanes; ++i) {
    lane fresh{feed_request{mould, what.addressed, what.batch}};
    fresh.number = static_cast<std::uint16_t>(i);
    fresh.left
      = what.events / what.lanes + (i < what.events % what.lanes ? 1 : 0);
    lanes_.push_back(std::move(fresh));
  }
}

caf::expected<std::unique_ptr<generator>>
generator::open(const event_mould& mould, const load& what) {
  std::unique_ptr<generator> result{new generator{mould, what}};
  if (auto why = result->connect())
    return why;
  return result;
}

generator::~generator() {
  ending_ = true;
  if (thread_.joinable())
    thread_.join();
}

caf::error generator::connect() {
  auto poll = make_epoll();
  if (!poll)
    return std::move(poll.error());
  poll_ = std::move(*poll);
  for (auto& each : lanes_) {
    auto fd = connect_loopback(what_.port);
    if (!fd)
      return std::move(fd.error());
    each.fd = std::move(*fd);
    if (auto why = watch(poll_, each.fd.get(), EPOLLIN, each.number))
      return why;
  }
  timer_ = descriptor{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)};
  if (timer_.get() == -1)
    return os_fault(ec::overloaded, "no timer for the generator");
  return watch(poll_, timer_.get(), EPOLLIN, timer_tag);
}

void generator::start() {
  thread_ = std::thread{[this] { run(); }};
}

caf::error generator::failure() const {
  std::lock_guard guard{mutex_};
  return failure_.empty() ? caf::error{} : fault(ec::bad_address, failure_);
}

void generator::fail(std::string why) {
  std::lock_guard guard{mutex_};
  if (failure_.empty())
    failure_ = std::move(why);
  done_ = true;
}

void generator::run() {
  // Timers are to go off when they say, not up to 50 us later.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  begin_ns_ = steady_ns();
  first_ns_ = begin_ns_;
  send_due(begin_ns_);
  std::array<epoll_event, 64> ready{};
  while (!ending_ && !done_) {
    const auto count = ::epoll_wait(poll_.get(), ready.data(),
                                    static_cast<int>(ready.size()), wait_ms);
    for (int i = 0; i < count; ++i) {
      const auto& event = ready[static_cast<std::size_t>(i)];
      if (event.data.u64 == timer_tag) {
        std::uint64_t times = 0;
        [[maybe_unused]] const auto got
          = ::read(timer_.get(), &times, sizeof(times));
        continue;
      }
      auto& on = lanes_[event.data.u64];
      if ((event.events & EPOLLOUT) != 0)
        push(on);
      if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0)
        read(on);
    }
    if (acked_events_ == what_.events)
      done_ = true;
    else
      send_due(steady_ns());
  }
}

std::uint64_t generator::due_ns(const lane& on) const {
  if (what_.rate == 0)
    return 0;
  const auto which = on.events_before * what_.lanes + on.number;
  return begin_ns_
         + static_cast<std::uint64_t>(static_cast<double>(which) * ns_per_second
                                      / what_.rate);
}

void generator::send_due(std::uint64_t now) {
  auto next = ~std::uint64_t{0};
  for (auto& each : lanes_) {
    if (each.waiting || each.left == 0)
      continue;
    const auto due = due_ns(each);
    if (due <= now)
      send_next(each, due);
    else
      next = std::min(next, due);
  }
  if (next == ~std::uint64_t{0})
    return;
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(next / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(next % 1'000'000'000);
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

std::uint16_t generator::next_service(const lane& on, std::size_t index) const {
  auto turn = on.number + on.events_before + index;
  if (what_.addressed)
    turn = on.number + on.transactions_before * what_.lanes;
  return static_cast<std::uint16_t>(what_.first_service
                                    + turn % what_.services);
}

void generator::send_next(lane& on, std::uint64_t due) {
  const auto events = std::min<std::uint64_t>(what_.batch, on.left);
  if (events != on.request.events())
    on.request = feed_request{mould_, what_.addressed, events};
  stamps_.resize(events);
  for (std::size_t i = 0; i < events; ++i) {
    auto& each = stamps_[i];
    each.service = next_service(on, i);
    each.lane = on.number;
    each.number = sent_.at(each.service, on.number)++;
    each.due_ns = due;
  }
  on.unsent = on.request.fill(on.number, on.transactions_before,
                              stamps_.front().service, stamps_);
  on.left -= events;
  on.events_before += events;
  ++on.transactions_before;
  on.waiting = true;
  push(on);
}

void generator::push(lane& on) {
  while (!on.unsent.empty()) {
    const auto sent
      = ::send(on.fd.get(), on.unsent.data(), on.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN)
      break;
    if (sent < 0 && errno != EINTR)
      return fail(text_of(os_fault(ec::bad_address, "cannot send")));
    on.unsent.remove_prefix(
      static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
  }
  const bool wanted = !on.unsent.empty();
  if (wanted == on.watched_for_writing)
    return;
  on.watched_for_writing = wanted;
  const std::uint32_t events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
  if (auto why = watch_again(poll_, on.fd.get(), events, on.number))
    fail(text_of(why));
}

void generator::read(lane& on) {
  std::array<char, 4096> bytes;
  const auto got = ::recv(on.fd.get(), bytes.data(), bytes.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0)
    return fail("the feed's connection was closed while "
                + std::string{on.waiting ? "an answer" : "nothing"}
                + " was awaited");
  on.answer.append(bytes.data(), static_cast<std::size_t>(got));
  const auto head = scan_head(on.answer);
  if (!head || on.answer.size() < head->all_bytes())
    return;
  if (status_of(head->first_line) != 200)
    return fail("a transaction was answered with "
                + std::string{head->first_line} + ": "
                + on.answer.substr(head->head_bytes, 300));
  on.answer.erase(0, head->all_bytes());
  answered(on);
}

void generator::answered(lane& on) {
  acked_events_ += on.request.events();
  newest_ns_ = steady_ns();
  on.waiting = false;
}

} // namespace posthorn::bench

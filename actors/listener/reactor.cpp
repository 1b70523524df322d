// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/reactor.hpp"

#include "messages/errors.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace posthorn::inbound {

namespace {

constexpr std::uint64_t wakeup_id = 0;
constexpr std::size_t scratch_size = std::size_t{64} << 10;
constexpr int accepts_a_turn = 64;

// When no descriptor is left and nobody can give way.
constexpr std::chrono::milliseconds accept_pause{100};

// How long an answered connection may count as being worked on: reports that
// are not urgent wake nobody.
constexpr std::chrono::milliseconds report_patience{1'000};

std::size_t connections_for(const listener_limits& limits) {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0
      || descriptors.rlim_cur == RLIM_INFINITY)
    return limits.connections_max;
  return std::min<std::size_t>(limits.connections_max,
                               descriptors.rlim_cur / 4 * 3);
}

peer peer_of(const sockaddr_storage& from) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (from.ss_family == AF_INET) {
    auto& four = reinterpret_cast<const sockaddr_in&>(from);
    inet_ntop(AF_INET, &four.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(four.sin_port)};
  }
  if (from.ss_family == AF_INET6) {
    auto& six = reinterpret_cast<const sockaddr_in6&>(from);
    inet_ntop(AF_INET6, &six.sin6_addr, text.data(), text.size());
    return {text.data(), ntohs(six.sin6_port)};
  }
  return {"unix", 0};
}

bool watch(int epoll, int socket, std::uint64_t id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) == 0
         || errno == EEXIST;
}

bool no_descriptors(int code) {
  return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

} // namespace

// -- from outside
// -----------------------------------------------------------------

reactor::reactor(listening_sockets sockets, const listener_limits& limits,
                 http_handler handler)
  : limits_(limits), connections_max_(connections_for(limits)),
    sockets_(std::move(sockets)), port_(sockets_.port()),
    responder_(limits_, std::move(handler)),
    last_id_(sockets_.descriptors().size()), scratch_(scratch_size),
    workers_(limits_.workers_max, [this](job& what) { answer(what); }) {}

reactor::~reactor() {
  if (epoll_ >= 0)
    ::close(epoll_);
  if (wakeup_ >= 0)
    ::close(wakeup_);
}

caf::error reactor::start() {
  auto failed = [](const char* what) {
    return fault(ec::bad_address, std::string{"cannot start the listener: "}
                                    + what + ": " + std::strerror(errno));
  };
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0)
    return failed("epoll_create1");
  wakeup_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wakeup_ < 0 || !watch(epoll_, wakeup_, wakeup_id, EPOLLIN))
    return failed("eventfd");
  resume_accepting();
  try {
    accepting_ = true;
    thread_ = std::thread{[this] { run(); }};
  } catch (const std::system_error& error) {
    errno = error.code().value();
    return failed("thread");
  }
  return {};
}

void reactor::stop_accepting() {
  stop_accepting_ = true;
  wake();
  if (thread_.joinable())
    accepting_.wait(true);
}

void reactor::stop(std::chrono::milliseconds grace) {
  if (!thread_.joinable())
    return;
  drain_until_ = clock::now() + grace;
  draining_ = true;
  wake();
  thread_.join();
  workers_.stop();
  // Workers wrote what they could themselves.
  waiting_.splice(waiting_.end(), working_);
  while (!waiting_.empty())
    close_connection(waiting_.front());
  dead_.clear();
}

void reactor::wake() {
  std::uint64_t one = 1;
  // It fails only when the counter is full: then a wake-up is pending anyway.
  [[maybe_unused]] auto ignored = ::write(wakeup_, &one, sizeof(one));
}

// -- the loop
// ---------------------------------------------------------------------

void reactor::run() {
  std::array<epoll_event, 256> events;
  now_ = clock::now();
  while (!drained()) {
    auto count = epoll_wait(epoll_, events.data(),
                            static_cast<int>(events.size()), turn_timeout());
    now_ = clock::now();
    // Who has its answer may have to give way to who comes now.
    take_reports();
    auto unread = std::exchange(again_, {});
    for (auto i = 0; i < count; ++i)
      on_event(events[i].data.u64, events[i].events);
    for (auto id : unread)
      on_event(id, 0);
    take_reports();
    on_commands();
    if (now_ >= next_sweep_)
      sweep();
    if (now_ >= resume_at_)
      resume_accepting();
    dead_.clear();
  }
  end_accepting();
}

// Milliseconds for epoll_wait().
int reactor::turn_timeout() const {
  if (!again_.empty())
    return 0;
  auto next = std::min(next_sweep_, resume_at_);
  if (!working_.empty())
    next = std::min(next, now_ + report_patience);
  if (draining_)
    next = std::min(next, drain_until_.load());
  if (next == clock::time_point::max())
    return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now_).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void reactor::on_event(std::uint64_t id, std::uint32_t events) {
  if (id == wakeup_id) {
    std::uint64_t ignored = 0;
    [[maybe_unused]] auto size = ::read(wakeup_, &ignored, sizeof(ignored));
    return;
  }
  if (id <= sockets_.descriptors().size()) {
    accept_from(sockets_.descriptors()[id - 1]);
    return;
  }
  auto found = by_id_.find(id);
  if (found == by_id_.end())
    return;
  auto& who = *found->second;
  constexpr std::uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  who.hung_up = who.hung_up || (events & ended) != 0;
  who.readable = who.readable || (events & (EPOLLIN | ended)) != 0;
  if (who.now == connection::phase::writing)
    write(who);
  else if (who.now == connection::phase::lingering)
    discard(who);
  else if (who.readable && who.now == connection::phase::working)
    hear(who);
  else if (who.readable)
    read(who);
}

// What came is read when the answer is out: that must be known then.
void reactor::hear(connection& who) {
  if (!std::exchange(who.heard, true))
    ++working_heard_;
}

void reactor::on_commands() {
  if (draining_ && !std::exchange(drain_begun_, true))
    begin_drain();
  else if (stop_accepting_)
    end_accepting();
}

void reactor::begin_drain() {
  end_accepting();
  // By id: reading one may make others give way.
  std::vector<std::uint64_t> ids;
  for (auto& each : waiting_)
    ids.push_back(each.id);
  for (auto id : ids) {
    auto found = by_id_.find(id);
    if (found == by_id_.end())
      continue;
    auto& who = *found->second;
    who.readable = true;
    read(who);
    if (who.now == connection::phase::idle)
      close_connection(who);
  }
}

// A connection that only lingers has its answer already.
bool reactor::drained() const {
  if (!drain_begun_)
    return false;
  auto lingers = [](const connection& each) {
    return each.now == connection::phase::lingering;
  };
  return now_ >= drain_until_.load()
         || (working_.empty()
             && std::all_of(waiting_.begin(), waiting_.end(), lingers));
}

void reactor::set_deadline(connection& who, clock::time_point when) {
  who.deadline = when;
  next_sweep_ = std::min(next_sweep_, when);
}

void reactor::sweep() {
  next_sweep_ = clock::time_point::max();
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    auto& who = *next++;
    if (who.deadline > now_)
      next_sweep_ = std::min(next_sweep_, who.deadline);
    else if (who.now == connection::phase::receiving)
      refuse(who, {refusal_reason::too_slow, 408,
                   "the request was not complete in time"});
    else
      close_connection(who);
  }
}

// -- who is in and who is out
// -----------------------------------------------------

// True when it stopped to give others their turn.
bool reactor::accept_from(int socket) {
  for (auto i = 0; i < accepts_a_turn; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    auto fd = accept4(socket, reinterpret_cast<sockaddr*>(&from), &size,
                      SOCK_NONBLOCK | SOCK_CLOEXEC);
    auto code = errno;
    if (fd >= 0)
      admit(fd, from);
    else if (code == EAGAIN)
      return false;
    else if (code != EINTR && code != ECONNABORTED
             && !(no_descriptors(code) && give_way())) {
      pause_accepting();
      return false;
    }
  }
  return true;
}

void reactor::admit(int socket, const sockaddr_storage& from) {
  ++counters_.accepted;
  auto full = by_id_.size() >= connections_max_ && !give_way();
  auto id = ++last_id_;
  if (full
      || !watch(epoll_, socket, id,
                EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)) {
    auto reason
      = full ? refusal_reason::crowded_out : refusal_reason::overloaded;
    ++counters_.refused[static_cast<std::size_t>(reason)];
    auto bytes = answer_to({reason, 503, "too many connections"});
    send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(socket);
    return;
  }
  if (from.ss_family == AF_INET || from.ss_family == AF_INET6) {
    auto on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  waiting_.emplace_back(id, socket, peer_of(from), limits_);
  auto self = std::prev(waiting_.end());
  self->self = self;
  by_id_.emplace(id, self);
  counters_.open_connections = by_id_.size();
  // Who connects has something to say; later pauses are another matter.
  set_deadline(*self, now_ + limits_.header_deadline);
}

bool reactor::give_way() {
  if (waiting_.empty())
    return false;
  ++counters_.refused[static_cast<std::size_t>(refusal_reason::crowded_out)];
  close_connection(waiting_.front());
  return true;
}

void reactor::pause_accepting() {
  for (auto socket : sockets_.descriptors())
    epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
  resume_at_ = now_ + accept_pause;
}

void reactor::resume_accepting() {
  resume_at_ = clock::time_point::max();
  auto id = wakeup_id;
  for (auto socket : sockets_.descriptors())
    if (!watch(epoll_, socket, ++id, EPOLLIN))
      resume_at_ = now_ + accept_pause;
}

void reactor::end_accepting() {
  if (!accepting_)
    return;
  // Clients in the backlog believe that they are connected.
  for (auto socket : sockets_.descriptors())
    while (accept_from(socket))
      ;
  sockets_.close_all();
  resume_at_ = clock::time_point::max();
  accepting_ = false;
  accepting_.notify_all();
}

void reactor::close_connection(connection& who) {
  if (who.now == connection::phase::closed)
    return;
  who.now = connection::phase::closed;
  ::close(who.socket);
  set_charge(who, 0);
  by_id_.erase(who.id);
  counters_.open_connections = by_id_.size();
  dead_.splice(dead_.end(), waiting_, who.self);
}

} // namespace posthorn::inbound

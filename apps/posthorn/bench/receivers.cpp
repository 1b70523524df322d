// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/receivers.hpp"

#include "apps/posthorn/bench/http_head.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace posthorn::bench {

namespace {

/// What a connection's buffer has at first: more than a transaction of 100
/// events of the usual size.
constexpr std::size_t buffer_bytes = 128 * 1024;

constexpr std::size_t request_bytes_max = 64 * 1024 * 1024;

/// How long the end of the thread may be overlooked.
constexpr int wait_ms = 50;

constexpr std::string_view accepted
  = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    "Content-Length: 2\r\n\r\n{}";

} // namespace

receivers::receivers(const event_mould& mould, std::size_t services,
                     std::size_t lanes)
  : ledger_{mould, services, lanes} {}

caf::expected<std::unique_ptr<receivers>>
receivers::open(const event_mould& mould, std::size_t services,
                std::size_t lanes) {
  std::unique_ptr<receivers> result{new receivers{mould, services, lanes}};
  for (std::size_t i = 0; i < services; ++i) {
    auto socket = bind_loopback();
    if (!socket)
      return std::move(socket.error());
    result->sockets_.push_back(std::move(*socket));
  }
  auto poll = make_epoll();
  if (!poll)
    return std::move(poll.error());
  result->poll_ = std::move(*poll);
  auto* self = result.get();
  self->thread_ = std::thread{[self] { self->run(); }};
  return result;
}

receivers::~receivers() {
  finish();
}

const ledger& receivers::finish() {
  ending_ = true;
  if (thread_.joinable())
    thread_.join();
  return ledger_;
}

caf::error receivers::listen() {
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    if (auto why = listen_on(sockets_[i]))
      return why;
    if (auto why = watch(poll_, sockets_[i].fd.get(), EPOLLIN, i))
      return why;
  }
  return caf::none;
}

caf::error receivers::failure() const {
  if (!failed_)
    return caf::none;
  std::lock_guard guard{mutex_};
  return fault(ec::store_corrupt, failure_);
}

void receivers::fail(std::string why) {
  std::lock_guard guard{mutex_};
  if (failure_.empty())
    failure_ = std::move(why);
  failed_ = true;
}

// Tags of the epoll instance: first the listening sockets, then connections.
void receivers::run() {
  std::array<epoll_event, 64> ready{};
  while (!ending_) {
    const auto count = ::epoll_wait(poll_.get(), ready.data(),
                                    static_cast<int>(ready.size()), wait_ms);
    for (int i = 0; i < count; ++i) {
      const auto tag = ready[static_cast<std::size_t>(i)].data.u64;
      if (tag < sockets_.size()) {
        admit(tag);
        continue;
      }
      auto& open = connections_[tag - sockets_.size()];
      if (open && !read(*open))
        open.reset();
    }
  }
}

void receivers::admit(std::size_t service) {
  for (;;) {
    descriptor fd{
      ::accept4(sockets_[service].fd.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (fd.get() == -1)
      return;
    tune_connection(fd.get());
    auto fresh = std::make_unique<connection>();
    fresh->service = static_cast<std::uint16_t>(service);
    fresh->bytes.resize(buffer_bytes);
    const auto tag = sockets_.size() + connections_.size();
    if (auto why = watch(poll_, fd.get(), EPOLLIN, tag)) {
      fail(text_of(why));
      return;
    }
    fresh->fd = std::move(fd);
    connections_.push_back(std::move(fresh));
  }
}

bool receivers::read(connection& from) {
  for (;;) {
    auto& bytes = from.bytes;
    if (bytes.size() < from.wanted || bytes.size() == from.filled)
      bytes.resize(std::max(from.wanted, bytes.size() * 2));
    const auto got = ::recv(from.fd.get(), bytes.data() + from.filled,
                            bytes.size() - from.filled, 0);
    if (got < 0)
      return errno == EAGAIN || errno == EINTR;
    if (got == 0)
      return false;
    from.filled += static_cast<std::size_t>(got);
    if (!take_requests(from))
      return false;
    if (from.filled == 0)
      return true;
  }
}

bool receivers::take_requests(connection& from) {
  std::size_t taken = 0;
  bool good = true;
  while (good) {
    const std::string_view bytes{from.bytes.data() + taken,
                                 from.filled - taken};
    if (bytes.empty() || bytes.size() < from.wanted)
      break;
    const auto head = scan_head(bytes);
    if (!head)
      break;
    if (head->all_bytes() > request_bytes_max) {
      fail("a request of " + std::to_string(head->all_bytes()) + " bytes came");
      return false;
    }
    from.wanted = head->all_bytes();
    if (bytes.size() < from.wanted)
      break;
    const auto now = steady_ns();
    if (auto wrong = ledger_.enter(
          from.service, last_segment(head->first_line),
          bytes.substr(head->head_bytes, head->body_bytes), now)) {
      fail(std::move(*wrong));
      return false;
    }
    if (first_ns_ == 0)
      first_ns_ = now;
    newest_ns_ = now;
    ++requests_;
    events_ = ledger_.events();
    good = answer(from);
    taken += from.wanted;
    from.wanted = 0;
  }
  from.filled -= taken;
  if (taken > 0 && from.filled > 0)
    std::memmove(from.bytes.data(), from.bytes.data() + taken, from.filled);
  return good;
}

bool receivers::answer(connection& to) {
  // A whole answer always fits an empty send buffer; the client reads each
  // before it sends the next request.
  const auto sent
    = ::send(to.fd.get(), accepted.data(), accepted.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(accepted.size());
}

} // namespace posthorn::bench

// SPDX-License-Identifier: Apache-2.0
#include "actors/courier/socket_watch.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace posthorn {

namespace {

/// Sockets looked at in one turn.
constexpr std::size_t events_max = 256;

/// Bytes read from an idle connection before it is given up.
constexpr std::size_t unasked_max = 64 * 1024;

constexpr std::size_t last_words_max = 1024;

caf::error no_resource(const char* what, int code) {
  return fault(ec::overloaded, std::string{"the HTTP client cannot make "}
                                 + what + ": "
                                 + std::generic_category().message(code));
}

} // namespace

socket_watch::~socket_watch() {
  for (auto fd : {wake_, epoll_})
    if (fd >= 0)
      ::close(fd);
}

caf::error socket_watch::open() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0)
    return no_resource("an epoll descriptor", errno);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0)
    return no_resource("an event descriptor", errno);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0)
    return no_resource("its wake-up", errno);
  return caf::none;
}

void socket_watch::wake() {
  std::uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake anyway.
  [[maybe_unused]] auto written = ::write(wake_, &one, sizeof(one));
}

void socket_watch::wait(int wait_ms, const acting& act) {
  std::array<epoll_event, events_max> events;
  const auto count = ::epoll_wait(epoll_, events.data(), events_max, wait_ms);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    act_on(event.data.fd, event.events, act);
  }
}

void socket_watch::act_on(int fd, std::uint32_t events, const acting& act) {
  if (fd == wake_) {
    std::uint64_t ignored = 0;
    [[maybe_unused]] auto got = ::read(wake_, &ignored, sizeof(ignored));
    return;
  }
  if (auto found = sockets_.find(fd);
      found != sockets_.end() && found->second.idle) {
    give_up(fd);
    return;
  }
  // An error shows as readable and writable: libcurl then reads what the peer
  // still had to say (a 413 in the middle of our body) before it gives up.
  if ((events & (EPOLLERR | EPOLLHUP)) != 0)
    events |= EPOLLIN | EPOLLOUT;
  act(fd, ((events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0)
            | ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0));
}

void socket_watch::follow(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &socket_watch::on_open);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &socket_watch::on_close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
}

curl_socket_t socket_watch::on_open(void* self, curlsocktype,
                                    curl_sockaddr* where) {
  auto& of = *static_cast<socket_watch*>(self);
  const auto type = where->socktype | SOCK_CLOEXEC;
  const auto fd = ::socket(where->family, type, where->protocol);
  if (fd < 0) {
    of.open_errno_ = errno;
    return CURL_SOCKET_BAD;
  }
  of.sockets_[fd] = {};
  return fd;
}

int socket_watch::on_close(void* self, curl_socket_t fd) {
  auto& of = *static_cast<socket_watch*>(self);
  const auto node = of.sockets_.extract(fd);
  if (!node.empty() && node.mapped().user != nullptr)
    of.listen_once_more(node.mapped().user, fd);
  return ::close(fd);
}

void socket_watch::listen_once_more(CURL* user, int fd) {
  std::array<char, last_words_max> words;
  const auto got = ::recv(fd, words.data(), words.size(), MSG_DONTWAIT);
  if (got > 0)
    last_words_[user].assign(words.data(), static_cast<std::size_t>(got));
  else
    last_words_.erase(user);
}

parting socket_watch::last_of(CURL* easy) {
  parting result;
  if (auto node = last_words_.extract(easy); !node.empty())
    result.unread = std::move(node.mapped());
  result.open_errno = std::exchange(open_errno_, 0);
  return result;
}

bool socket_watch::want(CURL* easy, int fd, int what) {
  std::uint32_t events = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
    events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
    events |= EPOLLOUT;
  watch(fd, events);
  auto found = sockets_.find(fd);
  if (events == 0 || found == sockets_.end())
    return false;
  found->second = {easy, false};
  return true;
}

void socket_watch::rest(CURL* easy, int fd) {
  auto found = sockets_.find(fd);
  if (found == sockets_.end() || found->second.user != easy)
    return;
  found->second = {nullptr, true};
  watch(fd, EPOLLIN | EPOLLRDHUP);
}

void socket_watch::watch(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (events == 0) {
    // Closed already, it has left epoll by itself.
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, &event);
    return;
  }
  // A socket that fails here ends at its deadline.
  if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT)
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void socket_watch::give_up(int fd) {
  std::array<char, 4096> unasked;
  std::size_t total = 0;
  ::shutdown(fd, SHUT_RDWR);
  while (total < unasked_max) {
    const auto got = ::recv(fd, unasked.data(), unasked.size(), MSG_DONTWAIT);
    if (got <= 0)
      break;
    total += static_cast<std::size_t>(got);
  }
  sockets_[fd].idle = false;
  watch(fd, 0);
}

} // namespace posthorn

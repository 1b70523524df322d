// SPDX-License-Identifier: Apache-2.0
#include "actors/courier/http_loop.hpp"

#include "actors/courier/verdict.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace posthorn {

namespace {

using clock = std::chrono::steady_clock;

/// Easy handles kept for the next exchanges.
constexpr std::size_t spare_max = 256;

/// Exchanges that begin before those that have are looked at. At a start all
/// services are due at once, and many may refuse: their handles serve the next.
constexpr std::size_t begun_a_turn = 256;

constexpr std::uint32_t connections_least = 16;
constexpr std::uint32_t keep_alive_most = 1024;

CURLcode global_init() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  return result;
}

std::uint32_t half_of_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    limit.rlim_cur = 1024;
  auto half = std::min<rlim_t>(limit.rlim_cur / 2, 1'000'000);
  return std::max(static_cast<std::uint32_t>(half), connections_least);
}

answer_ptr cancelled(clock::time_point since) {
  return local_answer(outcome::broken, "cancelled: the HTTP client is stopping",
                      since);
}

} // namespace

http_loop::http_loop(http_client_options options)
  : options_{std::move(options)} {
  if (options_.connections_max == 0)
    options_.connections_max = half_of_descriptors();
  if (options_.keep_alive_max == 0)
    options_.keep_alive_max
      = std::clamp(options_.connections_max / 2, 1u, keep_alive_most);
}

http_loop::~http_loop() {
  for (auto* easy : spare_)
    curl_easy_cleanup(easy);
  if (multi_ != nullptr)
    curl_multi_cleanup(multi_);
}

caf::error http_loop::open() {
  if (global_init() != CURLE_OK)
    return fault(ec::overloaded, "libcurl cannot be initialised");
  if (auto failed = sockets_.open())
    return failed;
  multi_ = curl_multi_init();
  if (multi_ == nullptr)
    return fault(ec::overloaded, "no memory for the HTTP client");
  set_limits();
  return caf::none;
}

void http_loop::set_limits() {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &http_loop::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &http_loop::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, long{CURLPIPE_NOTHING});
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS,
                    static_cast<long>(options_.keep_alive_max));
  // No more exchanges are open than this, so libcurl can always close an idle
  // connection for a new one, and none waits inside it.
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                    static_cast<long>(options_.connections_max));
}

// -- from other threads ---------------------------------------------------

void http_loop::submit(exchange_ptr what, answered done) {
  auto now = clock::now();
  {
    std::lock_guard guard{mutex_};
    if (!closed_) {
      inbox_.push_back({std::move(what), std::move(done), now});
      // The loop takes the whole inbox: only the first needs to wake it.
      if (inbox_.size() == 1)
        sockets_.wake();
      return;
    }
  }
  done(cancelled(now));
}

void http_loop::end() {
  std::lock_guard guard{mutex_};
  ending_ = true;
  sockets_.wake();
}

// -- on the loop's thread --------------------------------------------------

void http_loop::run() {
  for (;;) {
    {
      std::lock_guard guard{mutex_};
      if (ending_)
        break;
    }
    wait_and_act();
    take_inbox();
    reap();
    admit();
  }
  cancel_all();
}

void http_loop::wait_and_act() {
  sockets_.wait(wait_ms(), [this](int fd, int action) {
    int running = 0;
    curl_multi_socket_action(multi_, fd, action, &running);
  });
  if (due_ && *due_ <= clock::now()) {
    int running = 0;
    due_.reset();
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

int http_loop::wait_ms() const {
  if (may_begin())
    return 0;
  auto due = waiting_.due();
  if (due_)
    due = due ? std::min(*due, *due_) : *due_;
  if (!due)
    return -1;
  const auto left
    = std::chrono::ceil<std::chrono::milliseconds>(*due - clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

int http_loop::on_socket(CURL* easy, curl_socket_t fd, int what, void* loop,
                         void*) {
  auto& self = *static_cast<http_loop*>(loop);
  if (!self.sockets_.want(easy, fd, what))
    return 0;
  if (auto found = self.open_.find(easy); found != self.open_.end())
    found->second.fd = fd;
  return 0;
}

int http_loop::on_timer(CURLM*, long timeout_ms, void* loop) {
  auto& due = static_cast<http_loop*>(loop)->due_;
  if (timeout_ms < 0)
    due.reset();
  else
    due = clock::now() + std::chrono::milliseconds{timeout_ms};
  return 0;
}

void http_loop::take_inbox() {
  std::vector<wanted> taken;
  {
    std::lock_guard guard{mutex_};
    taken.swap(inbox_);
  }
  for (auto& what : taken)
    waiting_.push(std::move(what));
}

bool http_loop::may_begin() const {
  return !waiting_.empty() && open_.size() < options_.connections_max;
}

void http_loop::admit() {
  for (std::size_t i = 0; i < begun_a_turn && may_begin(); ++i)
    begin(waiting_.pop());
  for (auto& what : waiting_.take_late(clock::now()))
    what.done(local_answer(
      outcome::unreachable,
      "no connection within "
        + shown(std::min(what.what->connect_timeout, what.what->timeout))
        + " to " + shown_base(what.what->base) + ": all "
        + std::to_string(options_.connections_max)
        + " that this process may open are busy",
      what.since));
}

void http_loop::begin(wanted what) {
  if (what.what->late())
    return what.done(withheld_answer(what.since));
  auto* easy = take_easy();
  if (easy == nullptr) {
    what.done(local_answer(outcome::unreachable,
                           "out of memory for another request", what.since));
    return;
  }
  auto work = std::make_unique<open_exchange>(std::move(what.what), what.since);
  auto problem = work->prepare(easy, options_.ca_file);
  sockets_.follow(easy);
  // Known before libcurl has it: on_socket() looks for it.
  open_.emplace(easy, pending{std::move(work), what.done});
  if (!problem && curl_multi_add_handle(multi_, easy) != CURLM_OK)
    problem = "libcurl took no further request";
  if (problem) {
    open_.erase(easy);
    curl_easy_cleanup(easy);
    what.done(
      local_answer(outcome::unreachable, std::move(*problem), what.since));
  }
}

void http_loop::reap() {
  int left = 0;
  while (auto* message = curl_multi_info_read(multi_, &left))
    if (message->msg == CURLMSG_DONE)
      finish(message->easy_handle, message->data.result);
}

void http_loop::finish(CURL* easy, CURLcode code) {
  auto node = open_.extract(easy);
  auto answer = node.mapped().work->finish(easy, code, sockets_.last_of(easy));
  curl_multi_remove_handle(multi_, easy);
  sockets_.rest(easy, node.mapped().fd);
  give_back(easy, code);
  node.mapped().done(std::move(answer));
}

void http_loop::cancel_all() {
  std::vector<wanted> unseen;
  {
    std::lock_guard guard{mutex_};
    closed_ = true;
    unseen.swap(inbox_);
  }
  for (auto& what : unseen)
    waiting_.push(std::move(what));
  for (auto& what : waiting_.take_all())
    what.done(cancelled(what.since));
  while (!open_.empty()) {
    auto node = open_.extract(open_.begin());
    curl_multi_remove_handle(multi_, node.key());
    curl_easy_cleanup(node.key());
    node.mapped().done(cancelled(node.mapped().work->since()));
  }
}

CURL* http_loop::take_easy() {
  if (spare_.empty())
    return curl_easy_init();
  auto* easy = spare_.back();
  spare_.pop_back();
  return easy;
}

void http_loop::give_back(CURL* easy, CURLcode code) {
  // curl_easy_reset() leaves more behind of an exchange that failed: errno, a
  // buffer. Nothing of one service's exchange may show in the next one's.
  if (code != CURLE_OK || spare_.size() >= spare_max) {
    curl_easy_cleanup(easy);
    return;
  }
  curl_easy_reset(easy);
  spare_.push_back(easy);
}

} // namespace posthorn

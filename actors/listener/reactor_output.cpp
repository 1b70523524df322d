// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/reactor.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace posthorn::inbound {

namespace {

// Bytes thrown away from one connection before the others have their turn.
constexpr std::size_t discard_max = std::size_t{1} << 20;

// Sends as much as the socket takes. How much that was, or nothing when the
// connection is broken.
std::optional<std::size_t> send_some(int socket, std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    auto size = send(socket, bytes.data() + sent, bytes.size() - sent,
                     MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size >= 0)
      sent += static_cast<std::size_t>(size);
    else if (errno == EAGAIN)
      break;
    else if (errno != EINTR)
      return std::nullopt;
  }
  return sent;
}

} // namespace

// -- on a worker's thread
// ---------------------------------------------------------

void reactor::answer(job& what) {
  done report;
  report.connection = what.connection;
  // Who keeps a connection to a server that will stop is told to make another.
  report.last = !what.what.head.keep_alive || draining_ || stop_accepting_;
  auto bytes = responder_.answer(std::move(what.what), what.from, report.last);
  auto sent = send_some(what.socket, bytes);
  report.failed = !sent;
  if (sent) {
    counters_.sent_bytes += *sent;
    report.rest = bytes.substr(*sent);
  }
  // Most clients send their next request, which wakes the reactor, only after
  // the answer: then there is nothing to wake it for now.
  const auto urgent = report.failed || report.last || !report.rest.empty();
  {
    std::lock_guard guard{reports_mutex_};
    reports_.push_back(std::move(report));
  }
  if (urgent || draining_ || stop_accepting_ || working_heard_ > 0)
    wake();
}

// -- on the reactor's
// -------------------------------------------------------------

void reactor::take_reports() {
  std::vector<done> reports;
  {
    std::lock_guard guard{reports_mutex_};
    reports.swap(reports_);
  }
  for (auto& each : reports)
    on_report(each);
}

void reactor::on_report(done& what) {
  auto found = by_id_.find(what.connection);
  assert(found != by_id_.end());
  auto& who = *found->second;
  assert(who.now == connection::phase::working);
  if (std::exchange(who.heard, false))
    --working_heard_;
  waiting_.splice(waiting_.end(), working_, who.self);
  set_charge(who, who.pending.size());
  who.last = what.last;
  who.now = connection::phase::writing;
  if (what.failed)
    return close_connection(who);
  if (what.rest.empty())
    return answered(who);
  who.out = std::move(what.rest);
  set_deadline(who, now_ + limits_.write_deadline);
  write(who);
}

void reactor::refuse(connection& who, const refusal& what) {
  ++counters_.refused[static_cast<std::size_t>(what.reason)];
  who.out = answer_to(what);
  who.last = true;
  who.frames.refuse(what);
  who.drop_input(who.waiting_input().size());
  set_charge(who, 0);
  who.now = connection::phase::writing;
  set_deadline(who, now_ + limits_.write_deadline);
  write(who);
}

void reactor::write(connection& to) {
  auto sent = send_some(to.socket, std::string_view{to.out}.substr(to.out_at));
  if (!sent)
    return close_connection(to);
  counters_.sent_bytes += *sent;
  to.out_at += *sent;
  if (to.out_at == to.out.size())
    answered(to);
}

void reactor::answered(connection& who) {
  std::string{}.swap(who.out);
  who.out_at = 0;
  if (who.last)
    return linger(who);
  who.now = connection::phase::idle;
  set_deadline(who, now_ + limits_.idle_timeout);
  read(who);
  if (drain_begun_ && who.now == connection::phase::idle)
    close_connection(who);
}

// Closing a socket with unread input resets the connection, and the client may
// lose the answer that it was sent.
void reactor::linger(connection& who) {
  if (shutdown(who.socket, SHUT_WR) != 0)
    return close_connection(who);
  who.drop_input(who.waiting_input().size());
  set_charge(who, 0);
  who.now = connection::phase::lingering;
  who.readable = true;
  set_deadline(who, now_ + limits_.linger_time);
  discard(who);
}

void reactor::discard(connection& from) {
  std::size_t total = 0;
  while (from.readable) {
    if (total >= discard_max) {
      again_.push_back(from.id);
      return;
    }
    auto got = recv(from.socket, scratch_.data(), scratch_.size(), 0);
    if (got > 0)
      total += static_cast<std::size_t>(got);
    else if (got < 0 && errno == EAGAIN)
      from.readable = false;
    else if (got == 0 || errno != EINTR)
      return close_connection(from);
  }
}

} // namespace posthorn::inbound

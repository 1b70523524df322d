// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/reactor.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace posthorn::inbound {

namespace {

// Bytes read from one connection before the others have their turn.
constexpr std::size_t turn_max = std::size_t{256} << 10;

constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

} // namespace

void reactor::read(connection& from) {
  auto turn_left = turn_max;
  while (from.takes_input()) {
    auto bytes = from.waiting_input();
    if (auto size = bytes.size(); size > 0) {
      from.frames.feed(bytes);
      from.drop_input(size - bytes.size());
    } else if (from.readable && turn_left == 0) {
      again_.push_back(from.id);
      return;
    } else if (!from.readable || !receive(from, turn_left)) {
      return;
    }
    advance(from);
  }
}

// False when there is nothing to read, or nobody.
bool reactor::receive(connection& from, std::size_t& turn_left) {
  auto room = from.frames.room();
  auto direct = !room.empty();
  if (!direct)
    room = scratch_;
  auto got = recv(from.socket, room.data(), room.size(), 0);
  if (got < 0 && errno == EINTR)
    return true;
  if (got < 0 && errno == EAGAIN) {
    from.readable = false;
    return false;
  }
  if (got <= 0) {
    close_connection(from);
    return false;
  }
  auto size = static_cast<std::size_t>(got);
  counters_.received_bytes += size;
  turn_left -= std::min(turn_left, size);
  // A socket that gave less than it could is empty; epoll will tell when it is
  // not. After the client's end it has told already.
  if (size < room.size() && !from.hung_up)
    from.readable = false;
  if (direct) {
    from.frames.filled(size);
    return true;
  }
  std::string_view bytes{room.data(), size};
  from.frames.feed(bytes);
  from.pending = bytes;
  return true;
}

// Acts on what the framer has made of the bytes that came.
void reactor::advance(connection& who) {
  auto where = who.frames.where();
  if (where == framer::stage::refused)
    return refuse(who, who.frames.why());
  if (where == framer::stage::idle)
    return;
  if (who.now == connection::phase::idle) {
    who.now = connection::phase::receiving;
    who.begun = now_;
    set_deadline(who, who.begun + limits_.header_deadline);
  }
  charge(who);
  if (who.now != connection::phase::receiving)
    return;
  if (where == framer::stage::complete)
    return dispatch(who);
  if (where == framer::stage::body) {
    set_deadline(who, who.begun + limits_.request_deadline);
    if (who.frames.wants_continue())
      send_continue(who);
  }
}

// Counts what `who` holds. When all hold too much, the largest incomplete
// request goes: one that is small and quick is served even if others fill the
// memory slowly.
void reactor::charge(connection& who) {
  set_charge(who, who.frames.held() + who.pending.size());
  while (buffered_ > limits_.buffered_max && who.takes_input()) {
    auto* largest = &who;
    for (auto& each : waiting_)
      if (each.takes_input() && each.charged > largest->charged)
        largest = &each;
    refuse(*largest, {refusal_reason::overloaded, 503,
                      "too much is being received; try again in a moment"});
  }
}

void reactor::set_charge(connection& who, std::size_t size) {
  buffered_ += size;
  buffered_ -= who.charged;
  who.charged = size;
  counters_.buffered_bytes = buffered_;
}

void reactor::dispatch(connection& who) {
  job next{who.id, who.socket, who.frames.take(), who.who};
  who.now = connection::phase::working;
  working_.splice(working_.end(), waiting_, who.self);
  if (who.readable || !who.waiting_input().empty())
    hear(who);
  // Before the job goes: its answer may be counted by whoever reads it.
  ++counters_.requests;
  if (workers_.submit(next))
    return;
  --counters_.requests;
  waiting_.splice(waiting_.end(), working_, who.self);
  if (std::exchange(who.heard, false))
    --working_heard_;
  refuse(who, {refusal_reason::overloaded, 503, "no thread can be started"});
}

void reactor::send_continue(connection& who) {
  // Nothing else is being written, so that the socket takes it whole.
  auto sent = send(who.socket, continue_line.data(), continue_line.size(),
                   MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(continue_line.size()))
    close_connection(who);
}

} // namespace posthorn::inbound

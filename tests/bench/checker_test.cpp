// SPDX-License-Identifier: Apache-2.0
// The checker of `posthorn bench`: whatever a node could do wrong, it sees.
#include "apps/posthorn/bench/feed_request.hpp"
#include "apps/posthorn/bench/http_head.hpp"
#include "apps/posthorn/bench/ledger.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using namespace posthorn::bench;

constexpr std::size_t event_bytes = 580;
constexpr std::size_t services = 3;
constexpr std::size_t lanes = 2;

/// A ledger, and the bodies that a node would send to it.
struct checking {
  event_mould mould{event_bytes};
  ledger arrived{mould, services, lanes};
  int transactions = 0;

  std::string event(std::uint16_t service, std::uint16_t lane,
                    std::uint32_t number, std::uint64_t due_ns = 0) const {
    auto result = mould.blank();
    mould.fill(result.data(), {service, lane, number, due_ns});
    return result;
  }

  std::string body(const std::vector<std::string>& events) const {
    std::string result = R"({"events":[)";
    for (const auto& each : events)
      result += (result.back() == '[' ? "" : ",") + each;
    return result + "]}";
  }

  /// Whether the ledger takes it without complaint, under an id of its own.
  bool right(std::uint16_t service, const std::vector<std::string>& events,
             std::uint64_t now_ns = 0) {
    const auto id = "t" + std::to_string(++transactions);
    return !arrived.enter(service, id, body(events), now_ns);
  }
};

TEST_CASE("an event is read back as it was made") {
  checking it;
  const auto text = it.event(2, 1, 0x12345678, 0xfedcba9876543210);
  CHECK(text.size() == event_bytes);
  const auto which = it.mould.read(text);
  REQUIRE(which);
  CHECK(which->service == 2);
  CHECK(which->lane == 1);
  CHECK(which->number == 0x12345678);
  CHECK(which->due_ns == 0xfedcba9876543210);
}

TEST_CASE("a change of any byte of an event is noticed") {
  checking it;
  const auto text = it.event(0, 0, 7);
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto altered = text;
    altered[i] ^= 1;
    CHECK_MESSAGE(!it.mould.read(altered), i);
  }
  CHECK(!it.mould.read(text.substr(1)));
  CHECK(!it.mould.read(text + " "));
}

TEST_CASE("events in order are right, whatever the other connections do") {
  checking it;
  CHECK(it.right(0, {it.event(0, 0, 0), it.event(0, 1, 0), it.event(0, 1, 1)}));
  CHECK(it.right(1, {it.event(1, 0, 0)}));
  CHECK(it.right(0, {it.event(0, 0, 1)}));
  CHECK(it.arrived.events() == 5);
}

TEST_CASE("an event that is left out is noticed") {
  checking it;
  CHECK(it.right(0, {it.event(0, 0, 0)}));
  CHECK(!it.right(0, {it.event(0, 0, 2)}));
}

TEST_CASE("an event that comes again in another transaction is noticed") {
  checking it;
  CHECK(it.right(0, {it.event(0, 0, 0)}));
  CHECK(!it.right(0, {it.event(0, 0, 0)}));
}

TEST_CASE("two events that change places are noticed") {
  checking it;
  CHECK(!it.right(0, {it.event(0, 0, 1), it.event(0, 0, 0)}));
}

TEST_CASE("an event that comes to another service is noticed") {
  checking it;
  CHECK(!it.right(1, {it.event(0, 0, 0)}));
}

TEST_CASE("a body that is not exactly its events is noticed") {
  checking it;
  const auto event = it.event(0, 0, 0);
  CHECK(it.arrived.enter(0, "a", "{}", 0));
  CHECK(it.arrived.enter(0, "b", R"({"events": [)" + event + "]}", 0));
  CHECK(it.arrived.enter(0, "c", R"({"events":[)" + event + ",]}", 0));
  CHECK(it.arrived.enter(0, "d", R"({"events":[)" + event + "],\"x\":[]}", 0));
}

TEST_CASE("a transaction that comes again with the same bytes counts once") {
  checking it;
  const auto body = it.body({it.event(0, 0, 0)});
  CHECK(!it.arrived.enter(0, "same", body, 0));
  CHECK(!it.arrived.enter(0, "same", body, 0));
  CHECK(it.arrived.events() == 1);
  CHECK(it.arrived.repeats() == 1);
}

TEST_CASE("a transaction that comes again with other bytes is noticed") {
  checking it;
  CHECK(!it.arrived.enter(0, "same", it.body({it.event(0, 0, 0)}), 0));
  CHECK(it.arrived.enter(0, "same", it.body({it.event(0, 0, 1)}), 0));
}

TEST_CASE("what was sent and has not arrived is named") {
  checking it;
  lane_counts sent{services, lanes};
  CHECK(!it.arrived.missing(sent));
  sent.at(2, 1) = 2;
  CHECK(it.right(2, {it.event(2, 1, 0)}));
  REQUIRE(it.arrived.missing(sent));
  CHECK(*it.arrived.missing(sent)
        == "service 2, connection 1: 2 events sent, 1 arrived");
  CHECK(it.right(2, {it.event(2, 1, 1)}));
  CHECK(!it.arrived.missing(sent));
}

TEST_CASE("latency counts from when an event was due") {
  checking it;
  CHECK(it.right(0, {it.event(0, 0, 0, 1'000), it.event(0, 0, 1)}, 5'000));
  CHECK(it.arrived.latencies_ns() == std::vector<std::uint64_t>{4'000});
}

TEST_CASE("a patched request carries the events that were asked for") {
  checking it;
  feed_request request{it.mould, true, 2};
  request.fill(1, 1, 1, std::vector<stamp>{{1, 1, 0, 0}, {1, 1, 1, 0}});
  const auto bytes
    = request.fill(1, 0xab, 2, std::vector<stamp>{{2, 1, 0, 0}, {2, 1, 1, 0}});
  const auto head = scan_head(bytes);
  REQUIRE(head);
  CHECK(head->first_line
        == "PUT /as/bench-0002/_matrix/app/v1/transactions/0001-000000ab "
           "HTTP/1.1");
  CHECK(last_segment(head->first_line) == "0001-000000ab");
  CHECK(bytes.find("Authorization: Bearer " + service_token(2) + "\r\n")
        != std::string_view::npos);
  REQUIRE(head->all_bytes() == bytes.size());
  CHECK(!it.arrived.enter(2, "x", bytes.substr(head->head_bytes), 0));
  CHECK(it.arrived.events() == 2);
}

TEST_CASE("half a head is no head, and names of headers have no case") {
  CHECK(!scan_head("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"));
  const auto head
    = scan_head("HTTP/1.1 200 OK\r\ncoNTent-length:  12\r\nx: y\r\n\r\n{}");
  REQUIRE(head);
  CHECK(head->body_bytes == 12);
  CHECK(status_of(head->first_line) == 200);
}

} // namespace

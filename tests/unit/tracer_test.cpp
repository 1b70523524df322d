// SPDX-License-Identifier: Apache-2.0
// What is remembered of deliveries, and that it costs none of them anything.
#include "actors/tracer/tracer.hpp"
#include "tests/support/service_rig.hpp"

using namespace posthorn;
using namespace posthorn::testing;

namespace {

using std::chrono::system_clock;

system_clock::time_point at(int second) {
  return system_clock::time_point{std::chrono::seconds{second}};
}

outbound_ptr transaction(const std::string& id,
                         const std::vector<std::string>& events) {
  auto result = std::make_shared<outbound>();
  result->txn_id = id;
  result->body = R"({"events":[)";
  for (const auto& one : events) {
    result->body += result->events++ > 0 ? "," : "";
    result->body += R"({"event_id":")" + one + "\"}";
  }
  result->body += "]}";
  return result;
}

std::vector<std::string> places(const std::vector<remembered_delivery>& all) {
  std::vector<std::string> result;
  for (const auto& one : all)
    result.push_back(one.service + " " + one.txn_id);
  return result;
}

using strings = std::vector<std::string>;

struct tracer_rig : virtual_time {
  void start(std::size_t events_max) {
    tracer_wiring wiring;
    wiring.backlog = backlog;
    wiring.events_max = events_max;
    wiring.wall_clock = [] { return at(1); };
    aut = spawn(tracer, all, wiring);
    run();
  }

  void accept(const std::string& service, outbound_ptr what, int second) {
    REQUIRE(backlog->enter(what->body.size()));
    self->send(aut, accepted_note{service, std::move(what), at(second)});
    run();
  }

  delivery_memory find(const std::string& id) {
    auto result = ask<delivery_memory>(aut, find_atom::value, id);
    REQUIRE(result);
    return *result;
  }

  std::shared_ptr<trace_backlog> backlog = std::make_shared<trace_backlog>();
  tracer_actor aut;
};

} // namespace

TEST_SUITE_BEGIN("tracer");

TEST_CASE("the ring forgets the oldest delivery first, and with the last event "
          "its transaction") {
  delivery_ring ring{3};
  CHECK(ring.find("$1", 9).empty());
  ring.begin("irc", "t1", at(10));
  ring.add("$1");
  ring.add("$2");
  ring.begin("tg", "t2", at(20));
  ring.add("$1");
  CHECK(places(ring.find("$1", 9)) == strings{"irc t1", "tg t2"});
  CHECK(places(ring.find("$1", 1)) == strings{"tg t2"});
  CHECK_FALSE(ring.reaches_to());
  ring.begin("irc", "t3", at(30));
  ring.add("$3");
  CHECK(places(ring.find("$1", 9)) == strings{"tg t2"});
  CHECK(places(ring.find("$2", 9)) == strings{"irc t1"});
  CHECK(ring.reaches_to() == at(10));
  ring.add("$4");
  CHECK(ring.find("$2", 9).empty());
  CHECK(ring.reaches_to() == at(20));
  CHECK(ring.events() == 3);
  for (int i = 0; i < 1'000; ++i) {
    ring.begin("irc", "u" + std::to_string(i), at(40 + i));
    ring.add("$n" + std::to_string(i));
  }
  CHECK(places(ring.find("$n999", 9)) == strings{"irc u999"});
  CHECK(places(ring.find("$n997", 9)) == strings{"irc u997"});
  CHECK(ring.find("$n996", 9).empty());
  CHECK(ring.reaches_to() == at(40 + 997));
}

TEST_CASE_FIXTURE(tracer_rig, "an accepted event is remembered with service, "
                              "transaction and time") {
  start(100);
  accept("irc", transaction("t1", {"$1", "$2"}), 10);
  accept("tg", transaction("t2", {"$2"}), 20);
  const auto known = find("$2");
  CHECK(places(known.found) == strings{"irc t1", "tg t2"});
  CHECK(known.found[1].when == at(20));
  CHECK(known.since == at(1));
  CHECK(known.events == 3);
  CHECK(known.capacity == 100);
  CHECK(known.passed_over == 0);
  CHECK(find("$").found.empty());
}

TEST_CASE_FIXTURE(tracer_rig, "what cannot be read is counted") {
  start(100);
  auto odd = std::make_shared<outbound>();
  odd->body = "e1 e2";
  accept("irc", odd, 10);
  CHECK(find("e1").passed_over == 1);
}

TEST_CASE(
  "a tracer that is behind is not told, and what it misses is counted") {
  trace_backlog backlog;
  for (std::uint64_t i = 0; i < trace_backlog::messages_max; ++i)
    CHECK(backlog.enter(10));
  CHECK_FALSE(backlog.enter(10));
  CHECK_FALSE(backlog.enter(10));
  CHECK(backlog.dropped() == 2);
  backlog.leave(10);
  CHECK(backlog.enter(10));
  trace_backlog large;
  CHECK(large.enter(trace_backlog::bytes_max));
  CHECK_FALSE(large.enter(1));
}

TEST_CASE_FIXTURE(service_rig,
                  "a service tells the tracer once the store knows "
                  "of the delivery, and delivers as well without") {
  backlog = std::make_shared<trace_backlog>();
  tracer_wiring wiring;
  wiring.backlog = backlog;
  const auto memory = spawn(posthorn::tracer, all, wiring);
  tracer = memory;
  start();
  store->fault = [&](const std::string& what) {
    return what == "complete" && seconds() < 3 ? fault(ec::store_failed, "full")
                                               : caf::error{};
  };
  arrive(2);
  const auto told = [&] {
    auto result = ask<delivery_memory>(memory, find_atom::value, "e1");
    REQUIRE(result);
    // The fake store's bodies are no JSON: each that is told of counts here.
    return result->passed_over;
  };
  CHECK(told() == 0);
  run_for(5s);
  CHECK(store->queue.empty());
  CHECK(told() == 1);
  for (std::uint64_t i = 0; i < trace_backlog::messages_max; ++i)
    REQUIRE(backlog->enter(1));
  arrive(1);
  run_for(5s);
  CHECK(store->queue.empty());
  CHECK(backlog->dropped() == 1);
}

TEST_SUITE_END();

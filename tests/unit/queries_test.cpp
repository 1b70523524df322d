// SPDX-License-Identifier: Apache-2.0
// Queries of the catch-all feed: who is asked what, and what is made of the
// answers. The courier answers by script; time moves only when told to.
#include "actors/intake/queries.hpp"
#include "tests/support/show.hpp"

#include <map>
#include <mutex>
#include <thread>

using namespace posthorn;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

using strings = std::vector<std::string>;

/// What the services do, and what they were asked.
struct script {
  std::mutex mutex;
  /// By base URL: status (0: no connection) and body.
  std::map<std::string, std::pair<int, std::string>> answers;
  /// Base URLs that never answer, until they are let go.
  std::map<std::string, std::vector<caf::typed_response_promise<answer_ptr>>>
    held;
  strings asked;
  std::vector<exchange_ptr> exchanges;
};

answer_ptr scripted(int status, const std::string& body) {
  auto result = std::make_shared<answer>();
  result->status = static_cast<std::uint16_t>(status);
  result->body = body;
  result->what = status == 0    ? outcome::unreachable
                 : status < 300 ? outcome::accepted
                                : outcome::refused;
  return result;
}

courier_actor::behavior_type answering(courier_actor::pointer self,
                                       std::shared_ptr<script> plan) {
  return {
    [self, plan](send_atom, const exchange_ptr& what) {
      auto promise = self->make_response_promise<answer_ptr>();
      std::lock_guard guard{plan->mutex};
      plan->asked.push_back(what->method + " " + what->base + what->target);
      plan->exchanges.push_back(what);
      if (const auto stuck = plan->held.find(what->base);
          stuck != plan->held.end()) {
        stuck->second.push_back(promise);
        return promise;
      }
      const auto& [status, body] = plan->answers[what->base];
      promise.deliver(scripted(status, body));
      return promise;
    },
    // The test lets go of what is held; only the actor itself may do so.
    [plan](done_atom, std::uint64_t status, const answer_ptr&) {
      std::lock_guard guard{plan->mutex};
      for (auto& entry : plan->held)
        for (auto& promise : std::exchange(entry.second, {}))
          promise.deliver(scripted(static_cast<int>(status), "{}"));
    },
  };
}

service_config_ptr service_of(const std::string& id, strings users,
                              bool exclusive = true, strings protocols = {}) {
  auto result = std::make_shared<service_config>();
  auto& what = result->registration;
  what.id = id;
  what.url = "http://" + id;
  what.hs_token = "hs_" + id;
  what.sender_localpart = id + "bot";
  for (auto& one : users)
    what.users.push_back({one, exclusive});
  what.aliases.push_back({"#" + id + "_", true});
  what.protocols = std::move(protocols);
  return result;
}

struct fixture {
  fixture() {
    services = {service_of("irc", {"@_irc_.*"}, true, {"irc"}),
                service_of("log", {"@_irc_.*", "@log_.*"}, false, {"irc"}),
                service_of("tg", {"@tg_.*"}, true, {"telegram"})};
    build();
    courier = sys.spawn(answering, plan);
    restart({});
  }

  ~fixture() {
    caf::anon_send_exit(courier, caf::exit_reason::user_shutdown);
  }

  void build() {
    directory = *query_directory::make("example.org", services);
  }

  void restart(query_bounds bounds) {
    aut = std::make_unique<queries>(sys, courier, bounds, [this] {
      return std::chrono::steady_clock::time_point{} + now;
    });
  }

  httplib::Response ask(const std::string& method, const std::string& target,
                        const std::string& body = {}) {
    httplib::Request request;
    request.method = method;
    request.body = body;
    httplib::Response response;
    aut->answer(*directory, *parse_feed_target(target), request, response);
    return response;
  }

  httplib::Response get(const std::string& query) {
    return ask("GET", "/_matrix/app/v1/" + query);
  }

  /// What was asked since the last call.
  strings asked() {
    std::lock_guard guard{plan->mutex};
    return std::exchange(plan->asked, {});
  }

  caf::actor_system_config cfg;
  caf::actor_system sys{cfg};
  std::shared_ptr<script> plan = std::make_shared<script>();
  std::vector<service_config_ptr> services;
  std::shared_ptr<query_directory> directory;
  courier_actor courier;
  std::chrono::seconds now{1'000};
  std::unique_ptr<queries> aut;
};

std::string errcode(const httplib::Response& response) {
  return json::parse(response.body)["errcode"];
}

const std::string bob = "users/%40_irc_bob%3Aexample.org";
const std::string v1 = "/_matrix/app/v1/";

} // namespace

TEST_SUITE_BEGIN("queries");

TEST_CASE_FIXTURE(fixture,
                  "row 31: a user is asked of those whose users match, "
                  "in the registrations' order, until one says yes") {
  plan->answers["http://irc"] = {404, "{}"};
  plan->answers["http://log"] = {200, "whatever"};
  auto response = get(bob);
  CHECK(response.status == 200);
  CHECK(response.body == "{}");
  CHECK(asked()
        == strings{"GET http://irc" + v1 + bob, "GET http://log" + v1 + bob});
  CHECK(plan->exchanges[0]->bearer == "hs_irc");
  plan->answers["http://irc"] = {200, "{}"};
  aut->forget();
  CHECK(get(bob).status == 200);
  CHECK(asked() == strings{"GET http://irc" + v1 + bob});
  CHECK(get("users/%40nobody%3Aexample.org").status == 404);
  CHECK(asked().empty());
}

TEST_CASE_FIXTURE(fixture, "row 32: an alias is asked of those whose aliases "
                           "match, by v1 also where the legacy path was used") {
  plan->answers["http://tg"] = {200, "{}"};
  CHECK(ask("GET", "/rooms/%23tg_a%2Fb%3Aexample.org").status == 200);
  CHECK(asked()
        == strings{"GET http://tg" + v1 + "rooms/%23tg_a%2Fb%3Aexample.org"});
  const auto response = get("rooms/%23other%3Aexample.org");
  CHECK(response.status == 404);
  CHECK(errcode(response) == "M_NOT_FOUND");
}

TEST_CASE_FIXTURE(fixture, "D27: who denied a user is not asked about the same "
                           "one again for 30 s") {
  plan->answers["http://irc"] = {404, "{}"};
  plan->answers["http://log"] = {503, "{}"};
  CHECK(get(bob).status == 404);
  CHECK(asked().size() == 2);
  now += 29s;
  CHECK(get(bob).status == 404);
  // A service that is broken has denied nothing.
  CHECK(asked() == strings{"GET http://log" + v1 + bob});
  CHECK(get("users/%40_irc_eve%3Aexample.org").status == 404);
  CHECK(asked().size() == 2);
  now += 1s;
  CHECK(get(bob).status == 404);
  CHECK(asked().size() == 2);
}

TEST_CASE("denials are bounded: the oldest is forgotten first") {
  denials aut{[] { return std::chrono::steady_clock::time_point{}; }};
  for (std::size_t i = 0; i <= denials::entries_max; ++i)
    aut.note("irc", std::to_string(i));
  aut.note("irc", std::string(denials::subject_max + 1, 'x'));
  CHECK(aut.size() == denials::entries_max);
  CHECK(!aut.stands("irc", "0"));
  CHECK(aut.stands("irc", "1"));
  CHECK(!aut.stands("log", "1"));
}

TEST_CASE_FIXTURE(fixture,
                  "row 33: a protocol has the first one's metadata and "
                  "everybody's instances, each with an instance_id") {
  plan->answers["http://irc"]
    = {200, R"({"icon": "a", "instances": [{"network_id": "libera"}, 5]})"};
  plan->answers["http://log"]
    = {200, R"({"icon": "b", "instances": [{"network_id": "oftc"}]})"};
  const auto response = get("thirdparty/protocol/irc");
  CHECK(response.status == 200);
  CHECK(json::parse(response.body)
        == json::parse(R"({"icon": "a", "instances": [
             {"network_id": "libera", "instance_id": "irc|libera"},
             {"network_id": "oftc", "instance_id": "log|oftc"}]})"));
  plan->answers["http://irc"] = {200, R"({"icon": "a"})"};
  CHECK(json::parse(get("thirdparty/protocol/irc").body)["icon"] == "b");
  plan->answers["http://log"] = {200, "no json"};
  CHECK(get("thirdparty/protocol/irc").status == 404);
  asked();
  CHECK(get("thirdparty/protocol/xmpp").status == 404);
  CHECK(asked().empty());
}

TEST_CASE_FIXTURE(fixture, "row 33: lookups are put behind each other without "
                           "what is malformed") {
  const auto one = [](const char* id) {
    return json{{"userid", id}, {"protocol", "irc"}, {"fields", {{"n", 1}}}};
  };
  plan->answers["http://irc"]
    = {200, json{one("@a"), {{"userid", "@b"}}, 7}.dump()};
  plan->answers["http://log"] = {200, json::array({one("@c")}).dump()};
  const auto response = get("thirdparty/user/irc?nick=x%26y");
  CHECK(json::parse(response.body) == json{one("@a"), one("@c")});
  CHECK(asked()
        == strings{"GET http://irc" + v1 + "thirdparty/user/irc?nick=x%26y",
                   "GET http://log" + v1 + "thirdparty/user/irc?nick=x%26y"});
  // Those are no locations.
  CHECK(get("thirdparty/location/irc").status == 404);
  asked();
  plan->answers["http://tg"] = {200, "[]"};
  CHECK(get("thirdparty/user?userid=%40a").status == 200);
  CHECK(asked().size() == 3);
}

TEST_CASE("an answer that is nested too deeply is no answer") {
  CHECK(parse_shallow("[[1]]"));
  CHECK(!parse_shallow(std::string(100'000, '[') + std::string(100'000, ']')));
  CHECK(!parse_shallow(std::string(100, '[') + std::string(100, ']')));
  CHECK(!parse_shallow("{"));
}

TEST_CASE_FIXTURE(fixture, "row 35: keys are claimed of the service that alone "
                           "may speak for a user, and of no other") {
  const std::string claim
    = "/_matrix/app/unstable/org.matrix.msc3983/keys/claim";
  plan->answers["http://irc"] = {200, R"({"@_irc_a:x": {"D": {"k": 1}}})"};
  plan->answers["http://tg"]
    = {200, R"({"@tg_1:x": {"D": {"k": 2}}, "@_irc_a:x": {"D": {"k": "!"}}})"};
  const auto response
    = ask("POST", claim,
          R"({"@_irc_a:x": {"D": ["s"]}, "@tg_1:x": {"D": ["s"]},
              "@log_1:x": {"D": ["s"]}})");
  CHECK(json::parse(response.body)
        == json::parse(R"({"@_irc_a:x": {"D": {"k": 1}},
                           "@tg_1:x": {"D": {"k": 2}}})"));
  CHECK(asked()
        == strings{"POST http://irc" + claim, "POST http://tg" + claim});
  CHECK(*plan->exchanges[0]->body == R"({"@_irc_a:x":{"D":["s"]}})");
  CHECK(ask("POST", claim, "[").status == 400);
  CHECK(ask("GET", claim).status == 405);
}

TEST_CASE_FIXTURE(fixture,
                  "row 35: keys are queried by category, with the users "
                  "as they are or under device_keys") {
  const std::string query
    = "/_matrix/app/unstable/org.matrix.msc3984/keys/query";
  plan->answers["http://irc"]
    = {200, R"({"device_keys": {"@_irc_a:x": 1, "@tg_1:x": 9},
                "master_keys": {"@_irc_a:x": 2}})"};
  plan->answers["http://tg"] = {404, "{}"};
  const auto merged = json::parse(R"({"device_keys": {"@_irc_a:x": 1},
                                      "master_keys": {"@_irc_a:x": 2}})");
  const std::string users = R"({"@_irc_a:x": [], "@tg_1:x": []})";
  CHECK(json::parse(ask("POST", query, users).body) == merged);
  CHECK(*plan->exchanges[0]->body == R"({"@_irc_a:x":[]})");
  CHECK(
    json::parse(ask("POST", query, R"({"device_keys": )" + users + "}").body)
    == merged);
  CHECK(*plan->exchanges[2]->body == R"({"device_keys":{"@_irc_a:x":[]}})");
}

TEST_CASE_FIXTURE(fixture,
                  "row 34: a ping of the catch-all feed is answered by "
                  "Posthorn itself") {
  for (const char* path :
       {"/_matrix/app/v1/ping", "/_matrix/app/unstable/fi.mau.msc2659/ping"}) {
    const auto response = ask("POST", path, R"({"transaction_id": "x"})");
    CHECK(response.status == 200);
    CHECK(response.body == "{}");
  }
  CHECK(get("ping").status == 405);
  CHECK(asked().empty());
}

TEST_CASE_FIXTURE(fixture,
                  "D27: beyond the places of a service or of the node a "
                  "query is refused, and others go on") {
  query_bounds bounds;
  bounds.places = {2, 1};
  restart(bounds);
  plan->held["http://tg"];
  plan->answers["http://irc"] = {200, "{}"};
  const std::string slow = "users/%40tg_1%3Aexample.org";
  std::thread waiting{[&] { CHECK(get(slow).status == 200); }};
  // Until that query holds its places; it cannot end before it is let go.
  while ([&] {
    std::lock_guard guard{plan->mutex};
    return plan->held["http://tg"].empty();
  }())
    std::this_thread::yield();
  auto response = get(slow);
  CHECK(response.status == 503);
  CHECK(errcode(response) == "M_LIMIT_EXCEEDED");
  CHECK(response.get_header_value("Retry-After") == "1");
  CHECK(get(bob).status == 200);
  CHECK(aut->gate().refused() == 1);
  CHECK(aut->gate().open() == 1);
  caf::anon_send(courier, done_atom::value, std::uint64_t{200}, answer_ptr{});
  waiting.join();
  CHECK(aut->gate().open() == 0);
}

TEST_CASE("the node's places are given back when a query ends") {
  query_gate gate{{2, 1}};
  {
    const auto one = gate.enter();
    const auto two = gate.enter();
    CHECK(one);
    CHECK(two);
    CHECK(!gate.enter());
    const auto irc = gate.enter("irc");
    CHECK(irc);
    CHECK(!gate.enter("irc"));
    CHECK(gate.enter("log"));
  }
  CHECK(gate.open() == 0);
  CHECK(gate.enter());
  CHECK(gate.enter("irc"));
  CHECK(gate.refused() == 2);
}

TEST_CASE_FIXTURE(fixture, "a service without url is not asked") {
  auto silent = std::make_shared<service_config>(*services[0]);
  silent->registration.url = std::nullopt;
  services[0] = silent;
  build();
  plan->answers["http://log"] = {200, "{}"};
  CHECK(get(bob).status == 200);
  CHECK(asked() == strings{"GET http://log" + v1 + bob});
}

TEST_SUITE_END();

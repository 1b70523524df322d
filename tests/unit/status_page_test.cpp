// SPDX-License-Identifier: Apache-2.0
// What the status page shows, to whom, and that nothing in it is obeyed.
#include "actors/admin/status_page.hpp"
#include "tests/support/show.hpp"

using namespace posthorn;
using nlohmann::json;

namespace {

json service(const std::string& id, const std::string& state) {
  return {{"id", id},
          {"state", state},
          {"owner", "a"},
          {"pending_events", 1'234},
          {"oldest_pending_seconds", 7'260.0},
          {"dead_letters", 17},
          {"failures", 3},
          {"next_attempt_seconds", 8.25},
          {"last_error", "refused: HTTP 502"}};
}

json dump(json services) {
  return {{"nodes",
           {{{"name", "a"},
             {"state", "ready"},
             {"version", "1.2"},
             {"uptime_seconds", 90.0},
             {"address", "10.0.0.1:9011"},
             {"problem", ""}},
            {{"name", "b"},
             {"state", ""},
             {"version", ""},
             {"uptime_seconds", 0.0},
             {"address", ""},
             {"problem", "no answer in 2 s"}}}},
          {"services", std::move(services)}};
}

status_facts facts() {
  status_facts result;
  result.node = "a";
  result.version = "1.2";
  result.uptime_seconds = 90;
  result.store_used_bytes = 1'536;
  result.store_capacity_bytes = 16.0 * 1'024 * 1'024 * 1'024;
  return result;
}

bool has(const std::string& page, const std::string& part) {
  const auto found = page.find(part) != std::string::npos;
  CHECK_MESSAGE(found, part, "\n", page);
  return found;
}

httplib::Request request_with(const std::string& authorization) {
  httplib::Request result;
  if (!authorization.empty())
    result.headers.emplace("Authorization", authorization);
  return result;
}

int asked_with(const std::string& authorization) {
  httplib::Response response;
  const auto request = request_with(authorization);
  return may_see_page(request, digest_of("s3cret"), response) ? 200
                                                              : response.status;
}

} // namespace

TEST_SUITE_BEGIN("status page");

TEST_CASE("the page shows node, cluster, store and services") {
  const auto page
    = status_page(facts(), dump(json::array({service("irc", "DOWN")})));
  for (const auto* part :
       {"<meta http-equiv=\"refresh\" content=\"5\">", "node a", "version 1.2",
        "1m 30s", ">ready<", "1.5 KiB of 16.0 GiB", "no answer in 2 s",
        "10.0.0.1:9011", "<td>irc</td>", "<td class=\"bad\">DOWN</td>",
        ">1234</td>", ">2h 01m</td>", ">17</td>", ">3</td>", ">8.2 s</td>",
        "refused: HTTP 502"})
    CHECK(has(page, part));
}

TEST_CASE("a node that takes nothing says why") {
  auto what = facts();
  what.not_ready = "draining";
  what.store_problem = "store x: disk full";
  auto all = dump(json::array());
  all["services_problem"] = "store x: cannot read";
  const auto page = status_page(what, all);
  CHECK(has(page, "not ready: draining"));
  CHECK(has(page, "store x: disk full"));
  CHECK(has(page, "store x: cannot read"));
}

TEST_CASE("what services and registrations say is shown and not obeyed") {
  const std::string evil = "<script>alert('1')</script>\"&\x1b[31m";
  const std::string tame = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"
                           "&quot;&amp;\xef\xbf\xbd[31m";
  CHECK(escape_html(evil) == tame);
  auto row = service(evil, evil);
  row["owner"] = evil;
  row["last_error"] = evil;
  auto what = facts();
  what.node = evil;
  what.version = evil;
  what.not_ready = evil;
  what.store_problem = evil;
  auto all = dump(json::array({row}));
  for (const auto* key : {"name", "state", "version", "address"})
    all["nodes"][0][key] = evil;
  all["nodes"][1]["problem"] = evil;
  all["services_problem"] = evil;
  const auto page = status_page(what, all);
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find('\x1b') == std::string::npos);
  std::size_t shown = 0;
  for (auto i = page.find(tame); i != page.npos; i = page.find(tame, i + 1))
    ++shown;
  // Title, heading, version, readiness, store, five of nodes, services' line,
  // four of the row.
  CHECK(shown == 15);
}

TEST_CASE("a browser is told to load nothing and keep nothing") {
  httplib::Response response;
  set_page(response, "x");
  const auto policy = response.get_header_value("Content-Security-Policy");
  CHECK(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'"));
  CHECK(response.get_header_value("X-Content-Type-Options") == "nosniff");
  CHECK(response.get_header_value("Cache-Control") == "no-store");
  CHECK(response.get_header_value("Content-Type")
        == "text/html; charset=utf-8");
}

TEST_CASE("the page is for who has the token, as bearer or as password") {
  CHECK(asked_with("Bearer s3cret") == 200);
  // any:s3cret, and :s3cret.
  CHECK(asked_with("Basic YW55OnMzY3JldA==") == 200);
  CHECK(asked_with("basic OnMzY3JldA==") == 200);
  CHECK(asked_with("") == 401);
  CHECK(asked_with("Bearer nope") == 403);
  // any:s3cre, any:, s3cret, s3cret:any.
  CHECK(asked_with("Basic YW55OnMzY3Jl") == 401);
  CHECK(asked_with("Basic YW55Og==") == 401);
  CHECK(asked_with("Basic czNjcmV0") == 401);
  CHECK(asked_with("Basic czNjcmV0OmFueQ==") == 401);
  CHECK(asked_with("Basic !!!!") == 401);
  CHECK(asked_with("Basic abc") == 401);
  CHECK(asked_with("Basic ====") == 401);
  httplib::Response response;
  CHECK_FALSE(may_see_page(request_with(""), digest_of("s3cret"), response));
  CHECK(response.get_header_value("WWW-Authenticate")
          .starts_with("Basic realm=\"posthorn\""));
}

TEST_CASE("a password may have colons and is read to its end") {
  // a:b:c
  CHECK(basic_password(request_with("Basic YTpiOmM=")) == "b:c");
  CHECK_FALSE(basic_password(request_with("Bearer YTpiOmM=")));
}

TEST_SUITE_END();

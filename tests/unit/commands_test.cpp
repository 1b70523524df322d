// SPDX-License-Identifier: Apache-2.0
// generate and check.
#include "apps/posthorn/commands/check.hpp"
#include "apps/posthorn/commands/generate.hpp"
#include "tests/support/registration_text.hpp"
#include "tests/support/show.hpp"
#include "tests/support/temporary_directory.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <sstream>

using namespace posthorn;
using namespace posthorn::test;

namespace {

struct fixture {
  temporary_directory dir;
  std::ostringstream out;
  std::ostringstream err;

  int generate(const std::string& url = "http://127.0.0.1:9009") {
    return run_generate({"example.org", url, dir.path("p")}, out, err);
  }

  loaded load() {
    return load_config(dir.path("p/posthorn.yaml"), {}, parentheses);
  }

  int check(const std::string& config, bool json = false) {
    check_options options;
    options.config = dir.path(config);
    options.pattern = parentheses;
    options.json = json;
    return run_check(options, out, err);
  }
};

} // namespace

TEST_SUITE_BEGIN("commands");

TEST_CASE_FIXTURE(fixture, "what generate writes is valid as it is") {
  CHECK(generate("http://127.0.0.1:9123/") == 0);
  CHECK(err.str().empty());
  auto found = load();
  CHECK(lines(found.errors) == std::vector<std::string>{});
  // Only that there is no service yet.
  CHECK(found.warnings.size() == 1);
  CHECK(mentions(found.warnings, {"registrations/*.yaml"}));
  CHECK(found.config.server_name == "example.org");
  CHECK(to_string(found.config.listen) == "127.0.0.1:9123");
  CHECK(found.config.admin_token.size() == 64);
  REQUIRE(found.own.has_value());
  auto& own = *found.own;
  CHECK(own.id == "posthorn");
  CHECK(own.url == "http://127.0.0.1:9123");
  CHECK(own.sender_localpart == "posthorn");
  CHECK(own.receive_ephemeral);
  CHECK(own.device_lists);
  REQUIRE(own.rooms.size() == 1);
  CHECK(own.rooms[0].regex == ".*");
  CHECK_FALSE(own.rooms[0].exclusive);
  CHECK(own.users.empty());
  CHECK(own.aliases.empty());
  CHECK(dir.exists("p/registrations"));
}

TEST_CASE_FIXTURE(fixture, "generated tokens are random and nobody else's") {
  REQUIRE(generate() == 0);
  auto first = *load().own;
  CHECK(first.as_token.size() == 64);
  CHECK(first.as_token != first.hs_token);
  CHECK(first.as_token != load().config.admin_token);
  CHECK(dir.mode("p/posthorn.yaml") == 0600);
  CHECK(dir.mode("p/posthorn-registration.yaml") == 0600);
  std::filesystem::remove_all(dir.path("p"));
  REQUIRE(generate() == 0);
  CHECK(load().own->as_token != first.as_token);
  CHECK(load().own->hs_token != first.hs_token);
}

TEST_CASE_FIXTURE(fixture,
                  "generated files have mode 0600 whatever the umask") {
  std::filesystem::create_directories(dir.path("p/registrations"));
  auto before = ::umask(0777);
  auto code = generate();
  ::umask(before);
  CHECK(code == 0);
  CHECK(dir.mode("p/posthorn.yaml") == 0600);
}

TEST_CASE_FIXTURE(fixture, "generate overwrites neither of its files") {
  for (std::string name : {"posthorn.yaml", "posthorn-registration.yaml"}) {
    std::filesystem::remove_all(dir.path("p"));
    dir.write("p/" + name, "mine");
    err.str("");
    CHECK(generate() == 1);
    CHECK(err.str().find(dir.path("p/" + name)) != std::string::npos);
    CHECK(dir.read("p/" + name) == "mine");
    // Nothing else was made.
    auto all = std::filesystem::directory_iterator{dir.path("p")};
    CHECK(std::distance(begin(all), end(all)) == 1);
  }
  CHECK(out.str().empty());
}

TEST_CASE_FIXTURE(fixture, "generate does not write through a dangling link") {
  std::filesystem::create_directories(dir.path("p"));
  std::filesystem::create_symlink(dir.path("elsewhere"),
                                  dir.path("p/posthorn.yaml"));
  CHECK(generate() == 1);
  CHECK_FALSE(dir.exists("elsewhere"));
}

TEST_CASE_FIXTURE(fixture, "generate refuses what check would refuse") {
  CHECK(run_generate({"https://h", "http://h:1", dir.path()}, out, err) == 1);
  CHECK(err.str().find("--server-name") != std::string::npos);
  CHECK(run_generate({"h", "h:1", dir.path()}, out, err) == 1);
  CHECK(err.str().find("--url") != std::string::npos);
  CHECK_FALSE(dir.exists("posthorn.yaml"));
}

TEST_CASE_FIXTURE(fixture, "generate listens where its url leads") {
  struct {
    const char* url;
    const char* listen;
  } cases[] = {
    {"http://localhost:9009", "127.0.0.1:9009"},
    {"http://[::1]:9010", "[::1]:9010"},
    {"http://posthorn:9009", "0.0.0.0:9009"},
    {"http://posthorn", "127.0.0.1:9009"},
    {"https://posthorn.example:8448", "127.0.0.1:9009"},
    {"unix:/run/posthorn.sock", "unix:/run/posthorn.sock"},
  };

  for (auto& one : cases) {
    CAPTURE(one.url);
    std::filesystem::remove_all(dir.path("p"));
    CHECK(generate(one.url) == 0);
    CHECK(load().errors.empty());
    CHECK(to_string(load().config.listen) == one.listen);
  }
}

TEST_CASE_FIXTURE(fixture, "check prints a line a problem and a summary") {
  auto file = dir.write("p.yaml", "server_name: h\n"
                                  "app_service_config_files: [r/*.yaml, x/*]\n"
                                  "admin: 5\n");
  auto irc = dir.write("r/irc.yaml", registration_text("irc"));
  auto bad
    = dir.write("r/bad.yaml", with(registration_text("bad"), "as_bad", "5"));
  CHECK(check("p.yaml") == 1);
  CHECK(err.str().empty());
  CHECK(out.str()
        == file
             + ":3: admin: must be a string, but is a number: put it in "
               "quotes\n"
             + bad
             + ":3: as_token: must be a string, but is a number: put it in "
               "quotes\n"
             + file
             + ":2: app_service_config_files: warning: \"x/*\" matches no "
               "file\n"
               "1 service, 2 errors, 1 warning\n");
}

TEST_CASE_FIXTURE(fixture, "check of a good configuration exits with 0") {
  dir.write("p.yaml", "server_name: h\n");
  CHECK(check("p.yaml") == 0);
  CHECK(out.str() == "0 services, 0 errors, 0 warnings\n");
  out.str("");
  CHECK(check("none.yaml") == 1);
  CHECK(out.str().starts_with(dir.path("none.yaml") + ": cannot be read"));
}

TEST_CASE_FIXTURE(fixture, "check writes JSON on request") {
  dir.write("p.yaml", "server_name: h\nadmin: 5\n");
  CHECK(check("p.yaml", true) == 1);
  auto report = nlohmann::json::parse(out.str());
  CHECK(report["services"] == 0);
  CHECK(report["errors"].size() == 1);
  CHECK(report["errors"][0]["line"] == 2);
  CHECK(report["errors"][0]["field"] == "admin");
  CHECK(report["warnings"].empty());
}

TEST_CASE_FIXTURE(fixture, "check warns about exclusive entries that two "
                           "services share, and about slow patterns") {
  dir.write("p.yaml", "server_name: h\n"
                      "app_service_config_files: [r/*.yaml]\n");
  const auto a = dir.write("r/a.yaml", registration_text("a"));
  const auto b
    = dir.write("r/b.yaml", with(registration_text("b"), "@_b_", "@_a_"));
  const auto c
    = dir.write("r/c.yaml", with(with(registration_text("c"), "@_c_", "@_a_"),
                                 "exclusive: true", "exclusive: false"));
  check_options options;
  options.config = dir.path("p.yaml");
  options.slow = [](const std::string& x) { return x == "@_a_.*"; };
  CHECK(run_check(options, out, err) == 0);
  const auto slow = ": namespaces.users[0].regex: warning: \"@_a_.*\" is "
                    "matched by backtracking, the slow way\n";
  CHECK(out.str()
        == a + slow + b + slow + b
             + ": namespaces.users[0]: warning: \"@_a_.*\" is exclusive to "
               "service 'a' too ("
             + a + ")\n" + c + slow + "3 services, 0 errors, 4 warnings\n");
}

TEST_SUITE_END();

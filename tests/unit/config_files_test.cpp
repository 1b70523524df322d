// SPDX-License-Identifier: Apache-2.0
// posthorn.yaml together with its registrations and with flags.
#include "apps/posthorn/config/config.hpp"
#include "tests/support/registration_text.hpp"
#include "tests/support/show.hpp"
#include "tests/support/temporary_directory.hpp"

#include <unistd.h>

using namespace posthorn;
using namespace posthorn::test;

namespace {

struct fixture {
  temporary_directory dir;
  overrides flags;

  loaded load(const std::string& rest,
              const std::string& file = "posthorn.yaml") {
    return load_config(dir.write(file, "server_name: h\n" + rest), flags,
                       parentheses);
  }

  static std::vector<std::string> ids(const loaded& found) {
    std::vector<std::string> result;
    for (auto& one : found.services)
      result.push_back(one->registration.id);
    return result;
  }
};

using strings = std::vector<std::string>;

} // namespace

TEST_SUITE_BEGIN("config files");

TEST_CASE_FIXTURE(fixture, "globs are relative to the file and come sorted") {
  for (auto id : {"c", "a", "b"})
    dir.write(std::string{"r/"} + id + ".yaml", registration_text(id));
  dir.write("one.yaml", registration_text("one"));
  auto found = load("app_service_config_files: [one.yaml, r/*.yaml]\n");
  CHECK(found.errors.empty());
  CHECK(ids(found) == strings{"one", "a", "b", "c"});
}

TEST_CASE_FIXTURE(fixture, "a file that is named twice is loaded once") {
  auto path = dir.write("r/a.yaml", registration_text("a"));
  REQUIRE(::symlink(path.c_str(), dir.path("link.yaml").c_str()) == 0);
  auto found = load("app_service_config_files: [r/a.yaml, r/*.yaml, "
                    "./r/../r/a.yaml, link.yaml]\n");
  CHECK(found.errors.empty());
  CHECK(ids(found) == strings{"a"});
}

TEST_CASE_FIXTURE(fixture, "the configuration's own directory is no pattern") {
  dir.write("[x]*/r/a.yaml", registration_text("a"));
  auto found
    = load("app_service_config_files: [r/*.yaml]\n", "[x]*/posthorn.yaml");
  CHECK(found.warnings.empty());
  CHECK(ids(found) == strings{"a"});
}

TEST_CASE_FIXTURE(fixture,
                  "a glob without match is a warning, a path an error") {
  auto found = load("app_service_config_files:\n  - none/*.yaml\n");
  CHECK(found.errors.empty());
  CHECK(mentions(found.warnings, {"posthorn.yaml:2: app_service_config_files",
                                  "none/*.yaml", "matches no file"}));
  found = load("app_service_config_files:\n  - none.yaml\n");
  CHECK(found.errors.size() == 1);
  CHECK(mentions(found.errors, {dir.path("none.yaml")}));
  CHECK(load("app_service_config_files: none.yaml\n").errors.size() == 1);
  CHECK(load("app_service_config_files: [5]\n").errors.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "overrides of an unknown service are an error") {
  dir.write("irc.yaml", registration_text("irc"));
  dir.write("own.yaml", registration_text("posthorn"));
  auto base = std::string{"app_service_config_files: [irc.yaml]\n"
                          "registration: own.yaml\n"};
  CHECK(load(base + "services: {irc: {}}\n").errors.empty());
  CHECK(load(base + "services: {irc:}\n").errors.empty());
  CHECK(mentions(load(base + "services:\n  icr: {}\n").errors,
                 {"posthorn.yaml:5: services.icr"}));
  CHECK(load(base + "services: {posthorn: {}}\n").errors.size() == 1);
  CHECK(load(base + "services: {irc: 5}\n").errors.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "a broken registration still has its overrides") {
  auto base = std::string{"app_service_config_files: [irc.yaml]\n"
                          "services: {irc: {delivery: {x: 1}}}\n"};
  dir.write("irc.yaml", with(registration_text("irc"), "hs_token", "hs_tokin"));
  auto found = load(base);
  CHECK(found.errors.size() == 2);
  CHECK(mentions(found.errors, {"services.irc.delivery.x"}));
  CHECK(mentions(found.errors, {"irc.yaml:", "hs_token: is missing"}));
  dir.write("irc.yaml", "- not a registration\n");
  CHECK_FALSE(mentions(load(base).errors, {"services.irc: no registration"}));
}

TEST_CASE_FIXTURE(fixture,
                  "Posthorn's own registration follows the same rules") {
  dir.write("irc.yaml", registration_text("irc"));
  auto base = std::string{"app_service_config_files: [irc.yaml]\n"
                          "registration: own.yaml\n"};
  auto own = with(registration_text("posthorn"), "exclusive: true",
                  "exclusive: false");
  CHECK(load(base).errors.size() == 1);
  dir.write("own.yaml", own);
  auto found = load(base);
  CHECK(found.errors.empty());
  CHECK(found.warnings.empty());
  CHECK(ids(found) == strings{"irc"});
  REQUIRE(found.own.has_value());
  CHECK(found.own->hs_token == "hs_posthorn");
  dir.write("own.yaml", with(own, "id: posthorn", "id: irc"));
  CHECK(mentions(load(base).errors, {"own.yaml:1: id:", "irc.yaml:1"}));
  dir.write("own.yaml", with(own, "as_posthorn", "as_irc"));
  CHECK(mentions(load(base).errors, {"own.yaml:3: as_token:", "irc.yaml:3"}));
}

TEST_CASE_FIXTURE(fixture, "Posthorn's own registration is not a service") {
  dir.write("r/own.yaml", registration_text("posthorn"));
  auto found = load("app_service_config_files: [r/*.yaml]\n"
                    "registration: r/own.yaml\n");
  CHECK(found.errors.size() == 1);
  CHECK(mentions(found.errors, {"posthorn.yaml:3: registration:"}));
}

TEST_CASE_FIXTURE(fixture,
                  "a catch-all that takes names away is warned about") {
  auto own = registration_text("posthorn");
  auto warn = [&](const std::string& text, const std::string& about) {
    dir.write("own.yaml", text);
    auto found = load("registration: own.yaml\n");
    CHECK(found.errors.empty());
    return mentions(found.warnings, {"own.yaml", about});
  };
  auto mild = with(own, "exclusive: true", "exclusive: false");
  CHECK(warn(own, "an exclusive entry"));
  CHECK_FALSE(warn(mild, "an exclusive entry"));
  CHECK(warn(with(mild, "@_posthorn_.*", "@.*"), "covers every user"));
  CHECK(warn(with(mild, "http://127.0.0.1:9001", "null"), "url: is null"));
}

TEST_CASE_FIXTURE(fixture,
                  "R8: every error of every file is reported at once") {
  dir.write("r/a.yaml", "id: a\n");
  dir.write("r/b.yaml", registration_text("a") + "id: b\n");
  dir.write("own.yaml", "nonsense");
  auto found = load("app_service_config_files: [r/*.yaml, none.yaml]\n"
                    "registration: own.yaml\n"
                    "listen: nowhere\n"
                    "listen: twice\n"
                    "delivery: {max_events: 0, timeout: soon}\n"
                    "unknown: 1\n");
  for (auto& part : strings{
         "posthorn.yaml:5: listen: is given twice",
         "posthorn.yaml:4: listen: \"nowhere\" has no port",
         "posthorn.yaml:6: delivery.max_events:",
         "posthorn.yaml:6: delivery.timeout:", "posthorn.yaml:7: unknown:",
         "a.yaml:1: url:", "a.yaml:1: hs_token:", "b.yaml:10: id:",
         "b.yaml:1: id:", "none.yaml: cannot be read", "own.yaml:1: must be"})
    CHECK_MESSAGE(mentions(found.errors, {part}), part);
  CHECK(found.services.empty());
}

TEST_CASE_FIXTURE(fixture, "a configuration that cannot be read is one error") {
  CHECK(load_config(dir.path("none.yaml"), {}, {}).errors.size() == 1);
  CHECK(load_config(dir.write("x.yaml", "a: [1\n"), {}, {}).errors.size() == 1);
  CHECK(load_config(dir.write("y.yaml", ""), {}, {}).errors.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "flags take precedence over the file") {
  flags = {"b", "127.0.0.1:1", "unix:/a.sock", "127.0.0.1:2", "lmdb:there"};
  auto found = load("name: a\nlisten: 127.0.0.1:7\nadmin: 0.0.0.0:8\n"
                    "store: lmdb:here\ncluster: {listen: '127.0.0.1:9', "
                    "advertise: '127.0.0.1:10'}\n");
  CHECK(lines(found.errors) == strings{});
  CHECK(found.config.name == "b");
  CHECK(to_string(found.config.listen) == "127.0.0.1:1");
  CHECK(to_string(found.config.admin) == "unix:/a.sock");
  CHECK(found.config.store_path == "there");
  REQUIRE(found.config.cluster.has_value());
  CHECK(to_string(found.config.cluster->listen) == "127.0.0.1:2");
  CHECK(to_string(found.config.cluster->advertise) == "127.0.0.1:2");
}

TEST_CASE_FIXTURE(fixture, "a flag can make a cluster of a lone node") {
  flags.cluster = "127.0.0.1:2";
  CHECK(load("").config.cluster.has_value());
  flags.cluster = "10.0.0.5:2";
  CHECK(mentions(load("").errors, {"cluster:", "TLS"}));
}

TEST_CASE_FIXTURE(fixture, "a wrong flag is an error that names it") {
  flags = {"a b", "x", "y", "unix:/z", "postgres://h/db"};
  auto found = load("");
  CHECK(found.errors.size() == 5);
  for (auto flag : {"--name", "--listen", "--admin", "--cluster", "--store"})
    CHECK_MESSAGE(
      mentions(found.errors, {std::string{"command line: "} + flag}), flag);
}

TEST_CASE_FIXTURE(fixture,
                  "a flag that opens the admin API needs a token too") {
  flags.admin = "0.0.0.0:1";
  CHECK(load("").errors.size() == 1);
  CHECK(load("admin_token: t\n").errors.empty());
}

TEST_SUITE_END();

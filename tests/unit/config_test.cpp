// SPDX-License-Identifier: Apache-2.0
// The rules for posthorn.yaml.
#include "apps/posthorn/config/config.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/registration_text.hpp"
#include "tests/support/show.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace posthorn;
using namespace posthorn::test;
using std::chrono::milliseconds;

namespace {

struct fixture {
  temporary_directory dir;
  overrides flags;

  /// Loads a posthorn.yaml made of a server_name and `rest`.
  loaded load(const std::string& rest) {
    return load_text("server_name: example.org\n" + rest);
  }

  loaded load_text(const std::string& text, mode_t mode = 0600) {
    return load_config(dir.write("posthorn.yaml", text, mode), flags,
                       parentheses);
  }

  /// Whether `rest` makes exactly one error, which is about `field`.
  bool refused(const std::string& rest, const std::string& field) {
    auto found = load(rest);
    return found.errors.size() == 1 && found.errors.front().field == field;
  }

  bool taken(const std::string& rest) {
    return load(rest).errors.empty();
  }

  void write_services() {
    dir.write("registrations/irc.yaml", registration_text("irc"));
    dir.write("registrations/xmpp.yaml", registration_text("xmpp"));
  }
};

const std::string all_registrations
  = "app_service_config_files: [registrations/*.yaml]\n";

} // namespace

TEST_SUITE_BEGIN("config");

TEST_CASE_FIXTURE(fixture, "only server_name has to be given") {
  auto found = load("");
  CHECK(lines(found.errors) == std::vector<std::string>{});
  CHECK(lines(found.warnings) == std::vector<std::string>{});
  auto& config = found.config;
  CHECK(config.server_name == "example.org");
  CHECK_FALSE(config.name.empty());
  CHECK(to_string(config.listen) == "127.0.0.1:9009");
  CHECK(to_string(config.admin) == "127.0.0.1:9010");
  CHECK(config.admin_token.empty());
  CHECK(config.store_path == dir.path("posthorn-data"));
  CHECK_FALSE(config.cluster.has_value());
  CHECK(config.sorter.poll_interval == milliseconds{1'000});
  CHECK_FALSE(config.sorter.wake_on_arrival);
  CHECK(config.recovery.initial_backoff == milliseconds{2'000});
  CHECK(config.recovery.max_backoff == milliseconds{512'000});
  CHECK(config.recovery.jitter);
  CHECK(config.delivery.max_events == 100);
  CHECK(config.delivery.max_bytes == 1024 * 1024);
  CHECK(config.delivery.connect_timeout == milliseconds{15'000});
  CHECK(config.delivery.timeout == milliseconds{60'000});
  CHECK(config.delivery.poison_attempts == 5);
  CHECK_FALSE(config.delivery.legacy_path);
  CHECK(config.limits.max_request == 16u << 20);
  CHECK(config.limits.max_store == std::uint64_t{16} << 30);
  CHECK_FALSE(found.own.has_value());
}

TEST_CASE_FIXTURE(fixture, "every key can be given") {
  write_services();
  dir.write("own.yaml", registration_text("posthorn"));
  certificates make{dir};
  make.authority("ca");
  make.node("node", "ca");
  auto found = load(all_registrations
                    + "registration: own.yaml\n"
                      "listen: '[::]:1'\n"
                      "admin: unix:/run/admin.sock\n"
                      "admin_token: \"t\"\n"
                      "store: lmdb:/var/lib/p\n"
                      "name: a\n"
                      "cluster:\n"
                      "  listen: 0.0.0.0:9011\n"
                      "  advertise: 10.0.0.5:9011\n"
                      "  tls: {certificate: node.pem, key: node.key,"
                      " ca: ca.pem}\n"
                      "  peers: ['10.0.0.6:9011', 'b.example.org:9011']\n"
                      "sorter: {poll_interval: 250ms, wake_on_arrival: true}\n"
                      "recovery: {initial_backoff: 1s, max_backoff: 1h,"
                      " jitter: false}\n"
                      "delivery: {max_events: 50, max_bytes: 64KiB,"
                      " connect_timeout: 5s, timeout: 2m}\n"
                      "limits: {max_request: 1MiB, max_store: 1GiB}\n"
                      "services:\n"
                      "  irc: {delivery: {max_bytes: 5MiB, poison_attempts: 0,"
                      "        legacy_path: true},"
                      " recovery: {max_backoff: 10s}}\n");
  CHECK(lines(found.errors) == std::vector<std::string>{});
  CHECK(lines(found.warnings)
        == std::vector<std::string>{
          dir.path("own.yaml")
          + ": namespaces: an exclusive entry keeps the services themselves "
            "from using these names: write exclusive: false"});
  auto& config = found.config;
  CHECK(config.name == "a");
  CHECK(config.store_path == "/var/lib/p");
  CHECK(config.admin.path == "/run/admin.sock");
  CHECK(config.admin_token == "t");
  REQUIRE(config.cluster.has_value());
  CHECK(to_string(config.cluster->advertise) == "10.0.0.5:9011");
  REQUIRE(config.cluster->tls.has_value());
  CHECK(config.cluster->tls->key == dir.path("node.key"));
  REQUIRE(config.cluster->peers.size() == 2);
  CHECK(to_string(config.cluster->peers[1]) == "b.example.org:9011");
  CHECK(config.sorter.wake_on_arrival);
  CHECK(config.limits.max_request == 1u << 20);
  REQUIRE(found.own.has_value());
  CHECK(found.own->id == "posthorn");
  REQUIRE(found.services.size() == 2);
  auto& irc = *found.services[0];
  auto& xmpp = *found.services[1];
  CHECK(irc.registration.id == "irc");
  CHECK(irc.delivery.max_bytes == 5u << 20);
  CHECK(irc.delivery.max_events == 50);
  CHECK(irc.delivery.poison_attempts == 0);
  CHECK(irc.delivery.legacy_path);
  CHECK(irc.delivery.timeout == milliseconds{120'000});
  CHECK(irc.recovery.initial_backoff == milliseconds{1'000});
  CHECK(irc.recovery.max_backoff == milliseconds{10'000});
  CHECK_FALSE(irc.recovery.jitter);
  CHECK(xmpp.delivery.max_bytes == 64u << 10);
  CHECK(xmpp.delivery.poison_attempts == 5);
  CHECK(xmpp.recovery.max_backoff == milliseconds{3'600'000});
}

TEST_CASE_FIXTURE(fixture, "a section with nothing in it is as if left out") {
  CHECK(taken("cluster:\nservices:\napp_service_config_files:\nsorter: ~\n"
              "registration:\nadmin_token:\n"));
}

TEST_CASE_FIXTURE(fixture, "an unknown key is an error that names it") {
  write_services();
  CHECK(refused("lissten: 127.0.0.1:1\n", "lissten"));
  CHECK(refused("sorter: {poll: 1s}\n", "sorter.poll"));
  CHECK(refused("recovery: {backoff: 1s}\n", "recovery.backoff"));
  CHECK(refused("delivery: {max_event: 1}\n", "delivery.max_event"));
  CHECK(refused("limits: {max: 1MiB}\n", "limits.max"));
  CHECK(refused("cluster: {listen: '127.0.0.1:1', x: 1}\n", "cluster.x"));
  CHECK(refused(all_registrations + "services: {irc: {limits: {}}}\n",
                "services.irc.limits"));
  CHECK(refused(all_registrations + "services: {irc: {delivery: {x: 1}}}\n",
                "services.irc.delivery.x"));
}

TEST_CASE_FIXTURE(fixture, "server_name is a Matrix server name") {
  for (auto name : {"h", "example.org:8448", "1.2.3.4", "'[::1]:8448'"})
    CHECK_MESSAGE(load_text(std::string{"server_name: "} + name).errors.empty(),
                  name);
  for (auto name :
       {"''", "https://h", "a b", "h:", "h:x", "'@a:h'", "5", "h/", "'[::1'"})
    CHECK_MESSAGE(
      load_text(std::string{"server_name: "} + name).errors.size() == 1, name);
  CHECK(mentions(load_text("name: a\n").errors, {"server_name: is missing"}));
}

TEST_CASE_FIXTURE(fixture, "a node's name is short and plain") {
  CHECK(taken("name: a-b_c.9\n"));
  CHECK(refused("name: a/b\n", "name"));
  CHECK(refused("name: ''\n", "name"));
  CHECK(refused("name: 5\n", "name"));
  CHECK(refused("name: " + std::string(65, 'a') + "\n", "name"));
}

TEST_CASE_FIXTURE(fixture, "durations, sizes and counts have ranges") {
  CHECK(refused("sorter: {poll_interval: 1}\n", "sorter.poll_interval"));
  CHECK(refused("sorter: {poll_interval: 9ms}\n", "sorter.poll_interval"));
  CHECK(refused("sorter: {poll_interval: 61s}\n", "sorter.poll_interval"));
  CHECK(
    refused("sorter: {wake_on_arrival: \"true\"}\n", "sorter.wake_on_arrival"));
  CHECK(
    refused("recovery: {initial_backoff: 0s}\n", "recovery.initial_backoff"));
  CHECK(refused("recovery: {max_backoff: 25h}\n", "recovery.max_backoff"));
  for (auto count : {"0", "10001", "-1", "1.5", "010", "\"5\"", "1_0"})
    CHECK_MESSAGE(
      refused(std::string{"delivery: {max_events: "} + count + "}\n",
              "delivery.max_events"),
      count);
  CHECK(taken("delivery: {max_events: 10000}\n"));
  CHECK(taken("delivery: {max_events: 1}\n"));
  CHECK(refused("delivery: {max_bytes: 1000}\n", "delivery.max_bytes"));
  CHECK(refused("delivery: {max_bytes: 512B}\n", "delivery.max_bytes"));
  CHECK(refused("delivery: {max_bytes: 257MiB}\n", "delivery.max_bytes"));
  CHECK(refused("delivery: {timeout: 9ms}\n", "delivery.timeout"));
  CHECK(
    refused("delivery: {poison_attempts: 1001}\n", "delivery.poison_attempts"));
  CHECK(
    refused("delivery: {poison_attempts: -1}\n", "delivery.poison_attempts"));
  CHECK(refused("delivery: {legacy_path: 1}\n", "delivery.legacy_path"));
  CHECK(
    refused("delivery: {connect_timeout: 2h}\n", "delivery.connect_timeout"));
  CHECK(refused("limits: {max_request: 63KiB}\n", "limits.max_request"));
  CHECK(refused("limits: {max_request: 2GiB}\n", "limits.max_request"));
  CHECK(refused("limits: {max_store: 65TiB}\n", "limits.max_store"));
}

TEST_CASE_FIXTURE(fixture, "bounds that contradict each other are an error") {
  write_services();
  CHECK(refused("recovery: {initial_backoff: 5s, max_backoff: 4s}\n",
                "recovery.initial_backoff"));
  CHECK(taken("recovery: {initial_backoff: 5s, max_backoff: 5s}\n"));
  CHECK(refused("limits: {max_request: 64MiB, max_store: 100MiB}\n",
                "limits.max_request"));
  CHECK(load("limits: {max_store: 8MiB}\n").config.limits.max_request
        == 4u << 20);
  CHECK(refused(all_registrations
                  + "recovery: {initial_backoff: 5s}\n"
                    "services: {irc: {recovery: {max_backoff: 4s}}}\n",
                "services.irc.recovery.initial_backoff"));
}

TEST_CASE_FIXTURE(fixture, "the admin token is in the file or in another one") {
  dir.write("token", "secret\n");
  CHECK(load("admin_token_file: token\n").config.admin_token == "secret");
  CHECK(
    refused("admin_token: a\nadmin_token_file: token\n", "admin_token_file"));
  CHECK(refused("admin_token_file: none\n", "admin_token_file"));
  dir.write("empty", "\n");
  CHECK(refused("admin_token_file: empty\n", "admin_token_file"));
  dir.write("lines", "a\nb\n");
  CHECK(refused("admin_token_file: lines\n", "admin_token_file"));
  CHECK(refused("admin_token: 12345\n", "admin_token"));
  CHECK(refused("admin_token: ''\n", "admin_token"));
}

TEST_CASE_FIXTURE(fixture, "off loopback the admin API needs a token") {
  for (auto address :
       {"0.0.0.0:9010", "10.0.0.1:9010", "'[::]:9010'", "systemd", "fd:3"}) {
    auto line = std::string{"admin: "} + address + "\n";
    CHECK_MESSAGE(refused(line, "admin_token"), address);
    CHECK_MESSAGE(taken(line + "admin_token: t\n"), address);
  }
  for (auto address :
       {"127.0.0.1:1", "'[::1]:1'", "localhost:1", "unix:/run/p.sock"})
    CHECK_MESSAGE(taken(std::string{"admin: "} + address + "\n"), address);
}

TEST_CASE_FIXTURE(fixture, "a secret open to others is warned about") {
  auto token = std::string{"server_name: h\nadmin_token: t\n"};
  CHECK(load_text(token, 0600).warnings.empty());
  CHECK(mentions(load_text(token, 0644).warnings,
                 {"posthorn.yaml:2: admin_token: "}));
  CHECK(load_text(token, 0602).warnings.size() == 1);
  CHECK(load_text("server_name: h\n", 0644).warnings.empty());
  dir.write("token", "t", 0640);
  CHECK(mentions(load("admin_token_file: token\n").warnings,
                 {"admin_token_file", "chmod 600"}));
}

TEST_CASE_FIXTURE(fixture, "listen and admin are two addresses") {
  CHECK(refused("listen: 127.0.0.1:1\nadmin: 127.0.0.1:1\n", "admin"));
  CHECK(taken("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n"));
  CHECK(taken("listen: systemd\nadmin: systemd\nadmin_token: t\n"));
  CHECK(refused("listen: fd:3\nadmin: fd:3\nadmin_token: t\n", "admin"));
  CHECK(refused("listen: 9009\n", "listen"));
  CHECK(refused("listen: nonsense\n", "listen"));
}

TEST_CASE_FIXTURE(fixture, "the store is LMDB in this build") {
  CHECK(load("store: lmdb:a/b\n").config.store_path == dir.path("a/b"));
  CHECK(refused("store: 'lmdb:'\n", "store"));
  CHECK(refused("store: /var/lib/p\n", "store"));
  auto found = load("store: postgres://user:s3cret@host/db\n");
  CHECK(mentions(found.errors, {"store:", "not available in this build"}));
  CHECK_FALSE(mentions(found.errors, {"s3cret"}));
}

TEST_CASE_FIXTURE(fixture, "nodes are linked on loopback or with TLS only") {
  CHECK(taken("cluster: {listen: '127.0.0.1:9011'}\n"));
  CHECK(refused("cluster: {listen: '10.0.0.5:9011'}\n", "cluster.tls"));
  CHECK(refused("cluster: {listen: unix:/p}\n", "cluster.listen"));
  CHECK(refused("cluster: {listen: '127.0.0.1:0'}\n", "cluster.listen"));
  CHECK(refused("cluster: {advertise: '10.0.0.5:9011'}\n", "cluster.listen"));
  const auto peers = [this](const std::string& one) {
    return load("cluster: {listen: '127.0.0.1:1', peers: " + one + "}\n");
  };
  CHECK(peers("['127.0.0.1:2']").errors.empty());
  for (auto wrong : {"['unix:/p']", "['127.0.0.1:0']", "['0.0.0.0:2']", "[x]",
                     "[5]", "'127.0.0.1:2'"})
    CHECK_MESSAGE(peers(wrong).errors.size() == 1, wrong);
  auto tls
    = std::string{"tls: {certificate: c.pem, key: c.key, ca: ca.pem}}\n"};
  CHECK(load("cluster: {listen: '10.0.0.5:9011', " + tls).errors.size() == 3);
  certificates make{dir};
  make.authority("ca");
  make.node("c", "ca");
  dir.write("c.key", dir.read("c.key"), 0640);
  auto found = load("cluster: {listen: '10.0.0.5:9011', " + tls);
  CHECK(found.errors.empty());
  CHECK(mentions(found.warnings, {"cluster.tls.key"}));
  CHECK(
    refused("cluster: {listen: '0.0.0.0:9011', " + tls, "cluster.advertise"));
  CHECK(refused("cluster: {listen: '127.0.0.1:1', tls: {ca: c, key: k}}\n",
                "cluster.tls.certificate"));
}

TEST_SUITE_END();

// SPDX-License-Identifier: Apache-2.0
// Which certificates and keys a node of a cluster may start with.
#include "apps/posthorn/config/tls_files.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/show.hpp"

using namespace posthorn;
using namespace posthorn::test;

namespace {

struct fixture {
  temporary_directory dir;
  certificates make{dir};

  fixture() {
    make.authority("ca");
    make.node("a", "ca");
  }

  cluster_tls files(const std::string& certificate = "a.pem",
                    const std::string& key = "a.key",
                    const std::string& ca = "ca.pem") const {
    return {dir.path(certificate), dir.path(key), dir.path(ca)};
  }

  /// Whether the only finding is an error about `field` that says `words`.
  bool refused(const cluster_tls& what, const std::string& field,
               const std::string& words) const {
    const auto found = check_tls_files(what);
    return found.size() == 1 && !found.front().warning
           && found.front().field == field
           && found.front().text.find(words) != std::string::npos;
  }
};

} // namespace

TEST_SUITE_BEGIN("tls files");

TEST_CASE_FIXTURE(fixture, "a certificate of the CA and its key will do") {
  CHECK(check_tls_files(files()).empty());
}

TEST_CASE_FIXTURE(fixture, "a file that cannot be read is named") {
  CHECK(refused(files("no.pem"), "certificate", dir.path("no.pem")));
  CHECK(refused(files("a.pem", "no.key"), "key", dir.path("no.key")));
  CHECK(refused(files("a.pem", "a.key", "no.pem"), "ca", dir.path("no.pem")));
}

TEST_CASE_FIXTURE(fixture, "a file that is no PEM is refused") {
  dir.write("x", "-----BEGIN CERTIFICATE-----\nAAAA\n");
  CHECK(refused(files("x"), "certificate", "no certificate in PEM form"));
  CHECK(refused(files("a.pem", "x"), "key", "no private key in PEM form"));
  CHECK(
    refused(files("a.pem", "a.key", "x"), "ca", "no certificate in PEM form"));
}

TEST_CASE_FIXTURE(fixture, "the key must be the certificate's") {
  make.node("b", "ca");
  CHECK(refused(files("a.pem", "b.key"), "key", "is not the key"));
}

TEST_CASE_FIXTURE(fixture, "an encrypted key is refused") {
  make.openssl("ec -in a.key -aes128 -passout pass:secret -out locked.key");
  CHECK(refused(files("a.pem", "locked.key"), "key", "encrypted"));
}

TEST_CASE_FIXTURE(fixture, "the certificate must be signed by the CA") {
  make.authority("other");
  CHECK(refused(files("a.pem", "a.key", "other.pem"), "certificate",
                "not signed by the CA"));
}

TEST_CASE_FIXTURE(fixture, "a CA file holds authorities only") {
  CHECK(refused(files("a.pem", "a.key", "a.pem"), "ca", "no authority's"));
}

TEST_CASE_FIXTURE(fixture, "a certificate must do for server and client") {
  make.node("server", "ca", "2", "serverAuth");
  make.node("both", "ca", "2", "serverAuth,clientAuth");
  CHECK(refused(files("server.pem", "server.key"), "certificate",
                "server and client"));
  CHECK(check_tls_files(files("both.pem", "both.key")).empty());
}

TEST_CASE_FIXTURE(fixture,
                  "an expired certificate is a warning: deliveries need no "
                  "links") {
  make.node("old", "ca", "-1");
  const auto found = check_tls_files(files("old.pem", "old.key"));
  REQUIRE(found.size() == 1);
  CHECK(found.front().warning);
  CHECK(found.front().text.find("expired") != std::string::npos);
}

TEST_SUITE_END();

// SPDX-License-Identifier: Apache-2.0
// https: who is trusted, and what is said when nobody can be.
#include "actors/courier/http_client.hpp"
#include "tests/support/http_asking.hpp"
#include "tests/support/http_peer.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

using namespace posthorn;
using namespace posthorn::testing;

namespace {

/// `openssl s_server` with a certificate of its own for the name localhost.
class tls_peer {
public:
  tls_peer() {
    std::filesystem::create_directory(dir_);
    const auto made = "openssl req -x509 -newkey ec -pkeyopt "
                      "ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
                      "/CN=localhost -addext subjectAltName=DNS:localhost "
                      "-keyout "
                      + dir_ + "/key.pem -out " + certificate()
                      + " 2>/dev/null";
    REQUIRE(::system(made.c_str()) == 0);
    int out[2];
    REQUIRE(::pipe(out) == 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(out[1], 1);
      // Its complaints about clients that do not trust it.
      ::dup2(::open("/dev/null", O_WRONLY), 2);
      ::close(out[0]);
      const auto key = dir_ + "/key.pem";
      const auto cert = certificate();
      ::execlp("openssl", "openssl", "s_server", "-www", "-accept",
               "127.0.0.1:0", "-key", key.c_str(), "-cert", cert.c_str(),
               nullptr);
      ::_exit(127);
    }
    ::close(out[1]);
    read_port(out[0]);
    out_ = out[0];
  }

  tls_peer(const tls_peer&) = delete;
  tls_peer& operator=(const tls_peer&) = delete;

  ~tls_peer() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    ::close(out_);
    std::filesystem::remove_all(dir_);
  }

  std::string certificate() const {
    return dir_ + "/cert.pem";
  }

  exchange asking(const std::string& host) const {
    auto result = to("https://" + host + ":" + port_);
    result.method = "GET";
    result.target = "/";
    result.body = nullptr;
    return result;
  }

private:
  void read_port(int fd) {
    // "ACCEPT 127.0.0.1:43210\n"
    std::string said;
    std::array<char, 256> buffer;
    while (said.find('\n', said.find("ACCEPT ")) == std::string::npos
           || said.find("ACCEPT ") == std::string::npos) {
      const auto got = ::read(fd, buffer.data(), buffer.size());
      REQUIRE(got > 0);
      said.append(buffer.data(), static_cast<std::size_t>(got));
    }
    const auto line = said.substr(said.find("ACCEPT "));
    const auto colon = line.find(':');
    port_ = line.substr(colon + 1, line.find('\n') - colon - 1);
  }

  std::string dir_ = "/tmp/posthorn-tls-" + std::to_string(::getpid());
  std::string port_;
  pid_t child_ = -1;
  int out_ = -1;
};

bool has(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

} // namespace

TEST_SUITE_BEGIN("http_client");

TEST_CASE("only a certificate that can be verified is trusted") {
  tls_peer peer;
  SUBCASE("a stranger's is not") {
    auto client = open_client();
    auto what = peer.asking("localhost");
    auto got = ask(*client, what);
    CHECK(got->what == outcome::unreachable);
    CHECK_MESSAGE(has(got->detail, "TLS with " + what.base
                                     + " failed: SSL "
                                       "certificate problem"),
                  got->detail);
  }
  http_client_options trusting;
  trusting.ca_file = peer.certificate();
  SUBCASE("that of a known authority is") {
    auto client = open_client(trusting);
    auto got = ask(*client, peer.asking("localhost"));
    CHECK_MESSAGE(got->what == outcome::accepted, got->detail);
    CHECK(has(got->body, "s_server"));
  }
  SUBCASE("for the name that stands in it only") {
    auto client = open_client(trusting);
    auto got = ask(*client, peer.asking("127.0.0.1"));
    CHECK(got->what == outcome::unreachable);
    CHECK_MESSAGE(has(got->detail, "TLS with https://127.0.0.1:"), got->detail);
  }
}

TEST_CASE("a peer that does not speak TLS is unreachable over https") {
  http_peer plain{[](auto& c) { c.write("HTTP/1.1 400 Bad Request\r\n\r\n"); }};
  auto client = open_client();
  auto got
    = ask(*client, to("https://127.0.0.1:" + std::to_string(plain.port())));
  CHECK(got->what == outcome::unreachable);
  CHECK(has(got->detail, "TLS with https://127.0.0.1:"));
}

TEST_CASE("a TLS handshake that hangs is no connection") {
  http_peer mute{[](auto& c) { c.hang(); }};
  auto client = open_client();
  auto got = ask(
    *client, impatient_to("https://127.0.0.1:" + std::to_string(mute.port())));
  CHECK(got->what == outcome::unreachable);
  CHECK(has(got->detail, "no connection within 200ms"));
}

TEST_CASE(
  "a file of authorities that cannot be read is an error that names it") {
  http_client_options wrong;
  wrong.ca_file = "/nowhere/ca.pem";
  auto client = http_client::open(wrong);
  REQUIRE(!client);
  CHECK(is(client.error(), ec::bad_config));
  CHECK(has(text_of(client.error()), "/nowhere/ca.pem"));
}

TEST_SUITE_END();

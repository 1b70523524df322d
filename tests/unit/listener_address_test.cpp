// SPDX-License-Identifier: Apache-2.0
// The addresses that the listener takes, and how it refuses the others.
#include "actors/listener/listener.hpp"
#include "messages/errors.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

using namespace posthorn;
using test::raw_client;

namespace {

void echo(httplib::Request& request, httplib::Response& response) {
  response.set_content(request.target, "text/plain");
}

std::unique_ptr<listener> serve(const std::string& address) {
  auto result = listen(address, {}, echo);
  if (!result)
    FAIL(text_of(result.error()));
  return std::move(*result);
}

std::string failure(const std::string& address) {
  auto result = listen(address, {}, echo);
  if (result)
    return "listens";
  CHECK(is(result.error(), ec::bad_address));
  return text_of(result.error());
}

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

} // namespace

TEST_CASE("a Unix socket is the owner's alone; a stale one is replaced") {
  test::temporary_directory files;
  auto path = files.path("socket");
  auto address = "unix:" + path;
  {
    auto server = serve(address);

    struct stat info {};

    REQUIRE(stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    CHECK(server->port() == 0);
    CHECK(raw_client{path}.ask(get("/u")).body == "/u");
    CHECK(failure(address)
          == "cannot listen on " + address + ": Address already in use");
    CHECK(raw_client{path}.ask(get("/still")).status == 200);
    std::filesystem::rename(path, path + ".stale");
  }
  // The file of a server that is gone, and that nobody removed.
  std::filesystem::rename(path + ".stale", path);
  {
    auto server = serve(address);
    CHECK(raw_client{path}.ask(get("/")).status == 200);
  }
  CHECK_FALSE(std::filesystem::exists(path));
  auto other = "unix:" + files.write("other", "not a socket");
  CHECK(failure(other) == "cannot listen on " + other + ": File exists");
  CHECK(files.read("other") == "not a socket");
}

TEST_CASE("an address that cannot be listened on is named with the reason") {
  auto server = serve("127.0.0.1:0");
  auto taken = "127.0.0.1:" + std::to_string(server->port());
  CHECK(failure(taken)
        == "cannot listen on " + taken + ": Address already in use");
  for (auto* address : {"", "9009", "host:", "host:x", "host:65536", "::1:80",
                        "unix:", "fd:", "fd:x", "fd:-1", "systemd:web"}) {
    CAPTURE(address);
    CHECK(failure(address).starts_with("cannot listen on "
                                       + std::string{address} + ": "));
  }
  CHECK(failure("fd:1") != "listens");
  CHECK(failure("fd:987654")
        == "cannot listen on fd:987654: Bad file "
           "descriptor");
}

TEST_CASE("listening sockets are taken from systemd or by number") {
  auto passed = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(passed >= 3);
  REQUIRE(::listen(passed, 5) == 0);
  std::string names;
  for (auto i = 3; i < passed; ++i)
    names += "other:";
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  setenv("LISTEN_FDS", std::to_string(passed - 2).c_str(), 1);
  setenv("LISTEN_FDNAMES", (names + "feed").c_str(), 1);
  CHECK(failure("systemd:absent") != "listens");
  auto copy = dup(passed);
  {
    auto server = serve("systemd:feed");
    CHECK(raw_client{server->port()}.ask(get("/")).status == 200);
  }
  auto server = serve("fd:" + std::to_string(copy));
  CHECK(raw_client{server->port()}.ask(get("/")).status == 200);
  setenv("LISTEN_PID", "1", 1);
  CHECK(failure("systemd") != "listens");
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_FDNAMES");
}

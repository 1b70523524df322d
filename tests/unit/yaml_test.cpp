// SPDX-License-Identifier: Apache-2.0
// The strict reading of YAML, and the forms of durations, sizes and addresses.
#include "apps/posthorn/config/address.hpp"
#include "apps/posthorn/config/quantity.hpp"
#include "apps/posthorn/config/service_url.hpp"
#include "apps/posthorn/config/yaml_document.hpp"
#include "tests/support/registration_text.hpp"
#include "tests/support/show.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace posthorn;
using namespace posthorn::test;

namespace {

std::vector<std::string> problems_of(const std::string& text) {
  return lines(parse_yaml("f.yaml", text).problems);
}

yaml_kind kind_of(const std::string& text) {
  auto document = parse_yaml("f.yaml", "key: " + text + "\n");
  REQUIRE(document.root != nullptr);
  return document.root->find("key")->value->kind;
}

std::string url_of(const std::string& text) {
  auto url = parse_service_url(text);
  return url ? *url : "refused";
}

std::string address_of(const std::string& text) {
  auto address = parse_address(text);
  return address ? to_string(*address) : "refused";
}

} // namespace

TEST_SUITE_BEGIN("yaml");

TEST_CASE("a key that is given twice is an error that names both lines") {
  CHECK(problems_of("a: 1\nb: 2\na: 3\n")
        == std::vector<std::string>{
          "f.yaml:3: a: is given twice, first in line 1"});
  CHECK(problems_of("x:\n  - {a: 1, \"a\": 2}\n").size() == 1);
}

TEST_CASE("a merge key is refused, since yaml-cpp would not apply it") {
  CHECK(problems_of("x: &x {a: 1}\ny:\n  <<: *x\n").size() == 1);
  CHECK(problems_of("'<<': 1\n").empty());
}

TEST_CASE("a file is one YAML mapping of UTF-8 text") {
  CHECK(
    problems_of("a: 1\n---\nb: 2\n")
    == std::vector<std::string>{"f.yaml: holds more than one YAML document"});
  CHECK(problems_of("# nothing\n")
        == std::vector<std::string>{"f.yaml: is empty"});
  CHECK(problems_of("- a\n").size() == 1);
  CHECK(problems_of("just words\n").size() == 1);
  CHECK(problems_of("a: 1\nb: \xff\n")
        == std::vector<std::string>{"f.yaml:2: is not UTF-8 text"});
  CHECK(problems_of("a: \xed\xa0\x80\n").size() == 1);
  CHECK(problems_of("a: x\x04y\nb: 1\n").size() == 1);
  CHECK(problems_of("\xef\xbb\xbf"
                    "a: \xc3\xa9 \xf0\x9f\x93\xaf\r\n")
          .empty());
}

TEST_CASE("what is not YAML is one problem with its line") {
  CHECK(problems_of("a: 1\nb: [1\n").size() == 1);
  CHECK(problems_of("a: 1\nb: c: d\n")
          .front()
          .starts_with("f.yaml:2: is not YAML: "));
  CHECK(problems_of(std::string(100'000, '[')).size() == 1);
  CHECK(problems_of("a: *nothing\n").size() == 1);
}

TEST_CASE("aliases are bounded and cannot make a circle") {
  CHECK(problems_of("a: &a [*a]\n").size() == 1);
  std::string many = "a: &a x\nb:\n";
  for (int i = 0; i < 256; ++i)
    many += "  - *a\n";
  CHECK(problems_of(many).empty());
  CHECK_FALSE(problems_of(many + "  - *a\n").empty());
}

TEST_CASE("an unquoted word is what Synapse takes it for") {
  for (auto text :
       {"12345", "-1", "0x1f", "010", "1_000", "1:30", "1.5", ".5", ".inf"})
    CHECK_MESSAGE(kind_of(text) == yaml_kind::number, text);
  for (auto text : {"true", "No", "ON"})
    CHECK_MESSAGE(kind_of(text) == yaml_kind::boolean, text);
  for (auto text : {"", "~", "null", "NULL"})
    CHECK_MESSAGE(kind_of(text) == yaml_kind::null, text);
  CHECK(kind_of("2024-01-31") == yaml_kind::other);
  for (auto text : {"'12345'", "\"null\"", "!!str 12345", "nULL", "tRue", "y",
                    "1s", "a1", "1e5"})
    CHECK_MESSAGE(kind_of(text) == yaml_kind::string, text);
}

TEST_CASE("a tag that does not fit is an error") {
  CHECK(problems_of("a: !foo bar\n").size() == 1);
  CHECK(problems_of("a: !!int x\n").size() == 1);
  CHECK(problems_of("a: !!python/tuple [1]\n").size() == 1);
  CHECK(problems_of("a: !!str 5\nb: !!bool yes\nc: !!seq []\n").empty());
}

TEST_CASE("a file that cannot be read says why") {
  temporary_directory dir;
  CHECK(load_yaml(dir.path("none.yaml")).problems.size() == 1);
  CHECK(lines(load_yaml(dir.path()).problems)
          .front()
          .ends_with("is not a regular file"));
  dir.write("large.yaml", std::string(yaml_bytes_max + 1, ' '));
  CHECK(lines(load_yaml(dir.path("large.yaml")).problems)
          .front()
          .find("is larger than")
        != std::string::npos);
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("forms");

TEST_CASE("durations are whole numbers with a unit") {
  using std::chrono::milliseconds;
  CHECK(parse_duration("250ms") == milliseconds{250});
  CHECK(parse_duration("2s") == milliseconds{2'000});
  CHECK(parse_duration("5m") == milliseconds{300'000});
  CHECK(parse_duration("1h") == milliseconds{3'600'000});
  for (auto text : {"", "5", "s", "-1s", "1.5s", "1 s", "1S", "1d", "1s1",
                    "9223372036854775807s", "99999999999999999999s"})
    CHECK_MESSAGE(!parse_duration(text), text);
  CHECK(duration_text(milliseconds{90'000}) == "90s");
  CHECK(duration_text(milliseconds{0}) == "0ms");
}

TEST_CASE("sizes are whole numbers with a binary unit") {
  CHECK(parse_size("512B") == 512u);
  CHECK(parse_size("64KiB") == 65'536u);
  CHECK(parse_size("16MiB") == 16'777'216u);
  CHECK(parse_size("1GiB") == 1'073'741'824u);
  for (auto text : {"", "64", "64KB", "64kib", "1.5MiB", "9000000TiB", "-1KiB"})
    CHECK_MESSAGE(!parse_size(text), text);
  CHECK(size_text(16'777'216) == "16MiB");
}

TEST_CASE("an address is host:port, [v6]:port, unix:/path, systemd or fd:N") {
  for (auto text : {"127.0.0.1:9009", "[::1]:9009", "posthorn.example:80",
                    "0.0.0.0:0", "unix:/run/p.sock", "systemd", "fd:3"})
    CHECK(address_of(text) == text);
  for (auto text :
       {"", "9009", ":9009", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
        "127.0.0.1:+1", "::1:9009", "[::g]:1", "http://h:1", "a b:1",
        "unix:", "unix:run/p.sock", "fd:2", "fd:x", "fd:3x", "systemd2"})
    CHECK_MESSAGE(address_of(text) == "refused", text);
  CHECK(address_of("unix:/" + std::string(106, 'a')) != "refused");
  CHECK(address_of("unix:/" + std::string(107, 'a')) == "refused");
}

TEST_CASE("only loopback and unix sockets are local") {
  for (auto text :
       {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:/p"})
    CHECK_MESSAGE(parse_address(text)->local(), text);
  for (auto text : {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[::ffff:127.0.0.1]:1",
                    "localhost.example:1", "systemd", "fd:3"})
    CHECK_MESSAGE(!parse_address(text)->local(), text);
}

TEST_CASE("a service's url is http, https or unix, and loses its last slash") {
  CHECK(url_of("http://h:1/base/") == "http://h:1/base");
  CHECK(url_of("HTTPS://h///") == "https://h");
  CHECK(url_of("http://[::1]:80") == "http://[::1]:80");
  CHECK(url_of("unix:/run/a.sock") == "unix:/run/a.sock");
  CHECK(url_of("unix:///run/a.sock") == "unix:/run/a.sock");
  for (auto text : {"",
                    "h:1",
                    "/path",
                    "ftp://h",
                    "ws://h",
                    "websocket",
                    "http:",
                    "http:/h",
                    "http://",
                    "http:///p",
                    "http://:80",
                    "http://h:0",
                    "http://h:65536",
                    "http://h:x",
                    "http://h:",
                    "http://h:1:2",
                    "http://u:p@h",
                    "http://h?x",
                    "http://h#x",
                    "http://h/a b",
                    "http://h\n",
                    "http://\xc3\xa9",
                    "http://[x]",
                    "http://[::1",
                    "http://[::1]x",
                    "http://a,b",
                    "unix:",
                    "unix:a",
                    "unix://a",
                    "unix:/"})
    CHECK_MESSAGE(url_of(text) == "refused", text);
}

TEST_SUITE_END();

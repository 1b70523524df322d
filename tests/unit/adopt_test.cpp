// SPDX-License-Identifier: Apache-2.0
// adopt changes one value and no other byte.
#include "apps/posthorn/commands/adopt.hpp"
#include "tests/support/registration_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <sstream>

using namespace posthorn;
using namespace posthorn::test;

namespace {

/// A registration around a line for the url, with odd but valid habits.
std::string around(const std::string& url_line) {
  return "# http://127.0.0.1:9001 was here\n"
         "namespaces: {users: [ {regex: '@a''b.*' , exclusive: yes}], }\n"
         "\n"
         "id:    'irc'   # the id\n"
         + url_line
         + "\"as_token\": \"a\\x41\"\n"
           "hs_token:\n"
           "  b  \n"
           "sender_localpart: bot\n"
           "x.other: {url: http://127.0.0.1:9001}   \n"
           "last: |\n"
           "  url: http://127.0.0.1:9001\n"
           "\n"
           "\n";
}

std::string with_crlf(const std::string& text) {
  std::string result;
  for (char c : text)
    result += c == '\n' ? std::string{"\r\n"} : std::string{c};
  return result;
}

struct fixture {
  temporary_directory dir;
  std::ostringstream out;
  std::ostringstream err;

  int adopt(const std::vector<std::string>& names,
            const std::string& url = "http://posthorn:9009/") {
    adopt_options options;
    for (auto& name : names)
      options.files.push_back(dir.path(name));
    options.url = url;
    options.out = dir.path("copies");
    options.pattern = parentheses;
    return run_adopt(options, out, err);
  }

  /// The copy of a registration with this text.
  std::string copy_of(const std::string& text,
                      const std::string& url = "http://posthorn:9009") {
    std::filesystem::remove_all(dir.path("copies"));
    dir.write("in.yaml", text);
    CHECK_MESSAGE(adopt({"in.yaml"}, url) == 0, err.str());
    return dir.read("copies/irc.yaml");
  }

  bool refused(const std::string& text, const std::string& why) {
    std::filesystem::remove_all(dir.path("copies"));
    err.str("");
    dir.write("in.yaml", text);
    return adopt({"in.yaml"}) == 1 && !dir.exists("copies")
           && err.str().find("in.yaml:") != std::string::npos
           && err.str().find(why) != std::string::npos;
  }
};

} // namespace

TEST_SUITE_BEGIN("adopt");

TEST_CASE_FIXTURE(fixture, "only the url's value differs, in any quoting") {
  struct {
    const char* before;
    const char* after;
  } lines[] = {
    {"url: http://127.0.0.1:9001\n", "url: http://posthorn:9009/as/irc\n"},
    {"url:   http://127.0.0.1:9001/   # c\n",
     "url:   http://posthorn:9009/as/irc   # c\n"},
    {"url: 'http://127.0.0.1:9001'#\n",
     "url: 'http://posthorn:9009/as/irc'#\n"},
    {"\"url\" : \"http://127.0.0.1:9001\"  \n",
     "\"url\" : \"http://posthorn:9009/as/irc\"  \n"},
    {"url: \"http:\\/\\/h\\x31\" # \"\n",
     "url: \"http://posthorn:9009/as/irc\" # \"\n"},
    {"url:\n\n  # it's here\n    http://127.0.0.1:9001\n",
     "url:\n\n  # it's here\n    http://posthorn:9009/as/irc\n"},
    {"url: !!str http://h # x\n",
     "url: !!str http://posthorn:9009/as/irc # x\n"},
    {"url: &u 'http://h'\n", "url: &u 'http://posthorn:9009/as/irc'\n"},
    {"url: >-\n    http://127.0.0.1:9001\n",
     "url: >-\n    http://posthorn:9009/as/irc\n"},
    {"url: |- # c\n  http://h\n",
     "url: |- # c\n  http://posthorn:9009/as/irc\n"},
    {"? url\n: http://h\n", "? url\n: http://posthorn:9009/as/irc\n"},
  };

  for (auto& one : lines) {
    CAPTURE(one.before);
    CHECK(copy_of(around(one.before)) == around(one.after));
    CHECK(copy_of(with_crlf(around(one.before)))
          == with_crlf(around(one.after)));
  }
}

TEST_CASE_FIXTURE(fixture, "other letters before the url do not move it") {
  auto before = "\xef\xbb\xbf# \xc3\xa9\xf0\x9f\x93\xaf\n"
                + around("url: http://h # \xc3\xa9\n");
  auto after = "\xef\xbb\xbf# \xc3\xa9\xf0\x9f\x93\xaf\n"
               + around("url: http://posthorn:9009/as/irc # \xc3\xa9\n");
  CHECK(copy_of(before) == after);
}

TEST_CASE_FIXTURE(fixture, "a registration in one line of JSON stays one") {
  auto json = [](const std::string& url) {
    return "{\"id\":\"irc\",\"url\":\"" + url
           + "\",\"as_token\":\"a\",\"hs_token\":\"b\","
             "\"sender_localpart\":\"c\",\"namespaces\":{}}";
  };
  CHECK(copy_of(json("http://h")) == json("http://posthorn:9009/as/irc"));
  auto flow = [](const std::string& url) {
    return "{id: irc, url: " + url
           + ", as_token: a, hs_token: b, sender_localpart: c, namespaces: {}}";
  };
  CHECK(copy_of(flow("http://h"), "http://[::1]:1")
        == flow("\"http://[::1]:1/as/irc\""));
}

TEST_CASE_FIXTURE(fixture, "a file without a last line end gets none") {
  auto text = with(registration_text("irc"), "url: http://127.0.0.1:9001\n", "")
              + "url: http://h";
  CHECK(copy_of(text).ends_with("url: http://posthorn:9009/as/irc"));
}

TEST_CASE_FIXTURE(fixture, "a quote in the url is doubled where it must be") {
  auto text = with(around("url: 'http://h'\n"), "'irc'", "\"i'c\"");
  std::filesystem::remove_all(dir.path("copies"));
  dir.write("in.yaml", text);
  CHECK(adopt({"in.yaml"}) == 0);
  CHECK(dir.read("copies/i'c.yaml")
        == with(text, "'http://h'", "'http://posthorn:9009/as/i''c'"));
}

TEST_CASE_FIXTURE(fixture, "a url that others share is refused") {
  CHECK(refused("x: &u http://h\n" + around("url: *u\n"),
                "cannot be changed by itself"));
  CHECK(refused(around("url: &u http://h\n") + "y: *u\n",
                "cannot be changed by itself"));
}

TEST_CASE_FIXTURE(fixture, "a service without url is refused with a reason") {
  CHECK(refused(around("url: null\n"), "nothing to deliver"));
  CHECK(refused(around("url:\n"), "nothing to deliver"));
}

TEST_CASE_FIXTURE(fixture, "a copy is not adopted again") {
  CHECK(refused(around("url: http://posthorn:9009/as/irc\n"),
                "points to Posthorn already"));
}

TEST_CASE_FIXTURE(fixture, "what is not a registration is refused in full") {
  CHECK(refused("id: irc\n", "as_token: is missing"));
  CHECK(err.str().find("hs_token: is missing") != std::string::npos);
  CHECK(refused("[", "is not YAML"));
  CHECK(refused(around("url: http://h\nurl: http://h\n"), "is given twice"));
  CHECK(refused(with(around("url: http://h\n"), "b.*", "("), "regex"));
}

TEST_CASE_FIXTURE(fixture,
                  "one refused file keeps the others from being made") {
  dir.write("a.yaml", registration_text("a"));
  dir.write("b.yaml", registration_text("b") + "id: b\n");
  CHECK(adopt({"a.yaml", "b.yaml", "none.yaml"}) == 1);
  CHECK_FALSE(dir.exists("copies"));
  CHECK(err.str().find("b.yaml:10: id:") != std::string::npos);
  CHECK(err.str().find("none.yaml: cannot be read") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "copies are named by id, so that names may repeat") {
  dir.write("a/registration.yaml", registration_text("one"));
  dir.write("b/registration.yaml", registration_text("two"));
  CHECK(adopt({"a/registration.yaml", "b/registration.yaml"}) == 0);
  CHECK(dir.read("copies/one.yaml")
        == with(registration_text("one"), "http://127.0.0.1:9001",
                "http://posthorn:9009/as/one"));
  CHECK(dir.read("copies/two.yaml").find("9009/as/two") != std::string::npos);
  CHECK(dir.mode("copies/one.yaml") == 0600);
  CHECK(dir.mode("copies") == 0700);
}

TEST_CASE_FIXTURE(fixture, "a registration that is open to others is named") {
  dir.write("a.yaml", registration_text("a"), 0640);
  CHECK(adopt({"a.yaml"}) == 0);
  CHECK(err.str().find("a.yaml: warning: ") != std::string::npos);
  CHECK(err.str().find("chmod 600") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "an existing copy is never overwritten") {
  dir.write("a.yaml", registration_text("a"));
  dir.write("b.yaml", registration_text("b"));
  dir.write("copies/b.yaml", "mine");
  CHECK(adopt({"a.yaml", "b.yaml"}) == 1);
  CHECK(dir.read("copies/b.yaml") == "mine");
  CHECK_FALSE(dir.exists("copies/a.yaml"));
  CHECK(err.str().find(dir.path("copies/b.yaml")) != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "the url of Posthorn is checked as well") {
  dir.write("a.yaml", registration_text("a"));
  CHECK(adopt({"a.yaml"}, "posthorn:9009") == 1);
  CHECK(err.str().find("--url") != std::string::npos);
  CHECK(adopt({}) == 1);
}

TEST_SUITE_END();

// SPDX-License-Identifier: Apache-2.0
// The rules for registration files.
#include "apps/posthorn/config/registration_file.hpp"
#include "tests/support/registration_text.hpp"
#include "tests/support/show.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace posthorn;
using namespace posthorn::test;

namespace {

/// Loads `irc.yaml` with a text.
registration_set load_one(const std::string& text) {
  return check_registrations({parse_yaml("irc.yaml", text)}, parentheses);
}

registration_set load_two(const std::string& one, const std::string& other) {
  return check_registrations(
    {parse_yaml("a.yaml", one), parse_yaml("b.yaml", other)}, parentheses);
}

/// The valid registration with one change.
registration_set changed(const std::string& what, const std::string& by) {
  return load_one(with(registration_text("irc"), what, by));
}

bool refused(const registration_set& set, const std::string& place) {
  return set.errors.size() == 1 && set.registrations.empty()
         && mentions(set.errors, {"irc.yaml:", place + ": "});
}

const std::string url_line = "url: http://127.0.0.1:9001\n";

} // namespace

TEST_SUITE_BEGIN("registration");

TEST_CASE("a registration is read in full") {
  auto set = load_one("id: irc\n"
                      "url: 'http://h:1'\n"
                      "as_token: \"12345\"\n"
                      "hs_token: !!str 6\n"
                      "sender_localpart: a/b_c.d-e~f\n"
                      "rate_limited: false\n"
                      "receive_ephemeral: true\n"
                      "de.sorunome.msc2409.push_ephemeral: yes\n"
                      "org.matrix.msc3202: true\n"
                      "io.element.msc4190: false\n"
                      "protocols: [irc, 'gitter']\n"
                      "ip_range_whitelist: 17\n"
                      "of_another_program: {x: [1]}\n"
                      "namespaces:\n"
                      "  users: [{regex: '@a.*', exclusive: true}]\n"
                      "  aliases: [{regex: '#a.*', exclusive: false,"
                      " group_id: x}]\n"
                      "  rooms: [{regex: '!a.*', exclusive: off}]\n"
                      "  other: null\n");
  CHECK(lines(set.errors) == std::vector<std::string>{});
  CHECK(lines(set.warnings) == std::vector<std::string>{});
  REQUIRE(set.registrations.size() == 1);
  auto& one = set.registrations.front();
  CHECK(one.id == "irc");
  CHECK(one.file == "irc.yaml");
  CHECK(one.url == "http://h:1");
  CHECK(one.as_token == "12345");
  CHECK(one.hs_token == "6");
  CHECK(one.sender_localpart == "a/b_c.d-e~f");
  CHECK_FALSE(one.rate_limited);
  CHECK(one.receive_ephemeral);
  CHECK(one.push_ephemeral);
  CHECK(one.device_lists);
  CHECK(one.protocols == std::vector<std::string>{"irc", "gitter"});
  REQUIRE(one.users.size() == 1);
  CHECK(one.users[0].regex == "@a.*");
  CHECK(one.users[0].exclusive);
  REQUIRE(one.aliases.size() == 1);
  CHECK(one.aliases[0].regex == "#a.*");
  REQUIRE(one.rooms.size() == 1);
  CHECK_FALSE(one.rooms[0].exclusive);
}

TEST_CASE("without optional keys the defaults are Synapse's") {
  auto set = load_one("{id: a, url: null, as_token: b, hs_token: c, "
                      "sender_localpart: d, namespaces: {}}");
  REQUIRE(set.registrations.size() == 1);
  auto& one = set.registrations.front();
  CHECK(one.rate_limited);
  CHECK_FALSE(one.receive_ephemeral);
  CHECK_FALSE(one.push_ephemeral);
  CHECK_FALSE(one.device_lists);
  CHECK(one.users.empty());
}

TEST_CASE("R1: a missing url is an error naming file and field, null is fine") {
  auto missing = changed(url_line, "");
  CHECK(refused(missing, "url"));
  auto null = changed(url_line, "url: null\n");
  REQUIRE(null.registrations.size() == 1);
  CHECK_FALSE(null.registrations.front().url.has_value());
  CHECK(changed(url_line, "url:\n").registrations.size() == 1);
  CHECK(refused(changed(url_line, "url: \"null\"\n"), "url"));
  CHECK(refused(changed(url_line, "url: \"\"\n"), "url"));
  CHECK(refused(changed(url_line, "url: 5\n"), "url"));
  CHECK(refused(changed(url_line, "url: ftp://h\n"), "url"));
}

TEST_CASE("R2: tokens, ids and senders are strings of the right characters") {
  CHECK(refused(changed("as_irc", "12345"), "as_token"));
  CHECK(refused(changed("id: irc", "id: \"a|b\""), "id"));
  CHECK(refused(changed("bot_irc", "\"my bot\""), "sender_localpart"));
  CHECK(changed("bot_irc", "\"bot_1\"").registrations.size() == 1);
}

TEST_CASE("R3: id and as_token are unique over all files, naming both") {
  auto irc = registration_text("irc");
  auto xmpp = registration_text("xmpp");
  auto set = load_two(irc, with(xmpp, "id: xmpp", "id: irc"));
  CHECK(set.errors.size() == 1);
  CHECK(mentions(set.errors, {"b.yaml:1: id:", "a.yaml:1"}));
  set = load_two(irc, with(xmpp, "as_xmpp", "as_irc"));
  CHECK(set.errors.size() == 1);
  CHECK(mentions(set.errors, {"b.yaml:3: as_token:", "a.yaml:3"}));
  CHECK_FALSE(mentions(set.errors, {"as_irc"}));
  set = load_two(irc, with(xmpp, "hs_xmpp", "hs_irc"));
  CHECK(set.registrations.size() == 2);
  set = load_two(irc, with(xmpp, "bot_xmpp", "bot_irc"));
  CHECK(set.registrations.size() == 2);
  CHECK(mentions(set.warnings, {"b.yaml:5: sender_localpart:", "a.yaml:5"}));
}

TEST_CASE("R3: a file with another error still claims its id") {
  auto irc = registration_text("irc");
  auto set = load_two(with(irc, url_line, ""), with(irc, "as_irc", "other"));
  CHECK(set.errors.size() == 2);
  CHECK(mentions(set.errors, {"b.yaml:1: id:", "a.yaml:1"}));
}

TEST_CASE("R4: an entry has a usable regex and an exclusive true or false") {
  auto entry = std::string{"      exclusive: true\n"};
  auto place = std::string{"namespaces.users[0]"};
  CHECK(refused(changed(entry, ""), place + ".exclusive"));
  CHECK(refused(changed("exclusive: true", "exclusive: \"true\""),
                place + ".exclusive"));
  auto pattern = changed("'@_irc_.*'", "\"(\"");
  CHECK(refused(pattern, place + ".regex"));
  CHECK(mentions(pattern.errors, {"irc.yaml:8:", "\"(\""}));
  CHECK(refused(changed("regex: '@_irc_.*'\n      ", ""), place + ".regex"));
  CHECK(refused(changed("'@_irc_.*'", "17"), place + ".regex"));
  CHECK(refused(changed("- regex: '@_irc_.*'\n" + entry, "- '@a'\n"), place));
}

TEST_CASE("R7: trailing slashes of the url are stripped") {
  auto set = changed("http://127.0.0.1:9001", "\"http://h:1/base/\"");
  REQUIRE(set.registrations.size() == 1);
  CHECK(set.registrations.front().url == "http://h:1/base");
}

TEST_CASE("an id can stand in a URL path") {
  for (auto id :
       {"irc", "a.b", "a-b_c~d", "a@b:c", "...", "\"123\"", "\"a,b\""})
    CHECK_MESSAGE(
      changed("id: irc", std::string{"id: "} + id).registrations.size() == 1,
      id);
  for (auto id : {"\"\"", "a/b", ".", "..", "a b", "a%20b", "\"a?b\"",
                  "\"a#b\"", "\xc3\xa9", "\"a\\nb\"", "5", "null", "yes", "[a]",
                  "2024-01-01", "1_0"})
    CHECK_MESSAGE(refused(changed("id: irc", std::string{"id: "} + id), "id"),
                  id);
  CHECK(refused(changed("id: irc\n", ""), "id"));
  CHECK(refused(changed("id: irc", "id: " + std::string(256, 'a')), "id"));
}

TEST_CASE("a token can stand in an HTTP header") {
  for (auto token : {"\"\"", "\"a b\"", "\"t\xc3\xb6ken\"", "\"a\\nb\"", "~",
                     "true", "1.5", "{}"})
    for (auto key : {"as", "hs"})
      CHECK_MESSAGE(refused(changed(std::string{key} + "_irc", token),
                            std::string{key} + "_token"),
                    key << token);
  CHECK(refused(changed("hs_token: hs_irc\n", ""), "hs_token"));
}

TEST_CASE("an error never shows a token") {
  for (auto token : {"\"s3cret s3cret\"", "3333333", "[s3cret]"}) {
    auto set = changed("hs_irc", token);
    REQUIRE(set.errors.size() == 1);
    CHECK_FALSE(mentions(set.errors, {"s3cret"}));
    CHECK_FALSE(mentions(set.errors, {"3333333"}));
  }
}

TEST_CASE("a sender is a localpart that needs no percent-encoding") {
  for (auto sender : {"\"\"", "\"@bot:h\"", "a+b", "\xc3\xa9", "7", "~"})
    CHECK_MESSAGE(refused(changed("bot_irc", sender), "sender_localpart"),
                  sender);
  CHECK(
    refused(changed("sender_localpart: bot_irc\n", ""), "sender_localpart"));
}

TEST_CASE("namespaces is a mapping of lists") {
  auto base = registration_text("irc");
  auto head = base.substr(0, base.find("namespaces:"));
  CHECK(refused(load_one(head), "namespaces"));
  for (auto text : {"", "null", "[]", "text"})
    CHECK_MESSAGE(refused(load_one(head + "namespaces: " + text), "namespaces"),
                  text);
  for (auto list : {"users", "aliases", "rooms"})
    for (auto text : {"", "null", "{}", "'@a'"})
      CHECK_MESSAGE(
        refused(load_one(head + "namespaces: {" + list + ": " + text + "}"),
                std::string{"namespaces."} + list),
        list << text);
}

TEST_CASE("flags are true or false") {
  auto base = registration_text("irc");
  for (std::string key : {"rate_limited", "receive_ephemeral",
                          "de.sorunome.msc2409.push_ephemeral",
                          "org.matrix.msc3202", "io.element.msc4190"}) {
    CHECK_MESSAGE(refused(load_one(base + key + ": \"false\"\n"), key), key);
    CHECK_MESSAGE(refused(load_one(base + key + ": 1\n"), key), key);
    auto null = load_one(base + key + ":\n");
    if (key.find("matrix") == std::string::npos && !key.starts_with("io."))
      CHECK_MESSAGE(null.errors.empty(), key);
    else
      CHECK_MESSAGE(refused(null, key), key);
  }
}

TEST_CASE("protocols is a list of strings or nothing") {
  auto base = registration_text("irc");
  CHECK(load_one(base + "protocols:\n").errors.empty());
  CHECK(load_one(base + "protocols: []\n").errors.empty());
  CHECK(refused(load_one(base + "protocols: irc\n"), "protocols"));
  CHECK(refused(load_one(base + "protocols: [irc, 5]\n"), "protocols[1]"));
}

TEST_CASE("protocols of a service without url are warned about") {
  auto set = load_one(with(registration_text("irc"), url_line, "url: null\n")
                      + "protocols: [irc]\n");
  CHECK(set.registrations.size() == 1);
  CHECK(mentions(set.warnings, {"irc.yaml:2: protocols:"}));
}

TEST_CASE("R8: every error of every file is reported at once") {
  auto set = load_two("id: \"\"\nurl: 5\nas_token: 6\nnamespaces: {rooms: 1}\n",
                      "a: 1\na: 2\n");
  // Five fields and a missing sender and hs_token in one file; a duplicate key
  // and six missing fields in the other.
  CHECK(set.errors.size() == 6 + 7);
  CHECK(mentions(set.errors, {"a.yaml:4: namespaces.rooms"}));
  CHECK(mentions(set.errors, {"b.yaml:2: a: is given twice"}));
  CHECK(mentions(set.errors, {"b.yaml:1: as_token: is missing"}));
  CHECK_FALSE(set.ids_complete);
}

TEST_CASE("a file that others can read is warned about, not refused") {
  temporary_directory dir;
  auto load = [&](mode_t mode) {
    auto path = dir.write("irc.yaml", registration_text("irc"), mode);
    auto set = load_registrations({path}, parentheses);
    CHECK(set.registrations.size() == 1);
    return set.warnings.size();
  };
  CHECK(load(0600) == 0);
  CHECK(load(0640) == 1);
  CHECK(load(0604) == 1);
}

TEST_CASE("a file that does not exist does not hide the others' errors") {
  temporary_directory dir;
  auto good = dir.write("good.yaml", registration_text("irc"));
  auto bad = dir.write("bad.yaml", "id: [");
  auto set = load_registrations({dir.path("none.yaml"), bad, good}, {});
  CHECK(set.errors.size() == 2);
  CHECK(mentions(set.errors, {"none.yaml: cannot be read"}));
  CHECK(mentions(set.errors, {"bad.yaml:", "is not YAML"}));
  CHECK(set.registrations.size() == 1);
}

TEST_SUITE_END();

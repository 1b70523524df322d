// SPDX-License-Identifier: Apache-2.0
// Who is interested in whom, in the words of registrations.
#include "actors/sorter/namespaces.hpp"
#include "messages/errors.hpp"

#include <doctest/doctest.h>

using namespace posthorn;

namespace {

constexpr service_no irc = 1;
constexpr service_no log = 2;
constexpr service_no tg = 3;
constexpr service_no ghost = 4;

using numbers = std::vector<service_no>;

registration service(std::string bot, std::vector<std::string> users,
                     std::vector<std::string> aliases = {},
                     std::vector<std::string> rooms = {}) {
  registration result;
  result.file = bot + ".yaml";
  result.sender_localpart = std::move(bot);
  for (auto& regex : users)
    result.users.push_back({std::move(regex), true});
  for (auto& regex : aliases)
    result.aliases.push_back({std::move(regex), true});
  for (auto& regex : rooms)
    result.rooms.push_back({std::move(regex), false});
  return result;
}

/// The services that most examples are about.
struct fixture {
  fixture() {
    REQUIRE(!known.add(
      irc, service("ircbot", {"@_irc_.*"}, {"#_irc_.*:example\\.org"})));
    REQUIRE(!known.add(log, service("logbot", {}, {}, {"!log"})));
    REQUIRE(!known.add(tg, service("tgbot", {"@tg_[0-9]+:example\\.org"})));
    REQUIRE(!known.add(ghost, service("ghostbot", {})));
    known.build();
  }

  numbers decide(const event_fields& event) {
    numbers result;
    known.decide(event, result);
    return result;
  }

  interest known{"example.org"};
};

event_fields message(std::string sender, std::string room) {
  event_fields result;
  result.type = "m.room.message";
  result.sender = std::move(sender);
  result.room_id = std::move(room);
  return result;
}

event_fields state(std::string type, std::string sender, std::string key) {
  auto result = message(std::move(sender), "!b:example.org");
  result.type = std::move(type);
  result.state_key = std::move(key);
  result.has_state_key = true;
  return result;
}

/// Whether `pattern` alone matches `subject`, by way of the index.
bool matches(std::string_view pattern, std::string_view subject) {
  pattern_set set;
  REQUIRE(!set.add(pattern, 7));
  set.build();
  numbers found;
  set.match(subject, found);
  return found == numbers{7};
}

const std::string alice = "@alice:example.org";

} // namespace

TEST_SUITE_BEGIN("namespaces");

TEST_CASE_FIXTURE(fixture, "I4: a rooms regex is open at the end") {
  CHECK(decide(message(alice, "!log1:example.org")) == numbers{log});
  CHECK(decide(message(alice, "!xlog:example.org")).empty());
}

TEST_CASE_FIXTURE(fixture, "I9: a membership is for the service of the user "
                           "whose it is, bot or ghost") {
  const auto invite = [&](const std::string& who) {
    return decide(state("m.room.member", alice, who));
  };
  CHECK(invite("@tgbot:example.org") == numbers{tg});
  CHECK(invite("@tg_12:example.org") == numbers{tg});
  CHECK(invite("@tg_12x:example.org").empty());
}

TEST_CASE_FIXTURE(fixture, "I10: a kick is for the service of the user kicked "
                           "out") {
  CHECK(decide(state("m.room.member", alice, "@_irc_bob:example.org"))
        == numbers{irc});
}

TEST_CASE_FIXTURE(fixture, "I12: the state key of anything but a membership "
                           "says nothing") {
  CHECK(decide(state("m.custom", alice, "@_irc_bob:example.org")).empty());
  auto stateless = message(alice, "!b:example.org");
  stateless.type = "m.room.member";
  stateless.state_key = "@_irc_bob:example.org";
  CHECK(decide(stateless).empty());
}

TEST_CASE_FIXTURE(fixture, "I13: a users regex is anchored at the start and "
                           "minds the case") {
  CHECK(known.users_of("@x_irc_bob:example.org").empty());
  CHECK(known.users_of("@_IRC_bob:example.org").empty());
  CHECK(known.users_of("@_irc_bob:example.org") == numbers{irc});
}

TEST_CASE("I15: an empty regex matches everything, and an alternative is "
          "anchored like the first one") {
  interest known{"example.org"};
  REQUIRE(!known.add(8, service("all", {""})));
  REQUIRE(!known.add(9, service("two", {"@a|@b"})));
  known.build();
  CHECK(known.users_of("@bob:example.org") == numbers{8, 9});
  CHECK(known.users_of("@carol:example.org") == numbers{8});
  CHECK(known.users_of("") == numbers{8});
}

TEST_CASE("I16: a pattern that looks ahead loads and excludes") {
  interest known{"example.org"};
  REQUIRE(!known.add(9, service("most", {"@(?!bot).*:example\\.org"})));
  known.build();
  CHECK(known.users_of("@bot1:example.org").empty());
  CHECK(known.users_of("@zed:example.org") == numbers{9});
  CHECK(engine_of("@(?!bot).*:example\\.org") == engine::pcre2);
}

TEST_CASE_FIXTURE(fixture, "I18: an event goes to every service that wants it, "
                           "once") {
  CHECK(decide(message("@_irc_bob:example.org", "!log1:example.org"))
        == numbers{irc, log});
  auto own
    = state("m.room.member", "@_irc_bob:example.org", "@_irc_eve:example.org");
  CHECK(decide(own) == numbers{irc});
}

TEST_CASE_FIXTURE(fixture, "the decision is appended to what the list holds") {
  numbers out{99, 1};
  known.decide(message("@_irc_bob:example.org", "!log1:example.org"), out);
  CHECK(out == numbers{99, 1, irc, log});
}

TEST_CASE_FIXTURE(fixture, "a bot is its exact user id and nothing longer") {
  CHECK(known.users_of("@ghostbot:example.org") == numbers{ghost});
  CHECK(known.users_of("@ghostbot:example.org.evil").empty());
  CHECK(known.users_of("@ghostbot:other.org").empty());
  CHECK(known.rooms_of("@ghostbot:example.org").empty());
}

TEST_CASE("services may share a bot, and a bot may be in its own namespace") {
  interest known{"example.org"};
  REQUIRE(!known.add(5, service("bot", {"@bot"})));
  REQUIRE(!known.add(3, service("bot", {})));
  known.build();
  CHECK(known.users_of("@bot:example.org") == numbers{3, 5});
}

TEST_CASE_FIXTURE(fixture, "aliases are their own namespace") {
  CHECK(known.aliases_of("#_irc_chan:example.org") == numbers{irc});
  CHECK(known.aliases_of("#_IRC_chan:example.org").empty());
  CHECK(known.aliases_of("@_irc_bob:example.org").empty());
  CHECK(known.users_of("#_irc_chan:example.org").empty());
}

TEST_CASE_FIXTURE(fixture, "an answer from the cache is the same answer") {
  for (int i = 0; i < 3; ++i) {
    CHECK(known.users_of("@tg_7:example.org") == numbers{tg});
    CHECK(known.users_of(alice).empty());
    CHECK(known.rooms_of("!log9") == numbers{log});
    CHECK(known.aliases_of("#_irc_x:example.org") == numbers{irc});
  }
}

TEST_CASE("a bad pattern is named with its file and field") {
  interest known{"example.org"};
  const auto failed = known.add(1, service("bad", {"@ok", "@(x"}));
  REQUIRE(is(failed, ec::bad_config));
  const auto text = text_of(failed);
  CHECK(text.find("bad.yaml: namespaces.users[1].regex: \"@(x\"")
        != std::string::npos);
  CHECK(text.find("at character 2") != std::string::npos);
}

TEST_CASE("what Python refuses is refused with the place") {
  CHECK(check_pattern("@[a").value()
        == "at character 2: unterminated "
           "character set");
  CHECK(check_pattern("a**").has_value());
  CHECK(check_pattern("\\z").has_value());
  CHECK(check_pattern("[\\w-.]").has_value());
  CHECK(check_pattern("(?<n>a)").has_value());
  CHECK(check_pattern("a(?i)b").has_value());
  CHECK(check_pattern("(?<=a*)b").has_value());
  CHECK(check_pattern("(a)\\2").has_value());
  CHECK(check_pattern("@\xff").value() == "not valid UTF-8");
  CHECK(check_pattern("a\\").has_value());
}

TEST_CASE("what Python accepts and no engine can do is refused with a reason") {
  CHECK(check_pattern("\\N{DASH}").value().find("not supported")
        != std::string::npos);
  CHECK(check_pattern("(?i)(a)\\1").value().find("ignores case")
        != std::string::npos);
  CHECK(check_pattern("((?(1)a|b))").value().find("still open")
        != std::string::npos);
}

TEST_CASE("RE2 runs what it can do exactly, PCRE2 the rest") {
  for (const auto* fast :
       {"@_irc_.*", "@\\w+:x$", "@x\\Z", "@a{,3}b", "(?i)@x", "^@[\\w.-]+:x",
        "(?P<n>@)[^x]", "(?s)@.", "(?m)^@x$", "@(?#note)x+y", "(?x)@ x+ y"})
    CHECK_MESSAGE(engine_of(fast) == engine::re2, fast);
  for (const auto* slow :
       {"@(?=x)", "@(?<!x)y", "(@)\\1", "(@)?(?(1)a|b)", "@(?>x)y", "@x*+y",
        "@\\bx", "(?:@x$|y)z", "@\\w{1,2000}:"})
    CHECK_MESSAGE(engine_of(slow) == engine::pcre2, slow);
}

TEST_CASE("\\w, \\d and \\s are Unicode's unless flag a says otherwise") {
  CHECK(matches("@\\w:", "@\u00e9:"));
  CHECK(matches("@\\d:", "@\u0661:"));
  CHECK(matches("@\\s:", "@\u2003:"));
  CHECK(matches("@\\s:", "@\x1c:"));
  CHECK_FALSE(matches("(?a)@\\w:", "@\u00e9:"));
  CHECK_FALSE(matches("(?a)@\\d:", "@\u0661:"));
  CHECK_FALSE(matches("(?a)@\\s:", "@\x1c:"));
}

TEST_CASE(
  "large sets tell the letters of all scripts apart, alone or crowded") {
  for (auto count : {1U, 200U}) {
    pattern_set set;
    for (std::uint32_t i = 0; i < count; ++i) {
      REQUIRE(!set.add("\\w+_" + std::to_string(i) + ":", i));
      REQUIRE(!set.add(".+[^\\w]x" + std::to_string(i) + ":", 1'000 + i));
    }
    set.build();
    numbers found;
    set.match("b\u00f6b_0:", found);
    CHECK(found == numbers{0});
    found.clear();
    set.match("bob_0:", found);
    CHECK(found == numbers{0});
    found.clear();
    set.match("bo\u2014b_0:", found);
    CHECK(found.empty());
    set.match("bo\u2014x0:", found);
    CHECK(found == numbers{1'000});
    found.clear();
    set.match("bo\u00f6x0:", found);
    CHECK(found.empty());
  }
}

TEST_CASE("a dollar also matches before a newline at the end, \\Z does not") {
  CHECK(matches("@x$", "@x"));
  CHECK(matches("@x$", "@x\n"));
  CHECK_FALSE(matches("@x$", "@x\n\n"));
  CHECK(matches("@x$\n", "@x\n"));
  CHECK(matches("@x\\Z", "@x"));
  CHECK_FALSE(matches("@x\\Z", "@x\n"));
}

TEST_CASE("a missing lower bound is zero") {
  CHECK(matches("@a{,3}:", "@aaa:"));
  CHECK(matches("@a{,3}:", "@:"));
  CHECK_FALSE(matches("@a{,3}:", "@aaaa:"));
  CHECK(matches("@a{,:", "@a{,:"));
}

TEST_CASE("repetitions beyond what the engines count to are exact") {
  const std::string long_id = "@" + std::string(1'999, 'a') + ":";
  CHECK(matches("@a{1,1999}:", long_id));
  CHECK_FALSE(matches("@a{1,1998}:", long_id));
  CHECK(matches("@a{0,70000}:", long_id));
  CHECK_FALSE(matches("@a{70000}", "@" + std::string(65'533, 'a')));
}

TEST_CASE("Python's own syntax means what it means there") {
  CHECK(matches("@(?P<n>[ab])(?P=n):", "@aa:"));
  CHECK_FALSE(matches("@(?P<n>[ab])(?P=n):", "@ab:"));
  CHECK(matches("@(x)?(?(1)y|z):", "@xy:"));
  CHECK_FALSE(matches("@(x)?(?(1)y|z):", "@y:"));
  CHECK(matches("(?=@)@?@", "@"));
  CHECK(matches("a?(?:b+?)*+a?b$", "ab"));
  CHECK_FALSE(matches("@a*+a", "@aaa"));
  CHECK_FALSE(matches("@(?>a|ab):", "@ab:"));
  CHECK_FALSE(matches("@(?:a|ab){2}+:", "@aba:"));
  CHECK(matches("@(?i:X)y", "@xy"));
  CHECK_FALSE(matches("@(?i:x)y", "@xY"));
  CHECK(matches("(?i)@\u0131", "@I"));
  CHECK(matches("@\\x61\\u0062\\143", "@abc"));
  CHECK_FALSE(matches("\\B", ""));
}

TEST_CASE("a pattern that backtracks without end counts as no match, and is "
          "counted") {
  pattern_set set;
  REQUIRE(!set.add("@(?:(?:a|a)*)*(?=b)", 1));
  REQUIRE(!set.add("@a", 2));
  set.build();
  numbers found;
  set.match("@" + std::string(60, 'a'), found);
  CHECK(found == numbers{2});
  CHECK(set.gave_up() == 1);
  found.clear();
  set.match("@aab", found);
  CHECK(found == numbers{1, 2});
  CHECK(set.gave_up() == 1);
}

TEST_CASE("a subject that is not valid UTF-8, or too long, matches nothing") {
  CHECK(matches("@", "@\u00e9"));
  CHECK_FALSE(matches("@", "@\xe9"));
  CHECK_FALSE(matches("", "\xed\xa0\x80"));
  CHECK_FALSE(matches("", "\xc0\x80"));
  CHECK(matches("", std::string(65'534, 'a')));
  CHECK_FALSE(matches("", std::string(65'535, 'a')));
}

TEST_CASE("crowded beginnings find the same owners as lone ones") {
  pattern_set set;
  for (std::uint32_t i = 0; i < 500; ++i) {
    const auto number = std::to_string(i);
    REQUIRE(!set.add("@.*_net" + number + ":x$", i));
    REQUIRE(!set.add("@(?!bot).*_net" + number + ":y$", i));
    REQUIRE(!set.add("@net" + number + "_", i));
  }
  REQUIRE(!set.add("@.*_net7:x$", 1'000));
  set.build();
  numbers found;
  set.match("@bob_net7:x", found);
  CHECK(found == numbers{7, 1'000});
  found.clear();
  set.match("@bob_net499:y", found);
  CHECK(found == numbers{499});
  found.clear();
  set.match("@net12_net13:x", found);
  CHECK(found == numbers{12, 13});
}

TEST_CASE("sets too large for their memory are matched one by one") {
  pattern_set set;
  const std::string word = "\\w{1,20}";
  for (std::uint32_t i = 0; i < 64; ++i)
    REQUIRE(!set.add("@" + word + "_" + word + std::to_string(i) + "$", i));
  set.build();
  numbers found;
  set.match("@a_b63", found);
  CHECK(found == numbers{3, 63});
}

TEST_CASE("the cache is bounded and keeps what is asked for") {
  subject_cache cache;
  const auto name = [](std::size_t i) { return "@u" + std::to_string(i); };
  cache.keep("@hot", {1});
  for (std::size_t i = 0; i < 300'000; ++i) {
    cache.keep(name(i), {2});
    if (i % 1'000 == 0)
      REQUIRE(cache.find("@hot") != nullptr);
    REQUIRE(cache.size() <= subject_cache::entries_max);
  }
  CHECK(*cache.find("@hot") == numbers{1});
  CHECK(cache.find(name(0)) == nullptr);
  CHECK(*cache.find(name(299'999)) == numbers{2});
}

TEST_CASE("the cache counts bytes, too") {
  subject_cache cache;
  const numbers many(100'000, 1);
  for (int i = 0; i < 1'000; ++i)
    cache.keep("@u" + std::to_string(i), many);
  CHECK(cache.size() * many.size() * sizeof(many[0])
        <= subject_cache::bytes_max);
}

TEST_SUITE_END();

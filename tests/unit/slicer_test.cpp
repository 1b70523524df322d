// SPDX-License-Identifier: Apache-2.0
// A transaction is cut into the bytes that came, or refused with the place.
#include "actors/intake/credentials.hpp"
#include "actors/intake/slicer.hpp"
#include "messages/errors.hpp"

#include <doctest/doctest.h>
#include <simdjson.h>

#include <atomic>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace posthorn;
using list = std::vector<std::string>;

namespace {

batch sliced(std::string_view body, bool want_fields = false) {
  slicing_options options;
  options.want_fields = want_fields;
  auto result = slice(std::string{body}, options);
  if (!result)
    FAIL(text_of(result.error()));
  CHECK(result->body == body);
  return std::move(*result);
}

std::vector<std::string> items_of(const batch& what, item_kind kind) {
  std::vector<std::string> result;
  for (auto& each : what.items)
    if (each.kind == kind)
      result.emplace_back(each.json.of(what.body));
  return result;
}

std::vector<std::string> events_of(std::string_view body) {
  return items_of(sliced(body), item_kind::event);
}

bool taken(std::string_view body) {
  return static_cast<bool>(slice(std::string{body}, {}));
}

// "code: text" of the refusal.
std::string refusal(std::string_view body,
                    const slicing_options& options = {}) {
  auto result = slice(std::string{body}, options);
  if (result)
    return "taken";
  for (auto code : {ec::not_json, ec::bad_json, ec::too_large})
    if (is(result.error(), code))
      return to_string(code) + ": " + text_of(result.error());
  return "another error: " + text_of(result.error());
}

std::string with_event(std::string_view event) {
  return R"({"events":[)" + std::string{event} + "]}";
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

} // namespace

TEST_CASE(
  "events are sliced out byte for byte, whatever white space is between") {
  CHECK(events_of("{\"events\":[]}").empty());
  CHECK(events_of(" \r\n{ \"events\" :\t[ {\"a\" : 1 } \n,\r\n{}\t] } \n")
        == std::vector<std::string>{"{\"a\" : 1 }", "{}"});
  CHECK(events_of(with_event(R"({"b":{"c":[1,{"d":"}"}]}},{"e":"]}"})"))
        == std::vector<std::string>{R"({"b":{"c":[1,{"d":"}"}]}})",
                                    R"({"e":"]}"})"});
}

TEST_CASE("what JSON's grammar allows passes untouched") {
  for (
    std::string_view event : {
      R"({"n":123456789012345678901234567890123456789012345678901234567890})",
      R"({"n":[1e400,-0,-0.0e-0,1E+5,0.1,-1e-999]})",
      R"({"s":"\ud800 lone","t":"\udc00\ud800","u":"\uD83D\uDE00"})",
      R"({"k":1,"k":2,"k":{"k":1,"k":2}})",
      R"({"\ud800":"key","":"empty","\"\\\/\b\f\n\r\t\u0000":"x"})",
      "{\"\xf0\x9f\x93\xaf\":\"\xc3\xa4\xe2\x82\xac\x7f\"}",
      R"({"a":[true,false,null,[],{},"",[[]],[{}]]})",
    })
    CHECK(events_of(with_event(event))
          == std::vector<std::string>{std::string{event}});
}

TEST_CASE("what is not JSON is refused wherever it stands") {
  for (std::string_view event : {
         R"({"a":[1 2]})",     R"({"a" 1})",        R"({"a":1,})",
         R"({"a":[1,]})",      R"({"a":[,1]})",     R"({,"a":1})",
         R"({"a"})",           R"({a:1})",          R"({'a':1})",
         R"({"a":tru})",       R"({"a":truex})",    R"({"a":nul})",
         R"({"a":NaN})",       R"({"a":01})",       R"({"a":1.})",
         R"({"a":.5})",        R"({"a":+1})",       R"({"a":1e})",
         R"({"a":-})",         R"({"a":0x1})",      R"({"a":1e+})",
         R"({"a":"\x"})",      R"({"a":"\u12g4"})", R"({"a":"\u12"})",
         R"({"\q":1})",        R"({"a":[1}})",      R"({"a":{"b":1]})",
         R"({"a":"b"c})",      R"({"a":1"b"})",     R"({"a":"b""c"})",
         R"({"a"::1})",        R"({"a":1,,"b":2})", R"({"a":1}{"b":2})",
         R"({"a":1 /* c */})", R"({1:2})",          R"({"a":Infinity})",
         "{\"a\":1\f}",        "{\"a\":\x1a 1}",    "{\"a\":\xa0 1}",
       }) {
    CAPTURE(event);
    CHECK(refusal(with_event(event)).starts_with("not_json: not JSON "));
    auto elsewhere = R"({"events":[],"x":[)" + std::string{event} + "]}";
    CHECK(refusal(elsewhere).starts_with("not_json: not JSON "));
  }
  CHECK_FALSE(taken(with_event(std::string_view{"{\"a\":1\0}", 8})));
}

TEST_CASE("a body that ends early or goes on too long is refused") {
  std::string_view whole = R"({"events":[{"a":{"b":["c",1]}}],"x":{}})";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(taken(whole.substr(0, size)));
  }
  CHECK(taken(whole));
  for (std::string_view tail : {"}", "]", "x", ",", "{}", "\"\"", "1", "\\"})
    CHECK_FALSE(taken(std::string{whole} + std::string{tail}));
}

TEST_CASE("text that is not JSON in UTF-8 is refused with its place") {
  CHECK(refusal(with_event("{\"a\":\"\xff\"}"))
        == "not_json: not JSON at byte 17: invalid UTF-8");
  CHECK(refusal(with_event("{\"a\":\"\xc0\x80\"}"))
        == "not_json: not JSON at byte 17: invalid UTF-8");
  CHECK(refusal(with_event("{\"a\":\"\xed\xa0\x80\"}"))
        == "not_json: not JSON at byte 17: invalid UTF-8");
  CHECK(refusal(with_event("{\"a\":\"b\nc\"}"))
        == "not_json: not JSON at byte 18: a control character inside a "
           "string");
  CHECK(refusal(R"({"events":[{"a":"b\"}]})")
        == "not_json: not JSON at byte 16: a string that never ends");
  CHECK(refusal(with_event(R"({"a":"b\z"})"))
        == "not_json: not JSON at byte 16: a string with an invalid escape");
  CHECK(refusal(with_event(R"({"a":12x})"))
        == "not_json: not JSON at byte 16: not a value");
  CHECK(refusal("") == "not_json: not JSON: the body is empty");
  CHECK(refusal(" \n") == "not_json: not JSON: the body is empty");
}

TEST_CASE("a transaction that has not the spec's shape is refused with the "
          "place") {
  CHECK(refusal("[1e400]") == "bad_json: the body is a list, not an object");
  CHECK(refusal("{}") == "bad_json: events is missing");
  CHECK(refusal(R"({"events":null})")
        == "bad_json: events is null, not a list");
  CHECK(refusal(R"({"events":{}})")
        == "bad_json: events is an object, not a list");
  CHECK(refusal(R"({"events":[{},{},{},"x"]})")
        == "bad_json: events[3] is a string, not an object");
  CHECK(refusal(R"({"events":[],"ephemeral":[7]})")
        == "bad_json: ephemeral[0] is a number, not an object");
  CHECK(refusal(R"({"events":[],"org.matrix.msc3202.device_lists":[]})")
        == "bad_json: org.matrix.msc3202.device_lists is a list, not an "
           "object");
  CHECK(refusal(R"({"events":[],"events":[]})")
        == "bad_json: events is there twice");
  CHECK(refusal(R"({"events":[],"ev\u0065nts":[]})")
        == "bad_json: events is there twice");
  CHECK(refusal(R"({"x":1,"events":[],"x":2})")
        == "bad_json: x is there twice");
}

TEST_CASE("nesting ends at 512 levels, items end at their limit") {
  CHECK(taken(with_event(R"({"a":)" + nested(509) + "}")));
  CHECK(refusal(with_event(R"({"a":)" + nested(510) + "}"))
        == "bad_json: at byte 525: nested deeper than 512 levels");
  CHECK_FALSE(taken(with_event(R"({"a":)" + nested(100'000) + "}")));
  slicing_options two;
  two.items_max = 2;
  CHECK(slice(with_event("{},{}"), two));
  CHECK(refusal(with_event("{},{},{}"), two)
        == "too_large: events has more than 2 elements");
  CHECK(refusal(R"({"events":[{},{}],"ephemeral":[{}]})", two)
        == "too_large: the transaction has more than 2 items");
}

TEST_CASE("each part becomes items of its kind, the preferred name first") {
  auto all = sliced(R"({"org.matrix.msc3202.device_one_time_keys_count":{"o":1},
    "de.sorunome.msc2409.ephemeral":[{"type":"old"}], "ephemeral":[{"type":"new"},{"type":""}],
    "org.matrix.msc3202.device_one_time_key_counts": {"n":1} ,
    "de.sorunome.msc2409.to_device":[{"to_user_id":"","to_device_id":""}],"unknown":[1,{"x":null}],
    "org.matrix.msc3202.device_lists":{"changed":[]},
    "org.matrix.msc3202.device_unused_fallback_key_types":{"f":1},
    "events":[{"e":1}]})");
  CHECK(items_of(all, item_kind::event) == list{R"({"e":1})"});
  CHECK(items_of(all, item_kind::ephemeral)
        == list{R"({"type":"new"})", R"({"type":""})"});
  CHECK(items_of(all, item_kind::to_device)
        == list{R"({"to_user_id":"","to_device_id":""})"});
  CHECK(items_of(all, item_kind::device_lists) == list{R"({"changed":[]})"});
  CHECK(items_of(all, item_kind::key_counts) == list{R"({"n":1})"});
  CHECK(items_of(all, item_kind::fallback_keys) == list{R"({"f":1})"});
  CHECK(all.items.front().kind == item_kind::event);
  auto old = sliced(R"({"events":[],"ephemeral":null,
    "org.matrix.msc3202.device_one_time_keys_count":{"o":1},
    "de.sorunome.msc2409.ephemeral":[{"type":"old"}]})");
  CHECK(items_of(old, item_kind::ephemeral) == list{R"({"type":"old"})"});
  CHECK(items_of(old, item_kind::key_counts) == list{R"({"o":1})"});
}

TEST_CASE("fields are decoded from the events, only when wanted") {
  auto body
    = R"({"events":[{"type":"m.room.m\u0065mber","sender":"@\ud83d\ude00:x",
    "room_id":"!r:x","state_key":"","content":{"type":"inner"}},
    {"type":"a","type":"b","sender":7,"state_key":null,"room_id":"\ud800"}],
    "ephemeral":[{"type":"m.typing","room_id":"!r:x"}]})";
  CHECK(sliced(body).fields.empty());
  CHECK(sliced(body).items[0].fields == item::no_fields);
  auto what = sliced(body, true);
  REQUIRE(what.fields.size() == 2);
  CHECK(what.items[1].fields == 1);
  CHECK(what.items[2].fields == item::no_fields);
  CHECK(what.fields[0].type == "m.room.member");
  CHECK(what.fields[0].sender == "@\xf0\x9f\x98\x80:x");
  CHECK(what.fields[0].room_id == "!r:x");
  CHECK(what.fields[0].has_state_key);
  CHECK(what.fields[1].type == "b");
  CHECK(what.fields[1].sender.empty());
  CHECK(what.fields[1].room_id == "\xef\xbf\xbd");
  CHECK_FALSE(what.fields[1].has_state_key);
}

TEST_CASE("a member event's membership is read from its own content") {
  auto body = R"({"events":[
    {"content":{"membership":"leave","mem\u0062ership":"join"},
     "type":"m.room.member","state_key":"@a:x"},
    {"type":"m.room.member","state_key":"@a:x","content":{"membership":7},
     "unsigned":{"content":{"membership":"join"},"invite_room_state":[
       {"type":"m.room.member","content":{"membership":"join"}}]}},
    {"type":"m.room.member","state_key":"@a:x",
     "content":{"membership":"join"},"content":["membership","join"]},
    {"type":"m.room.member","state_key":"@a:x",
     "content":{"x":{"membership":"join"}},"membership":"join"},
    {"type":"m.room.member","content":{"membership":"join"}},
    {"type":"m.room.message","state_key":"@a:x",
     "content":{"membership":"join"}}]})";
  auto what = sliced(body, true);
  REQUIRE(what.fields.size() == 6);
  CHECK(what.fields[0].membership == "join");
  for (std::size_t i = 1; i < what.fields.size(); ++i) {
    CAPTURE(i);
    CHECK(what.fields[i].membership.empty());
  }
}

TEST_CASE("I6: a room's aliases are read from its canonical alias event") {
  auto body = R"({"events":[
    {"type":"m.room.canonical_alias","state_key":"",
     "content":{"alias":"#\u0061:x","alt_aliases":["#b:x",7,["#no:x"],"#c:x"]}},
    {"type":"m.room.canonical_alias","state_key":"",
     "content":{"alias":null,"alt_aliases":"#no:x"}},
    {"type":"m.room.aliases","state_key":"x","content":{"alias":"#no:x"}},
    {"type":"m.room.canonical_alias","content":{"alias":"#no:x"}},
    {"type":"m.room.canonical_alias","state_key":"",
     "content":{"alt_aliases":["#no:x"],"alt_aliases":["#d:x"]}}]})";
  auto what = sliced(body, true);
  REQUIRE(what.fields.size() == 5);
  CHECK(what.fields[0].aliases == list{"#a:x", "#b:x", "#c:x"});
  CHECK(what.fields[1].aliases.empty());
  CHECK(what.fields[2].aliases.empty());
  CHECK(what.fields[3].aliases.empty());
  CHECK(what.fields[4].aliases == list{"#d:x"});
}

TEST_CASE("broken JSON inside an event's content is refused, also where its "
          "fields are wanted") {
  slicing_options options;
  options.want_fields = true;
  for (auto content :
       {R"({"membership":"join" "a":1})", R"({"alt_aliases":["#a:x",]})",
        R"({"alt_aliases":["\x"]})", R"({"membership":tru})"}) {
    CAPTURE(content);
    CHECK(refusal(with_event(R"({"content":)" + std::string{content} + "}"),
                  options)
            .starts_with("not_json"));
  }
  std::string deep(600, '[');
  deep.append(600, ']');
  CHECK(
    refusal(with_event(R"({"content":{"alt_aliases":)" + deep + "}}"), options)
      .starts_with("bad_json"));
}

TEST_CASE("the digest is that of the event ids in order") {
  auto digest = [](std::string_view body) { return sliced(body).digest; };
  auto first
    = digest(with_event(R"({"event_id":"$a","x":1},{"event_id":"$b"})"));
  CHECK(
    first
    == digest(R"({"ephemeral":[{"type":""}],"events":[{"event_id":"\u0024a"},)"
              R"({"y":2,"event_id":"$b"}]})"));
  CHECK(first != digest(with_event(R"({"event_id":"$b"},{"event_id":"$a"})")));
  CHECK(first != digest(with_event(R"({"event_id":"$a$b"})")));
  CHECK(digest(with_event(R"({"event_id":"$a"},{"event_id":""})"))
        != digest(with_event(R"({"event_id":"$a"})")));
  CHECK(digest(with_event(R"({"x":1})")) != digest(with_event(R"({"x":2})")));
  CHECK(digest(R"({"events":[]})") != digest(R"({"events":[] })"));
}

// Random damage to a body: simdjson's DOM parser is the judge. What it refuses
// for a number's size or a lone surrogate only, the grammar allows.
TEST_CASE("the slicer accepts what a whole JSON parser accepts, and no more") {
  std::string_view seed
    = R"({"events":[{"event_id":"$1","a":[1,-2.5e3,"\u00e4\n"],"b":{"c":null}},)"
      R"({"t":true,"f":false,"s":"x\\\"y"}],"ephemeral":[{"type":"m"}],"z":[[0],{}] } )";
  std::string_view alphabet = "{}[]:,\"\\ \n019-+.eEtrufalsn\xc3\xa4\x01x";
  std::mt19937 random{20'230'117};
  auto below = [&](std::size_t limit) { return random() % limit; };
  auto accepted = 0;
  for (auto round = 0; round < 60'000; ++round) {
    std::string body{seed};
    for (auto damage = below(3) + 1; damage > 0; --damage) {
      auto at = below(body.size());
      auto byte = alphabet[below(alphabet.size())];
      switch (below(3)) {
      case 0:
        body[at] = byte;
        break;
      case 1:
        body.insert(at, 1, byte);
        break;
      default:
        body.erase(at, 1 + below(3));
      }
    }
    simdjson::dom::parser judge;
    simdjson::dom::element ignored;
    auto verdict = judge.parse(simdjson::padded_string{body}).get(ignored);
    auto text = refusal(body);
    auto by_grammar = !text.starts_with("not_json");
    CAPTURE(body);
    CAPTURE(text);
    if (verdict == simdjson::SUCCESS)
      REQUIRE(by_grammar);
    else if (by_grammar && !text.starts_with("bad_json"))
      REQUIRE((verdict == simdjson::NUMBER_ERROR
               || verdict == simdjson::STRING_ERROR));
    accepted += text == "taken";
  }
  CHECK(accepted > 1'000);
}

TEST_CASE("bodies larger than a kept parser are sliced from many threads") {
  std::string event
    = R"({"event_id":"$1","body":")" + std::string(4000, 'x') + "\"}";
  std::string body = R"({"events":[)" + event;
  for (auto i = 0; i < 200; ++i)
    body += "," + event;
  body += "]}";
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (auto i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      auto result = slice(body, {});
      good += result && result->items.size() == 201
              && result->items[200].json.of(result->body) == event;
    });
  for (auto& each : threads)
    each.join();
  CHECK(good == 4);
}

TEST_CASE("an access token comes as a bearer header or as a query parameter") {
  auto outcome = [](const httplib::Request& request) {
    auto result = token_of(request);
    return result.refusal ? std::to_string(result.refusal->status) + " "
                              + result.refusal->errcode
                          : result.token;
  };
  httplib::Request request;
  CHECK(outcome(request) == "401 M_MISSING_TOKEN");
  request.params.emplace("access_token", "secret");
  CHECK(outcome(request) == "secret");
  request.headers.emplace("authorization", "Bearer secret");
  CHECK(outcome(request) == "secret");
  CHECK_FALSE(check_token(request, digest_of("secret")));
  auto wrong = check_token(request, digest_of("secret2"));
  REQUIRE(wrong);
  CHECK(wrong->status == 403);
  CHECK(wrong->errcode == "M_FORBIDDEN");
  request.headers.emplace("Authorization", "bearer other");
  CHECK(outcome(request) == "403 M_FORBIDDEN");
  for (auto* value : {"Basic c2VjcmV0", "Bearer ", "Bearer", "Bearersecret"}) {
    httplib::Request other;
    other.headers.emplace("Authorization", value);
    CHECK(outcome(other) == "401 M_MISSING_TOKEN");
  }
  CHECK(matches(digest_of(""), ""));
  CHECK_FALSE(matches(digest_of("a"), "A"));
}

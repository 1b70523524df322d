// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/slicer.hpp"

#include "actors/intake/json_check.hpp"
#include "messages/errors.hpp"

#include <nlohmann/json.hpp>
#include <simdjson.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace posthorn {

namespace {

namespace ondemand = simdjson::ondemand;

// A parser keeps about five bytes for each byte of the largest body it ever
// saw; larger bodies than this get a parser of their own, one at a time.
constexpr std::size_t kept_parser_max = 256 * 1024;

// Top-level keys are compared pairwise; the spec and its MSCs know nine.
constexpr std::size_t top_level_keys_max = 256;

// A part of a transaction, under one of its names.
struct part {
  std::string_view name;
  item_kind kind;
  bool list;
};

// In the order of the items; of one kind, the preferred name first.
constexpr std::array<part, 8> parts{{
  {"events", item_kind::event, true},
  {"ephemeral", item_kind::ephemeral, true},
  {"de.sorunome.msc2409.ephemeral", item_kind::ephemeral, true},
  {"de.sorunome.msc2409.to_device", item_kind::to_device, true},
  {"org.matrix.msc3202.device_lists", item_kind::device_lists, false},
  {"org.matrix.msc3202.device_one_time_key_counts", item_kind::key_counts,
   false},
  {"org.matrix.msc3202.device_one_time_keys_count", item_kind::key_counts,
   false},
  {"org.matrix.msc3202.device_unused_fallback_key_types",
   item_kind::fallback_keys, false},
}};

// Content of a string value, escapes and all; nothing for any other value.
using raw_text = std::optional<std::string_view>;

std::string decoded(const raw_text& text) {
  return text ? unescaped(*text) : std::string{};
}

// What an event says about itself.
struct event_view {
  raw_text event_id;
  raw_text type;
  raw_text sender;
  raw_text room_id;
  raw_text state_key;

  raw_text* member(std::string_view key) {
    if (key == "event_id")
      return &event_id;
    if (key == "type")
      return &type;
    if (key == "sender")
      return &sender;
    if (key == "room_id")
      return &room_id;
    if (key == "state_key")
      return &state_key;
    return nullptr;
  }

  event_fields fields() const {
    return {decoded(type), decoded(sender), decoded(room_id),
            decoded(state_key), state_key.has_value()};
  }
};

// XXH3-128 of byte strings, each marked and preceded by its length, so that no
// two lists of them look alike.
class digest_maker {
public:
  digest_maker() : state_(XXH3_createState()) {
    XXH3_128bits_reset(state_.get());
  }

  void add(char mark, std::string_view bytes) {
    std::array<char, 9> prefix{};
    prefix[0] = mark;
    for (std::size_t i = 0; i < 8; ++i)
      prefix[i + 1] = static_cast<char>(bytes.size() >> (8 * i) & 0xff);
    XXH3_128bits_update(state_.get(), prefix.data(), prefix.size());
    XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
  }

  std::array<std::uint8_t, 16> result() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), canonical.digest, bytes.size());
    return bytes;
  }

private:
  struct deleter {
    void operator()(XXH3_state_t* state) const {
      XXH3_freeState(state);
    }
  };

  std::unique_ptr<XXH3_state_t, deleter> state_;
};

// One transaction on its way through.
class slicing {
public:
  slicing(std::string_view body, const slicing_options& options)
    : options_(options), body_(body), walker_(body, options.depth_max) {}

  caf::error run(ondemand::parser& parser, std::size_t capacity);

  void hand_over(batch& to);

private:
  struct found {
    bool present = false;
    std::vector<span> spans;
  };

  bool top_level(std::string_view key, ondemand::value value);
  bool list_part(std::size_t which, ondemand::value value);
  bool element(std::size_t which, ondemand::value value);
  bool event(ondemand::object& object);
  bool first_time(std::string key);
  bool refuse(ec code, std::string text);
  caf::error failure() const;
  span span_of(std::string_view raw) const;
  std::string place(std::size_t which) const;
  bool take_raw(std::size_t which, ondemand::object& object);

  const slicing_options& options_;
  std::string_view body_;
  json_walker walker_;
  std::vector<std::string> keys_;
  std::array<found, parts.size()> found_;
  std::vector<event_fields> fields_;
  std::vector<event_view> events_;
  caf::error refusal_;
};

caf::error slicing::run(ondemand::parser& parser, std::size_t capacity) {
  ondemand::document document;
  auto code = parser
                .iterate(simdjson::padded_string_view{body_.data(),
                                                      body_.size(), capacity})
                .get(document);
  if (code == simdjson::MEMALLOC)
    return fault(ec::overloaded, "no memory to check the transaction's JSON");
  if (code != simdjson::SUCCESS)
    return fault(ec::not_json, "not JSON " + describe_text_fault(body_));
  auto start = body_.find_first_not_of(" \t\r\n");
  if (body_[start] != '{') {
    // A word such as "not json" begins like a JSON value and is none.
    if (!nlohmann::json::accept(body_))
      return fault(ec::not_json, "the body is not JSON");
    return fault(ec::bad_json, "the body is "
                                 + std::string{kind_of_json(body_[start])}
                                 + ", not an object");
  }
  ondemand::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS)
    return fault(ec::not_json, "not JSON: the body has not as many closing "
                               "brackets as opening ones");
  auto good = walker_.members(object, [this](auto key, ondemand::value value) {
    return top_level(key, value);
  });
  if (!good)
    return failure();
  // On-Demand has no current location once every token is used up.
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return fault(ec::not_json,
                 "not JSON: something follows the closing bracket of the body");
  if (!found_[0].present)
    return fault(ec::bad_json, "events is missing");
  return {};
}

void slicing::hand_over(batch& to) {
  digest_maker digest;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    if (auto& id = events_[i].event_id)
      digest.add('i', id->find('\\') == std::string_view::npos
                        ? *id
                        : std::string_view{unescaped(*id)});
    else
      digest.add('b', found_[0].spans[i].of(body_));
  }
  if (events_.empty())
    digest.add('w', body_);
  to.digest = digest.result();
  to.fields = std::move(fields_);
  std::optional<item_kind> done;
  for (std::size_t which = 0; which < parts.size(); ++which) {
    auto kind = parts[which].kind;
    if (!found_[which].present || done == kind)
      continue;
    done = kind;
    auto numbered = kind == item_kind::event && options_.want_fields;
    for (std::uint32_t i = 0; i < found_[which].spans.size(); ++i)
      to.items.push_back(
        {kind, found_[which].spans[i], numbered ? i : item::no_fields});
  }
}

bool slicing::top_level(std::string_view key, ondemand::value value) {
  auto name = unescaped(key);
  auto known = std::find_if(parts.begin(), parts.end(), [&](const part& each) {
    return each.name == name;
  });
  if (!first_time(std::move(name)))
    return false;
  if (known == parts.end())
    return walker_.value(value);
  auto which = static_cast<std::size_t>(known - parts.begin());
  auto first = walker_.first_byte(value);
  if (first == 'n' && which != 0)
    return walker_.value(value);
  if (first != (known->list ? '[' : '{'))
    return refuse(ec::bad_json, std::string{known->name} + " is "
                                  + std::string{kind_of_json(first)} + ", not "
                                  + (known->list ? "a list" : "an object"));
  found_[which].present = true;
  return known->list ? list_part(which, value) : element(which, value);
}

bool slicing::list_part(std::size_t which, ondemand::value value) {
  ondemand::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS)
    return refuse(ec::not_json, "not JSON: " + std::string{parts[which].name}
                                  + " never ends");
  return walker_.elements(array, [this, which](ondemand::value each) {
    return element(which, each);
  });
}

bool slicing::element(std::size_t which, ondemand::value value) {
  auto first = walker_.first_byte(value);
  if (first != '{')
    return refuse(kind_of_json(first) == kind_of_json('\0') ? ec::not_json
                                                            : ec::bad_json,
                  place(which) + " is " + std::string{kind_of_json(first)}
                    + ", not an object");
  if (found_[which].spans.size() >= options_.items_max)
    return refuse(ec::too_large,
                  std::string{parts[which].name} + " has more than "
                    + std::to_string(options_.items_max) + " elements");
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS)
    return refuse(ec::not_json, "not JSON: " + place(which) + " never ends");
  auto good = which == 0
                ? event(object)
                : walker_.members(object, [this](auto, ondemand::value member) {
                    return walker_.value(member);
                  });
  return good && take_raw(which, object);
}

bool slicing::take_raw(std::size_t which, ondemand::object& object) {
  std::string_view raw;
  if (object.raw_json().get(raw) != simdjson::SUCCESS)
    return refuse(ec::not_json, "not JSON: " + place(which) + " never ends");
  found_[which].spans.push_back(span_of(raw));
  return true;
}

bool slicing::event(ondemand::object& object) {
  event_view seen;
  auto each = [&](std::string_view key, ondemand::value value) {
    auto* member = key.find('\\') == std::string_view::npos
                     ? seen.member(key)
                     : seen.member(unescaped(key));
    std::string_view text;
    if (!walker_.value(value, text))
      return false;
    if (member != nullptr)
      *member = text.data() != nullptr ? raw_text{text} : std::nullopt;
    return true;
  };
  if (!walker_.members(object, each))
    return false;
  if (options_.want_fields)
    fields_.push_back(seen.fields());
  events_.push_back(seen);
  return true;
}

bool slicing::first_time(std::string key) {
  if (std::find(keys_.begin(), keys_.end(), key) != keys_.end())
    return refuse(ec::bad_json, key + " is there twice");
  if (keys_.size() >= top_level_keys_max)
    return refuse(ec::bad_json, "the body has more than "
                                  + std::to_string(top_level_keys_max)
                                  + " keys");
  keys_.push_back(std::move(key));
  return true;
}

bool slicing::refuse(ec code, std::string text) {
  refusal_ = fault(code, std::move(text));
  return false;
}

caf::error slicing::failure() const {
  if (refusal_)
    return refusal_;
  if (walker_.too_deep())
    return fault(ec::bad_json, walker_.fault());
  return fault(ec::not_json, "not JSON " + walker_.fault());
}

// simdjson counts the white space behind an object as part of it.
span slicing::span_of(std::string_view raw) const {
  return {static_cast<std::uint32_t>(raw.data() - body_.data()),
          static_cast<std::uint32_t>(raw.rfind('}') + 1)};
}

std::string slicing::place(std::size_t which) const {
  std::string name{parts[which].name};
  if (parts[which].list)
    name += "[" + std::to_string(found_[which].spans.size()) + "]";
  return name;
}

caf::error run_with_parser(slicing& work, const std::string& body) {
  if (body.size() <= kept_parser_max) {
    thread_local ondemand::parser kept;
    return work.run(kept, body.capacity());
  }
  static std::mutex one_at_a_time;
  std::lock_guard guard{one_at_a_time};
  ondemand::parser once;
  return work.run(once, body.capacity());
}

} // namespace

caf::expected<batch> slice(std::string body, const slicing_options& options) {
  // simdjson's indexes and ours are 32 bit.
  if (body.size() > std::numeric_limits<std::uint32_t>::max() - 4096)
    return fault(ec::too_large, "the body has more than 4 GiB");
  if (body.find_first_not_of(" \t\r\n") == std::string::npos)
    return fault(ec::not_json, "not JSON: the body is empty");
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  slicing work{body, options};
  if (auto failed = run_with_parser(work, body))
    return failed;
  batch result;
  work.hand_over(result);
  if (result.items.size() > options.items_max)
    return fault(ec::too_large, "the transaction has more than "
                                  + std::to_string(options.items_max)
                                  + " items");
  result.body = std::move(body);
  return result;
}

} // namespace posthorn

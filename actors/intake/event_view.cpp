// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/event_view.hpp"

namespace posthorn {

namespace {

std::string decoded(const raw_text& text) {
  return text ? unescaped(*text) : std::string{};
}

/// A key without its escapes; `room` holds it where it had any.
std::string_view plain(std::string_view key, std::string& room) {
  if (key.find('\\') == std::string_view::npos)
    return key;
  room = unescaped(key);
  return room;
}

} // namespace

bool event_view::member(json_walker& walker, std::string_view key,
                        json_walker::value_type value, bool want_content) {
  std::string room;
  const auto name = plain(key, room);
  if (want_content && name == "content")
    return content(walker, value);
  std::string_view text;
  if (!walker.value(value, text))
    return false;
  if (auto* target = text_of(name))
    *target = text.data() != nullptr ? raw_text{text} : std::nullopt;
  return true;
}

raw_text* event_view::text_of(std::string_view key) {
  if (key == "event_id")
    return &event_id_;
  if (key == "type")
    return &type_;
  if (key == "sender")
    return &sender_;
  if (key == "room_id")
    return &room_id_;
  if (key == "state_key")
    return &state_key_;
  return nullptr;
}

bool event_view::content(json_walker& walker, json_walker::value_type value) {
  membership_.reset();
  alias_.reset();
  alt_aliases_.clear();
  if (walker.first_byte(value) != '{')
    return walker.value(value);
  simdjson::ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS)
    return walker.value(value);
  return walker.members(
    object, [&](std::string_view key, json_walker::value_type inner) {
      std::string room;
      const auto name = plain(key, room);
      if (name == "alt_aliases")
        return alternatives(walker, inner);
      std::string_view text;
      if (!walker.value(inner, text))
        return false;
      const auto found = text.data() != nullptr ? raw_text{text} : std::nullopt;
      if (name == "membership")
        membership_ = found;
      else if (name == "alias")
        alias_ = found;
      return true;
    });
}

bool event_view::alternatives(json_walker& walker,
                              json_walker::value_type value) {
  alt_aliases_.clear();
  if (walker.first_byte(value) != '[')
    return walker.value(value);
  simdjson::ondemand::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS)
    return walker.value(value);
  return walker.elements(array, [&](json_walker::value_type each) {
    std::string_view text;
    if (!walker.value(each, text))
      return false;
    if (text.data() != nullptr)
      alt_aliases_.push_back(text);
    return true;
  });
}

event_fields event_view::fields() const {
  event_fields result;
  result.type = decoded(type_);
  result.sender = decoded(sender_);
  result.room_id = decoded(room_id_);
  result.state_key = decoded(state_key_);
  result.has_state_key = state_key_.has_value();
  if (!result.has_state_key)
    return result;
  if (result.type == "m.room.member") {
    result.membership = decoded(membership_);
  } else if (result.type == "m.room.canonical_alias") {
    if (alias_)
      result.aliases.push_back(unescaped(*alias_));
    for (auto each : alt_aliases_)
      result.aliases.push_back(unescaped(each));
  }
  return result;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/parts/part_reader.hpp"

#include "messages/errors.hpp"

#include <nlohmann/json.hpp>
#include <simdjson.h>

#include <optional>
#include <unordered_map>
#include <utility>

namespace posthorn {

namespace {

namespace ondemand = simdjson::ondemand;

/// The members of an object in order: key, decoded, and value, as it came.
using members = std::vector<std::pair<std::string, std::string_view>>;

std::string_view trimmed(std::string_view json) {
  return json.substr(0, json.find_last_not_of(" \t\r\n") + 1);
}

/// None where `json` is not an object, or a key is no text. The values lie in
/// `json`.
std::optional<members> members_of(std::string_view json) {
  simdjson::padded_string padded{json};
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object object;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS
      || document.get_object().get(object) != simdjson::SUCCESS)
    return std::nullopt;
  members result;
  for (auto member : object) {
    ondemand::field field;
    std::string_view key;
    std::string_view value;
    if (std::move(member).get(field) != simdjson::SUCCESS
        || field.unescaped_key().get(key) != simdjson::SUCCESS)
      return std::nullopt;
    std::string name{key};
    if (simdjson::to_json_string(field.value()).get(value) != simdjson::SUCCESS)
      return std::nullopt;
    const auto offset = static_cast<std::size_t>(value.data() - padded.data());
    result.emplace_back(std::move(name),
                        trimmed(json.substr(offset, value.size())));
  }
  return result;
}

/// The text of a JSON string; none for any other value.
std::optional<std::string> text_in(std::string_view json) {
  if (json.empty() || json.front() != '"')
    return std::nullopt;
  simdjson::padded_string padded{json};
  ondemand::parser parser;
  ondemand::document document;
  std::string_view text;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS
      || document.get_string().get(text) != simdjson::SUCCESS)
    return std::nullopt;
  return std::string{text};
}

/// The texts of a list of strings; none for any other value.
std::optional<std::vector<std::string>> texts_in(std::string_view json) {
  simdjson::padded_string padded{json};
  ondemand::parser parser;
  ondemand::document document;
  ondemand::array list;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS
      || document.get_array().get(list) != simdjson::SUCCESS)
    return std::nullopt;
  std::vector<std::string> result;
  for (auto element : list) {
    std::string_view text;
    if (element.get_string().get(text) != simdjson::SUCCESS)
      return std::nullopt;
    result.emplace_back(text);
  }
  return result;
}

/// The last value of a key; none where it is not there.
std::optional<std::string_view> value_of(const members& object,
                                         std::string_view key) {
  for (auto i = object.rbegin(); i != object.rend(); ++i)
    if (i->first == key)
      return i->second;
  return std::nullopt;
}

/// As value_of(), for a text; empty for any other value.
std::string text_of_key(const members& object, std::string_view key) {
  const auto value = value_of(object, key);
  return value ? text_in(*value).value_or("") : std::string{};
}

bool has_text(const members& object, std::string_view key) {
  const auto value = value_of(object, key);
  return value && text_in(*value);
}

std::string quoted(const std::string& text) {
  using json = nlohmann::json;
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

caf::error malformed(std::string what) {
  return fault(ec::bad_json, std::move(what));
}

caf::error missing(const char* key, std::string_view type) {
  return malformed(std::string{key} + " of " + std::string{type}
                   + " is missing or not a string");
}

caf::error not_receipts() {
  return malformed(
    "content of m.receipt is not {event: {type: {user: {...}}}}");
}

/// Appends the receipts of one event and type.
bool add_receipts(const std::string& room_id, const std::string& event_id,
                  const std::string& type, std::string_view users_json,
                  std::vector<single_receipt>& to) {
  const auto users = members_of(users_json);
  if (!users)
    return false;
  for (const auto& [user_id, value] : *users) {
    const auto receipt = members_of(value);
    if (!receipt)
      return false;
    single_receipt one;
    one.type = type;
    one.user_id = user_id;
    one.thread_id = text_of_key(*receipt, "thread_id");
    one.json = R"({"type":"m.receipt","room_id":)" + quoted(room_id)
               + R"(,"content":{)" + quoted(event_id) + ":{" + quoted(type)
               + ":{" + quoted(user_id) + ":" + std::string{value} + "}}}}";
    to.push_back(std::move(one));
  }
  return true;
}

bool read_receipts(const std::string& room_id, std::string_view content,
                   std::vector<single_receipt>& to) {
  const auto events = members_of(content);
  if (!events)
    return false;
  for (const auto& [event_id, types_json] : *events) {
    const auto types = members_of(types_json);
    if (!types)
      return false;
    for (const auto& [type, users] : *types)
      if (!add_receipts(room_id, event_id, type, users, to))
        return false;
  }
  return true;
}

/// Notes what is said about a user: the later word counts.
class user_notes {
public:
  void note(const std::string& user_id, std::string json) {
    const auto [i, fresh] = places_.emplace(user_id, parts_.size());
    if (fresh)
      parts_.push_back({user_id, std::move(json)});
    else
      parts_[i->second].json = std::move(json);
  }

  std::vector<user_part> take(std::string_view whole) {
    if (parts_.size() == 1)
      parts_.front().json = whole;
    return std::move(parts_);
  }

private:
  std::vector<user_part> parts_;
  std::unordered_map<std::string, std::size_t> places_;
};

caf::error note_list(const members& object, const char* key, const char* before,
                     const char* behind, user_notes& notes) {
  const auto value = value_of(object, key);
  if (!value || *value == "null")
    return {};
  const auto users = texts_in(*value);
  if (!users)
    return malformed(std::string{key} + " is not a list of strings");
  for (const auto& user_id : *users)
    notes.note(user_id, before + quoted(user_id) + behind);
  return {};
}

} // namespace

bool single_receipt::is_private() const {
  return type == "m.read.private" || type == "org.matrix.msc2285.read.private";
}

caf::expected<ephemeral_part> read_ephemeral(std::string_view json) {
  const auto object = members_of(json);
  if (!object)
    return malformed("it is not an object whose keys are text");
  ephemeral_part result;
  const char* type = has_text(*object, "type") ? "type" : "edu_type";
  if (!has_text(*object, type))
    return malformed("type is missing or not a string");
  result.type = text_of_key(*object, type);
  result.room_id = text_of_key(*object, "room_id");
  result.sender = text_of_key(*object, "sender");
  const bool is_receipt = result.type == "m.receipt";
  if ((is_receipt || result.type == "m.typing")
      && !has_text(*object, "room_id"))
    return missing("room_id", result.type);
  if (result.type == "m.presence" && !has_text(*object, "sender"))
    return missing("sender", result.type);
  if (!is_receipt)
    return result;
  const auto content = value_of(*object, "content");
  if (!content || !read_receipts(result.room_id, *content, result.receipts))
    return not_receipts();
  if (result.receipts.size() == 1)
    result.receipts.front().json = json;
  return result;
}

caf::expected<std::string> read_recipient(std::string_view json) {
  const auto object = members_of(json);
  if (!object)
    return malformed("it is not an object whose keys are text");
  for (const auto* key : {"to_user_id", "to_device_id"})
    if (!has_text(*object, key))
      return malformed(std::string{key} + " is missing or not a string");
  return text_of_key(*object, "to_user_id");
}

caf::expected<std::vector<user_part>> read_by_user(item_kind kind,
                                                   std::string_view json) {
  const auto object = members_of(json);
  if (!object)
    return malformed("it is not an object whose keys are text");
  user_notes notes;
  if (kind != item_kind::device_lists) {
    for (const auto& [user_id, value] : *object)
      notes.note(user_id,
                 "{" + quoted(user_id) + ":" + std::string{value} + "}");
    return notes.take(json);
  }
  if (auto why = note_list(*object, "changed", R"({"changed":[)",
                           R"(],"left":[]})", notes))
    return why;
  if (auto why
      = note_list(*object, "left", R"({"changed":[],"left":[)", "]}", notes))
    return why;
  return notes.take(json);
}

caf::error check_part(item_kind kind, std::string_view json) {
  const auto error_of
    = [](const auto& read) { return read ? caf::error{} : read.error(); };
  switch (kind) {
  case item_kind::event:
    return {};
  case item_kind::ephemeral:
    return error_of(read_ephemeral(json));
  case item_kind::to_device:
    return error_of(read_recipient(json));
  case item_kind::device_lists:
  case item_kind::key_counts:
  case item_kind::fallback_keys:
    return error_of(read_by_user(kind, json));
  }
  return {};
}

} // namespace posthorn

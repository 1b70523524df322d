// SPDX-License-Identifier: Apache-2.0
#include "storage/event_id.hpp"

#include <optional>
#include <utility>

namespace posthorn::storage {

namespace {

namespace ondemand = simdjson::ondemand;

/// The last `event_id` of an object, empty where it has none. Answers false
/// where the object cannot be read to its end.
bool read_id(ondemand::object object, std::string& id) {
  id.clear();
  for (auto member : object) {
    ondemand::field field;
    std::string_view key;
    if (std::move(member).get(field) != simdjson::SUCCESS
        || field.unescaped_key().get(key) != simdjson::SUCCESS)
      return false;
    if (key != "event_id")
      continue;
    std::string_view text;
    // One that is no string names no event.
    if (field.value().get_string().get(text) == simdjson::SUCCESS)
      id = text;
    else
      id.clear();
  }
  return true;
}

} // namespace

bool event_id_reader::is(std::string_view json, std::string_view id) {
  if (json.find(id) == std::string_view::npos
      && json.find('\\') == std::string_view::npos)
    return false;
  simdjson::padded_string padded{json};
  ondemand::document document;
  ondemand::object object;
  std::string found;
  return parser_.iterate(padded).get(document) == simdjson::SUCCESS
         && document.get_object().get(object) == simdjson::SUCCESS
         && read_id(object, found) && !found.empty() && found == id;
}

bool event_id_reader::each_of(
  std::string_view body, const std::function<void(std::string_view)>& each) {
  simdjson::padded_string padded{body};
  ondemand::document document;
  ondemand::array events;
  if (parser_.iterate(padded).get(document) != simdjson::SUCCESS
      || document["events"].get_array().get(events) != simdjson::SUCCESS)
    return false;
  std::string id;
  for (auto element : events) {
    ondemand::object object;
    if (element.get_object().get(object) != simdjson::SUCCESS
        || !read_id(object, id))
      return false;
    if (!id.empty())
      each(id);
  }
  return true;
}

} // namespace posthorn::storage

// SPDX-License-Identifier: Apache-2.0
// What an event says about itself, noted while its JSON is checked.
#pragma once

#include "actors/intake/json_check.hpp"
#include "messages/batch.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

/// Content of a JSON string, escapes and all; nothing for any other value.
using raw_text = std::optional<std::string_view>;

/// Notes where in a body an event's fields lie. Of a key that comes twice the
/// last one counts. Valid as long as the body.
class event_view {
public:
  /// Notes one member of the event, checking and consuming it through `walker`.
  /// `key` has its escapes still. What is inside `content` is only looked at if
  /// `want_content`. Answers false where the JSON is broken; the walker says
  /// how.
  bool member(json_walker& walker, std::string_view key,
              json_walker::value_type value, bool want_content);

  const raw_text& event_id() const {
    return event_id_;
  }

  /// The fields, decoded. The membership and the aliases only of the events
  /// whose they are.
  event_fields fields() const;

private:
  raw_text* text_of(std::string_view key);
  bool content(json_walker& walker, json_walker::value_type value);
  bool alternatives(json_walker& walker, json_walker::value_type value);

  raw_text event_id_;
  raw_text type_;
  raw_text sender_;
  raw_text room_id_;
  raw_text state_key_;
  raw_text membership_;
  raw_text alias_;
  std::vector<std::string_view> alt_aliases_;
};

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Checks JSON to the last byte without changing or decoding any of it.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace posthorn {

/// Checks one JSON string. `text` starts at the opening quote and may go on
/// behind the closing one. Returns what is between the quotes, escapes and all;
/// nothing where an escape is none of RFC 8259 or the closing quote is missing.
/// Lone surrogates (`\ud800`) are in the grammar and pass.
std::optional<std::string_view> checked_string(std::string_view text);

/// Whether `text` is one JSON number by RFC 8259's grammar. Its size does not
/// matter: homeservers forward integers of any length, and 1e400.
bool is_number(std::string_view text);

/// Decodes the content of a string that passed checked_string(). A lone
/// surrogate becomes U+FFFD.
std::string unescaped(std::string_view content);

/// Says what a JSON value is, by its first byte: "a list", "a string", ...
/// "nothing that JSON knows" for what cannot start a value.
std::string_view kind_of_json(char first);

/// Finds the first byte that keeps `body` from being JSON text whatever its
/// structure: invalid UTF-8, a bare control character inside a string, a string
/// that never ends. Returns a sentence; slow, for refusals only.
std::string describe_text_fault(std::string_view body);

/// Walks simdjson's on-demand values and checks every byte below them:
/// On-Demand alone looks only at what is asked for, and what is forwarded
/// unchecked poisons the receiver.
class json_walker {
public:
  using value_type = simdjson::ondemand::value;

  /// `body` outlives the walker; containers nested deeper than `depth_max`
  /// (the outermost one counts as 1) are refused.
  json_walker(std::string_view body, std::size_t depth_max);

  /// Checks `what` and consumes it. Puts the content of a string (escapes and
  /// all) into `text`; a null view for any other kind of value.
  bool value(value_type what, std::string_view& text);

  /// Checks `what` and consumes it.
  bool value(value_type what) {
    std::string_view ignored;
    return value(what, ignored);
  }

  /// Calls `visit(key, value)` for each member of an object; `key` has its
  /// escapes still. `visit` must consume the value through this walker and
  /// return whether to go on. `Object` is an on-demand object.
  template <class Object, class Visit>
  bool members(Object& object, Visit visit) {
    if (!enter())
      return false;
    for (auto member : object) {
      simdjson::ondemand::field field;
      if (std::move(member).get(field) != simdjson::SUCCESS)
        return broken();
      auto key = key_of(field);
      if (!key || !visit(*key, field.value()))
        return false;
    }
    --depth_;
    return true;
  }

  /// Calls `visit(value)` for each element of an array; see members().
  template <class Visit>
  bool elements(simdjson::ondemand::array& array, Visit visit) {
    if (!enter())
      return false;
    for (auto element : array) {
      value_type each;
      if (element.get(each) != simdjson::SUCCESS)
        return broken();
      if (!visit(each))
        return false;
    }
    --depth_;
    return true;
  }

  /// First byte of a value that has not been consumed yet.
  char first_byte(value_type what);

  /// Why the last call returned false; empty when `visit` said so.
  const std::string& fault() const {
    return fault_;
  }

  /// Whether that was for depth rather than for broken JSON.
  bool too_deep() const {
    return too_deep_;
  }

private:
  bool enter();
  bool broken();
  bool broken(std::string_view token, std::string_view why);
  bool scalar(std::string_view token, std::string_view& text);
  std::optional<std::string_view> key_of(simdjson::ondemand::field& field);
  std::string_view rest_from(const char* where) const;

  std::string_view body_;
  std::size_t depth_max_;
  std::size_t depth_ = 0;
  // The last token looked at, to say where the JSON broke.
  const char* last_;
  std::string fault_;
  bool too_deep_ = false;
};

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// PyYAML's implicit resolvers (yaml/resolver.py), written for RE2.
#include "apps/posthorn/config/yaml_scalar.hpp"

#include <re2/re2.h>

namespace posthorn {

namespace {

const RE2& boolean_pattern() {
  static const RE2 pattern{"yes|Yes|YES|no|No|NO|true|True|TRUE"
                           "|false|False|FALSE|on|On|ON|off|Off|OFF"};
  return pattern;
}

const RE2& number_pattern() {
  static const RE2 pattern{
    // Floats, then integers.
    "[-+]?[0-9][0-9_]*\\.[0-9_]*(?:[eE][-+][0-9]+)?"
    "|\\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    "|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\\.[0-9_]*"
    "|[-+]?\\.(?:inf|Inf|INF)|\\.(?:nan|NaN|NAN)"
    "|[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)"
    "|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+"};
  return pattern;
}

const RE2& date_pattern() {
  static const RE2 pattern{
    "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    "|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \\t]+)[0-9][0-9]?"
    ":[0-9][0-9]:[0-9][0-9](?:\\.[0-9]*)?"
    "(?:[ \\t]*(?:Z|[-+][0-9][0-9]?(?::[0-9][0-9])?))?"};
  return pattern;
}

bool matches(std::string_view text, const RE2& pattern) {
  return RE2::FullMatch(re2::StringPiece{text.data(), text.size()}, pattern);
}

} // namespace

const char* name_of(yaml_kind kind) {
  switch (kind) {
  case yaml_kind::null:
    return "null";
  case yaml_kind::boolean:
    return "a boolean";
  case yaml_kind::number:
    return "a number";
  case yaml_kind::string:
    return "a string";
  case yaml_kind::list:
    return "a list";
  case yaml_kind::mapping:
    return "a mapping";
  case yaml_kind::other:
    return "a date or of a special type";
  }
  return "unknown";
}

yaml_kind plain_kind(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null"
      || text == "NULL")
    return yaml_kind::null;
  if (matches(text, boolean_pattern()))
    return yaml_kind::boolean;
  if (matches(text, number_pattern()))
    return yaml_kind::number;
  if (text == "<<" || text == "=" || matches(text, date_pattern()))
    return yaml_kind::other;
  return yaml_kind::string;
}

bool boolean_value(std::string_view text) {
  static const RE2 yes{"(?i)yes|true|on"};
  return matches(text, yes);
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// A second reader of JSON, written from RFC 8259 alone, to judge the first by.
#pragma once

#include <cstddef>
#include <string_view>

namespace posthorn::fuzz {

/// What a text is by RFC 8259's grammar.
struct json_verdict {
  bool valid = false;
  /// Of the text's value, its first byte.
  char first = '\0';
  /// Containers inside of each other at most.
  std::size_t depth = 0;
};

/// Judges `text`: one value, white space around it, valid UTF-8.
json_verdict judge_json(std::string_view text);

} // namespace posthorn::fuzz

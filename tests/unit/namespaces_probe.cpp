// SPDX-License-Identifier: Apache-2.0
// Answers namespaces_differential.py: reads requests as JSON lines, prints one
// answer a line, a JSON string.
//
//   {"p": PATTERN, "s": [SUBJECT, ...]}
//     "refused: WHY", or a string with y, n or ! (gave up) for each subject and
//     the engine's name behind it
//   {"p": PATTERN, "all": true}
//     the code points that, as a subject of one character, match: "65-90
//     97-122"

#include "actors/sorter/patterns/compiled_pattern.hpp"
#include "actors/sorter/patterns/utf8.hpp"
#include "messages/errors.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <iostream>
#include <string>

namespace {

using posthorn::compiled_pattern;

char letter_of(compiled_pattern::verdict what) {
  switch (what) {
  case compiled_pattern::verdict::yes:
    return 'y';
  case compiled_pattern::verdict::no:
    return 'n';
  default:
    return '!';
  }
}

std::string matching_characters(const compiled_pattern& pattern) {
  std::string result;
  long first = -1;
  for (long code = 0; code <= 0x110000; ++code) {
    bool found = false;
    if (code < 0x110000 && (code < 0xd800 || code > 0xdfff)) {
      std::string subject;
      posthorn::append_utf8(subject, static_cast<char32_t>(code));
      found = pattern.match(subject) == compiled_pattern::verdict::yes;
    }
    if (found && first < 0)
      first = code;
    if (found || first < 0)
      continue;
    result += std::to_string(first) + "-" + std::to_string(code - 1) + " ";
    first = -1;
  }
  return result;
}

std::string answer(const nlohmann::json& request) {
  const auto pattern
    = compiled_pattern::make(request.at("p").get<std::string>());
  if (!pattern)
    return "refused: " + posthorn::text_of(pattern.error());
  if (request.contains("all"))
    return matching_characters(*pattern);
  std::string result;
  for (const auto& subject : request.at("s"))
    result.push_back(letter_of(pattern->match(subject.get<std::string>())));
  return result + " " + to_string(pattern->by());
}

} // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    try {
      const nlohmann::json result = answer(nlohmann::json::parse(line));
      std::puts(result.dump(-1, ' ', true).c_str());
    } catch (const nlohmann::json::exception& broken) {
      std::fprintf(stderr, "namespaces_probe: %s\n", broken.what());
      return 2;
    }
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Answers namespaces_differential.py: reads requests as JSON lines, prints one
// answer a line, a JSON string.
//
//   {"p": PATTERN, "s": [SUBJECT, ...]}
//     "refused: WHY", or a string with y, n or ! (gave up) for each subject and
//     the engine's name behind it
//   {"p": PATTERN, "characters": [[FIRST, END, STEP], ...]}
//     y or n for each of these code points as a subject of its own

#include "actors/sorter/patterns/compiled_pattern.hpp"
#include "actors/sorter/patterns/utf8.hpp"
#include "messages/errors.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

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

std::string
matching_characters(const compiled_pattern& pattern,
                    const std::vector<std::array<char32_t, 3>>& ranges) {
  std::string result;
  for (auto [first, end, step] : ranges)
    for (auto code = first; code < end; code += step)
      result.push_back(
        letter_of(pattern.match(posthorn::encode_utf8({&code, 1}))));
  return result;
}

std::string answer(const nlohmann::json& request) {
  const auto pattern
    = compiled_pattern::make(request.at("p").get<std::string>());
  if (!pattern)
    return "refused: " + posthorn::text_of(pattern.error());
  if (request.contains("characters"))
    return matching_characters(*pattern, request.at("characters"));
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

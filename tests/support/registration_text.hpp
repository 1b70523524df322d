// SPDX-License-Identifier: Apache-2.0
// Registrations to change one line of.
#pragma once

#include "apps/posthorn/config/registration_file.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace posthorn::test {

/// A valid registration; `id` is part of its tokens too.
inline std::string registration_text(const std::string& id) {
  return "id: " + id
         + "\n"
           "url: http://127.0.0.1:9001\n"
           "as_token: as_"
         + id
         + "\n"
           "hs_token: hs_"
         + id
         + "\n"
           "sender_localpart: bot_"
         + id
         + "\n"
           "namespaces:\n"
           "  users:\n"
           "    - regex: '@_"
         + id
         + "_.*'\n"
           "      exclusive: true\n";
}

/// `text` with its first `what` replaced.
inline std::string with(std::string text, const std::string& what,
                        const std::string& by) {
  text.replace(text.find(what), what.size(), by);
  return text;
}

/// Stands in for the real check: has something against unclosed parentheses.
inline std::optional<std::string> parentheses(const std::string& pattern) {
  if (std::count(pattern.begin(), pattern.end(), '(')
      != std::count(pattern.begin(), pattern.end(), ')'))
    return "missing )";
  return std::nullopt;
}

/// The lines that an operator would read.
inline std::vector<std::string> lines(const std::vector<problem>& problems) {
  std::vector<std::string> result;
  for (auto& one : problems)
    result.push_back(to_string(one));
  return result;
}

/// Whether one line holds all of `parts`.
inline bool mentions(const std::vector<problem>& problems,
                     const std::vector<std::string>& parts) {
  auto all = lines(problems);
  return std::any_of(all.begin(), all.end(), [&](const std::string& line) {
    return std::all_of(parts.begin(), parts.end(), [&](auto& part) {
      return line.find(part) != std::string::npos;
    });
  });
}

} // namespace posthorn::test

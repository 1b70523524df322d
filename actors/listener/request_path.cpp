// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/request_path.hpp"

#include <algorithm>
#include <charconv>

namespace posthorn {

namespace {

std::optional<std::string> decoded(std::string_view segment) {
  std::string result;
  result.reserve(segment.size());
  for (;;) {
    auto escape = segment.find('%');
    result += segment.substr(0, escape);
    if (escape == std::string_view::npos)
      return result;
    segment.remove_prefix(escape + 1);
    unsigned char byte = 0;
    auto* first = segment.data();
    if (segment.size() < 2
        || std::from_chars(first, first + 2, byte, 16).ptr != first + 2
        || byte == 0)
      return std::nullopt;
    result += static_cast<char>(byte);
    segment.remove_prefix(2);
  }
}

} // namespace

std::optional<std::vector<std::string>> split_path(std::string_view target) {
  target = target.substr(0, target.find('?'));
  if (target.empty() || target.front() != '/')
    return std::nullopt;
  std::vector<std::string> result;
  while (!target.empty()) {
    target.remove_prefix(1);
    auto slash = target.find('/');
    auto segment = decoded(target.substr(0, slash));
    if (!segment)
      return std::nullopt;
    result.push_back(std::move(*segment));
    target.remove_prefix(std::min(slash, target.size()));
  }
  return result;
}

} // namespace posthorn

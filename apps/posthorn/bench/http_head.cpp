// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/http_head.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace posthorn::bench {

std::optional<http_head> scan_head(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos)
    return std::nullopt;
  http_head result;
  result.head_bytes = end + 4;
  auto lines = bytes.substr(0, end + 2);
  result.first_line = lines.substr(0, lines.find("\r\n"));
  constexpr std::string_view name = "content-length:";
  while (!lines.empty()) {
    auto line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(line.size() + 2);
    if (line.size() < name.size()
        || strncasecmp(line.data(), name.data(), name.size()) != 0)
      continue;
    line.remove_prefix(name.size());
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    std::from_chars(line.data(), line.data() + line.size(), result.body_bytes);
  }
  return result;
}

std::string_view last_segment(std::string_view request_line) {
  const auto end = request_line.rfind(' ');
  auto path = request_line.substr(0, end);
  path = path.substr(0, path.find('?'));
  return path.substr(path.rfind('/') + 1);
}

int status_of(std::string_view status_line) {
  int result = 0;
  if (status_line.starts_with("HTTP/1.") && status_line.size() >= 12)
    std::from_chars(status_line.data() + 9, status_line.data() + 12, result);
  return result;
}

} // namespace posthorn::bench

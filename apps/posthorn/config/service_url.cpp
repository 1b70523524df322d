// SPDX-License-Identifier: Apache-2.0
// Refuses at load what every request would fail with.
#include "apps/posthorn/config/service_url.hpp"

#include "apps/posthorn/config/address.hpp"

#include <algorithm>
#include <cctype>

namespace posthorn {

namespace {

caf::error refuse(std::string why) {
  return fault(ec::bad_config, std::move(why));
}

std::string_view without_slashes(std::string_view text) {
  while (text.ends_with('/'))
    text.remove_suffix(1);
  return text;
}

/// Characters that never stand in a URL as they are (RFC 3986), and those that
/// would end its path.
bool fits_url(char c) {
  constexpr std::string_view refused = "\"<>\\^`{|}?#";
  return c > 0x20 && c < 0x7f && refused.find(c) == std::string_view::npos;
}

caf::expected<std::string> parse_unix(std::string_view text) {
  auto path = text.substr(std::string_view{"unix:"}.size());
  if (path.starts_with("///"))
    path.remove_prefix(2);
  path = without_slashes(path);
  if (!path.starts_with('/') || path.starts_with("//"))
    return refuse("needs the absolute path of a socket after unix:");
  if (path.size() > socket_path_max)
    return refuse("has a socket path longer than "
                  + std::to_string(socket_path_max) + " bytes");
  return "unix:" + std::string{path};
}

caf::error check_authority(std::string_view authority) {
  if (authority.find('@') != std::string_view::npos)
    return refuse("must not hold a user name or password");
  auto parts = host_of("http://" + std::string{authority});
  if (parts.host.empty())
    return refuse("has no host");
  auto bracket = authority.front() == '[';
  if (bracket ? !is_ipv6(parts.host) : !is_host_name(parts.host))
    return refuse("has a host that is neither a name nor an IP address");
  auto written = parts.host.size() + (bracket ? 2 : 0);
  if (authority.size() == written)
    return {};
  // What follows the host can only be a port.
  if (authority[written] != ':')
    return refuse("has something behind its host that is not a port");
  auto port = parse_port(parts.port);
  if (!port || *port == 0)
    return refuse("has a port that is not 1 to 65535");
  return {};
}

} // namespace

caf::expected<std::string> parse_service_url(std::string_view text) {
  if (text.empty())
    return refuse("is empty: give the service's URL, or null if nothing is to "
                  "be sent to it");
  if (!std::all_of(text.begin(), text.end(), fits_url))
    return refuse("has a character that cannot stand in a base URL");
  auto colon = text.find(':');
  std::string scheme{text.substr(0, std::min(colon, text.size()))};
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (colon == std::string_view::npos
      || (scheme != "http" && scheme != "https" && scheme != "unix"))
    return refuse("must start with http://, https:// or unix:/");
  if (scheme == "unix")
    return parse_unix(text);
  auto rest = text.substr(colon + 1);
  if (!rest.starts_with("//"))
    return refuse("must start with http://, https:// or unix:/");
  rest = without_slashes(rest.substr(2));
  if (auto wrong = check_authority(rest.substr(0, rest.find('/'))))
    return wrong;
  return scheme + "://" + std::string{rest};
}

url_host host_of(std::string_view url) {
  auto start = url.find("://");
  if (start == std::string_view::npos)
    return {};
  auto authority = url.substr(start + 3);
  authority = authority.substr(0, authority.find('/'));
  url_host result;
  auto host_end = authority.find(':');
  if (authority.starts_with('[')) {
    auto close = authority.find(']');
    if (close == std::string_view::npos)
      return {};
    result.host = authority.substr(1, close - 1);
    host_end = close + 1;
  } else {
    result.host = authority.substr(0, host_end);
  }
  if (host_end < authority.size() && authority[host_end] == ':')
    result.port = authority.substr(host_end + 1);
  return result;
}

} // namespace posthorn

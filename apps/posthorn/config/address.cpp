// SPDX-License-Identifier: Apache-2.0
// Addresses are taken apart here and nowhere else.
#include "apps/posthorn/config/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace posthorn {

namespace {

caf::error refuse(std::string_view text, std::string why) {
  return fault(ec::bad_address,
               "\"" + std::string{text} + "\" " + std::move(why)
                 + "; write host:port, [v6]:port, unix:/path, systemd or fd:N");
}

std::optional<in_addr> ipv4(const std::string& text) {
  in_addr result;
  if (::inet_pton(AF_INET, text.c_str(), &result) != 1)
    return std::nullopt;
  return result;
}

std::optional<in6_addr> ipv6(const std::string& text) {
  in6_addr result;
  if (::inet_pton(AF_INET6, text.c_str(), &result) != 1)
    return std::nullopt;
  return result;
}

caf::expected<listen_address> parse_unix(std::string_view text) {
  auto path = text.substr(std::string_view{"unix:"}.size());
  if (!path.starts_with('/'))
    return refuse(text, "needs an absolute path after unix:");
  if (path.size() > socket_path_max)
    return refuse(text, "has a path longer than "
                          + std::to_string(socket_path_max) + " bytes");
  listen_address result;
  result.kind = address_kind::unix_socket;
  result.path = path;
  return result;
}

caf::expected<listen_address> parse_descriptor(std::string_view text) {
  listen_address result;
  result.kind = address_kind::inherited;
  if (text == "systemd")
    return result;
  auto first = text.data() + std::string_view{"fd:"}.size();
  auto last = text.data() + text.size();
  auto [end, failed] = std::from_chars(first, last, result.descriptor);
  if (failed != std::errc{} || end != last || result.descriptor < 3)
    return refuse(text, "needs the number of a descriptor from 3 on after fd:");
  return result;
}

caf::expected<listen_address> parse_tcp(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return refuse(text, "has no port");
  auto host = text.substr(0, colon);
  auto port = parse_port(text.substr(colon + 1));
  if (!port)
    return refuse(text, text_of(port.error()));
  if (host.empty())
    return refuse(text, "has no host (0.0.0.0 or [::] is every address)");
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6(host))
      return refuse(text, "has no IPv6 address in its brackets");
  } else if (host.find(':') != std::string_view::npos) {
    return refuse(text, "needs brackets around its IPv6 address");
  } else if (!is_host_name(host)) {
    return refuse(text, "has a character in its host that cannot be there");
  }
  listen_address result;
  result.host = host;
  result.port = *port;
  return result;
}

} // namespace

bool listen_address::local() const {
  if (kind == address_kind::unix_socket)
    return true;
  if (kind == address_kind::inherited)
    return false;
  if (auto v4 = ipv4(host))
    return (ntohl(v4->s_addr) >> 24) == 127;
  if (auto v6 = ipv6(host))
    return IN6_IS_ADDR_LOOPBACK(&*v6) != 0;
  return host == "localhost";
}

bool listen_address::wildcard() const {
  if (kind != address_kind::tcp)
    return false;
  if (auto v4 = ipv4(host))
    return v4->s_addr == INADDR_ANY;
  if (auto v6 = ipv6(host))
    return IN6_IS_ADDR_UNSPECIFIED(&*v6) != 0;
  return false;
}

caf::expected<listen_address> parse_address(std::string_view text) {
  if (text.starts_with("unix:"))
    return parse_unix(text);
  if (text == "systemd" || text.starts_with("fd:"))
    return parse_descriptor(text);
  return parse_tcp(text);
}

std::string to_string(const listen_address& what) {
  switch (what.kind) {
  case address_kind::unix_socket:
    return "unix:" + what.path;
  case address_kind::inherited:
    return what.descriptor < 0 ? std::string{"systemd"}
                               : "fd:" + std::to_string(what.descriptor);
  case address_kind::tcp:
    break;
  }
  auto bracket = what.host.find(':') != std::string::npos;
  return (bracket ? "[" + what.host + "]" : what.host) + ":"
         + std::to_string(what.port);
}

std::string url_of(const listen_address& what) {
  if (what.kind == address_kind::unix_socket)
    return "unix:" + what.path;
  if (what.kind == address_kind::inherited || what.port == 0)
    return {};
  auto reachable = what;
  if (what.wildcard())
    reachable.host = what.host == "::" ? "::1" : "127.0.0.1";
  return "http://" + to_string(reachable);
}

caf::expected<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t result = 0;
  auto last = text.data() + text.size();
  auto [end, failed] = std::from_chars(text.data(), last, result);
  if (failed != std::errc{} || end != last)
    return fault(ec::bad_address, "has a port that is not 0 to 65535");
  return result;
}

bool is_ipv6(std::string_view text) {
  return ipv6(std::string{text}).has_value();
}

bool is_host_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

} // namespace posthorn

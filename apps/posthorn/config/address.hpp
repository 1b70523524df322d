// SPDX-License-Identifier: Apache-2.0
// Where the node listens, as posthorn.yaml writes it.
#pragma once

#include "messages/errors.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace posthorn {

/// How a listening socket comes to be.
enum class address_kind : std::uint8_t {
  /// `host:port` or `[v6]:port`.
  tcp,
  /// `unix:/path`.
  unix_socket,
  /// `systemd` (socket activation) or `fd:N`.
  inherited,
};

/// An address to listen on.
struct listen_address {
  address_kind kind = address_kind::tcp;
  /// Host name or IP address, without brackets; tcp only.
  std::string host;
  /// tcp only; 0 lets the kernel choose.
  std::uint16_t port = 0;
  /// Absolute path; unix_socket only.
  std::string path;
  /// inherited only: the descriptor's number, or -1 for `systemd`, where the
  /// socket is found by its name (`FileDescriptorName=`) or place.
  int descriptor = -1;

  /// Whether only this host's processes can connect: a unix socket, an address
  /// of 127.0.0.0/8, ::1 or `localhost`. An inherited socket may be anything
  /// and counts as open to others.
  bool local() const;

  /// Whether it means every address of the host: 0.0.0.0 or ::.
  bool wildcard() const;

  bool operator==(const listen_address&) const = default;
};

/// Reads one of the forms above. Errors: bad_address, whose text says what is
/// wrong and shows the accepted forms.
caf::expected<listen_address> parse_address(std::string_view text);

/// The form that parse_address() reads.
std::string to_string(const listen_address& what);

/// How a client of this host reaches what listens there: http://host:port (of
/// loopback for a wildcard) or unix:/path. Empty where that cannot be told: an
/// inherited socket, a port that the kernel chooses.
std::string url_of(const listen_address& what);

/// Longest path of a unix socket, in bytes (sockaddr_un).
inline constexpr std::size_t socket_path_max = 107;

/// Reads a TCP port. Errors: bad_address.
caf::expected<std::uint16_t> parse_port(std::string_view text);

/// Whether `text` is an IPv6 address without brackets or zone.
bool is_ipv6(std::string_view text);

/// Whether `text` is made like a host name or IPv4 address: letters, digits,
/// `-`, `_` and `.`.
bool is_host_name(std::string_view text);

} // namespace posthorn

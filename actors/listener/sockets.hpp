// SPDX-License-Identifier: Apache-2.0
// Listening sockets, by the address that an operator writes.
#pragma once

#include <caf/expected.hpp>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace posthorn::inbound {

/// Sockets that listen, non-blocking and closed on exec. Owns them, and the
/// file of a Unix socket.
class listening_sockets {
public:
  listening_sockets() = default;
  listening_sockets(const listening_sockets&) = delete;
  listening_sockets& operator=(const listening_sockets&) = delete;
  listening_sockets(listening_sockets&& other) noexcept;
  listening_sockets& operator=(listening_sockets&& other) noexcept;

  /// Closes everything.
  ~listening_sockets();

  const std::vector<int>& descriptors() const {
    return descriptors_;
  }

  /// Of TCP; 0 otherwise.
  std::uint16_t port() const;

  /// Closes the sockets, and removes the file of a Unix socket that this object
  /// made, unless another process has put its own there since.
  void close_all();

  /// Takes over a descriptor.
  void add(int descriptor);

  /// Remembers the file that the Unix socket was bound to.
  void remember_file(std::string path);

private:
  std::vector<int> descriptors_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// Opens sockets on `address`; see posthorn::listen() for its forms. Errors:
/// bad_address, "cannot listen on <address>: <reason>".
caf::expected<listening_sockets> open_sockets(const std::string& address,
                                              bool reuse_port);

} // namespace posthorn::inbound

// SPDX-License-Identifier: Apache-2.0
// Whether the files of cluster.tls fit each other, before anything relies on
// them: CAF says nothing about a file that it cannot use, and hangs.
#pragma once

#include "apps/posthorn/config/node_config.hpp"

#include <string>
#include <vector>

namespace posthorn {

/// What is wrong with one of the files.
struct tls_finding {
  /// `certificate`, `key` or `ca`.
  std::string field;
  /// Names the file.
  std::string text;
  /// Only for a certificate out of its time: links fail until it is renewed,
  /// which is no reason to keep deliveries from starting.
  bool warning = false;
};

/// Opens and parses the files. The certificate (PEM, with its chain below it)
/// must belong to the key (PEM, not encrypted, at least as strong as RSA 2048),
/// be signed by the CA, and be fit for both ends of a connection, as each node
/// is server and client. Files that cannot be read are findings too.
std::vector<tls_finding> check_tls_files(const cluster_tls& files);

} // namespace posthorn

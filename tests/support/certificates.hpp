// SPDX-License-Identifier: Apache-2.0
// Certificates of a cluster, made with openssl.
#pragma once

#include "tests/support/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

namespace posthorn::test {

/// A CA, and certificates that it signs, as files of one directory.
class certificates {
public:
  explicit certificates(const temporary_directory& dir) : dir_{dir} {}

  /// Makes NAME.pem and NAME.key of an authority.
  void authority(const std::string& name) const {
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
            "-days 2 -subj /CN="
            + name + " -keyout " + name + ".key -out " + name + ".pem");
  }

  /// Makes NAME.pem and NAME.key, signed by `by`.
  void node(const std::string& name, const std::string& by,
            const std::string& days = "2",
            const std::string& usage = "") const {
    dir_.write("usage",
               usage.empty() ? "" : "extendedKeyUsage=" + usage + "\n");
    openssl("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "
            "/CN="
            + name + " -keyout " + name + ".key -out " + name + ".csr");
    openssl("x509 -req -in " + name + ".csr -CA " + by + ".pem -CAkey " + by
            + ".key -CAcreateserial -days " + days + " -extfile usage -out "
            + name + ".pem");
  }

  void openssl(const std::string& arguments) const {
    const auto command = "cd " + dir_.path() + " && umask 077 && openssl "
                         + arguments + " 2>/dev/null";
    REQUIRE(std::system(command.c_str()) == 0);
  }

private:
  const temporary_directory& dir_;
};

} // namespace posthorn::test

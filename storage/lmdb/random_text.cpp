// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/random_text.hpp"

#include "messages/errors.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

namespace posthorn::storage::lmdb {

bool draw(std::string_view alphabet, char* at, std::size_t count) {
  // Bytes from here on would make some characters likelier than others.
  auto fair = 256 - 256 % alphabet.size();
  while (count > 0) {
    unsigned char byte = 0;
    auto got = getrandom(&byte, 1, 0);
    if (got < 0 && errno != EINTR)
      return false;
    if (got != 1 || byte >= fair)
      continue;
    *at++ = alphabet[byte % alphabet.size()];
    --count;
  }
  return true;
}

caf::error no_randomness(const std::filesystem::path& directory) {
  return fault(ec::store_failed, "store " + directory.string()
                                   + ": the kernel gives no random numbers: "
                                   + std::strerror(errno));
}

} // namespace posthorn::storage::lmdb

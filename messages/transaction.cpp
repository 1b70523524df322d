// SPDX-License-Identifier: Apache-2.0
#include "messages/transaction.hpp"

namespace posthorn {

const char* to_string(outcome what) {
  switch (what) {
  case outcome::accepted:
    return "accepted";
  case outcome::refused:
    return "refused";
  case outcome::unreachable:
    return "unreachable";
  case outcome::timed_out:
    return "timed_out";
  case outcome::broken:
    return "broken";
  }
  return "unknown";
}

} // namespace posthorn

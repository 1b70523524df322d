// SPDX-License-Identifier: Apache-2.0
#include "messages/errors.hpp"

#include <caf/message.hpp>

namespace posthorn {

std::string_view name_of(ec code) {
  switch (code) {
  case ec::bad_config:
    return "bad_config";
  case ec::not_json:
    return "not_json";
  case ec::bad_json:
    return "bad_json";
  case ec::too_large:
    return "too_large";
  case ec::store_full:
    return "store_full";
  case ec::store_failed:
    return "store_failed";
  case ec::store_corrupt:
    return "store_corrupt";
  case ec::store_version:
    return "store_version";
  case ec::store_locked:
    return "store_locked";
  case ec::fenced:
    return "fenced";
  case ec::lease_held:
    return "lease_held";
  case ec::unknown_service:
    return "unknown_service";
  case ec::unknown_transaction:
    return "unknown_transaction";
  case ec::draining:
    return "draining";
  case ec::overloaded:
    return "overloaded";
  case ec::bad_address:
    return "bad_address";
  }
  return "unknown";
}

std::string to_string(ec code) {
  return std::string{name_of(code)};
}

std::string text_of(const caf::error& what) {
  if (what.context().match_elements<std::string>())
    return what.context().get_as<std::string>(0);
  if (what.category() == caf::atom("posthorn"))
    return to_string(static_cast<ec>(what.code()));
  return caf::to_string(what);
}

bool is(const caf::error& what, ec code) {
  return what.category() == caf::atom("posthorn")
         && what.code() == static_cast<std::uint8_t>(code);
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/inspect/cells.hpp"

#include "apps/posthorn/inspect/table.hpp"

namespace posthorn {

std::string word(const nlohmann::json& from, const char* key) {
  const auto& value = from.at(key);
  if (value.is_string())
    return value.get<std::string>().empty() ? "-" : value.get<std::string>();
  return value.is_null() ? "-" : value.dump();
}

std::string span(const nlohmann::json& from, const char* key) {
  const auto& value = from.at(key);
  return value.is_null() ? "-" : show_span(value.get<double>());
}

} // namespace posthorn

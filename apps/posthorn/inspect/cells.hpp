// SPDX-License-Identifier: Apache-2.0
// Cells of tables, from the JSON that nodes answer.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace posthorn {

/// What stands under `key`: texts as they are, other things as JSON; "-" for
/// null and an empty text. The key must be there.
std::string word(const nlohmann::json& from, const char* key);

/// A number of seconds as show_span() shows it; "-" for null.
std::string span(const nlohmann::json& from, const char* key);

} // namespace posthorn

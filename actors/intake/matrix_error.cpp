// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/matrix_error.hpp"

#include <nlohmann/json.hpp>

namespace posthorn {

void set_matrix_error(httplib::Response& response, int status,
                      std::string_view errcode, std::string_view text) {
  nlohmann::json body{{"errcode", errcode}, {"error", text}};
  response.status = status;
  // Texts may quote what came from outside: never throw over its encoding.
  response.set_content(
    body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
    "application/json");
}

} // namespace posthorn

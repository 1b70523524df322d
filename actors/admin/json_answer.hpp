// SPDX-License-Identifier: Apache-2.0
// JSON as the body of an answer.
#pragma once

#include <httplib.h>
#include <nlohmann/json.hpp>

namespace posthorn {

/// Answers with `body`. Bytes that are no UTF-8 are replaced: paths and what
/// services answer need not be any.
inline void set_json(httplib::Response& response, const nlohmann::json& body,
                     int status = 200) {
  response.status = status;
  response.set_content(
    body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
    "application/json");
}

} // namespace posthorn

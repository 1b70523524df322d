// SPDX-License-Identifier: Apache-2.0
// How errors are answered over HTTP.
#pragma once

#include <httplib.h>

#include <string_view>

namespace posthorn {

/// Puts a Matrix error (`errcode`, `error`) into `response`.
void set_matrix_error(httplib::Response& response, int status,
                      std::string_view errcode, std::string_view text);

} // namespace posthorn

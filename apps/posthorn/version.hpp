// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace posthorn {

/// As `posthorn --version` prints it; the same as in CMakeLists.txt.
inline constexpr const char* version = "0.1.0";

} // namespace posthorn

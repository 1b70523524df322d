// SPDX-License-Identifier: Apache-2.0
// The path of a request target, segment by segment.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

/// Splits a target's path at its slashes and percent-decodes each segment, in
/// this order: transaction ids and room aliases may hold encoded slashes. The
/// query is left out; "/a/b%2Fc?d" is {"a", "b/c"}, "/" is {""}. Nothing when
/// an escape is broken, or stands for NUL.
std::optional<std::vector<std::string>> split_path(std::string_view target);

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// How Python reads the names and numbers of groups.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace posthorn {

/// Whether `name` may name a group: Python's `str.isidentifier`, which knows
/// the letters of all scripts.
bool is_identifier(const std::u32string& name);

/// The number that `text` is for Python's `int`: blanks around it, a sign,
/// underscores between the digits and the digits of all scripts are allowed.
/// None where it is no number or a negative one; saturates at 2^32-1.
std::optional<std::uint32_t> group_number(const std::u32string& text);

/// `text` in UTF-8 for an error's text, with control characters as `?`.
std::string printable(const std::u32string& text);

} // namespace posthorn

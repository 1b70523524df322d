// SPDX-License-Identifier: Apache-2.0
// What an unquoted YAML word means to Synapse.
#pragma once

#include <cstdint>
#include <string_view>

namespace posthorn {

/// What a YAML node is. `other` is a kind that no configuration uses (a date, a
/// merge key, a tag of some language's own).
enum class yaml_kind : std::uint8_t {
  null,
  boolean,
  number,
  string,
  list,
  mapping,
  other,
};

/// The name of a kind as it stands in an error, e.g. "a number".
const char* name_of(yaml_kind kind);

/// The kind of an unquoted scalar by YAML 1.1 as PyYAML resolves it, which is
/// what Synapse loads registrations with: `yes` is a boolean, `12345`, `1_000`
/// and `1:30` are numbers, `2024-01-01` is a date, `~` and nothing are null.
yaml_kind plain_kind(std::string_view text);

/// The value of a scalar whose kind is boolean.
bool boolean_value(std::string_view text);

} // namespace posthorn

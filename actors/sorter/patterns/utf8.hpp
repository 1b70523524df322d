// SPDX-License-Identifier: Apache-2.0
// UTF-8, strictly: no surrogates, no overlong forms, nothing past U+10FFFF.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace posthorn {

/// Whether `bytes` is ASCII throughout.
bool is_ascii(std::string_view bytes);

/// Whether `bytes` is valid UTF-8.
bool valid_utf8(std::string_view bytes);

/// The code points of `bytes`, or none where it is not valid UTF-8.
std::optional<std::u32string> decode_utf8(std::string_view bytes);

/// Appends the bytes of one code point, which must be a scalar value.
void append_utf8(std::string& bytes, char32_t code);

/// The bytes of `text`, which must be scalar values.
std::string encode_utf8(std::u32string_view text);

} // namespace posthorn

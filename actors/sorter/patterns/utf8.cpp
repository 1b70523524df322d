// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace posthorn {

namespace {

/// Takes one code point off the front of `rest`; false where it is not valid.
bool take(std::string_view& rest, char32_t& code) {
  const auto lead = static_cast<unsigned char>(rest[0]);
  std::size_t size = 1;
  char32_t least = 0;
  if (lead < 0x80) {
    code = lead;
  } else if (lead >= 0xc2 && lead <= 0xdf) {
    size = 2;
    least = 0x80;
    code = lead & 0x1f;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    size = 3;
    least = 0x800;
    code = lead & 0x0f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4;
    least = 0x10000;
    code = lead & 0x07;
  } else {
    return false;
  }
  if (rest.size() < size)
    return false;
  for (std::size_t i = 1; i < size; ++i) {
    const auto next = static_cast<unsigned char>(rest[i]);
    if ((next & 0xc0) != 0x80)
      return false;
    code = (code << 6) | (next & 0x3f);
  }
  rest.remove_prefix(size);
  const auto surrogate = code >= 0xd800 && code <= 0xdfff;
  return code >= least && code <= 0x10ffff && !surrogate;
}

/// What follows the ASCII at the front, eight bytes at a time while that lasts.
std::string_view skip_ascii(std::string_view bytes) {
  constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080;
  for (std::uint64_t block = 0; bytes.size() >= sizeof(block);) {
    std::memcpy(&block, bytes.data(), sizeof(block));
    if ((block & high_bits) != 0)
      break;
    bytes.remove_prefix(sizeof(block));
  }
  while (!bytes.empty() && static_cast<unsigned char>(bytes[0]) < 0x80)
    bytes.remove_prefix(1);
  return bytes;
}

} // namespace

bool is_ascii(std::string_view bytes) {
  return skip_ascii(bytes).empty();
}

bool valid_utf8(std::string_view bytes) {
  for (bytes = skip_ascii(bytes); !bytes.empty(); bytes = skip_ascii(bytes)) {
    char32_t code = 0;
    if (!take(bytes, code))
      return false;
  }
  return true;
}

std::optional<std::u32string> decode_utf8(std::string_view bytes) {
  std::u32string result;
  result.reserve(bytes.size());
  while (!bytes.empty()) {
    char32_t code = 0;
    if (!take(bytes, code))
      return std::nullopt;
    result.push_back(code);
  }
  return result;
}

void append_utf8(std::string& bytes, char32_t code) {
  const auto trail = [&bytes](char32_t six) {
    bytes.push_back(static_cast<char>(0x80 | (six & 0x3f)));
  };
  if (code < 0x80) {
    bytes.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    bytes.push_back(static_cast<char>(0xc0 | (code >> 6)));
    trail(code);
  } else if (code < 0x10000) {
    bytes.push_back(static_cast<char>(0xe0 | (code >> 12)));
    trail(code >> 6);
    trail(code);
  } else {
    bytes.push_back(static_cast<char>(0xf0 | (code >> 18)));
    trail(code >> 12);
    trail(code >> 6);
    trail(code);
  }
}

std::string encode_utf8(std::u32string_view text) {
  std::string result;
  for (auto code : text)
    append_utf8(result, code);
  return result;
}

} // namespace posthorn

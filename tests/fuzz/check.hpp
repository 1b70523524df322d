// SPDX-License-Identifier: Apache-2.0
// What every fuzz target needs: a check that stops it, and small decisions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// Ends the run, and has libFuzzer keep the input, where a rule does not hold.
#define FUZZ_CHECK(rule)                                                       \
  do {                                                                         \
    if (!(rule)) {                                                             \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,   \
                   #rule);                                                     \
      std::abort();                                                            \
    }                                                                          \
  } while (false)

namespace posthorn::fuzz {

/// An input: its first byte chooses among modes, the rest is what is read.
/// A letter or digit in front keeps files of the corpus readable.
struct input {
  std::uint8_t mode = 0;
  std::string_view rest;

  input(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
      return;
    mode = *data;
    rest = {reinterpret_cast<const char*>(data) + 1, size - 1};
  }
};

/// Numbers that only depend on a seed (xorshift).
class numbers {
public:
  explicit numbers(std::uint64_t seed) : state_{seed * 2654435761u + 88172645} {
    // nop
  }

  /// A number below `end` > 0.
  std::size_t below(std::size_t end) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::size_t>(state_ % end);
  }

private:
  std::uint64_t state_;
};

} // namespace posthorn::fuzz

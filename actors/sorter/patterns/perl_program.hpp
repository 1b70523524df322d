// SPDX-License-Identifier: Apache-2.0
// A pattern that PCRE2 runs, within bounds.
#pragma once

#include <caf/expected.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace posthorn {

/// A backtracking program. Its bounds keep one match to some milliseconds and
/// some megabytes, whatever the pattern.
class perl_program {
public:
  /// Steps of backtracking in one match.
  static constexpr std::uint32_t steps_max = 200'000;
  /// Backtracking points open at once in one match.
  static constexpr std::uint32_t depth_max = 100'000;
  /// Memory for these, in KiB.
  static constexpr std::uint32_t heap_max = 16 * 1024;

  enum class verdict : std::uint8_t {
    yes,
    no,
    /// A bound was reached before an answer was found.
    gave_up,
  };

  /// Compiles PCRE2 syntax with UTF and Unicode classes. Fails with bad_config
  /// where it is too large.
  static caf::expected<perl_program> compile(std::string_view text);

  /// Whether `subject`, valid UTF-8, matches from its start; the end is open.
  /// May be called by several threads at once.
  verdict match(std::string_view subject) const;

private:
  explicit perl_program(std::shared_ptr<const pcre2_real_code_8> code);

  std::shared_ptr<const pcre2_real_code_8> code_;
};

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// One namespace pattern, ready to match.
#pragma once

#include "actors/sorter/patterns/pattern_lead.hpp"
#include "actors/sorter/patterns/perl_program.hpp"

#include <caf/expected.hpp>
#include <re2/re2.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace posthorn {

/// What runs a pattern: RE2 in linear time, or PCRE2 by backtracking. (Where a
/// pattern for RE2 has sets as large as `\w`, subjects that are not all ASCII
/// go to PCRE2 nevertheless: RE2 would need 200 KB for each such pattern.)
enum class engine : std::uint8_t { re2, pcre2 };

/// "re2" or "pcre2".
const char* to_string(engine what);

/// A pattern as Python's `re.match` understands it: anchored at the start, open
/// at the end, case-sensitive. Immutable; may be shared by threads.
class compiled_pattern {
public:
  using verdict = perl_program::verdict;

  /// Compiles `pattern`. Fails with bad_config where Python would refuse it, or
  /// for what parse_pattern(), resolve_flags() and perl_program say.
  static caf::expected<compiled_pattern> make(std::string_view pattern);

  /// What every match begins with. Where it decides, match() need not be asked.
  const pattern_lead& lead() const {
    return lead_;
  }

  engine by() const {
    return perl_ && !re2_ ? engine::pcre2 : engine::re2;
  }

  /// Its translation for a set of RE2's; empty where by() is pcre2.
  const std::string& re2_text() const {
    return re2_text_;
  }

  /// Whether re2_text() holds for subjects that are all ASCII only.
  bool ascii_only() const {
    return re2_ && perl_;
  }

  /// Whether `subject` matches; it must be valid UTF-8 of at most
  /// pattern_subject_max bytes. Only PCRE2 ever gives up.
  verdict match(std::string_view subject) const;

  /// How RE2 is set up, `max_mem` apart.
  static RE2::Options re2_options();

private:
  compiled_pattern() = default;

  pattern_lead lead_;
  std::string re2_text_;
  /// None where the lead decides or PCRE2 has to do all.
  std::shared_ptr<const RE2> re2_;
  /// For all subjects, or with re2_ for those that are not all ASCII.
  std::optional<perl_program> perl_;
};

} // namespace posthorn

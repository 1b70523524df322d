// SPDX-License-Identifier: Apache-2.0
// Writes a pattern in the syntax of RE2 or of PCRE2, with Python's meaning.
#pragma once

#include "actors/sorter/patterns/pattern_syntax.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace posthorn {

/// Longer subjects match nothing, in bytes. An event has at most 65,536 bytes,
/// so no field of one is that long; thanks to this a repetition of more than
/// 65,535 can be cut down to what PCRE2 counts to.
constexpr std::size_t pattern_subject_max = 65'534;

/// `pattern`, its flags resolved, for RE2 without options but UTF-8 (its
/// default); or nothing where RE2 cannot match exactly what Python matches:
/// look-around, back-references, conditions, atomic groups, possessive
/// repetitions, word boundaries, and `$` anywhere but at the end (it also holds
/// before a newline that is the last character, and RE2 cannot look ahead). RE2
/// may still refuse the text for its size: it repeats at most 1,000 times.
///
/// With `ascii_subjects` it holds for subjects that are all ASCII only, and is
/// small where sets are large: `\w` has 734 ranges, and RE2 needs 200 KB for
/// it.
///
/// Nothing is left to the engine's own idea of a class: `\w`, `\d` and `\s` are
/// spelled out, so are the dot, sets that ignore case, and repetition bounds.
std::optional<std::string> to_re2(const parsed_pattern& pattern,
                                  bool ascii_subjects);

/// Whether `pattern`, its flags resolved, has a set so large that RE2 should
/// see no more of it than ASCII.
bool has_large_sets(const parsed_pattern& pattern);

/// The same for PCRE2 with PCRE2_UTF, which can do all that Python can (and
/// knows the same letters: `\w` is `[\p{L}\p{N}_]` there). Python's
/// possessive repetition never reconsiders any of its rounds, PCRE2's only all
/// of them as one; so each round becomes an atomic group of its own.
std::string to_pcre2(const parsed_pattern& pattern);

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Works out what each element of a pattern matches under the flags around it.
#pragma once

#include "actors/sorter/patterns/pattern_syntax.hpp"

#include <caf/error.hpp>

namespace posthorn {

/// Fills syntax_node::chars of each set, turns `^` and `$` under flag m into
/// their line forms and marks the boundaries of ASCII words. Afterwards no flag
/// matters any more.
///
/// Case is ignored as Python 3.11 does it: a character matches where its lower
/// case is one of the lower cases of the set or of their siblings (K and the
/// Kelvin sign, s and the long s, i and the dotless i ...). That is not
/// Unicode's case folding, which both engines use; so the sets are spelled out
/// and the engines never ignore case themselves.
///
/// Fails with bad_config on a back-reference where case is ignored.
caf::error resolve_flags(parsed_pattern& pattern);

} // namespace posthorn

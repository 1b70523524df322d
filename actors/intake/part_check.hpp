// SPDX-License-Identifier: Apache-2.0
// Refuses a transaction with a part that nobody could deliver.
#pragma once

#include "messages/batch.hpp"

#include <caf/error.hpp>

namespace posthorn {

/// Checks every item that is not an event (part_reader.hpp says what for): what
/// is taken in is answered for, so what cannot be understood is refused while
/// the homeserver still has it. Errors: bad_json, naming the item, as in
/// `ephemeral[3]: type is missing or not a string`.
caf::error check_parts(const batch& what);

} // namespace posthorn

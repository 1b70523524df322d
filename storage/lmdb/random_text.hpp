// SPDX-License-Identifier: Apache-2.0
// Random characters for ids that must never come twice.
#pragma once

#include <caf/error.hpp>

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace posthorn::storage::lmdb {

/// Fills `count` characters at `at` with random ones of `alphabet`, from the
/// kernel. Answers false on failure.
bool draw(std::string_view alphabet, char* at, std::size_t count);

/// The error for a draw() that failed. Reads errno.
caf::error no_randomness(const std::filesystem::path& directory);

} // namespace posthorn::storage::lmdb

// SPDX-License-Identifier: Apache-2.0
// Durations and sizes as operators write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthorn {

/// Reads a whole number followed by `ms`, `s`, `m` or `h`, e.g. "250ms"; none
/// for anything else, also for what does not fit 64 bits of milliseconds.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Reads a whole number followed by `B`, `KiB`, `MiB`, `GiB` or `TiB`, e.g.
/// "64KiB"; answers bytes, none for anything else or what does not fit 63 bits.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// The shortest exact form that parse_duration() reads back.
std::string duration_text(std::chrono::milliseconds value);

/// The shortest exact form that parse_size() reads back.
std::string size_text(std::uint64_t bytes);

} // namespace posthorn

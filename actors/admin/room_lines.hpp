// SPDX-License-Identifier: Apache-2.0
// Reads what an import says about rooms, line by line.
#pragma once

#include "messages/room_state.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

/// What `POST /admin/v1/import` takes at least, in bytes; `posthorn import`
/// sends this much at a time.
inline constexpr std::size_t import_body_max = std::size_t{4} << 20;

/// Bad lines of one request that are described; the others are only counted.
inline constexpr std::size_t line_faults_max = 100;

/// Why a line was not taken.
struct line_fault {
  /// From 1.
  std::uint64_t line = 0;
  std::string text;
};

/// What a number of lines came to.
struct room_lines {
  room_changes changes;
  std::uint64_t lines = 0;
  /// Good lines that do not concern interest: other state events.
  std::uint64_t ignored = 0;
  std::uint64_t bad = 0;
  /// Of the first bad lines, at most line_faults_max.
  std::vector<line_fault> faults;
};

/// Reads newline-delimited JSON. A line is a state event as the client-server
/// API shows it, with `room_id`: of m.room.member the state key and
/// `content.membership` are taken, of m.room.canonical_alias (its state key is
/// empty or left out) `content.alias` and `content.alt_aliases`; any other is
/// ignored. Or it is {"room_id", "user_id", "membership"}. Empty lines count,
/// and say nothing. A bad line is left out and the rest is read.
///
/// Of aliases only those of `server_name` are taken.
room_lines read_room_lines(std::string_view text, std::string_view server_name);

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Typed reading of one mapping, which notes every problem and goes on.
#pragma once

#include "apps/posthorn/config/problem.hpp"
#include "apps/posthorn/config/yaml_document.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

/// How a key without a value (`key:` or `key: null`) is taken.
enum class empty_value : std::uint8_t {
  /// As null, which fits no type: an error.
  refused,
  /// As if the key were not there: sections with all lines commented out.
  left_out,
};

/// Reads the keys of one mapping. Each function answers the value, or nothing
/// when the key is absent or wrong; wrong ones are added to the problems.
/// Bounds are inclusive.
class yaml_reader {
public:
  /// `path` is the mapping's own place, empty for the file's top; `problems`
  /// must outlive the reader.
  yaml_reader(std::string file, std::string path, yaml_ptr mapping,
              empty_value empty, std::vector<problem>& problems);

  /// Whether the key is there at all. Makes the key a known one, as all
  /// functions that take a key do.
  bool has(std::string_view key);

  /// The value of any kind, or null.
  yaml_ptr find(std::string_view key);

  std::optional<std::string> string(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::uint32_t> integer(std::string_view key, std::uint32_t min,
                                       std::uint32_t max);
  /// Written as `250ms`, `2s`, `5m`, `1h`.
  std::optional<std::chrono::milliseconds>
  duration(std::string_view key, std::chrono::milliseconds min,
           std::chrono::milliseconds max);
  /// Written as `64KiB`, `16MiB`, `1GiB`; in bytes.
  std::optional<std::uint64_t> size(std::string_view key, std::uint64_t min,
                                    std::uint64_t max);
  std::optional<yaml_reader> mapping(std::string_view key);
  /// A value of kind list, or null.
  yaml_ptr list(std::string_view key);
  /// The strings of a list; elements of other kinds are problems.
  std::vector<std::string> strings(std::string_view key);

  /// As string(), and its absence is a problem too.
  std::optional<std::string> required_string(std::string_view key);

  /// Reads element `index` of the list `key`, which must be a mapping.
  std::optional<yaml_reader> element(std::string_view key, std::size_t index);

  /// Notes a problem with a key, at its line if it is there, else at the
  /// mapping's.
  void complain(std::string_view key, std::string text);

  /// Notes keys that no function was asked for.
  void refuse_unknown_keys();

  /// Line of a key, or of the mapping where the key is absent.
  unsigned line_of(std::string_view key) const;

  /// All keys in the file's order, e.g. of a mapping by id.
  std::vector<std::string> keys() const;

private:
  yaml_ptr find_kind(std::string_view key, yaml_kind kind);
  std::string path_of(std::string_view key) const;
  bool known(std::string_view key) const;

  std::string file_;
  std::string path_;
  yaml_ptr mapping_;
  empty_value empty_;
  std::vector<problem>* problems_;
  std::vector<std::string> known_;
};

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// A YAML file as a tree with line numbers, read more strictly than yaml-cpp.
#pragma once

#include "apps/posthorn/config/problem.hpp"
#include "apps/posthorn/config/yaml_scalar.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

struct yaml_value;

/// Shared between an anchor and its aliases.
using yaml_ptr = std::shared_ptr<const yaml_value>;

/// One `key: value` of a mapping.
struct yaml_member {
  std::string key;
  /// Line of the key, from 1.
  unsigned line = 0;
  yaml_ptr value;
};

/// A node. Which of the members is filled depends on its kind.
struct yaml_value {
  yaml_kind kind = yaml_kind::null;
  /// A scalar's text, unquoted and unescaped.
  std::string text;
  std::vector<yaml_ptr> items;
  std::vector<yaml_member> members;
  /// From 1; of a null value the line of its key.
  unsigned line = 1;
  /// Where the node starts in yaml_document::text, in bytes. Anchors and tags
  /// belong to the node. Not meaningful for null.
  std::size_t offset = 0;

  /// The value of a key of a mapping, or null.
  const yaml_member* find(std::string_view key) const;
};

/// A file that was parsed, or why it could not be.
struct yaml_document {
  std::string file;
  /// The file's bytes.
  std::string text;
  /// The file's mapping; null when it is not YAML at all, and then `problems`
  /// says why.
  yaml_ptr root;
  /// Errors that do not depend on which keys are expected: not readable, not
  /// UTF-8, not YAML, duplicate keys, merge keys, unknown tags, more than one
  /// document.
  std::vector<problem> problems;
  /// As file_text::open_to_others.
  bool open_to_others = false;
};

/// Largest configuration file that is read, in bytes.
inline constexpr std::size_t yaml_bytes_max = std::size_t{4} << 20;

/// Most aliases in one file, which bounds how deep a tree they can build.
inline constexpr std::size_t yaml_aliases_max = 256;

/// Reads and parses a file. Never fails as a whole: see problems.
yaml_document load_yaml(const std::string& path);

/// Parses what was read from `file`.
yaml_document parse_yaml(std::string file, std::string text);

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Reading small files whole, and writing new ones that hold secrets.
#pragma once

#include "messages/errors.hpp"

#include <caf/expected.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace posthorn {

/// A file's content and who else may read it.
struct file_text {
  std::string text;
  /// Whether group or others have any permission: who reads it has its tokens,
  /// who writes it has them sent elsewhere.
  bool open_to_others = false;
};

/// Reads a regular file of at most `max_bytes`. Errors: bad_config, whose text
/// says why (missing, not a file, no permission, too large) without the path.
caf::expected<file_text> read_file(const std::string& path,
                                   std::size_t max_bytes);

/// A file that is to be made.
struct new_file {
  std::string path;
  std::string text;
};

/// Writes all files with mode 0600, flushed to disk, or none of them: a file
/// that exists is never overwritten, and those written before a failure are
/// removed again. Errors: bad_config, whose text names the file.
caf::error write_new_files(const std::vector<new_file>& files);

/// Makes a directory with mode 0700, its parents too; fine when it exists.
/// Errors: bad_config, whose text names the directory.
caf::error make_directory(const std::string& path);

/// `path`, taken from the directory of `file` when it is relative.
std::string beside(const std::string& file, const std::string& path);

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// glob(3) behind values.
#include "apps/posthorn/config/registration_globs.hpp"

#include "apps/posthorn/config/file.hpp"

#include <glob.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

namespace posthorn {

namespace {

bool is_glob(const std::string& text) {
  return text.find_first_of("*?[") != std::string::npos;
}

/// The directory of the configuration may hold characters of a pattern.
std::string escaped(const std::string& path) {
  std::string result;
  for (char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\')
      result += '\\';
    result += c;
  }
  return result;
}

std::string pattern_of(const std::string& config_file,
                       const std::string& text) {
  if (text.starts_with('/'))
    return text;
  auto directory = std::filesystem::path{config_file}.parent_path().string();
  return directory.empty() ? text : escaped(directory) + "/" + text;
}

/// The files that match; an errno in `failed` when a directory could not be
/// read, where one that does not exist counts as empty.
std::vector<std::string> expand(const std::string& pattern, int& failed) {
  glob_t found = {};
  auto stop = [](const char*, int code) {
    return code == ENOENT || code == ENOTDIR ? 0 : 1;
  };
  errno = 0;
  auto code = ::glob(pattern.c_str(), 0, stop, &found);
  failed = 0;
  if (code != 0 && code != GLOB_NOMATCH)
    failed = errno != 0 ? errno : EIO;
  std::vector<std::string> result;
  for (std::size_t i = 0; code == 0 && i < found.gl_pathc; ++i)
    result.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  return result;
}

/// Device and inode: two names of one file have them in common.
using file_identity = std::pair<dev_t, ino_t>;

/// None where there is no such file, which is complained of when it is read.
std::optional<file_identity> identity_of(const std::string& file) {
  struct stat found {};

  if (::stat(file.c_str(), &found) != 0)
    return std::nullopt;
  return file_identity{found.st_dev, found.st_ino};
}

} // namespace

bool same_file(const std::string& left, const std::string& right) {
  std::error_code failed;
  return std::filesystem::path{left}.lexically_normal()
           == std::filesystem::path{right}.lexically_normal()
         || std::filesystem::equivalent(left, right, failed);
}

std::vector<std::string> registration_files(yaml_reader& in, const char* key,
                                            const std::string& config_file,
                                            std::vector<problem>& warnings) {
  std::vector<std::string> result;
  std::set<std::string> names;
  std::set<file_identity> known;
  auto add = [&](std::string file) {
    auto name = std::filesystem::path{file}.lexically_normal().string();
    const auto identity = identity_of(file);
    if (!names.insert(std::move(name)).second)
      return;
    if (identity && !known.insert(*identity).second)
      return;
    result.push_back(std::move(file));
  };
  for (auto& text : in.strings(key)) {
    if (!is_glob(text)) {
      add(beside(config_file, text));
      continue;
    }
    int failed = 0;
    auto files = expand(pattern_of(config_file, text), failed);
    if (failed != 0)
      in.complain(key, "\"" + text + "\" cannot be expanded: "
                         + std::generic_category().message(failed));
    else if (files.empty())
      warnings.push_back({config_file, in.line_of(key), key,
                          "\"" + text + "\" matches no file"});
    for (auto& file : files)
      add(std::move(file));
  }
  return result;
}

} // namespace posthorn

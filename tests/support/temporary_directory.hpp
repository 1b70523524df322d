// SPDX-License-Identifier: Apache-2.0
// A directory that goes away with the test.
#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace posthorn::test {

/// Made under the system's directory for temporary files.
class temporary_directory {
public:
  temporary_directory() {
    auto name
      = (std::filesystem::temp_directory_path() / "posthorn-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }

  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  /// The path of a name inside.
  std::string path(const std::string& name = "") const {
    return (path_ / name).string();
  }

  /// Writes a file, its directories too; answers its path.
  std::string write(const std::string& name, const std::string& text,
                    mode_t mode = 0600) const {
    auto target = path_ / name;
    std::filesystem::create_directories(target.parent_path());
    std::ofstream{target, std::ios::binary} << text;
    REQUIRE(::chmod(target.c_str(), mode) == 0);
    return target.string();
  }

  /// A file's bytes; empty when there is none.
  std::string read(const std::string& name) const {
    std::ifstream in{path_ / name, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  bool exists(const std::string& name) const {
    return std::filesystem::exists(path_ / name);
  }

  /// Permission bits of a file or directory.
  unsigned mode(const std::string& name) const {
    struct stat info;
    REQUIRE(::stat(path(name).c_str(), &info) == 0);
    return info.st_mode & 0777u;
  }

private:
  std::filesystem::path path_;
};

} // namespace posthorn::test

// SPDX-License-Identifier: Apache-2.0
// Files through POSIX calls: modes, O_EXCL and fsync are the point here.
#include "apps/posthorn/config/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace posthorn {

namespace {

std::string reason(int code) {
  return std::generic_category().message(code);
}

/// Closes what it holds when it goes out of scope.
class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {}

  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  int get() const {
    return fd_;
  }

private:
  int fd_;
};

caf::error sync_directory_of(const std::string& path) {
  auto directory = std::filesystem::path{path}.parent_path();
  if (directory.empty())
    directory = ".";
  descriptor fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (fd.get() < 0 || ::fsync(fd.get()) != 0)
    return fault(ec::bad_config,
                 directory.string()
                   + ": cannot be flushed to disk: " + reason(errno));
  return {};
}

caf::error write_all(int fd, const new_file& what) {
  std::size_t done = 0;
  while (done < what.text.size()) {
    auto n = ::write(fd, what.text.data() + done, what.text.size() - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return fault(ec::bad_config,
                   what.path + ": cannot be written: " + reason(errno));
    done += static_cast<std::size_t>(n);
  }
  // The umask may have taken the owner's bits away.
  if (::fchmod(fd, 0600) != 0 || ::fsync(fd) != 0)
    return fault(ec::bad_config,
                 what.path + ": cannot be written: " + reason(errno));
  return sync_directory_of(what.path);
}

caf::error write_new(const new_file& what) {
  descriptor fd{::open(what.path.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       0600)};
  if (fd.get() < 0) {
    auto why = errno == EEXIST
                 ? std::string{"exists already and is not overwritten"}
                 : "cannot be made: " + reason(errno);
    return fault(ec::bad_config, what.path + ": " + why);
  }
  auto failed = write_all(fd.get(), what);
  if (failed)
    ::unlink(what.path.c_str());
  return failed;
}

bool exists(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

} // namespace

caf::expected<file_text> read_file(const std::string& path,
                                   std::size_t max_bytes) {
  // Not blocking, so that a FIFO cannot hang the program.
  descriptor fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (fd.get() < 0)
    return fault(ec::bad_config, "cannot be read: " + reason(errno));
  struct stat info;
  if (::fstat(fd.get(), &info) != 0)
    return fault(ec::bad_config, "cannot be read: " + reason(errno));
  if (!S_ISREG(info.st_mode))
    return fault(ec::bad_config, "is not a regular file");
  file_text result;
  result.open_to_others = (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
  char buffer[16 * 1024];
  for (;;) {
    auto n = ::read(fd.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fault(ec::bad_config, "cannot be read: " + reason(errno));
    if (n == 0)
      return result;
    if (result.text.size() + static_cast<std::size_t>(n) > max_bytes)
      return fault(ec::bad_config,
                   "is larger than " + std::to_string(max_bytes) + " bytes");
    result.text.append(buffer, static_cast<std::size_t>(n));
  }
}

caf::error write_new_files(const std::vector<new_file>& files) {
  for (auto& one : files)
    if (exists(one.path))
      return fault(ec::bad_config,
                   one.path + ": exists already and is not overwritten");
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto failed = write_new(files[i]);
    if (failed) {
      for (std::size_t j = 0; j < i; ++j)
        ::unlink(files[j].path.c_str());
      return failed;
    }
  }
  return {};
}

caf::error make_directory(const std::string& path) {
  std::filesystem::path so_far;
  for (auto& part : std::filesystem::path{path}) {
    so_far /= part;
    if (::mkdir(so_far.c_str(), 0700) == 0 || errno == EEXIST)
      continue;
    return fault(ec::bad_config,
                 so_far.string() + ": cannot be made: " + reason(errno));
  }
  std::error_code failed;
  if (!std::filesystem::is_directory(path, failed))
    return fault(ec::bad_config, path + ": is not a directory");
  return {};
}

std::string beside(const std::string& file, const std::string& path) {
  return (std::filesystem::path{file}.parent_path() / path).string();
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/directory.hpp"

#include "messages/errors.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

namespace posthorn::storage::lmdb {

namespace {

/// Magic numbers of statfs(2): NFS, SMB, CIFS, SMB2, AFS, Ceph, 9P.
constexpr std::array<unsigned long, 7> network_file_systems = {
  0x6969, 0x517B, 0xFF534D42, 0xFE534D42, 0x5346414F, 0x00C36400, 0x01021997};

caf::error failure(const std::filesystem::path& where, const char* doing,
                   int code) {
  return fault(ec::store_failed, "store " + where.string() + ": " + doing + ": "
                                   + std::strerror(code));
}

caf::error make_directory(const std::filesystem::path& directory) {
  std::error_code code;
  if (directory.has_parent_path())
    std::filesystem::create_directories(directory.parent_path(), code);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return failure(directory, "cannot make the directory", errno);

  struct statfs stat {};

  if (statfs(directory.c_str(), &stat) != 0)
    return failure(directory, "cannot look at the directory", errno);
  for (auto magic : network_file_systems)
    if (static_cast<unsigned long>(stat.f_type) == magic)
      return fault(ec::bad_config,
                   "store " + directory.string()
                     + ": is on a network file system; LMDB needs a local one");
  return {};
}

} // namespace

std::mutex directory_lock::places_guard;
std::vector<directory_lock::place> directory_lock::places;

caf::expected<std::unique_ptr<directory_lock>>
directory_lock::take(const std::filesystem::path& directory) {
  if (auto error = make_directory(directory))
    return error;
  auto path = directory / "posthorn.lock";
  auto file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0)
    return failure(path, "cannot open", errno);
  std::unique_ptr<directory_lock> result{new directory_lock{file}};
  if (flock(file, LOCK_SH | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return failure(path, "cannot lock", errno);
    return fault(ec::store_locked, "store " + directory.string()
                                     + ": a process has it for itself alone");
  }

  struct stat info {};

  if (fstat(file, &info) != 0)
    return failure(path, "cannot look at", errno);
  place here{getpid(), info.st_dev, info.st_ino};
  std::lock_guard guard{places_guard};
  if (std::find(places.begin(), places.end(), here) != places.end())
    return fault(ec::store_locked, "store " + directory.string()
                                     + ": is open in this process ("
                                     + std::to_string(getpid()) + ") already");
  places.push_back(here);
  result->place_ = here;
  return result;
}

directory_lock::~directory_lock() {
  {
    std::lock_guard guard{places_guard};
    places.erase(std::remove(places.begin(), places.end(), place_),
                 places.end());
  }
  close(file_);
}

} // namespace posthorn::storage::lmdb

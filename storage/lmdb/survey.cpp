// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/survey.hpp"

#include "messages/errors.hpp"
#include "storage/lmdb/records.hpp"
#include "storage/lmdb/survey_pages.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

namespace posthorn::storage::lmdb {

namespace {

constexpr std::uint32_t lmdb_magic = 0xBEEFC0DE;
constexpr std::uint32_t lmdb_version = 1;
constexpr std::uint16_t root_page_flag = 0x08;
constexpr std::size_t page_bytes_min = 512;
constexpr std::size_t page_bytes_max = 32'768;

/// How often a newest root is looked for that another process does not replace
/// meanwhile.
constexpr int root_tries = 10;

struct open_file {
  explicit open_file(const std::filesystem::path& path)
    : number{open(path.c_str(), O_RDONLY | O_CLOEXEC)} {
    // nop
  }

  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;

  ~open_file() {
    if (number >= 0)
      close(number);
  }

  int number;
};

caf::error broken(const std::filesystem::path& directory,
                  const std::string& what) {
  std::string text = "store " + directory.string() + ": data.mdb is damaged: ";
  text.append(what).append("; restore the store from a backup, and check the "
                           "disk");
  return fault(ec::store_corrupt, std::move(text));
}

caf::error unreadable(const std::filesystem::path& directory, int code) {
  return fault(ec::store_failed,
               "store " + directory.string()
                 + ": cannot read data.mdb: " + std::strerror(code));
}

/// One of the two roots; none where it is not one.
std::optional<root_record> root_at(int file, std::uint64_t page,
                                   std::size_t page_bytes) {
  char bytes[page_header_bytes + sizeof(root_record)];
  auto at = static_cast<off_t>(page * page_bytes);
  if (pread(file, bytes, sizeof(bytes), at)
      != static_cast<ssize_t>(sizeof(bytes)))
    return std::nullopt;
  std::uint64_t number = 0;
  std::uint16_t flags = 0;
  root_record result;
  std::memcpy(&number, bytes, sizeof(number));
  std::memcpy(&flags, bytes + 10, sizeof(flags));
  std::memcpy(&result, bytes + page_header_bytes, sizeof(result));
  if (number != page || flags != root_page_flag || result.magic != lmdb_magic
      || result.version != lmdb_version
      || result.free_tree.flags != integer_keys || result.main_tree.flags != 0)
    return std::nullopt;
  return result;
}

/// Each commit takes the other root and the next number.
bool follow_each_other(const root_record& even, const root_record& odd) {
  auto a = even.transaction;
  auto b = odd.transaction;
  return (a == 0 && b == 0)
         || (a % 2 == 0 && b % 2 == 1 && (a + 1 == b || b + 1 == a));
}

caf::error look_at_roots(const std::filesystem::path& directory, int file) {
  auto even = root_at(file, 0, 0);
  std::size_t page_bytes = even ? even->free_tree.pad : 0;
  auto odd = root_at(file, 1, page_bytes);

  // Last: the file only grows.
  struct stat size {};

  if (fstat(file, &size) != 0)
    return unreadable(directory, errno);
  if (size.st_size == 0)
    return {};
  if (page_bytes < page_bytes_min || page_bytes > page_bytes_max
      || !std::has_single_bit(page_bytes))
    return broken(directory, "page 0 is not a root of LMDB");
  if (!odd || odd->free_tree.pad != page_bytes)
    return broken(directory, "page 1 is not a root of LMDB");
  if (!follow_each_other(*even, *odd))
    return broken(directory, "its two roots do not follow each other");
  auto& newest = even->transaction > odd->transaction ? *even : *odd;
  auto there = static_cast<std::uint64_t>(size.st_size) / page_bytes;
  if (newest.last_page < 1 || newest.last_page >= there)
    return broken(directory,
                  "it has " + std::to_string(there) + " pages, and page "
                    + std::to_string(newest.last_page) + " should be its last");
  return {};
}

/// The root that a read transaction sees.
std::optional<root_record> root_of(environment& env, const reading& txn,
                                   int file) {
  auto number = mdb_txn_id(txn.raw());
  auto root = root_at(file, number % 2, env.page_bytes());
  if (root && root->transaction == number)
    return root;
  return std::nullopt;
}

std::optional<std::string> survey_free_pages(page_survey& pages,
                                             const tree_root& tree) {
  return pages.walk(tree, [&pages](const leaf_record& one) {
    page_survey::problem none;
    std::uint64_t count = 0;
    if (one.value.size() < sizeof(count))
      return page_survey::problem{"lists free pages, but has no list"};
    std::memcpy(&count, one.value.data(), sizeof(count));
    if (count > one.value.size() / sizeof(count) - 1)
      return page_survey::problem{"lists more free pages than it has room for"};
    for (std::uint64_t i = 1; i <= count; ++i) {
      std::uint64_t page = 0;
      std::memcpy(&page, one.value.data() + i * sizeof(page), sizeof(page));
      if (auto why = pages.claim(page, 1))
        return why;
    }
    return none;
  });
}

caf::error survey_root(environment& env, const root_record& root, int file) {
  page_survey pages{file, env.page_bytes(), root.last_page};
  std::vector<std::pair<std::string, tree_root>> trees;
  auto wrong = [&env](const std::string& where, const std::string& what) {
    return broken(env.directory(), where + ": " + what);
  };
  auto why = pages.walk(root.main_tree, [&trees](const leaf_record& one) {
    tree_root tree;
    if (!one.is_tree || one.value.size() != sizeof(tree))
      return page_survey::problem{"has something else than tables"};
    std::memcpy(&tree, one.value.data(), sizeof(tree));
    trees.emplace_back(one.key, tree);
    return page_survey::problem{};
  });
  if (why)
    return wrong("the list of tables", *why);
  for (auto& [name, tree] : trees) {
    if (tree.flags != 0)
      return wrong("the table " + name,
                   "it is of a kind that is not used here");
    why = pages.walk(tree, [](const leaf_record& one) {
      return one.is_tree ? page_survey::problem{"has a table inside a table"}
                         : page_survey::problem{};
    });
    if (why)
      return wrong("the table " + name, *why);
  }
  if ((why = survey_free_pages(pages, root.free_tree)))
    return wrong("the list of free pages", *why);
  return {};
}

// -- keys ---------------------------------------------------------------------

/// Before all keys; LMDB takes no empty ones.
constexpr std::string_view first_key{"\0", 1};

caf::error misplaced(const environment& env, const std::string& what) {
  return broken(env.directory(), what);
}

/// What is not sorted yet lies side by side from the cursor on.
caf::error survey_pool(transaction& txn, const counters& count) {
  walker walk{txn, table::pool};
  auto more = walk.seek(number_key(count.cursor + 1));
  for (auto i = count.cursor + 1; i < count.next_position; ++i) {
    if (!more || walk.key() != std::string_view{number_key(i)})
      return misplaced(txn.env(), "batch " + std::to_string(i)
                                    + " of the table pool is missing");
    more = walk.step();
  }
  if (more)
    return misplaced(txn.env(), "the table pool has a batch that was never "
                                "taken in");
  walker parcels{txn, table::parcels};
  if (parcels.seek(number_key(count.next_parcel)))
    return misplaced(txn.env(), "the table parcels has a record that was never "
                                "written");
  return {};
}

/// Entries that nobody would look at: outside of their service's queue, or of
/// no service.
caf::error survey_queues(transaction& txn) {
  walker queues{txn, table::queue};
  for (auto more = queues.seek(first_key); more;) {
    auto service = load_big_endian<service_no>(queues.key());
    auto name = "the queue of service number " + std::to_string(service);
    auto bytes = txn.get(table::services, service_key(service));
    if (!bytes)
      return misplaced(txn.env(), name + " belongs to no service");
    if (auto state = decode_service(service_key(service), *bytes)) {
      auto first = load_big_endian<std::uint64_t>(queues.key().substr(4));
      if (first < state->unswept_from)
        return misplaced(txn.env(), name + " has entry " + std::to_string(first)
                                      + " before its beginning");
      if (queues.seek(queue_key(service, state->tail))
          && load_big_endian<service_no>(queues.key()) == service)
        return misplaced(txn.env(), name + " has an entry behind its end");
    }
    if (service == UINT32_MAX)
      break;
    more = queues.seek(queue_key(service + 1, 0));
  }
  return {};
}

/// Records that are looked up by their key and would not be missed.
caf::error survey_names(transaction& txn) {
  walker names{txn, table::names};
  for (auto more = names.seek(first_key); more; more = names.step())
    if (!intact(table::names, names.key(), names.value()))
      return rotten_fault(txn.env(), "\"" + std::string{names.key()}
                                       + "\" of table names");
  return {};
}

void survey_rooms(transaction& txn, rot_log& rot) {
  for (auto where : {table::members, table::aliases}) {
    walker records{txn, where};
    for (auto more = records.seek(first_key); more; more = records.step()) {
      if (intact(where, records.key(), records.value()))
        continue;
      std::string key{records.key().substr(where == table::members ? 1 : 0)};
      std::string name = "the record \"" + key + "\" of table ";
      name += table_names[static_cast<std::size_t>(where)];
      rot.tell("survey of " + name,
               "store " + txn.env().directory().string() + ": " + name
                 + " does not match its checksum; events of that room may be "
                   "decided wrongly until the feed or an import says it anew");
    }
  }
}

} // namespace

caf::error survey_roots(const std::filesystem::path& directory) {
  open_file file{directory / "data.mdb"};
  if (file.number < 0)
    return errno == ENOENT ? caf::error{} : unreadable(directory, errno);
  caf::error why;
  // Another process may commit between one look and the next.
  for (auto i = 0; i < root_tries; ++i)
    if (!(why = look_at_roots(directory, file.number)))
      return {};
  return why;
}

caf::error survey_trees(environment& env) {
  mdb_filehandle_t file{};
  mdb_env_get_fd(env.raw(), &file);
  for (auto i = 0; i < root_tries; ++i) {
    reading txn{env};
    if (txn.failure() != 0)
      return env.failure(txn.failure(), "cannot read");
    if (auto root = root_of(env, txn, file))
      return survey_root(env, *root, file);
  }
  return broken(env.directory(), "the newest root cannot be found");
}

caf::error survey_keys(environment& env, rot_log& rot) {
  reading txn{env};
  auto count = read_counters(txn);
  if (!count)
    return count.error();
  if (auto why = survey_pool(txn, *count))
    return why;
  if (auto why = survey_queues(txn))
    return why;
  if (auto why = survey_names(txn))
    return why;
  survey_rooms(txn, rot);
  if (txn.failure() != 0)
    return env.failure(txn.failure(), "cannot read");
  return {};
}

} // namespace posthorn::storage::lmdb

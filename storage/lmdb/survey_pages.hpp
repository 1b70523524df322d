// SPDX-License-Identifier: Apache-2.0
// LMDB's pages on disk (0.9, 64 bits), as far as a survey reads them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn::storage::lmdb {

/// MDB_db: where a tree begins and how large it is.
struct tree_root {
  std::uint32_t pad = 0;
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0;
  std::uint64_t entries = 0;
  std::uint64_t root = 0;
};

static_assert(sizeof(tree_root) == 48);

/// What a root says of an empty tree.
inline constexpr std::uint64_t no_page = UINT64_MAX;

/// MDB_INTEGERKEY: what the tree of free pages has.
inline constexpr std::uint16_t integer_keys = 0x08;

/// MDB_meta, behind the page header of pages 0 and 1.
struct root_record {
  std::uint32_t magic = 0;
  std::uint32_t version = 0;
  std::uint64_t address = 0;
  std::uint64_t map_bytes = 0;
  /// Of the free pages and of the tables' names; the first one's `pad` is the
  /// page size.
  tree_root free_tree;
  tree_root main_tree;
  std::uint64_t last_page = 0;
  std::uint64_t transaction = 0;
};

static_assert(sizeof(root_record) == 136);

inline constexpr std::size_t page_header_bytes = 16;

/// A record of a leaf; `value` is empty where it has pages of its own.
struct leaf_record {
  std::string_view key;
  std::string_view value;
  /// Whether the value is a tree_root.
  bool is_tree = false;
};

/// Reads a page at a time, so that what is wrong is found and not fallen over.
/// Answers of the walks: what is wrong, or none.
class page_survey {
public:
  using problem = std::optional<std::string>;
  using visitor = std::function<problem(const leaf_record&)>;

  page_survey(int file, std::size_t page_bytes, std::uint64_t last_page);

  /// Walks a tree and calls `each` for its records, in order.
  problem walk(const tree_root& tree, const visitor& each);

  /// Notes that pages have an owner. A page has one.
  problem claim(std::uint64_t page, std::uint64_t count);

  /// Reads a part of a page of large data. Answers nothing where that fails.
  std::optional<std::string> read(std::uint64_t page, std::size_t offset,
                                  std::size_t size) const;

private:
  struct bounds {
    std::optional<std::string> low;
    std::optional<std::string> high;
  };

  problem visit(std::uint64_t page, std::uint16_t level, const bounds& keys);
  problem look_at_leaf(std::string_view bytes, const bounds& keys);
  problem look_at_branch(std::string_view bytes, std::uint16_t level,
                         const bounds& keys);
  problem look_at_large(std::uint64_t page, std::uint64_t size);
  problem in_order(std::optional<std::string_view> before, std::string_view key,
                   const bounds& keys) const;
  int compare(std::string_view a, std::string_view b) const;

  int file_;
  std::size_t page_bytes_;
  std::uint64_t last_page_;
  std::vector<bool> claimed_;
  // Of the tree that is being walked.
  tree_root tree_;
  tree_root found_;
  const visitor* each_ = nullptr;
};

} // namespace posthorn::storage::lmdb

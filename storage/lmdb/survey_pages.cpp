// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/survey_pages.hpp"

#include <unistd.h>

#include <cstring>

namespace posthorn::storage::lmdb {

namespace {

constexpr std::uint16_t branch_flag = 0x01;
constexpr std::uint16_t leaf_flag = 0x02;
constexpr std::uint16_t overflow_flag = 0x04;
constexpr std::uint16_t large_data = 0x01;
constexpr std::uint16_t tree_data = 0x02;
constexpr std::size_t node_header_bytes = 8;
constexpr std::uint16_t depth_max = 32;

template <class Integer>
Integer load(std::string_view bytes, std::size_t at) {
  Integer result;
  std::memcpy(&result, bytes.data() + at, sizeof(result));
  return result;
}

std::string name_of_page(std::uint64_t page) {
  return "page " + std::to_string(page);
}

/// MDB_node.
struct node {
  std::uint16_t flags = 0;
  std::string_view key;
  /// Size of a leaf's value, or part of a branch's page number.
  std::uint32_t size = 0;
  /// Of a leaf: the value, or the number of its first page.
  std::string_view data;

  bool is_large() const {
    return (flags & large_data) != 0;
  }

  std::uint64_t child() const {
    return std::uint64_t{flags} << 32 | size;
  }
};

/// The nodes of a page, once it is sure that all lie inside of it.
std::optional<std::vector<node>> nodes_of(std::string_view page, bool leaf) {
  std::size_t lower = load<std::uint16_t>(page, 12);
  std::size_t upper = load<std::uint16_t>(page, 14);
  if (lower < page_header_bytes || lower > upper || upper > page.size()
      || lower % 2 != 0 || lower == page_header_bytes)
    return std::nullopt;
  std::vector<node> result;
  std::size_t used = 0;
  for (auto slot = page_header_bytes; slot < lower; slot += 2) {
    std::size_t at = load<std::uint16_t>(page, slot);
    if (at < upper || at % 2 != 0 || at + node_header_bytes > page.size())
      return std::nullopt;
    node one;
    one.size = load<std::uint16_t>(page, at)
               | std::uint32_t{load<std::uint16_t>(page, at + 2)} << 16;
    one.flags = load<std::uint16_t>(page, at + 4);
    std::size_t key_bytes = load<std::uint16_t>(page, at + 6);
    std::size_t data_bytes = !leaf            ? 0
                             : one.is_large() ? sizeof(std::uint64_t)
                                              : one.size;
    auto bytes = node_header_bytes + key_bytes + data_bytes;
    if (bytes > page.size() - at)
      return std::nullopt;
    one.key = page.substr(at + node_header_bytes, key_bytes);
    one.data = page.substr(at + node_header_bytes + key_bytes, data_bytes);
    used += bytes + bytes % 2;
    result.push_back(one);
  }
  // LMDB leaves no gaps: where this does not add up, nodes overlap.
  if (used != page.size() - upper)
    return std::nullopt;
  return result;
}

} // namespace

page_survey::page_survey(int file, std::size_t page_bytes,
                         std::uint64_t last_page)
  : file_{file}, page_bytes_{page_bytes}, last_page_{last_page},
    claimed_(last_page + 1, false) {
  // The roots.
  claimed_[0] = claimed_[1] = true;
}

std::optional<std::string> page_survey::read(std::uint64_t page,
                                             std::size_t offset,
                                             std::size_t size) const {
  std::string result(size, '\0');
  auto at = static_cast<off_t>(page * page_bytes_ + offset);
  auto got = pread(file_, result.data(), size, at);
  if (got != static_cast<ssize_t>(size))
    return std::nullopt;
  return result;
}

page_survey::problem page_survey::claim(std::uint64_t page,
                                        std::uint64_t count) {
  if (page > last_page_ || count > last_page_ - page + 1)
    return name_of_page(page) + " is said to be part of it, behind the end";
  for (auto i = page; i < page + count; ++i) {
    if (claimed_[i])
      return name_of_page(i) + " is said to be part of two things";
    claimed_[i] = true;
  }
  return std::nullopt;
}

page_survey::problem page_survey::walk(const tree_root& tree,
                                       const visitor& each) {
  tree_ = tree;
  found_ = {};
  each_ = &each;
  if (tree.root != no_page) {
    if (tree.depth == 0 || tree.depth > depth_max)
      return "a depth of " + std::to_string(tree.depth);
    if (auto why = visit(tree.root, 1, {}))
      return why;
    found_.depth = tree.depth;
  }
  if (found_.branch_pages != tree.branch_pages
      || found_.leaf_pages != tree.leaf_pages
      || found_.overflow_pages != tree.overflow_pages
      || found_.entries != tree.entries || found_.depth != tree.depth)
    return "its pages or records are not as many as its root says";
  return std::nullopt;
}

page_survey::problem page_survey::visit(std::uint64_t page, std::uint16_t level,
                                        const bounds& keys) {
  if (auto why = claim(page, 1))
    return why;
  auto bytes = read(page, 0, page_bytes_);
  if (!bytes)
    return name_of_page(page) + " cannot be read";
  const bool leaf = level == tree_.depth;
  if (load<std::uint64_t>(*bytes, 0) != page
      || load<std::uint16_t>(*bytes, 10) != (leaf ? leaf_flag : branch_flag))
    return name_of_page(page) + " is not what it should be";
  auto why
    = leaf ? look_at_leaf(*bytes, keys) : look_at_branch(*bytes, level, keys);
  if (why && why->find("page ") != 0)
    *why = name_of_page(page) + " " + *why;
  return why;
}

page_survey::problem page_survey::look_at_leaf(std::string_view bytes,
                                               const bounds& keys) {
  ++found_.leaf_pages;
  auto nodes = nodes_of(bytes, true);
  if (!nodes)
    return "has records that are not inside of it";
  std::optional<std::string_view> before;
  for (auto& one : *nodes) {
    ++found_.entries;
    if ((one.flags & ~(large_data | tree_data)) != 0)
      return "has a record of a kind that is not used here";
    if (auto why = in_order(before, one.key, keys))
      return why;
    before = one.key;
    leaf_record found{one.key, one.data, (one.flags & tree_data) != 0};
    if (one.is_large()) {
      if (auto why = look_at_large(load<std::uint64_t>(one.data, 0), one.size))
        return why;
      // The tree of free pages needs its lists, records are read later.
      found.value = {};
    }
    std::optional<std::string> list;
    if (one.is_large() && tree_.flags == integer_keys) {
      list
        = read(load<std::uint64_t>(one.data, 0), page_header_bytes, one.size);
      if (!list)
        return "refers to a list that cannot be read";
      found.value = *list;
    }
    if (auto why = (*each_)(found))
      return why;
  }
  return std::nullopt;
}

page_survey::problem page_survey::look_at_branch(std::string_view bytes,
                                                 std::uint16_t level,
                                                 const bounds& keys) {
  ++found_.branch_pages;
  auto nodes = nodes_of(bytes, false);
  if (!nodes || nodes->size() < 2)
    return "has branches that are not inside of it";
  std::optional<std::string_view> before;
  for (std::size_t i = 0; i < nodes->size(); ++i) {
    auto& one = (*nodes)[i];
    bounds below{keys.low, keys.high};
    // The first one's key is not used.
    if (i > 0) {
      if (auto why = in_order(before, one.key, keys))
        return why;
      before = one.key;
      below.low = one.key;
    }
    if (i + 1 < nodes->size())
      below.high = (*nodes)[i + 1].key;
    if (auto why
        = visit(one.child(), static_cast<std::uint16_t>(level + 1), below))
      return why;
  }
  return std::nullopt;
}

page_survey::problem page_survey::look_at_large(std::uint64_t page,
                                                std::uint64_t size) {
  auto head = read(page, 0, page_header_bytes);
  if (page > last_page_ || !head)
    return "refers to " + name_of_page(page) + ", which cannot be read";
  auto pages = load<std::uint32_t>(*head, 12);
  if (load<std::uint64_t>(*head, 0) != page
      || load<std::uint16_t>(*head, 10) != overflow_flag
      || pages < (page_header_bytes - 1 + size) / page_bytes_ + 1)
    return "refers to " + name_of_page(page)
           + ", which is not what it should be";
  found_.overflow_pages += pages;
  return claim(page, pages);
}

page_survey::problem
page_survey::in_order(std::optional<std::string_view> before,
                      std::string_view key, const bounds& keys) const {
  if (tree_.flags == integer_keys && key.size() != sizeof(std::uint64_t))
    return "has a key of another size";
  if ((before && compare(*before, key) >= 0)
      || (keys.low && compare(*keys.low, key) > 0)
      || (keys.high && compare(*keys.high, key) <= 0))
    return "has keys that are out of order";
  return std::nullopt;
}

int page_survey::compare(std::string_view a, std::string_view b) const {
  if (tree_.flags != integer_keys || a.size() != b.size()
      || a.size() != sizeof(std::uint64_t))
    return a.compare(b);
  auto left = load<std::uint64_t>(a, 0);
  auto right = load<std::uint64_t>(b, 0);
  return left < right ? -1 : left > right ? 1 : 0;
}

} // namespace posthorn::storage::lmdb

// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/batch_record.hpp"

#include "storage/lmdb/records.hpp"

#include <cassert>
#include <cstring>

namespace posthorn::storage::lmdb {

namespace {

constexpr std::size_t index_entry_bytes = 8;

template <class Integer>
Integer load(const char* at) {
  Integer result;
  std::memcpy(&result, at, sizeof(result));
  return result;
}

template <class Integer>
void append(std::string& to, Integer value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

constexpr char has_fields = 1;
constexpr char has_state_key = 2;
constexpr char has_membership = 4;
constexpr char has_aliases = 8;

/// Moves a number from the front of `from`. Answers false where it ends too
/// early.
bool take_number(std::string_view& from, std::uint32_t& into) {
  if (from.size() < sizeof(into))
    return false;
  into = load<std::uint32_t>(from.data());
  from.remove_prefix(sizeof(into));
  return true;
}

/// The same for a string and its size.
bool take_string(std::string_view& from, std::string& into) {
  std::uint32_t size = 0;
  if (!take_number(from, size) || from.size() < size)
    return false;
  into = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

bool take_aliases(std::string_view& from, std::vector<std::string>& into) {
  std::uint32_t count = 0;
  if (!take_number(from, count))
    return false;
  for (; count > 0; --count)
    if (!take_string(from, into.emplace_back()))
      return false;
  return true;
}

/// One item's fields; moves `from` behind them. Answers false where they end
/// too early.
bool decode_fields(std::string_view& from, event_fields& into) {
  if (from.empty())
    return false;
  auto flags = from.front();
  from.remove_prefix(1);
  if (flags == 0)
    return true;
  if (from.size() < 16)
    return false;
  std::uint32_t sizes[4];
  std::memcpy(sizes, from.data(), sizeof(sizes));
  from.remove_prefix(sizeof(sizes));
  std::string* parts[]
    = {&into.type, &into.sender, &into.room_id, &into.state_key};
  for (int i = 0; i < 4; ++i) {
    if (from.size() < sizes[i])
      return false;
    *parts[i] = from.substr(0, sizes[i]);
    from.remove_prefix(sizes[i]);
  }
  into.has_state_key = (flags & has_state_key) != 0;
  if ((flags & has_membership) != 0 && !take_string(from, into.membership))
    return false;
  return (flags & has_aliases) == 0 || take_aliases(from, into.aliases);
}

void append_string(std::string& to, const std::string& what) {
  append(to, static_cast<std::uint32_t>(what.size()));
  to += what;
}

} // namespace

std::uint64_t batch_record_size(std::size_t items, std::size_t feed_bytes,
                                std::size_t fields_bytes,
                                std::uint64_t json_bytes) {
  return sizeof(batch_fixed) + items * index_entry_bytes + feed_bytes
         + fields_bytes + json_bytes + (items > 0 ? items - 1 : 0);
}

// -- batch_view ---------------------------------------------------------------

std::optional<batch_view> batch_view::verify(record_no record,
                                             std::string_view bytes) {
  if (!intact(table_of(record), record_key(record), bytes))
    return std::nullopt;
  auto result = trust(bytes);
  if (result && !result->index_fits())
    return std::nullopt;
  return result;
}

std::optional<batch_view> batch_view::trust(std::string_view bytes) {
  batch_view result;
  auto& fixed = result.fixed_;
  if (bytes.size() < sizeof(fixed))
    return std::nullopt;
  std::memcpy(&fixed, bytes.data(), sizeof(fixed));
  bytes.remove_prefix(sizeof(fixed));
  auto take = [&bytes](std::uint64_t size, std::string_view& part) {
    if (bytes.size() < size)
      return false;
    part = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return true;
  };
  if (!take(fixed.items * std::uint64_t{index_entry_bytes}, result.index_)
      || !take(fixed.feed_bytes, result.feed_)
      || !take(fixed.fields_bytes, result.fields_))
    return std::nullopt;
  result.json_ = bytes;
  auto end = fixed.items == 0 ? 0 : result.end(fixed.items - 1);
  if (end != bytes.size())
    return std::nullopt;
  return result;
}

// The last end is known to fit.
bool batch_view::index_fits() const {
  std::uint64_t from = 0;
  for (std::uint32_t i = 0; i < fixed_.items; ++i) {
    auto number
      = load<std::uint32_t>(index_.data() + i * index_entry_bytes + 4);
    if (end(i) < from || number < static_cast<std::uint32_t>(item_kind::event)
        || number > static_cast<std::uint32_t>(item_kind::fallback_keys))
      return false;
    from = std::uint64_t{end(i)} + 1;
  }
  return true;
}

std::uint32_t batch_view::end(std::uint32_t i) const {
  return load<std::uint32_t>(index_.data() + i * index_entry_bytes);
}

item_kind batch_view::kind(std::uint32_t i) const {
  auto kind = load<std::uint32_t>(index_.data() + i * index_entry_bytes + 4);
  return static_cast<item_kind>(kind);
}

std::uint64_t batch_view::bytes(std::uint32_t first,
                                std::uint32_t count) const {
  return run(first, count).size() - (count - 1);
}

std::string_view batch_view::run(std::uint32_t first,
                                 std::uint32_t count) const {
  auto from = start(first);
  return json_.substr(from, end(first + count - 1) - from);
}

std::vector<event_fields> batch_view::fields() const {
  std::vector<event_fields> result;
  if (fields_.empty())
    return result;
  result.resize(fixed_.items);
  auto rest = fields_;
  for (auto& each : result)
    if (!decode_fields(rest, each))
      break;
  return result;
}

// -- batch_writer -------------------------------------------------------------

batch_writer::batch_writer(char* at, std::size_t size, batch_fixed fixed,
                           std::string_view feed, std::string_view fields)
  : record_{at}, size_{size}, index_{at + sizeof(fixed)} {
  fixed.feed_bytes = static_cast<std::uint32_t>(feed.size());
  fixed.fields_bytes = fields.size();
  std::memcpy(at, &fixed, sizeof(fixed));
  at_ = index_ + fixed.items * index_entry_bytes;
  copy(feed);
  copy(fields);
  json_ = at_;
}

void batch_writer::copy(std::string_view bytes) {
  assert(bytes.size() <= static_cast<std::size_t>(record_ + size_ - at_));
  if (!bytes.empty())
    std::memcpy(at_, bytes.data(), bytes.size());
  at_ += bytes.size();
}

void batch_writer::separate() {
  if (!empty_)
    copy(",");
  empty_ = false;
}

void batch_writer::index(item_kind kind, std::uint64_t end) {
  std::uint32_t entry[]
    = {static_cast<std::uint32_t>(end), static_cast<std::uint32_t>(kind)};
  std::memcpy(index_, entry, sizeof(entry));
  index_ += index_entry_bytes;
}

void batch_writer::add(item_kind kind, std::string_view json) {
  separate();
  copy(json);
  index(kind, static_cast<std::uint64_t>(at_ - json_));
}

void batch_writer::add(const batch_view& from, std::uint32_t first,
                       std::uint32_t count) {
  separate();
  auto end = static_cast<std::uint64_t>(at_ - json_);
  copy(from.run(first, count));
  for (auto i = first; i < first + count; ++i) {
    end += from.size(i);
    index(from.kind(i), end);
    ++end;
  }
}

void batch_writer::finish(record_no record) {
  assert(at_ == record_ + size_);
  seal(table_of(record), record_key(record), record_, size_);
}

// -- the rest -----------------------------------------------------------------

std::string encode_fields(const batch& what) {
  std::string result;
  if (what.fields.empty())
    return result;
  for (auto& item : what.items) {
    if (item.fields >= what.fields.size()) {
      result += '\0';
      continue;
    }
    auto& fields = what.fields[item.fields];
    result += static_cast<char>(
      has_fields | (fields.has_state_key ? has_state_key : 0)
      | (fields.membership.empty() ? 0 : has_membership)
      | (fields.aliases.empty() ? 0 : has_aliases));
    const std::string* parts[]
      = {&fields.type, &fields.sender, &fields.room_id, &fields.state_key};
    for (auto part : parts)
      append(result, static_cast<std::uint32_t>(part->size()));
    for (auto part : parts)
      result += *part;
    if (!fields.membership.empty())
      append_string(result, fields.membership);
    if (!fields.aliases.empty())
      append(result, static_cast<std::uint32_t>(fields.aliases.size()));
    for (auto& each : fields.aliases)
      append_string(result, each);
  }
  return result;
}

std::uint64_t footprint(std::uint64_t size, std::uint64_t page_bytes) {
  // LMDB's own figures: page header, node header with our 8-byte key, and the
  // node's two bytes at the page's start.
  constexpr std::uint64_t page_header = 16;
  constexpr std::uint64_t node_header = 8 + 8 + 2;
  auto node_max = (((page_bytes - page_header) / 2) & ~std::uint64_t{1}) - 2;
  auto node = (size + node_header + 1) & ~std::uint64_t{1};
  if (node <= node_max)
    return page_bytes / ((page_bytes - page_header) / node);
  auto pages = (page_header + size + page_bytes - 1) / page_bytes;
  return pages * page_bytes + node_header + 8;
}

} // namespace posthorn::storage::lmdb

// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/dedupe.hpp"

#include <xxhash.h>

namespace posthorn::storage::lmdb {

namespace {

/// How many are forgotten for each that is remembered: more than one, so that
/// lowered limits are reached.
constexpr int forgotten_at_once = 4;

constexpr std::size_t txn_id_max = 64;

/// Feed (as XXH3-64), length of the transaction id, id, digest. The length
/// stands in front so that counted ids ("99", "100") sort as numbers, and what
/// comes next to each other in time lies on one page. A long id is cut, its
/// XXH3-128 put behind and its length given as 255.
std::string seen_key(const batch& what) {
  std::string result;
  fixed_key<8> feed;
  store_big_endian(feed.bytes.data(),
                   XXH3_64bits(what.feed.data(), what.feed.size()));
  result.append(feed);
  auto& id = what.txn_id;
  if (id.size() <= txn_id_max) {
    result += static_cast<char>(id.size());
    result += id;
  } else {
    auto sum = XXH3_128bits(id.data(), id.size());
    result += '\xff';
    result.append(id, 0, txn_id_max - sizeof(sum));
    result.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
  }
  result.append(reinterpret_cast<const char*>(what.digest.data()),
                what.digest.size());
  return result;
}

/// When the transaction of that number was taken, and its key in seen.
struct seen_before {
  std::int64_t taken = 0;
  std::string key;
};

std::optional<seen_before> find(commit_scope& scope, std::uint64_t number) {
  auto key = number_key(number);
  auto bytes = scope.txn.get(table::seen_order, key);
  if (!bytes || bytes->size() < sizeof(seen_order_fixed)
      || !intact(table::seen_order, key, *bytes))
    return std::nullopt;
  seen_order_fixed fixed;
  std::memcpy(&fixed, bytes->data(), sizeof(fixed));
  return seen_before{fixed.taken, std::string{bytes->substr(sizeof(fixed))}};
}

std::optional<std::uint64_t> number_in_seen(commit_scope& scope,
                                            const std::string& key) {
  auto bytes = scope.txn.get(table::seen, key);
  if (!bytes)
    return std::nullopt;
  auto record = decode<seen_record>(table::seen, key, *bytes);
  return record ? std::optional{record->number} : std::nullopt;
}

bool is_old(commit_scope& scope, std::int64_t taken) {
  return std::chrono::microseconds{scope.now() - taken}
         > scope.options.dedupe_age;
}

void forget(commit_scope& scope) {
  auto& count = scope.count;
  for (int i = 0; i < forgotten_at_once; ++i) {
    if (count.seen_first == count.seen_next)
      return;
    auto oldest = find(scope, count.seen_first);
    auto excess = count.seen_next - count.seen_first > scope.options.dedupe_max;
    // A rotten one goes, too: what it would have stopped comes twice.
    if (oldest && !excess && !is_old(scope, oldest->taken))
      return;
    // Taken anew after it had expired, its key belongs to a later number.
    if (oldest && number_in_seen(scope, oldest->key) == count.seen_first)
      scope.txn.erase(table::seen, oldest->key);
    scope.txn.erase(table::seen_order, number_key(count.seen_first));
    ++count.seen_first;
  }
}

} // namespace

bool was_taken(commit_scope& scope, const batch& what) {
  auto key = seen_key(what);
  auto number = number_in_seen(scope, key);
  if (!number)
    return false;
  auto before = find(scope, *number);
  return before && before->key == key && !is_old(scope, before->taken);
}

void remember(commit_scope& scope, const batch& what) {
  if (scope.options.dedupe_max == 0)
    return;
  auto key = seen_key(what);
  auto number = scope.count.seen_next++;
  put_record(scope.txn, table::seen, key, seen_record{0, number});
  seen_order_fixed fixed{0, scope.now()};
  std::string bytes{reinterpret_cast<const char*>(&fixed), sizeof(fixed)};
  bytes += key;
  auto order_key = number_key(number);
  seal(table::seen_order, order_key, bytes.data(), bytes.size());
  scope.txn.put(table::seen_order, order_key, bytes, MDB_APPEND);
  forget(scope);
}

} // namespace posthorn::storage::lmdb

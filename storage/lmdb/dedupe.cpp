// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/dedupe.hpp"

#include <xxhash.h>

namespace posthorn::storage::lmdb {

namespace {

/// How many are forgotten for each that is remembered: more than one, so that
/// lowered limits are reached.
constexpr int forgotten_at_once = 4;

constexpr std::size_t txn_id_max = 64;

/// Feed (as XXH3-64), length of the transaction id, id, digest. A long id is
/// cut, its XXH3-128 put behind and its length given as 255.
std::string identity_of(const batch& what) {
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

std::uint32_t hash_of(std::string_view identity) {
  return static_cast<std::uint32_t>(
    XXH3_64bits(identity.data(), identity.size()));
}

/// When a transaction was taken, and which: good until the next write.
struct seen_before {
  std::int64_t taken = 0;
  std::string_view identity;
};

std::optional<seen_before> decode_seen(std::string_view key,
                                       std::string_view bytes) {
  if (bytes.size() < sizeof(seen_fixed) || !intact(table::seen, key, bytes))
    return std::nullopt;
  seen_fixed fixed;
  std::memcpy(&fixed, bytes.data(), sizeof(fixed));
  return seen_before{fixed.taken, bytes.substr(sizeof(fixed))};
}

std::optional<seen_before> find(commit_scope& scope, std::uint64_t number) {
  auto key = number_key(number);
  auto bytes = scope.txn.get(table::seen, key);
  return bytes ? decode_seen(key, *bytes) : std::nullopt;
}

/// Puts into the index what was committed since it was last asked: everything
/// at first, then what other processes have taken.
void catch_up(commit_scope& scope) {
  auto& index = scope.seen;
  const auto end = scope.count.seen_next - index.added();
  // The store is not the one that it was: a root has been taken back.
  if (index.next() > end)
    index.clear(scope.count.seen_first);
  index.forget_before(scope.count.seen_first);
  if (index.next() == end)
    return;
  walker walk{scope.txn, table::seen};
  for (auto more = walk.seek(number_key(index.next())); more;
       more = walk.step()) {
    const auto number = load_big_endian<std::uint64_t>(walk.key());
    if (number >= end)
      break;
    if (const auto one = decode_seen(walk.key(), walk.value()))
      index.put(hash_of(one->identity), number);
  }
  index.skip_to(end);
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
    scope.txn.erase(table::seen, number_key(count.seen_first));
    ++count.seen_first;
  }
}

} // namespace

bool was_taken(commit_scope& scope, const batch& what) {
  catch_up(scope);
  const auto identity = identity_of(what);
  return scope.seen.any(hash_of(identity), [&](std::uint64_t number) {
    const auto before = find(scope, number);
    return before && before->identity == identity
           && !is_old(scope, before->taken);
  });
}

void remember(commit_scope& scope, const batch& what) {
  if (scope.options.dedupe_max == 0)
    return;
  const auto identity = identity_of(what);
  const auto number = scope.count.seen_next++;
  const seen_fixed fixed{0, scope.now()};
  std::string bytes{reinterpret_cast<const char*>(&fixed), sizeof(fixed)};
  bytes += identity;
  const auto key = number_key(number);
  seal(table::seen, key, bytes.data(), bytes.size());
  if (scope.txn.put(table::seen, key, bytes, MDB_APPEND))
    scope.seen.add(hash_of(identity), number);
  forget(scope);
}

} // namespace posthorn::storage::lmdb

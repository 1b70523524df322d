// SPDX-License-Identifier: Apache-2.0
// Records of the store: whatever bytes lie under a right checksum are read
// within their bounds, and what was changed after sealing is never read at all.
#include "messages/errors.hpp"
#include "storage/lmdb/batch_record.hpp"
#include "storage/lmdb/records.hpp"
#include "storage/transaction_body.hpp"
#include "tests/fuzz/check.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace posthorn;
using namespace posthorn::storage;
using namespace posthorn::storage::lmdb;

namespace {

constexpr record_no pool_record = 7;

std::string sealed(table where, std::string_view key, std::string_view bytes) {
  std::string result{bytes};
  if (result.size() >= 8)
    seal(where, key, result.data(), result.size());
  return result;
}

// Everything that readers of a record ask of it.
void read_all(const batch_view& view) {
  std::uint64_t sum = view.feed().size();
  std::vector<body_run> runs;
  for (std::uint32_t i = 0; i < view.items(); ++i) {
    auto json = view.run(i, 1);
    FUZZ_CHECK(json.size() == view.size(i));
    FUZZ_CHECK(view.bytes(i, 1) == json.size());
    auto tail = view.run(i, view.items() - i);
    FUZZ_CHECK(tail.starts_with(json));
    // Every byte is touched, for AddressSanitizer to see it.
    for (auto c : tail)
      sum += static_cast<unsigned char>(c);
    runs.push_back({view.kind(i), json});
  }
  auto fields = view.fields();
  FUZZ_CHECK(fields.empty() || fields.size() == view.items());
  render(runs, {true, true});
  FUZZ_CHECK(sum + 1 > 0);
}

void try_batch(std::string_view bytes) {
  auto record = sealed(table_of(pool_record), record_key(pool_record), bytes);
  if (auto view = batch_view::verify(pool_record, record))
    read_all(*view);
}

template <class Record>
void try_fixed(table where, std::string_view bytes) {
  if (auto read = decode<Record>(where, "key", sealed(where, "key", bytes)))
    FUZZ_CHECK(bytes.size() == sizeof(*read));
}

void try_small(std::string_view bytes) {
  if (auto read = decode_service("key", sealed(table::services, "key", bytes)))
    FUZZ_CHECK(read->id.size() + read->last_error.size() <= bytes.size());
  if (auto read = decode_lease("key", sealed(table::leases, "key", bytes)))
    FUZZ_CHECK(read->holder.size() <= bytes.size());
  if (auto read = decode_node("key", sealed(table::nodes, "key", bytes)))
    FUZZ_CHECK(read->boot.size() + read->address.size() + read->version.size()
               <= bytes.size());
  try_fixed<counters>(table::meta, bytes);
  try_fixed<queue_entry>(table::queue, bytes);
  try_fixed<member_record>(table::members, bytes);
  try_fixed<newest_record>(table::newest, bytes);
  try_fixed<call_record>(table::calls, bytes);
  try_fixed<cluster_record>(table::meta, bytes);
}

// Items out of an input: each line one, its first byte its kind.
struct made_record {
  std::string bytes;
  std::vector<body_run> runs;
};

made_record make_record(std::string_view lines) {
  made_record result;
  std::uint64_t json_bytes = 0;
  while (!lines.empty()) {
    auto end = std::min(lines.find('\n'), lines.size());
    if (end > 0) {
      auto letter = static_cast<unsigned char>(lines.front());
      auto kind = static_cast<item_kind>(1 + letter % 6);
      result.runs.push_back({kind, lines.substr(1, end - 1)});
      json_bytes += end - 1;
    }
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  auto size = batch_record_size(result.runs.size(), 4, 0, json_bytes);
  result.bytes.resize(size);
  batch_fixed fixed;
  fixed.items = static_cast<std::uint32_t>(result.runs.size());
  batch_writer writer{result.bytes.data(), size, fixed, "feed", {}};
  for (auto& each : result.runs)
    writer.add(each.kind, each.json);
  writer.finish(pool_record);
  return result;
}

void check_as_written(const made_record& made) {
  auto view = batch_view::verify(pool_record, made.bytes);
  FUZZ_CHECK(view && view->items() == made.runs.size());
  FUZZ_CHECK(view->feed() == "feed");
  for (std::uint32_t i = 0; i < view->items(); ++i) {
    FUZZ_CHECK(view->kind(i) == made.runs[i].kind);
    FUZZ_CHECK(view->run(i, 1) == made.runs[i].json);
  }
  read_all(*view);
  FUZZ_CHECK(!batch_view::verify(pool_record + 1, made.bytes));
}

// Bits that flip, bytes that are lost or come from elsewhere.
void check_rot(const made_record& made, std::uint64_t seed) {
  fuzz::numbers random{seed};
  for (int round = 0; round < 8; ++round) {
    auto rotten = made.bytes;
    for (auto flips = 1 + random.below(3); flips > 0; --flips) {
      auto& byte = rotten[random.below(rotten.size())];
      byte = static_cast<char>(byte ^ (1 << random.below(8)));
    }
    if (random.below(4) == 0)
      rotten.resize(random.below(rotten.size()));
    else if (random.below(4) == 0)
      rotten += made.bytes.substr(random.below(made.bytes.size()));
    if (rotten != made.bytes)
      FUZZ_CHECK(!batch_view::verify(pool_record, rotten));
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  fuzz::input in{data, size};
  switch (in.mode % 3) {
  case 0:
    try_batch(in.rest);
    break;
  case 1:
    try_small(in.rest);
    break;
  default: {
    auto made = make_record(in.rest);
    check_as_written(made);
    check_rot(made, in.mode + size);
  }
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// A store whose file is damaged anywhere: refused, or used without harm.
#include "tests/contract/lmdb_rig.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

using namespace posthorn;
using namespace posthorn::contract;
namespace fs = std::filesystem;

namespace {

constexpr int events = 640;

/// A closed store with pages of every kind, and its file's bytes.
struct damage_bench : workbench {
  damage_bench() {
    irc = service("irc");
    limits.max_events = 2 * events;
    for (int n = 1; n <= events / 2; n += 20) {
      append(numbered(10, n));
      append(event_run(n + 10, 10));
    }
    route_all({irc});
    for (int n = events / 2 + 1; n <= events; n += 20)
      append(event_run(n, 20));
    close();
    std::ifstream file{path(), std::ios::binary};
    bytes.assign(std::istreambuf_iterator<char>{file}, {});
  }

  /// Events in a batch that is large enough for pages of its own.
  static std::vector<raw_item> event_run(int from, int count) {
    auto result = numbered(count, from);
    result.push_back({item_kind::event, "\"" + std::string(3'000, 'x') + "\""});
    return result;
  }

  lmdb_rig& lmdb() {
    return dynamic_cast<lmdb_rig&>(*rig);
  }

  void close() {
    lmdb().store.reset();
  }

  fs::path path() {
    return lmdb().data() / "data.mdb";
  }

  /// Opens a file with these bytes. Answers the refusal, or none.
  caf::error open(const std::string& with) {
    close();
    lmdb().reports.clear();
    {
      std::ofstream file{path(), std::ios::binary | std::ios::trunc};
      file << with;
    }
    auto opened = storage::open_lmdb(lmdb().options());
    if (!opened)
      return opened.error();
    lmdb().store = std::move(*opened);
    return {};
  }

  /// The answer of one mutation, whatever it is.
  caf::expected<storage::reply> ask(const storage::mutation& what) {
    return it().commit({&what, 1}).front();
  }

  /// Routes and delivers all that can be. Answers the bodies; notes whether
  /// the store said that something was wrong.
  std::vector<std::string> deliver(bool& told) {
    std::vector<std::string> bodies;
    auto cursor = it().cursor();
    auto page = it().peek(cursor ? *cursor : 0, {});
    auto what = std::make_shared<routing>();
    if (cursor && page) {
      what->epoch = sorter;
      what->from = *cursor;
      what->to = page->next;
      what->addressees.push_back({irc, limits, false});
      for (auto& entry : page->entries) {
        parcel each;
        each.to = {irc};
        each.items = static_cast<std::uint32_t>(entry.kinds.size());
        each.pieces.push_back({entry.position, 0, each.items});
        what->parcels.push_back(std::move(each));
      }
      told = !ask(storage::route{what}) || told;
    }
    auto answer = ask(storage::next{claim_of(irc), limits});
    while (answer) {
      auto next = std::get<outbound_ptr>(*answer);
      if (!next)
        break;
      bodies.push_back(next->body);
      answer = ask(storage::complete{claim_of(irc), next->txn_id, limits});
    }
    told = told || !page || !answer || !lmdb().reports.empty();
    return bodies;
  }

  service_no irc = 0;
  std::string bytes;
};

/// Bodies without the fillers, so that only numbered events are left.
bool is_unaltered(const std::vector<std::string>& bodies) {
  const std::string filler = "\"" + std::string(3'000, 'x') + "\"";
  for (auto body : bodies) {
    for (auto i = body.find(filler); i != std::string::npos;
         i = body.find(filler, i))
      body.erase(i, filler.size());
    std::string expected = "{\"events\":[";
    for (auto number : numbers_in({body}))
      expected += "{\"n\":" + std::to_string(number) + "}";
    expected += "]}";
    body.erase(std::remove(body.begin() + 11, body.end(), ','), body.end());
    if (body != expected)
      return false;
  }
  return true;
}

/// Opens the damaged bytes and delivers. Answers whether it was refused.
bool survives(damage_bench& bench, const std::string& bytes) {
  if (auto why = bench.open(bytes)) {
    CHECK((is(why, ec::store_corrupt) || is(why, ec::store_failed)));
    CHECK(text_of(why).find(bench.lmdb().data().string()) != std::string::npos);
    return true;
  }
  bool told = false;
  auto bodies = bench.deliver(told);
  CHECK(is_unaltered(bodies));
  auto numbers = numbers_in(bodies);
  CHECK(std::is_sorted(numbers.begin(), numbers.end()));
  CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
  if (!told)
    CHECK(numbers == up_to(events));
  return false;
}

} // namespace

TEST_SUITE_BEGIN("lmdb: survey");

TEST_CASE("a bit that flips anywhere in the file is harmless, or found before "
          "anything altered is delivered") {
  damage_bench bench;
  std::mt19937 random{20};
  int refused = 0;
  for (int round = 0; round < 600; ++round) {
    auto bytes = bench.bytes;
    auto at = random() % bytes.size();
    // Every third in the first bytes of a page, which LMDB trusts most.
    if (round % 3 == 0)
      at = at / 4096 * 4096 + random() % 64;
    auto bit = random() % 8;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    CAPTURE(at);
    CAPTURE(bit);
    refused += survives(bench, bytes) ? 1 : 0;
  }
  CHECK(refused > 20);
}

TEST_CASE("a bit that flips in a root is harmless or found") {
  damage_bench bench;
  int refused = 0;
  for (std::size_t root : {0, 4096})
    for (std::size_t at = root; at < root + 152; ++at) {
      auto bytes = bench.bytes;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 7));
      CAPTURE(at);
      refused += survives(bench, bytes) ? 1 : 0;
    }
  CHECK(refused > 60);
}

TEST_CASE("a file that was cut short is refused, wherever it was cut") {
  damage_bench bench;
  std::mt19937 random{21};
  for (int round = 0; round < 60; ++round) {
    auto size = 1 + random() % (bench.bytes.size() - 1);
    CAPTURE(size);
    CHECK(survives(bench, bench.bytes.substr(0, size)));
  }
}

TEST_CASE("a page that was overwritten with another one is found") {
  damage_bench bench;
  std::mt19937 random{22};
  for (int round = 0; round < 100; ++round) {
    auto bytes = bench.bytes;
    auto pages = bytes.size() / 4096;
    auto from = random() % pages;
    auto to = random() % pages;
    CAPTURE(from);
    CAPTURE(to);
    bytes.replace(to * 4096, 4096, bench.bytes.substr(from * 4096, 4096));
    survives(bench, bytes);
  }
}

TEST_CASE("a store that is whole passes, and says nothing") {
  damage_bench bench;
  CHECK(!bench.open(bench.bytes));
  bool told = false;
  CHECK(numbers_in(bench.deliver(told)) == up_to(events));
  CHECK(!told);
  bench.close();
  bench.rig->reopen();
  CHECK(bench.lmdb().reports.empty());
}

TEST_SUITE_END();

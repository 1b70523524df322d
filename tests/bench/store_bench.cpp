// SPDX-License-Identifier: Apache-2.0
// What the LMDB store costs an event, beside a bare LMDB put of the same bytes.
//
// Each iteration is one round of group commits: `batches` feed transactions of
// `events` events of 580 bytes. Time is the process's CPU time as well as the
// wall's; the difference is waiting for the disk.
#include "storage/lmdb/lmdb_store.hpp"

#include <benchmark/benchmark.h>
#include <lmdb.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace posthorn;
namespace fs = std::filesystem;

constexpr std::size_t event_bytes = 580;

void require(bool what, const std::string& why) {
  if (what)
    return;
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

/// A directory that goes with the object; TMPDIR says on which disk.
struct place {
  place() {
    auto pattern = (fs::temp_directory_path() / "posthorn-XXXXXX").string();
    require(mkdtemp(pattern.data()) != nullptr, "cannot make a directory");
    path = pattern;
  }

  place(const place&) = delete;
  place& operator=(const place&) = delete;

  ~place() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }

  fs::path path;
};

std::shared_ptr<batch> make_batch(std::uint64_t number, std::size_t events) {
  auto result = std::make_shared<batch>();
  result->feed = "irc";
  result->txn_id = std::to_string(number);
  result->body.reserve(events * (event_bytes + 1));
  for (std::size_t i = 0; i < events; ++i) {
    item each;
    each.json = {static_cast<std::uint32_t>(result->body.size()), event_bytes};
    result->items.push_back(each);
    result->body += "{\"n\":" + std::to_string(number + i) + ",\"x\":\"";
    result->body.resize(each.json.offset + event_bytes - 2, 'x');
    result->body += "\"}";
    result->body += ',';
  }
  return result;
}

/// A store with one service, driven as a node drives it.
struct driven_store {
  driven_store() {
    storage::lmdb_options options;
    options.directory = where.path / "store";
    auto opened = storage::open_lmdb(std::move(options));
    require(bool{opened}, "cannot open the store");
    store = std::move(*opened);
    one(storage::enroll{{"irc"}});
    service.epoch = lease("service/irc");
    sorter = lease("sorter");
    service.service = 1;
  }

  storage::reply one(storage::mutation what) {
    auto answers = store->commit({&what, 1});
    require(bool{answers[0]}, answers[0] ? "" : text_of(answers[0].error()));
    return std::move(*answers[0]);
  }

  session_no session = 0;

  posthorn::epoch lease(const std::string& name) {
    if (session == 0) {
      session_request asked;
      asked.node = "a";
      session
        = std::get<posthorn::session>(one(storage::open_session{asked})).number;
    }
    lease_request request{name, "a", session};
    return std::get<posthorn::lease>(one(storage::take_lease{request})).epoch;
  }

  void append(const std::vector<std::shared_ptr<batch>>& batches) {
    std::vector<storage::mutation> work;
    for (auto& each : batches)
      work.push_back(storage::append{each});
    for (auto& answer : store->commit(work))
      require(bool{answer}, "append failed");
  }

  /// Batches of many events stay where they are, single events are copied
  /// together: what the sorter does.
  void route() {
    storage::page_limits limits;
    auto page = store->peek(cursor, limits);
    require(bool{page}, "peek failed");
    auto what = std::make_shared<routing>();
    what->epoch = sorter;
    what->from = cursor;
    what->to = page->next;
    what->addressees.push_back({service.service, {}, true});
    for (auto& entry : page->entries) {
      auto count = static_cast<std::uint32_t>(entry.kinds.size());
      if (what->parcels.empty() || count > 1)
        what->parcels.push_back({{service.service}, {}, 0, 0});
      what->parcels.back().pieces.push_back({entry.position, 0, count});
    }
    one(storage::route{what});
    cursor = page->next;
  }

  /// Sends all that waits; answers how many transactions that were.
  int drain() {
    int sent = 0;
    auto out = std::get<outbound_ptr>(one(storage::next{service, {}}));
    for (; out; ++sent) {
      benchmark::DoNotOptimize(out->body.data());
      out = std::get<outbound_ptr>(
        one(storage::complete{service, out->txn_id, {}}));
    }
    return sent;
  }

  place where;
  std::unique_ptr<storage::store> store;
  claim service;
  posthorn::epoch sorter = 0;
  std::uint64_t cursor = 0;
};

std::vector<std::shared_ptr<batch>>
make_batches(std::uint64_t& number, std::int64_t count, std::int64_t events) {
  std::vector<std::shared_ptr<batch>> result;
  for (std::int64_t i = 0; i < count; ++i)
    result.push_back(make_batch(++number, static_cast<std::size_t>(events)));
  return result;
}

void count_events(benchmark::State& state) {
  auto events = state.iterations() * state.range(0) * state.range(1);
  state.SetItemsProcessed(events);
  state.counters["cpu_per_event"] = benchmark::Counter(
    static_cast<double>(events),
    benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

/// Arguments: batches in a commit, events in a batch.
void append_only(benchmark::State& state) {
  driven_store it;
  std::uint64_t number = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto batches = make_batches(number, state.range(0), state.range(1));
    state.ResumeTiming();
    it.append(batches);
    state.PauseTiming();
    it.route();
    it.drain();
    state.ResumeTiming();
  }
  count_events(state);
}

void append_route_deliver(benchmark::State& state) {
  driven_store it;
  std::uint64_t number = 0;
  std::int64_t transactions = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto batches = make_batches(number, state.range(0), state.range(1));
    state.ResumeTiming();
    it.append(batches);
    it.route();
    transactions += it.drain();
  }
  count_events(state);
  state.counters["transactions"] = static_cast<double>(transactions);
}

/// The same bytes put into LMDB and deleted, one record a batch.
void bare_lmdb(benchmark::State& state) {
  place where;
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  mdb_env_create(&env);
  mdb_env_set_mapsize(env, std::size_t{1} << 34);
  require(mdb_env_open(env, where.path.c_str(), MDB_NOTLS, 0600) == 0, "open");
  mdb_txn_begin(env, nullptr, 0, &txn);
  mdb_dbi_open(txn, nullptr, MDB_INTEGERKEY, &dbi);
  mdb_txn_commit(txn);
  std::uint64_t number = 0;
  std::size_t first = 1;
  for (auto _ : state) {
    state.PauseTiming();
    auto batches = make_batches(number, state.range(0), state.range(1));
    state.ResumeTiming();
    mdb_txn_begin(env, nullptr, 0, &txn);
    auto at = first;
    for (auto& each : batches) {
      MDB_val key{sizeof(at), &at};
      MDB_val value{each->body.size(), each->body.data()};
      require(mdb_put(txn, dbi, &key, &value, MDB_APPEND) == 0, "put");
      ++at;
    }
    require(mdb_txn_commit(txn) == 0, "commit");
    state.PauseTiming();
    mdb_txn_begin(env, nullptr, 0, &txn);
    for (; first < at; ++first) {
      MDB_val key{sizeof(first), &first};
      mdb_del(txn, dbi, &key, nullptr);
    }
    mdb_txn_commit(txn);
    state.ResumeTiming();
  }
  count_events(state);
  mdb_env_close(env);
}

void shapes(benchmark::internal::Benchmark* what) {
  what->ArgNames({"batches", "events"});
  what->Args({1, 100})->Args({16, 100})->Args({64, 100});
  what->Args({1, 1})->Args({64, 1})->Args({1'000, 1});
  what->Unit(benchmark::kMicrosecond)->MeasureProcessCPUTime();
}

BENCHMARK(bare_lmdb)->Apply(shapes);
BENCHMARK(append_only)->Apply(shapes);
BENCHMARK(append_route_deliver)->Apply(shapes);

} // namespace

BENCHMARK_MAIN();

// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/raw_rates.hpp"

#include "apps/posthorn/bench/generator.hpp"
#include "apps/posthorn/bench/receivers.hpp"

#include <lmdb.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace posthorn::bench {

namespace {

namespace fs = std::filesystem;

constexpr double ns_per_second = 1e9;
constexpr std::uint64_t longest_ns = 3'000'000'000;

/// Singles show their rate with fewer events.
constexpr std::uint64_t single_events_max = 20'000;

constexpr std::chrono::milliseconds step{2};
constexpr std::uint64_t stalled_ns = 20'000'000'000;

double rate_of(std::uint64_t events, std::uint64_t ns) {
  return static_cast<double>(events) * ns_per_second
         / static_cast<double>(std::max<std::uint64_t>(ns, 1));
}

/// An LMDB environment with one table, as plain as it gets.
class bare_environment {
public:
  bare_environment() = default;
  bare_environment(const bare_environment&) = delete;
  bare_environment& operator=(const bare_environment&) = delete;

  ~bare_environment() {
    if (env_ != nullptr)
      mdb_env_close(env_);
  }

  caf::error open(const fs::path& directory, std::size_t map_bytes) {
    std::error_code ignored;
    fs::create_directories(directory, ignored);
    MDB_txn* txn = nullptr;
    auto code = mdb_env_create(&env_);
    if (code == 0)
      code = mdb_env_set_mapsize(env_, map_bytes);
    if (code == 0)
      code = mdb_env_open(env_, directory.c_str(), 0, 0600);
    if (code == 0)
      code = mdb_txn_begin(env_, nullptr, 0, &txn);
    if (code == 0)
      code = mdb_dbi_open(txn, nullptr, MDB_INTEGERKEY, &table_);
    if (code == 0)
      code = mdb_txn_commit(txn);
    return result_of(code);
  }

  /// One commit of `count` events from `first` on.
  caf::error commit(const event_mould& mould, std::string& event,
                    std::uint64_t first, std::uint64_t count) {
    MDB_txn* txn = nullptr;
    auto code = mdb_txn_begin(env_, nullptr, 0, &txn);
    if (code != 0)
      return result_of(code);
    for (auto number = first; code == 0 && number < first + count; ++number) {
      stamp which;
      which.number = static_cast<std::uint32_t>(number);
      mould.fill(event.data(), which);
      MDB_val key{sizeof(number), &number};
      MDB_val value{event.size(), event.data()};
      code = mdb_put(txn, table_, &key, &value, MDB_APPEND);
    }
    if (code == 0)
      return result_of(mdb_txn_commit(txn));
    mdb_txn_abort(txn);
    return result_of(code);
  }

private:
  static caf::error result_of(int code) {
    if (code == 0)
      return caf::none;
    return fault(ec::store_failed, std::string{"the plain LMDB environment: "}
                                     + mdb_strerror(code));
  }

  MDB_env* env_ = nullptr;
  MDB_dbi table_ = 0;
};

caf::expected<double> lmdb_rate(const fs::path& directory,
                                const event_mould& mould, std::uint64_t events,
                                std::uint64_t group) {
  bare_environment env;
  // Twice what there is: pages are not full.
  const auto map_bytes = (std::size_t{64} << 20) + 2 * events * mould.bytes();
  if (auto why = env.open(directory, map_bytes))
    return why;
  auto event = mould.blank();
  std::uint64_t done = 0;
  const auto begin = steady_ns();
  auto now = begin;
  while (done < events && now - begin < longest_ns) {
    const auto count = std::min(group, events - done);
    if (auto why = env.commit(mould, event, done, count))
      return why;
    done += count;
    now = steady_ns();
  }
  std::error_code ignored;
  fs::remove_all(directory, ignored);
  return rate_of(done, now - begin);
}

caf::expected<double> http_rate(const event_mould& mould, std::uint64_t events,
                                std::size_t lanes, std::size_t batch) {
  auto receiving = receivers::open(mould, 1, lanes);
  if (!receiving)
    return std::move(receiving.error());
  auto& to = **receiving;
  if (auto why = to.listen())
    return why;
  load what;
  what.port = to.port(0);
  what.lanes = lanes;
  what.events = events;
  what.batch = batch;
  auto sending = generator::open(mould, what);
  if (!sending)
    return std::move(sending.error());
  auto& from = **sending;
  from.start();
  const auto begin = steady_ns();
  while (!from.done()) {
    std::this_thread::sleep_for(step);
    if (auto why = to.failure())
      return why;
    if (steady_ns() - std::max(begin, to.newest_ns()) > stalled_ns)
      return fault(ec::bad_address, "plain HTTP stands still");
  }
  if (auto why = from.failure())
    return why;
  const auto& arrived = to.finish();
  if (const auto wrong = arrived.missing(from.sent()))
    return fault(ec::store_corrupt, "plain HTTP: " + *wrong);
  return rate_of(events, to.newest_ns() - from.first_ns());
}

} // namespace

caf::expected<raw_rates> measure_raw(const fs::path& directory,
                                     const event_mould& mould,
                                     std::uint64_t events, std::size_t batch) {
  raw_rates result;
  const auto singles = std::min(events, single_events_max);
  const auto keep = [](double& where, caf::expected<double> what) {
    where = what ? *what : 0;
    return what ? caf::error{} : std::move(what.error());
  };
  const auto place = directory / "plain-lmdb";
  auto why = keep(result.lmdb_1000, lmdb_rate(place, mould, events, 1000));
  if (!why)
    why = keep(result.lmdb_100, lmdb_rate(place, mould, events, 100));
  if (!why)
    why = keep(result.lmdb_1, lmdb_rate(place, mould, singles, 1));
  if (!why)
    why = keep(result.http_1, http_rate(mould, events, 1, batch));
  if (!why)
    why = keep(result.http_8, http_rate(mould, events, 8, batch));
  if (!why)
    why = keep(result.http_single, http_rate(mould, singles, 1, 1));
  if (why)
    return why;
  return result;
}

} // namespace posthorn::bench

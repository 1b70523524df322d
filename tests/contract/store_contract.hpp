// SPDX-License-Identifier: Apache-2.0
// What every store must do, as doctest cases over a store of any kind.
//
// A store's test program links the *_contract.cpp files and defines make_rig().
#pragma once

#include "storage/store.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace posthorn::contract {

/// A store under test, with the clocks in the test's hands.
class store_rig {
public:
  /// What the cases want different from one opening to the next.
  struct settings {
    std::uint64_t max_store = 256 * 1024 * 1024;
    std::size_t dedupe_max = 1'000'000;
    std::chrono::hours dedupe_age{7 * 24};
  };

  virtual ~store_rig() = default;

  /// The open store.
  virtual storage::store& it() = 0;

  /// Closes it and opens it again, as `want` says.
  virtual void reopen() = 0;

  /// The store is lost with all that was in it; opens a new one.
  virtual void start_over() = 0;

  /// Keeps a copy of all that is in the store, closed for a moment.
  virtual void keep_copy() = 0;

  /// Opens what was kept in place of what is there.
  virtual void restore_copy() = 0;

  settings want;
  /// The clock that leases run by, and the time of day.
  std::chrono::milliseconds lease_now{1'000'000};
  std::chrono::system_clock::time_point wall_now{
    std::chrono::hours{24 * 20'000}};
};

/// Makes an empty store: defined once in each test program.
std::unique_ptr<store_rig> make_rig();

/// An item of a batch: kind and JSON.
using raw_item = std::pair<item_kind, std::string>;

/// A batch with these items, as the intake makes it. The digest is `digest`
/// repeated.
std::shared_ptr<batch> make_batch(const std::string& feed,
                                  const std::string& txn_id,
                                  const std::vector<raw_item>& items,
                                  std::uint8_t digest = 0);

/// `count` items of kind event, {"n":1} and so on from `from`, the batch's
/// whole content.
std::vector<raw_item> numbered(int count, int from = 1);

/// One item of kind event whose JSON has `size` bytes.
raw_item event_of(std::size_t size);

/// A store with what the cases do to it, in their words. All but refused()
/// require that the store does it.
class workbench {
public:
  workbench();

  storage::store& it() {
    return rig->it();
  }

  /// Carries out one mutation, which must succeed.
  storage::reply done(storage::mutation what);

  /// Carries out one mutation, which must be refused.
  caf::error refused(storage::mutation what);

  /// Enrolls a service and takes its lease and, once, the sorter's.
  service_no service(const std::string& id);

  /// Takes a lease, in the node's session; one is opened if it has none.
  posthorn::epoch lease(const std::string& name, const std::string& node = "a");

  /// Opens a session with a ttl of ten seconds.
  session_no session(const std::string& node);

  /// A sign of life of a node.
  void beat(const std::string& node);

  /// What the store knows of a node; session 0 where it knows nothing.
  node_row node(const std::string& name);

  /// Appends a batch of a feed transaction of its own.
  std::uint64_t append(const std::vector<raw_item>& items,
                       const std::string& feed = "");

  /// Routes all of the pool, each batch whole, to `to`. `cut`: whether idle
  /// services may be cut for.
  routed route_all(const std::vector<service_no>& to, bool cut = false);

  /// A routing of all of the pool without any parcel.
  std::shared_ptr<routing> routing_of_pool();

  outbound_ptr next(service_no who);
  outbound_ptr complete(service_no who, const std::string& txn_id);
  void fail(service_no who, const std::string& txn_id,
            std::uint32_t failures = 1);

  /// Takes and completes until nothing is left; answers the bodies.
  std::vector<std::string> drain(service_no who);

  service_row row(service_no who);
  storage::store_stat stat();
  pool_page page(const storage::page_limits& limits = {});

  claim claim_of(service_no who) const;

  std::unique_ptr<store_rig> rig;
  cut_limits limits;
  posthorn::epoch sorter = 0;
  std::vector<posthorn::epoch> epochs{0};
  std::map<std::string, session_no> sessions;

private:
  int appended_ = 0;
};

/// The numbers of numbered() events in bodies, in order.
std::vector<int> numbers_in(const std::vector<std::string>& bodies);

/// 1 to `last`.
std::vector<int> up_to(int last);

} // namespace posthorn::contract

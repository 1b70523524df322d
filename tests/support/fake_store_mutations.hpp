// SPDX-License-Identifier: Apache-2.0
// What the fake store keeps, and what it answers to mutations.
#pragma once

#include "storage/store.hpp"
#include "storage/trial.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace posthorn::testing {

class fake_store_mutations : public storage::store {
public:
  /// Events that wait, each `events` of the open transaction included.
  std::deque<std::string> queue;
  outbound_ptr open;
  bool paused = false;
  std::uint32_t failures = 0;
  std::chrono::system_clock::time_point next_attempt;
  std::uint32_t refusals = 0;
  std::uint32_t doubts = 0;
  bool probing = false;
  storage::trial trial;
  /// Events that were set aside, and why.
  std::vector<std::pair<std::string, std::string>> dead;
  std::uint64_t transactions = 0;
  epoch current_epoch = 1;
  /// Word of each mutation, in order: "append", "next", ...
  std::vector<std::string> asked;
  /// Size of each commit.
  std::vector<std::size_t> commits;
  /// When set, says for each mutation whether it fails now.
  std::function<caf::error(const std::string&)> fault;
  /// What peek() hands out.
  pool_page page;
  std::uint64_t at = 0;
  /// The routings that were carried out.
  std::vector<routing> routings;
  /// Of each room, by user: whether joined, and whether the feed said so.
  std::map<std::string, std::map<std::string, std::pair<bool, bool>>> members;
  /// The same of users of other homeservers.
  std::map<std::string, std::map<std::string, std::pair<bool, bool>>> others;
  /// Of each room: its aliases, and whether the feed said so.
  std::map<std::string, std::pair<std::vector<std::string>, bool>> alias_sets;
  /// How often joined() was asked.
  mutable int rooms_read = 0;
  /// How often rooms_of() was asked.
  mutable int users_read = 0;
  /// What nodes() answers; mutations of sessions change it.
  std::vector<node_row> node_rows;
  session_no last_session = 0;
  std::map<std::string, lease_row> lease_rows;
  mutable std::uint64_t lists = 0;
  /// By session: what take_calls answers, once.
  std::map<session_no, std::vector<service_call>> waiting_calls;
  /// What a routing answers as delivered by other nodes.
  std::vector<service_no> elsewhere;
  std::vector<handed_transaction> handed;
  /// What was asked of owners.
  std::vector<storage::call> asked_of_owners;
  /// Whether there is an owner to ask.
  bool owned = true;
  int unblocked = 0;
  /// Whether joined() and rooms_of() answer store_failed.
  bool reading_fails = false;

  std::vector<caf::expected<storage::reply>>
  commit(std::span<const storage::mutation> work) override {
    commits.push_back(work.size());
    std::vector<caf::expected<storage::reply>> result;
    for (const auto& one : work)
      result.push_back(std::visit([this](auto& x) { return run(x); }, one));
    return result;
  }

  node_row* find_node(const std::string& name) {
    for (auto& one : node_rows)
      if (one.name == name)
        return &one;
    return nullptr;
  }

  storage::reply cut(const cut_limits& limits) {
    if (paused)
      return outbound_ptr{};
    if (!open && !queue.empty()) {
      auto made = std::make_shared<outbound>();
      made->number = ++transactions;
      made->txn_id = "t-" + std::to_string(made->number);
      made->events = count(queue.size(), limits);
      made->items = made->events;
      for (std::uint32_t i = 0; i < made->events; ++i)
        made->body += queue[i] + " ";
      refusals = 0;
      doubts = 0;
      probing = false;
      open = made;
    }
    if (!open)
      return outbound_ptr{};
    auto copy = std::make_shared<outbound>(*open);
    copy->failures = failures;
    copy->next_attempt = next_attempt;
    copy->refusals = refusals;
    copy->doubts = doubts;
    copy->probing = probing;
    copy->suspect = trial.poison != 0;
    return outbound_ptr{copy};
  }

protected:
  using answer = caf::expected<storage::reply>;

  caf::error trouble(const std::string& what) {
    asked.push_back(what);
    return fault ? fault(what) : caf::error{};
  }

  std::uint32_t count(std::uint64_t waiting, const cut_limits& limits) const {
    return static_cast<std::uint32_t>(
      std::min({waiting, std::uint64_t{limits.max_events}, trial.items_max()}));
  }

  answer run(const storage::append& x) {
    if (auto e = trouble("append"))
      return e;
    for (const auto& one : x.what->items)
      queue.emplace_back(one.json.of(x.what->body));
    return storage::reply{receipt{1, false}};
  }

  answer run(const storage::route& x) {
    if (auto e = trouble("route"))
      return e;
    if (x.what->epoch != current_epoch || x.what->from != at)
      return fault_of(ec::fenced);
    at = x.what->to;
    page = pool_page{};
    page.from = at;
    routings.push_back(*x.what);
    take(x.what->rooms, true);
    routed result;
    for (const auto& who : x.what->addressees)
      result.services.push_back(who.service);
    result.elsewhere = elsewhere;
    result.handed = handed;
    return storage::reply{result};
  }

  answer run(const storage::next& x) {
    if (auto e = trouble("next"))
      return e;
    if (x.who.epoch != current_epoch)
      return fault_of(ec::fenced);
    return cut(x.limits);
  }

  answer run(const storage::complete& x) {
    if (auto e = trouble("complete"))
      return e;
    if (x.who.epoch != current_epoch)
      return fault_of(ec::fenced);
    if (!open || open->txn_id != x.txn_id)
      return fault_of(ec::unknown_transaction);
    queue.erase(queue.begin(), queue.begin() + open->events);
    trial.accept(open->items);
    open = nullptr;
    failures = 0;
    return cut(x.limits);
  }

  answer run(const storage::recut& x) {
    if (auto e = trouble("recut"))
      return e;
    if (x.who.epoch != current_epoch)
      return fault_of(ec::fenced);
    if (!open || open->txn_id != x.txn_id)
      return fault_of(ec::unknown_transaction);
    trial.give_up(x.why, open->items, open->body.size());
    open = nullptr;
    next_attempt = {};
    const auto held = std::pair{refusals, doubts};
    cut(x.limits);
    if (x.why == recut_reason::renewed)
      std::tie(refusals, doubts) = held;
    return cut(x.limits);
  }

  answer run(const storage::set_aside& x) {
    if (auto e = trouble("set_aside"))
      return e;
    if (x.who.epoch != current_epoch)
      return fault_of(ec::fenced);
    if (!open || (!x.txn_id.empty() && open->txn_id != x.txn_id))
      return fault_of(ec::unknown_transaction);
    for (std::uint32_t i = 0; i < open->events; ++i) {
      dead.emplace_back(queue.front(), x.reason);
      queue.pop_front();
    }
    trial.set_aside(open->items);
    open = nullptr;
    next_attempt = {};
    if (queue.empty()) {
      failures = 0;
      trial = {};
    }
    return cut(x.limits);
  }

  answer run(const storage::replay& x) {
    if (auto e = trouble("replay"))
      return e;
    for (const auto& one : dead)
      queue.push_back(one.first);
    auto count = dead.size();
    dead.clear();
    return x.txn_id.empty() ? storage::reply{storage::moved{count, false}}
                            : storage::reply{storage::moved{}};
  }

  answer run(const storage::drop&) {
    if (auto e = trouble("drop"))
      return e;
    auto count = dead.size();
    dead.clear();
    return storage::reply{storage::moved{count, false}};
  }

  answer run(const storage::fail& x) {
    if (auto e = trouble("fail"))
      return e;
    if (x.who.epoch != current_epoch)
      return fault_of(ec::fenced);
    failures = x.what.failures;
    refusals = x.what.refusals;
    doubts = x.what.doubts;
    probing = x.what.probing;
    next_attempt = x.what.next_attempt;
    return storage::reply{storage::nothing_more{}};
  }

  answer run(const storage::set_paused& x) {
    if (auto e = trouble("set_paused"))
      return e;
    paused = x.paused;
    return storage::reply{storage::nothing_more{}};
  }

  answer run(const storage::enroll& x) {
    return storage::reply{
      storage::enrolled{std::vector<service_no>(x.ids.size(), 1)}};
  }

  answer run(const storage::open_session& x) {
    if (auto e = trouble("open_session"))
      return e;
    auto* row = find_node(x.what.node);
    if (row == nullptr)
      row = &node_rows.emplace_back();
    row->name = x.what.node;
    row->session = ++last_session;
    row->state = node_state::up;
    row->alive = true;
    row->services = x.what.services;
    return storage::reply{session{x.what.node, row->session}};
  }

  answer run(const storage::heartbeat& x) {
    if (auto e = trouble("heartbeat"))
      return e;
    auto* row = find_node(x.what.node);
    if (row == nullptr || row->session != x.what.session || !row->alive)
      return fault_of(ec::fenced);
    row->state = x.what.state;
    row->services = x.what.services;
    return storage::reply{storage::nothing_more{}};
  }

  answer run(const storage::close_session& x) {
    if (auto e = trouble("close_session"))
      return e;
    std::erase_if(node_rows, [&](const node_row& one) {
      return one.name == x.node && one.session == x.session;
    });
    return storage::reply{storage::nothing_more{}};
  }

  bool is_alive(const std::string& node, session_no session) {
    const auto* row = find_node(node);
    return row != nullptr && row->session == session && row->alive;
  }

  answer run(const storage::take_lease& x) {
    if (auto e = trouble("take_lease"))
      return e;
    if (!is_alive(x.what.node, x.what.session))
      return fault_of(ec::fenced);
    auto& row = lease_rows[x.what.name];
    if (!row.node.empty() && is_alive(row.node, row.session))
      return fault_of(ec::lease_held);
    row = {x.what.name, row.epoch + 1, x.what.node, x.what.session, true};
    return storage::reply{lease{x.what.name, row.epoch}};
  }

  answer run(const storage::give_lease& x) {
    if (auto e = trouble("give_lease"))
      return e;
    auto& row = lease_rows[x.name];
    if (row.epoch != x.epoch || row.node.empty())
      return fault_of(ec::fenced);
    row.node.clear();
    return storage::reply{storage::nothing_more{}};
  }

  answer run(const storage::call& x) {
    if (auto e = trouble("call"))
      return e;
    asked_of_owners.push_back(x);
    return storage::reply{storage::called{open != nullptr, owned}};
  }

  answer run(const storage::take_calls& x) {
    if (auto e = trouble("take_calls"))
      return e;
    return storage::reply{
      storage::calls{std::exchange(waiting_calls[x.session], {})}};
  }

  answer run(const storage::learn& x) {
    if (auto e = trouble("learn"))
      return e;
    if (x.epoch != current_epoch)
      return fault_of(ec::fenced);
    return storage::reply{take(*x.what, false)};
  }

  storage::learned take(const room_changes& what, bool from_feed) {
    storage::learned result;
    const auto put = [&](auto& known, const auto& value) {
      if (known.second && !from_feed) {
        ++(known.first == value ? result.same : result.outdated);
        return;
      }
      ++(known.first == value ? result.same : result.changed);
      known = {value, from_feed};
    };
    for (const auto& one : what.memberships)
      put((one.local ? members : others)[one.room_id][one.user_id], one.joined);
    for (const auto& one : what.aliases)
      put(alias_sets[one.room_id], one.aliases);
    return result;
  }

  static caf::error fault_of(ec code) {
    return posthorn::fault(code, std::string{name_of(code)});
  }
};

} // namespace posthorn::testing

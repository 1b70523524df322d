// SPDX-License-Identifier: Apache-2.0
// A store for actor tests: the rules of storage/store.hpp for one service, in
// memory, with faults on order. It notes what it was asked.
#pragma once

#include "tests/support/fake_store_mutations.hpp"

namespace posthorn::testing {

class fake_store : public fake_store_mutations {
public:
  caf::expected<pool_page> peek(std::uint64_t from,
                                const storage::page_limits&) const override {
    if (from != page.from)
      return pool_page{};
    return page;
  }

  caf::expected<std::uint64_t> cursor() const override {
    return at;
  }

  caf::expected<std::vector<service_row>> services() const override {
    return std::vector<service_row>{};
  }

  caf::error
  joined(std::string_view room_id,
         const std::function<void(std::string_view)>& each) const override {
    ++rooms_read;
    if (reading_fails)
      return fault_of(ec::store_failed);
    const auto room = members.find(std::string{room_id});
    if (room != members.end())
      for (const auto& [user, known] : room->second)
        if (known.first)
          each(user);
    return {};
  }

  caf::error
  rooms_of(std::string_view user_id,
           const std::function<bool(std::string_view)>& each) const override {
    ++users_read;
    if (reading_fails)
      return fault_of(ec::store_failed);
    for (const auto* rooms : {&members, &others})
      for (const auto& [room_id, users] : *rooms) {
        const auto user = users.find(std::string{user_id});
        if (user != users.end() && user->second.first && !each(room_id))
          return {};
      }
    return {};
  }

  caf::expected<bool> is_joined(std::string_view room_id,
                                std::string_view user_id) const override {
    const auto room = members.find(std::string{room_id});
    if (room == members.end())
      return false;
    const auto user = room->second.find(std::string{user_id});
    return user != room->second.end() && user->second.first;
  }

  caf::expected<std::vector<std::string>>
  aliases(std::string_view room_id) const override {
    const auto room = alias_sets.find(std::string{room_id});
    if (room == alias_sets.end())
      return std::vector<std::string>{};
    return room->second.first;
  }

  caf::expected<dead_page> dead_letters(const dead_query&) const override {
    return dead_page{};
  }

  caf::expected<storage::store_stat> stat() const override {
    return storage::store_stat{};
  }

  caf::expected<std::vector<node_row>> nodes() const override {
    return node_rows;
  }

  caf::expected<lease_list> leases(std::uint64_t) const override {
    lease_list result;
    result.changes = ++lists;
    for (const auto& [name, row] : lease_rows)
      result.rows.push_back(row);
    return result;
  }

  caf::expected<bool> is_called(session_no session) const override {
    const auto found = waiting_calls.find(session);
    return found != waiting_calls.end() && !found->second.empty();
  }

  caf::expected<event_trace> trace(const trace_query&) const override {
    return event_trace{};
  }

  std::string unblock() override {
    ++unblocked;
    return {};
  }
};

} // namespace posthorn::testing

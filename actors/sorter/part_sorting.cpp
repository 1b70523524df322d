// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/part_sorting.hpp"

#include "messages/errors.hpp"

#include <spdlog/spdlog.h>
#include <xxhash.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace posthorn {

namespace {

bool is_ephemeral_or_to_device(item_kind kind) {
  return kind == item_kind::ephemeral || kind == item_kind::to_device;
}

std::vector<service_no> common(const std::vector<service_no>& a,
                               const std::vector<service_no>& b) {
  std::vector<service_no> result;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(),
                        std::back_inserter(result));
  return result;
}

void make_set(std::vector<service_no>& what) {
  std::sort(what.begin(), what.end());
  what.erase(std::unique(what.begin(), what.end()), what.end());
}

} // namespace

part_sorting::part_sorting(const directory& services, std::uint64_t seed,
                           parcel_builder& parcels,
                           std::set<service_no>& addressed)
  : services_{services}, seed_{seed}, parcels_{parcels}, addressed_{addressed} {
  // nop
}

caf::error part_sorting::add(const pool_entry& entry, std::uint32_t index) {
  return sort({entry, index, std::nullopt});
}

caf::error part_sorting::add_addressed(const pool_entry& entry, service_no to) {
  const auto lasting = [&entry](std::uint32_t i) {
    return entry.kinds[i] == item_kind::event
           || entry.kinds[i] == item_kind::to_device;
  };
  const auto items = static_cast<std::uint32_t>(entry.kinds.size());
  for (std::uint32_t i = 0; i < items;) {
    const auto first = i;
    while (i < items && lasting(i))
      ++i;
    if (i > first) {
      parcels_.add_run(entry, first, i - first, {to});
      addressed_.insert(to);
      continue;
    }
    if (auto why = sort({entry, i++, to}))
      return why;
  }
  return {};
}

caf::error part_sorting::sort(const in_hand& what) {
  switch (what.kind()) {
  case item_kind::event:
    break;
  case item_kind::ephemeral:
    return sort_ephemeral(what);
  case item_kind::to_device:
    return sort_to_device(what);
  case item_kind::device_lists:
  case item_kind::key_counts:
  case item_kind::fallback_keys:
    return sort_by_user(what);
  }
  return {};
}

caf::error part_sorting::sort_ephemeral(const in_hand& what) {
  const auto part = read_ephemeral(what.json());
  if (!part) {
    spdlog::error("sorter: an ephemeral item of batch {} is dropped: {}",
                  what.entry.position, text_of(part.error()));
    return {};
  }
  // Typing and receipts belong to a room, presence to a user; what else there
  // may be is treated as one or the other, by what it has.
  const bool of_room = !part->room_id.empty() && part->type != "m.presence";
  const auto to = of_room ? for_room(what, part->room_id)
                          : for_user(what, part->sender, true);
  if (!to)
    return to.error();
  if (part->type == "m.receipt")
    return sort_receipts(what, *part, *to);
  freshness fresh;
  fresh.subject = subject_of({part->type, part->room_id, part->sender});
  if (part->type == "m.typing")
    fresh.lifetime = typing_lifetime;
  give(what, *to, fresh, {});
  return {};
}

caf::error part_sorting::sort_receipts(const in_hand& what,
                                       const ephemeral_part& part,
                                       const numbers& to) {
  const bool alone = part.receipts.size() == 1;
  for (const auto& each : part.receipts) {
    auto allowed = to;
    if (each.is_private()) {
      const auto owners = owners_of(each.user_id);
      if (!owners)
        return owners.error();
      allowed = common(to, *owners);
    }
    freshness fresh;
    fresh.subject = subject_of(
      {part.type, part.room_id, each.user_id, each.type, each.thread_id});
    give(what, allowed, fresh, alone ? std::string{} : each.json);
  }
  return {};
}

caf::error part_sorting::sort_to_device(const in_hand& what) {
  const auto user_id = read_recipient(what.json());
  if (!user_id) {
    spdlog::error("sorter: a to-device message of batch {} is dropped: {}",
                  what.entry.position, text_of(user_id.error()));
    return {};
  }
  const auto to = for_user(what, *user_id, false);
  if (!to)
    return to.error();
  if (!to->empty())
    parcels_.add_run(what.entry, what.index, 1, *to);
  addressed_.insert(to->begin(), to->end());
  return {};
}

caf::error part_sorting::sort_by_user(const in_hand& what) {
  const auto parts = read_by_user(what.kind(), what.json());
  if (!parts) {
    spdlog::error("sorter: device lists or key counts of batch {} are dropped: "
                  "{}",
                  what.entry.position, text_of(parts.error()));
    return {};
  }
  const char kind = static_cast<char>(what.kind());
  for (const auto& each : *parts) {
    // Keys are counted for a service's own users; of others it is told that
    // their devices have changed.
    const auto to
      = for_user(what, each.user_id, what.kind() == item_kind::device_lists);
    if (!to)
      return to.error();
    freshness fresh;
    fresh.subject = subject_of({{&kind, 1}, each.user_id});
    give(what, *to, fresh, parts->size() == 1 ? std::string{} : each.json);
  }
  return {};
}

caf::expected<part_sorting::numbers>
part_sorting::for_room(const in_hand& what, const std::string& room_id) {
  numbers to;
  if (what.addressee)
    to = {*what.addressee};
  else if (auto why = services_.parts.rooms(room_id, to))
    return why;
  make_set(to);
  keep_registered(what.kind(), to);
  return to;
}

caf::expected<part_sorting::numbers>
part_sorting::for_user(const in_hand& what, const std::string& user_id,
                       bool sharing) {
  numbers to;
  if (what.addressee) {
    to = {*what.addressee};
    // What the homeserver sends of these it has decided to send.
    if (what.kind() == item_kind::ephemeral)
      keep_registered(what.kind(), to);
    return to;
  }
  if (auto why = services_.parts.users(user_id, to))
    return why;
  if (sharing && services_.parts.sharing)
    if (auto why = services_.parts.sharing(user_id, to))
      return why;
  make_set(to);
  keep_registered(what.kind(), to);
  return to;
}

caf::expected<part_sorting::numbers>
part_sorting::owners_of(const std::string& user_id) {
  numbers result;
  if (auto why = services_.parts.users(user_id, result))
    return why;
  make_set(result);
  return result;
}

void part_sorting::keep_registered(item_kind kind, numbers& to) const {
  const auto lacks = [this, kind](service_no number) {
    const auto found = services_.by_number.find(number);
    if (found == services_.by_number.end())
      return true;
    const auto& config = services_.services[found->second].config;
    if (!config)
      return true;
    const auto& has = config->registration;
    return is_ephemeral_or_to_device(kind)
             ? !has.receive_ephemeral && !has.push_ephemeral
             : !has.device_lists;
  };
  to.erase(std::remove_if(to.begin(), to.end(), lacks), to.end());
}

std::uint64_t
part_sorting::subject_of(const std::vector<std::string_view>& words) const {
  std::string text;
  for (auto word : words) {
    const auto size = static_cast<std::uint64_t>(word.size());
    text.append(reinterpret_cast<const char*>(&size), sizeof(size));
    text += word;
  }
  const auto hash = XXH3_64bits_withSeed(text.data(), text.size(), seed_);
  // 0 stands for none.
  return hash != 0 ? hash : 1;
}

void part_sorting::give(const in_hand& what, const numbers& to,
                        const freshness& fresh, const std::string& json) {
  if (to.empty())
    return;
  addressed_.insert(to.begin(), to.end());
  if (json.empty())
    parcels_.add_newest(what.entry, what.index, to, fresh);
  else
    parcels_.add_newest({what.kind(), json, what.entry.position}, to, fresh);
}

} // namespace posthorn

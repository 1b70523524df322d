// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/part_check.hpp"

#include "actors/parts/part_reader.hpp"
#include "messages/errors.hpp"

#include <string>

namespace posthorn {

namespace {

/// Where an item stands, under the first of its names.
std::string place_of(item_kind kind, std::size_t number) {
  const auto element = "[" + std::to_string(number) + "]";
  switch (kind) {
  case item_kind::event:
    return "events" + element;
  case item_kind::ephemeral:
    return "ephemeral" + element;
  case item_kind::to_device:
    return "de.sorunome.msc2409.to_device" + element;
  case item_kind::device_lists:
    return "org.matrix.msc3202.device_lists";
  case item_kind::key_counts:
    return "org.matrix.msc3202.device_one_time_key_counts";
  case item_kind::fallback_keys:
    return "org.matrix.msc3202.device_unused_fallback_key_types";
  }
  return "item" + element;
}

} // namespace

caf::error check_parts(const batch& what) {
  std::size_t number = 0;
  auto kind = item_kind::event;
  for (const auto& each : what.items) {
    number = each.kind == kind ? number + 1 : 0;
    kind = each.kind;
    if (auto why = check_part(kind, each.json.of(what.body)))
      return fault(ec::bad_json, place_of(kind, number) + ": " + text_of(why));
  }
  return {};
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// What the slicer takes is JSON to the last byte by a reader of its own, and
// every part of it can be taken apart, sent on and read again.
#include "actors/intake/slicer.hpp"
#include "actors/parts/part_reader.hpp"
#include "messages/errors.hpp"
#include "storage/transaction_body.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/fuzz/json_reference.hpp"

#include <string>
#include <vector>

using namespace posthorn;

namespace {

bool is_object(std::string_view json) {
  auto verdict = fuzz::judge_json(json);
  return verdict.valid && json.front() == '{' && json.back() == '}';
}

void check_receipts(std::string_view json) {
  auto whole = read_ephemeral(json);
  FUZZ_CHECK(whole);
  for (auto& each : whole->receipts) {
    FUZZ_CHECK(is_object(each.json));
    auto again = read_ephemeral(each.json);
    FUZZ_CHECK(again && again->receipts.size() == 1);
    auto& one = again->receipts.front();
    FUZZ_CHECK(one.user_id == each.user_id && one.type == each.type);
    FUZZ_CHECK(one.thread_id == each.thread_id);
    FUZZ_CHECK(again->room_id == whole->room_id);
  }
}

void check_by_user(item_kind kind, std::string_view json) {
  auto parts = read_by_user(kind, json);
  FUZZ_CHECK(parts);
  for (auto& each : *parts) {
    FUZZ_CHECK(is_object(each.json));
    auto again = read_by_user(kind, each.json);
    FUZZ_CHECK(again && again->size() == 1);
    FUZZ_CHECK(again->front().user_id == each.user_id);
  }
}

void check_item(item_kind kind, std::string_view json) {
  FUZZ_CHECK(is_object(json));
  switch (kind) {
  case item_kind::event:
    break;
  case item_kind::ephemeral:
    check_receipts(json);
    break;
  case item_kind::to_device:
    FUZZ_CHECK(read_recipient(json));
    break;
  default:
    check_by_user(kind, json);
  }
}

std::vector<storage::body_run> runs_of(const batch& what) {
  std::vector<storage::body_run> result;
  for (auto& each : what.items)
    result.push_back({each.kind, each.json.of(what.body)});
  return result;
}

// Rendering twice what came once must fold it and lose nothing of it.
void check_rendered(const batch& what) {
  auto runs = runs_of(what);
  auto once = storage::render(runs, {true, true});
  FUZZ_CHECK(fuzz::judge_json(once.json).valid);
  FUZZ_CHECK(once.unfoldable == 0);
  auto again = slice(once.json, {});
  FUZZ_CHECK(again);
  std::size_t events = 0;
  for (auto& each : what.items) {
    if (each.kind != item_kind::event)
      break;
    FUZZ_CHECK(again->items.at(events++).json.of(again->body)
               == each.json.of(what.body));
  }
  auto doubled = runs;
  doubled.insert(doubled.end(), runs.begin(), runs.end());
  auto twice = storage::render(doubled, {false, true});
  FUZZ_CHECK(fuzz::judge_json(twice.json).valid);
  FUZZ_CHECK(twice.unfoldable == 0);
}

void check_taken(const batch& what, const slicing_options& options) {
  FUZZ_CHECK(what.items.size() <= options.items_max);
  auto kind = item_kind::event;
  std::size_t end = 0;
  std::size_t events = 0;
  for (auto& each : what.items) {
    FUZZ_CHECK(each.kind >= kind);
    if (each.kind != kind)
      end = 0;
    kind = each.kind;
    FUZZ_CHECK(each.json.offset >= end);
    end = each.json.offset + each.json.size;
    FUZZ_CHECK(end <= what.body.size());
    check_item(kind, each.json.of(what.body));
    auto numbered = kind == item_kind::event && options.want_fields;
    FUZZ_CHECK(each.fields == (numbered ? events : item::no_fields));
    events += kind == item_kind::event ? 1 : 0;
  }
  FUZZ_CHECK(what.fields.size() == (options.want_fields ? events : 0));
}

void check_same(const batch& left, const batch& right) {
  FUZZ_CHECK(left.digest == right.digest);
  FUZZ_CHECK(left.items.size() == right.items.size());
  for (std::size_t i = 0; i < left.items.size(); ++i) {
    FUZZ_CHECK(left.items[i].kind == right.items[i].kind);
    FUZZ_CHECK(left.items[i].json.offset == right.items[i].json.offset);
    FUZZ_CHECK(left.items[i].json.size == right.items[i].json.size);
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  fuzz::input in{data, size};
  slicing_options options;
  options.want_fields = (in.mode & 1) != 0;
  if ((in.mode & 2) != 0)
    options.items_max = 3;
  if ((in.mode & 4) != 0)
    options.depth_max = 6;
  std::string body{in.rest};
  auto verdict = fuzz::judge_json(body);
  auto taken = slice(body, options);
  if (!taken) {
    FUZZ_CHECK(!verdict.valid || !is(taken.error(), ec::not_json));
    FUZZ_CHECK(!text_of(taken.error()).empty());
    return 0;
  }
  FUZZ_CHECK(verdict.valid && verdict.first == '{');
  FUZZ_CHECK(verdict.depth <= options.depth_max);
  FUZZ_CHECK(taken->body == body);
  check_taken(*taken, options);
  options.want_fields = !options.want_fields;
  auto other = slice(std::move(body), options);
  FUZZ_CHECK(other);
  check_same(*taken, *other);
  check_rendered(*taken);
  return 0;
}

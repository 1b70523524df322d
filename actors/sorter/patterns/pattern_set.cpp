// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/pattern_set.hpp"

#include "actors/sorter/patterns/pattern_translation.hpp"
#include "actors/sorter/patterns/utf8.hpp"

#include <algorithm>
#include <cassert>

namespace posthorn {

namespace {

bool before(const std::pair<unsigned char, std::size_t>& step,
            unsigned char byte) {
  return step.first < byte;
}

void append(std::vector<std::uint32_t>& to,
            const std::vector<std::uint32_t>& what) {
  to.insert(to.end(), what.begin(), what.end());
}

} // namespace

pattern_set::pattern_set() : places_(1) {
  // nop
}

pattern_set::~pattern_set() = default;

caf::error pattern_set::add(std::string_view pattern, std::uint32_t owner) {
  const auto known = index_.find(std::string{pattern});
  if (known != index_.end()) {
    entries_[known->second].owners.push_back(owner);
    return caf::none;
  }
  auto compiled = compiled_pattern::make(pattern);
  if (!compiled)
    return compiled.error();
  index_.emplace(pattern, entries_.size());
  entries_.push_back({std::move(*compiled), {owner}});
  return caf::none;
}

void pattern_set::build() {
  assert(places_.size() == 1 && !places_[0].here);
  for (std::size_t i = 0; i < entries_.size(); ++i)
    insert(i);
  for (auto& one : places_)
    if (one.here && one.here->singles.size() > singles_max)
      share(*one.here);
  index_.clear();
}

void pattern_set::insert(std::size_t index) {
  const auto& [pattern, owners] = entries_[index];
  for (const auto& head : pattern.lead().heads) {
    auto& end = place_of(head);
    if (!end.here)
      end.here = std::make_unique<bucket>();
    if (pattern.lead().decides())
      append(end.here->certain, owners);
    else
      end.here->singles.push_back(index);
  }
}

pattern_set::place& pattern_set::place_of(std::string_view head) {
  std::size_t at = 0;
  for (auto c : head) {
    const auto byte = static_cast<unsigned char>(c);
    auto& steps = places_[at].next;
    auto step = std::lower_bound(steps.begin(), steps.end(), byte, before);
    if (step == steps.end() || step->first != byte) {
      step = steps.insert(step, {byte, places_.size()});
      at = step->second;
      // Last: it moves the places, and `steps` with them.
      places_.emplace_back();
    } else {
      at = step->second;
    }
  }
  return places_[at];
}

pattern_set::shared_run& pattern_set::run_for(bucket& crowded,
                                              bool ascii_only) const {
  for (auto one = crowded.shared.rbegin(); one != crowded.shared.rend(); ++one)
    if (one->ascii_only == ascii_only && one->members.size() < shared_max)
      return *one;
  auto options = compiled_pattern::re2_options();
  options.set_max_mem(shared_memory_max);
  auto& made = crowded.shared.emplace_back();
  made.set = std::make_unique<RE2::Set>(options, RE2::ANCHOR_START);
  made.ascii_only = ascii_only;
  return made;
}

void pattern_set::share(bucket& crowded) const {
  std::vector<std::size_t> kept;
  for (auto index : crowded.singles) {
    const auto& pattern = entries_[index].pattern;
    if (pattern.by() != engine::re2) {
      kept.push_back(index);
      continue;
    }
    auto& joined = run_for(crowded, pattern.ascii_only());
    if (joined.set->Add(pattern.re2_text(), nullptr) < 0)
      kept.push_back(index);
    else
      joined.members.push_back(index);
  }
  for (auto& one : crowded.shared)
    if (!one.set->Compile())
      one.set.reset();
  crowded.singles = std::move(kept);
}

void pattern_set::match(std::string_view subject,
                        std::vector<std::uint32_t>& owners) const {
  if (subject.size() > pattern_subject_max || !valid_utf8(subject))
    return;
  const auto old = static_cast<std::ptrdiff_t>(owners.size());
  const auto* at = &places_[0];
  for (auto rest = subject;; rest.remove_prefix(1)) {
    if (at->here)
      run(*at->here, subject, owners);
    if (rest.empty())
      break;
    const auto byte = static_cast<unsigned char>(rest[0]);
    const auto step
      = std::lower_bound(at->next.begin(), at->next.end(), byte, before);
    if (step == at->next.end() || step->first != byte)
      break;
    at = &places_[step->second];
  }
  std::sort(owners.begin() + old, owners.end());
  owners.erase(std::unique(owners.begin() + old, owners.end()), owners.end());
}

void pattern_set::run(const bucket& here, std::string_view subject,
                      owner_list& owners) const {
  append(owners, here.certain);
  for (auto index : here.singles)
    run(index, subject, owners);
  for (const auto& one : here.shared)
    run(one, subject, owners);
}

void pattern_set::run(const shared_run& what, std::string_view subject,
                      owner_list& owners) const {
  RE2::Set::ErrorInfo error{RE2::Set::kOutOfMemory};
  std::vector<int> found;
  const auto at_once = what.set && (!what.ascii_only || is_ascii(subject));
  if (at_once
      && what.set->Match({subject.data(), subject.size()}, &found, &error)) {
    for (auto member : found)
      append(owners,
             entries_[what.members[static_cast<std::size_t>(member)]].owners);
    return;
  }
  if (error.kind == RE2::Set::kNoError)
    return;
  for (auto index : what.members)
    run(index, subject, owners);
}

void pattern_set::run(std::size_t index, std::string_view subject,
                      owner_list& owners) const {
  const auto& [pattern, whose] = entries_[index];
  switch (pattern.match(subject)) {
  case compiled_pattern::verdict::yes:
    append(owners, whose);
    break;
  case compiled_pattern::verdict::gave_up:
    gave_up_.fetch_add(1, std::memory_order_relaxed);
    break;
  case compiled_pattern::verdict::no:
    break;
  }
}

} // namespace posthorn

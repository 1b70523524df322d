// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/subject_cache.hpp"

#include <utility>

namespace posthorn {

namespace {

/// Two allocations, a bucket and the map's own links.
constexpr std::size_t upkeep = 128;

std::size_t size_of(std::string_view subject,
                    const subject_cache::numbers& what) {
  return subject.size() + what.size() * sizeof(what[0]) + upkeep;
}

} // namespace

const subject_cache::numbers* subject_cache::find(std::string_view subject) {
  if (const auto found = young_.find(subject); found != young_.end())
    return &found->second;
  const auto found = old_.find(subject);
  if (found == old_.end())
    return nullptr;
  auto moved = old_.extract(found);
  const auto bytes = size_of(moved.key(), moved.mapped());
  age(bytes);
  young_bytes_ += bytes;
  return &young_.insert(std::move(moved)).position->second;
}

const subject_cache::numbers& subject_cache::keep(std::string_view subject,
                                                  numbers what) {
  what.shrink_to_fit();
  const auto bytes = size_of(subject, what);
  age(bytes);
  young_bytes_ += bytes;
  return young_.insert_or_assign(std::string{subject}, std::move(what))
    .first->second;
}

void subject_cache::age(std::size_t bytes) {
  if (young_.size() < entries_max / 2 && young_bytes_ + bytes <= bytes_max / 2)
    return;
  old_ = std::exchange(young_, {});
  young_bytes_ = 0;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Thousands of patterns, each with its owners, matched at once.
#pragma once

#include "actors/sorter/patterns/compiled_pattern.hpp"

#include <caf/error.hpp>
#include <re2/set.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace posthorn {

/// Finds whose patterns match a subject, as Python's `re.match` would.
///
/// A tree over the literal beginnings of all patterns picks the candidates;
/// most namespaces (`@_irc_.*`) are decided by their beginning alone and run no
/// expression at all. Candidates that share a beginning and are many run in
/// sets of RE2's, a few dozen in each: one set of thousands is fast once its
/// states are known, but takes half a millisecond for each new subject until
/// then, and needs hundreds of megabytes where patterns begin with `.*`.
class pattern_set {
public:
  /// Candidates with the same beginning that are run one by one; more share
  /// sets.
  static constexpr std::size_t singles_max = 4;
  /// Patterns in one set.
  static constexpr std::size_t shared_max = 64;
  /// Memory that one set may use for its program and states, in bytes. Where it
  /// runs out, its patterns are run one by one.
  static constexpr std::int64_t shared_memory_max = 8 * 1024 * 1024;

  pattern_set();
  pattern_set(const pattern_set&) = delete;
  pattern_set& operator=(const pattern_set&) = delete;
  ~pattern_set();

  /// Adds a pattern. The same one may be added for several owners. Fails with
  /// bad_config and the reason where compiled_pattern::make() does, and adds
  /// nothing then.
  caf::error add(std::string_view pattern, std::uint32_t owner);

  /// Makes the index; once, after the last add() and before the first match().
  void build();

  /// Appends the owners with at least one pattern that matches: distinct,
  /// ascending. A subject that is not valid UTF-8, or longer than
  /// pattern_subject_max, matches nothing. May be called by several threads.
  void match(std::string_view subject,
             std::vector<std::uint32_t>& owners) const;

  /// How often PCRE2 reached a bound; each counted as no match.
  std::uint64_t gave_up() const {
    return gave_up_.load(std::memory_order_relaxed);
  }

private:
  struct entry {
    compiled_pattern pattern;
    std::vector<std::uint32_t> owners;
  };

  /// Patterns that RE2 runs at once.
  struct shared_run {
    /// Null where RE2 had not enough memory.
    std::unique_ptr<RE2::Set> set;
    /// Index into entries_, by the set's index.
    std::vector<std::size_t> members;
    /// Whether only subjects that are all ASCII may be run at once.
    bool ascii_only = false;
  };

  /// What ends at a place of the tree.
  struct bucket {
    /// Owners of patterns that are decided here.
    std::vector<std::uint32_t> certain;
    /// Index into entries_.
    std::vector<std::size_t> singles;
    std::vector<shared_run> shared;
  };

  struct place {
    /// Next byte and index into places_; ascending by byte.
    std::vector<std::pair<unsigned char, std::size_t>> next;
    std::unique_ptr<bucket> here;
  };

  using owner_list = std::vector<std::uint32_t>;

  void insert(std::size_t index);
  /// The place that `head` leads to, made if need be.
  place& place_of(std::string_view head);
  void share(bucket& crowded) const;
  /// The run that one more of this kind may join, made if need be.
  shared_run& run_for(bucket& crowded, bool ascii_only) const;
  void run(const bucket& here, std::string_view subject,
           owner_list& owners) const;
  void run(const shared_run& what, std::string_view subject,
           owner_list& owners) const;
  void run(std::size_t index, std::string_view subject,
           owner_list& owners) const;

  std::vector<entry> entries_;
  std::unordered_map<std::string, std::size_t> index_;
  /// [0] is the root.
  std::vector<place> places_;
  mutable std::atomic<std::uint64_t> gave_up_{0};
};

} // namespace posthorn

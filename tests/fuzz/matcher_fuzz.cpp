// SPDX-License-Identifier: Apache-2.0
// A namespace's pattern matches the same subjects whatever runs it: the literal
// beginnings, RE2, PCRE2, or a set of many patterns.
#include "actors/sorter/patterns/pattern_meaning.hpp"
#include "actors/sorter/patterns/pattern_parser.hpp"
#include "actors/sorter/patterns/pattern_set.hpp"
#include "actors/sorter/patterns/pattern_translation.hpp"
#include "actors/sorter/patterns/utf8.hpp"
#include "messages/errors.hpp"
#include "tests/fuzz/check.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

using namespace posthorn;

namespace {

using verdict = perl_program::verdict;

// Larger ones only cost time: what they consist of is here, too.
constexpr std::size_t pattern_max = 128;
constexpr std::size_t subjects_max = 8;

bool has_head(const pattern_lead& lead, std::string_view subject) {
  return std::any_of(
    lead.heads.begin(), lead.heads.end(),
    [&](const std::string& head) { return subject.starts_with(head); });
}

// The pattern as RE2 runs it; null where it cannot.
std::unique_ptr<RE2> made_for_re2(const parsed_pattern& pattern, bool ascii) {
  auto text = to_re2(pattern, ascii);
  if (!text)
    return nullptr;
  auto result = std::make_unique<RE2>(*text, compiled_pattern::re2_options());
  return result->ok() ? std::move(result) : nullptr;
}

bool matches(const RE2& pattern, std::string_view subject) {
  return pattern.Match({subject.data(), subject.size()}, 0, subject.size(),
                       RE2::ANCHOR_START, nullptr, 0);
}

void check_engines(const parsed_pattern& pattern,
                   const compiled_pattern& compiled,
                   const std::vector<std::string_view>& subjects) {
  auto reference = perl_program::compile(to_pcre2(pattern));
  if (!reference)
    return;
  auto for_ascii = made_for_re2(pattern, true);
  // The larger translation takes its time.
  auto for_all
    = has_large_sets(pattern) ? nullptr : made_for_re2(pattern, false);
  for (auto subject : subjects) {
    auto truth = reference->match(subject);
    if (truth == verdict::gave_up)
      continue;
    auto yes = truth == verdict::yes;
    auto said = compiled.match(subject);
    FUZZ_CHECK(said == verdict::gave_up || said == truth);
    FUZZ_CHECK(!yes || has_head(compiled.lead(), subject));
    if (compiled.lead().decides())
      FUZZ_CHECK(yes == has_head(compiled.lead(), subject));
    if (for_ascii && is_ascii(subject))
      FUZZ_CHECK(matches(*for_ascii, subject) == yes);
    if (for_all)
      FUZZ_CHECK(matches(*for_all, subject) == yes);
  }
}

// The pattern among others that share its beginning, so that sets are made.
void check_set(std::string_view pattern, const compiled_pattern& compiled,
               const std::vector<std::string_view>& subjects) {
  pattern_set set;
  FUZZ_CHECK(!set.add(pattern, 1));
  for (auto* other : {"@_irc_.*", "@.*:b", ".*b", ".+a", "@", ".*:", "[ab]*1"})
    FUZZ_CHECK(!set.add(other, 2));
  FUZZ_CHECK(!set.add(pattern, 3));
  set.build();
  for (auto subject : subjects) {
    std::vector<std::uint32_t> owners;
    set.match(subject, owners);
    FUZZ_CHECK(std::is_sorted(owners.begin(), owners.end()));
    auto is_found = [&](std::uint32_t owner) {
      return std::count(owners.begin(), owners.end(), owner) == 1;
    };
    auto said = compiled.match(subject);
    if (said == verdict::gave_up)
      continue;
    FUZZ_CHECK(is_found(1) == (said == verdict::yes));
    FUZZ_CHECK(is_found(3) == is_found(1));
  }
}

} // namespace

// A pattern, then subjects, a line feed before each.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  auto end = std::min(rest.find('\n'), rest.size());
  auto pattern = rest.substr(0, end);
  if (pattern.size() > pattern_max)
    return 0;
  auto compiled = compiled_pattern::make(pattern);
  auto parsed = parse_pattern(pattern);
  if (!parsed) {
    FUZZ_CHECK(!compiled);
    FUZZ_CHECK(!text_of(compiled.error()).empty());
    return 0;
  }
  if (resolve_flags(*parsed)) {
    FUZZ_CHECK(!compiled);
    return 0;
  }
  if (!compiled)
    return 0;
  std::vector<std::string_view> subjects{""};
  while (end < rest.size() && subjects.size() < subjects_max) {
    rest.remove_prefix(end + 1);
    end = std::min(rest.find('\n'), rest.size());
    if (valid_utf8(rest.substr(0, end)))
      subjects.push_back(rest.substr(0, end));
  }
  check_engines(*parsed, *compiled, subjects);
  // Making a set takes longer than all before.
  if (size % 16 == 0)
    check_set(pattern, *compiled, subjects);
  return 0;
}

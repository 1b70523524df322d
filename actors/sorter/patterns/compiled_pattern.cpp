// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/compiled_pattern.hpp"

#include "actors/sorter/patterns/pattern_meaning.hpp"
#include "actors/sorter/patterns/pattern_parser.hpp"
#include "actors/sorter/patterns/pattern_translation.hpp"
#include "actors/sorter/patterns/utf8.hpp"

#include <algorithm>

namespace posthorn {

const char* to_string(engine what) {
  return what == engine::re2 ? "re2" : "pcre2";
}

RE2::Options compiled_pattern::re2_options() {
  RE2::Options result;
  result.set_log_errors(false);
  result.set_never_capture(true);
  return result;
}

caf::expected<compiled_pattern>
compiled_pattern::make(std::string_view pattern) {
  auto parsed = parse_pattern(pattern);
  if (!parsed)
    return parsed.error();
  if (auto failed = resolve_flags(*parsed))
    return failed;
  compiled_pattern result;
  result.lead_ = lead_of(*parsed);
  if (result.lead_.decides())
    return result;
  const auto large = has_large_sets(*parsed);
  if (auto text = to_re2(*parsed, large)) {
    auto compiled = std::make_shared<const RE2>(*text, re2_options());
    if (compiled->ok()) {
      result.re2_text_ = std::move(*text);
      result.re2_ = std::move(compiled);
    }
  }
  if (result.re2_ && !large)
    return result;
  auto compiled = perl_program::compile(to_pcre2(*parsed));
  if (!compiled)
    return compiled.error();
  result.perl_ = std::move(*compiled);
  return result;
}

compiled_pattern::verdict
compiled_pattern::match(std::string_view subject) const {
  if (lead_.decides()) {
    const auto found
      = std::any_of(lead_.heads.begin(), lead_.heads.end(),
                    [&](const auto& one) { return subject.starts_with(one); });
    return found ? verdict::yes : verdict::no;
  }
  if (!re2_ || (perl_ && !is_ascii(subject)))
    return perl_->match(subject);
  const re2::StringPiece text{subject.data(), subject.size()};
  const auto found
    = re2_->Match(text, 0, text.size(), RE2::ANCHOR_START, nullptr, 0);
  return found ? verdict::yes : verdict::no;
}

} // namespace posthorn

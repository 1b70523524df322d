// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/perl_program.hpp"

#include "actors/sorter/patterns/pattern_parser.hpp"
#include "messages/errors.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace posthorn {

namespace {

struct release {
  void operator()(pcre2_compile_context* what) const {
    pcre2_compile_context_free(what);
  }

  void operator()(pcre2_match_context* what) const {
    pcre2_match_context_free(what);
  }

  void operator()(pcre2_match_data* what) const {
    pcre2_match_data_free(what);
  }
};

std::string message_of(int error) {
  PCRE2_UCHAR text[256];
  if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
    return "error " + std::to_string(error);
  return reinterpret_cast<const char*>(text);
}

/// Immutable, hence shared by all programs and threads.
const pcre2_match_context* bounds() {
  static const auto result = [] {
    std::unique_ptr<pcre2_match_context, release> made{
      pcre2_match_context_create(nullptr)};
    if (made) {
      pcre2_set_match_limit(made.get(), perl_program::steps_max);
      pcre2_set_depth_limit(made.get(), perl_program::depth_max);
      pcre2_set_heap_limit(made.get(), perl_program::heap_max);
    }
    return made;
  }();
  return result.get();
}

} // namespace

perl_program::perl_program(std::shared_ptr<const pcre2_real_code_8> code)
  : code_{std::move(code)} {
  // nop
}

caf::expected<perl_program> perl_program::compile(std::string_view text) {
  const std::unique_ptr<pcre2_compile_context, release> context{
    pcre2_compile_context_create(nullptr)};
  if (!context)
    return fault(ec::bad_config, "no memory to compile the pattern");
  // Each group of the pattern may come wrapped in another one or two.
  pcre2_set_parens_nest_limit(context.get(), 4 * pattern_nesting_max);
  // Two of PCRE2's optimisations lose matches. At the start it takes the
  // character of a look-ahead and one that must follow for two: `(?=a)a?a` does
  // not match "a". And it makes repetitions before nested atomic groups
  // possessive that must give back: `a?(?>(?>b+?)*)a?b` does not match "ab".
  constexpr auto options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C
                           | PCRE2_NO_START_OPTIMIZE | PCRE2_NO_AUTO_POSSESS;
  int error = 0;
  PCRE2_SIZE at = 0;
  auto* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()),
                             text.size(), options, &error, &at, context.get());
  if (code == nullptr)
    return fault(ec::bad_config,
                 "the pattern cannot be compiled: " + message_of(error));
  return perl_program{std::shared_ptr<const pcre2_real_code_8>{
    code, [](const pcre2_real_code_8* what) {
      pcre2_code_free(const_cast<pcre2_real_code_8*>(what));
    }}};
}

perl_program::verdict perl_program::match(std::string_view subject) const {
  const std::unique_ptr<pcre2_match_data, release> data{
    pcre2_match_data_create(1, nullptr)};
  if (!data || bounds() == nullptr)
    return verdict::gave_up;
  const auto result
    = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(subject.data()),
                  subject.size(), 0, PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK,
                  data.get(), const_cast<pcre2_match_context*>(bounds()));
  if (result >= 0)
    return verdict::yes;
  return result == PCRE2_ERROR_NOMATCH ? verdict::no : verdict::gave_up;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Parses a pattern as Python 3.11's `re` does.
#pragma once

#include "actors/sorter/patterns/pattern_syntax.hpp"
#include "actors/sorter/patterns/pattern_tokens.hpp"

#include <caf/expected.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace posthorn {

/// Groups nested deeper are refused; Python itself gives up at some 300 to 400,
/// depending on its caller.
constexpr std::uint32_t pattern_nesting_max = 200;

/// Parses `pattern` (UTF-8). Accepts and refuses exactly what `re.compile` of
/// Python 3.11 accepts and refuses for a `str` pattern without flags, apart
/// from these, which are refused here:
/// - `\N{NAME}`, for want of the Unicode names: write `\uXXXX`;
/// - groups nested deeper than pattern_nesting_max;
/// - a back-reference where case is ignored, and a condition on a group from
///   within that group: no engine compares or remembers quite as Python does.
/// Fails with bad_config; the text says what is wrong and at which character.
caf::expected<parsed_pattern> parse_pattern(std::string_view pattern);

/// The parser behind parse_pattern(), a method for each rule of the grammar.
/// Methods return false once a fault is recorded.
class pattern_parser {
public:
  explicit pattern_parser(std::u32string text);

  bool parse();

  const std::string& fault() const {
    return tokens_.fault();
  }

  parsed_pattern take_result() {
    return std::move(result_);
  }

private:
  /// What holds for everything between two parentheses.
  struct scope {
    bool verbose = false;
    /// Not in parentheses, where `(?i)` may stand.
    bool outermost = false;
    /// Nothing but global flags so far.
    bool first = false;
    std::uint32_t depth = 0;
  };

  /// The least and the most characters that something matches.
  struct extent {
    std::uint64_t min = 0;
    std::uint64_t max = 0;
  };

  // -- structure (pattern_parser.cpp) -----------------------------------------

  bool parse_alternatives(sequence& out, scope where);
  bool parse_sequence(sequence& out, scope where);
  bool skip_blank(const pattern_token& token);
  bool parse_repeat(sequence& out, const pattern_token& sign);
  /// Reads `{...}`. Sets `literal` where it is none and the brace is meant.
  bool parse_bounds(std::uint32_t& min, std::uint32_t& max, bool& literal);
  bool close_group(std::size_t start);

  // -- groups (pattern_groups.cpp) --------------------------------------------

  bool parse_group(sequence& out, scope& where);
  /// Everything that begins with `(?`.
  bool parse_extension(sequence& out, scope& where, std::size_t start);
  bool parse_named(sequence& out, const scope& where, std::size_t start);
  bool parse_named_reference(sequence& out);
  bool parse_comment(std::size_t start);
  bool parse_look(sequence& out, const scope& where, std::size_t start,
                  bool behind, bool negative);
  bool parse_condition(sequence& out, const scope& where, std::size_t start);
  bool parse_flag_group(sequence& out, scope& where, std::size_t start,
                        pattern_token sign);
  bool parse_content(sequence& out, syntax_node what, const scope& where,
                     std::size_t start);
  bool parse_capture(sequence& out, const scope& where, std::size_t start,
                     const std::u32string* name);
  bool read_flags(pattern_token sign, std::uint32_t& add, std::uint32_t& remove,
                  bool& global);
  bool read_removed_flags(std::uint32_t& remove);
  bool find_condition(const std::u32string& name, std::size_t at,
                      std::uint32_t& number);

  // -- escapes and sets (pattern_escapes.cpp) ---------------------------------

  bool parse_escape(sequence& out, const pattern_token& token, std::size_t at);
  bool parse_digits(sequence& out, char32_t digit, std::size_t at);
  bool parse_set(sequence& out);
  bool parse_set_item(const pattern_token& token, std::size_t at,
                      set_item& item);
  bool parse_set_range(const set_item& first, std::size_t at,
                       std::vector<set_item>& items, bool& closed);
  bool parse_code(char32_t letter, std::size_t at, char32_t& code);

  // -- groups and widths ------------------------------------------------------

  bool refer(std::uint32_t number, std::size_t at);
  bool check_behind(std::uint32_t number, std::size_t at);
  bool is_closed(std::uint32_t number) const;
  extent extent_of(const sequence& what) const;
  extent extent_of(const syntax_node& what) const;

  pattern_tokens tokens_;
  parsed_pattern result_;
  std::uint32_t flags_ = 0;
  /// By number; none while the group is open. [0] is the whole pattern.
  std::vector<std::optional<extent>> groups_{std::nullopt};
  std::map<std::u32string, std::uint32_t> names_;
  /// How many groups there were where the outermost look behind began.
  std::optional<std::uint32_t> behind_from_;
  /// Groups that conditions look at, and where; they may come later.
  std::map<std::uint32_t, std::size_t> conditions_;
};

} // namespace posthorn

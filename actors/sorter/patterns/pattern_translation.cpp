// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/pattern_translation.hpp"

#include <algorithm>

namespace posthorn {

namespace {

/// The most that PCRE2 counts to.
constexpr std::uint32_t count_max = 65'535;

/// Ranges in a set that RE2 is to see in full; `\d` has 62.
constexpr std::size_t small_set_max = 100;

bool is_alphanumeric(char32_t c) {
  return (c >= U'0' && c <= U'9') || (c >= U'a' && c <= U'z')
         || (c >= U'A' && c <= U'Z');
}

void write_char(std::string& out, char32_t code) {
  static constexpr char digits[] = "0123456789abcdef";
  if (is_alphanumeric(code)) {
    out.push_back(static_cast<char>(code));
    return;
  }
  std::string text;
  do
    text.insert(text.begin(), digits[code & 0xf]);
  while ((code >>= 4) != 0);
  out += "\\x{" + text + "}";
}

void write_ranges(std::string& out, const code_points& what) {
  for (auto one : what.ranges()) {
    write_char(out, one.first);
    if (one.last == one.first)
      continue;
    out.push_back('-');
    write_char(out, one.last);
  }
}

code_points ascii_of(const code_points& what) {
  return code_points{{{0, 0x7f}}}.minus(what.complement());
}

bool has_large_sets(const sequence& what) {
  return std::any_of(what.begin(), what.end(), [](const syntax_node& one) {
    return one.chars.ranges().size() > small_set_max
           || std::any_of(
             one.parts.begin(), one.parts.end(),
             [](const auto& part) { return has_large_sets(part); });
  });
}

/// Writes one translation. Both syntaxes agree on most of what is written here;
/// where only PCRE2 can say a thing, `exact_` tells that RE2 could not.
class pattern_writer {
public:
  explicit pattern_writer(bool for_re2, bool ascii_subjects = false)
    : for_re2_{for_re2}, ascii_subjects_{ascii_subjects} {}

  /// `last` where nothing of the pattern can come after.
  void write(const sequence& what, bool last) {
    for (std::size_t i = 0; i < what.size(); ++i)
      write(what[i], last && i + 1 == what.size());
  }

  std::optional<std::string> result() && {
    if (!exact_)
      return std::nullopt;
    return std::move(out_);
  }

private:
  void write(const syntax_node& what, bool last);
  void write_set(const code_points& what);
  void write_class(const code_points& what, const code_points& others);
  void write_anchor(const syntax_node& what, bool last);
  void write_boundary(const syntax_node& what);
  void write_repeat(const syntax_node& what, bool last);
  void write_look(const syntax_node& what);
  void write_condition(const syntax_node& what);
  void write_alternatives(const std::vector<sequence>& branches, bool last);
  void write_group(const char* opening, const sequence& content, bool last);

  /// What comes next is beyond RE2.
  void needs_pcre2() {
    exact_ = exact_ && !for_re2_;
  }

  bool for_re2_;
  bool ascii_subjects_;
  bool exact_ = true;
  std::string out_;
};

void pattern_writer::write_set(const code_points& chars) {
  const auto what = ascii_subjects_ ? ascii_of(chars) : chars;
  const auto others = what.complement();
  if (what.empty())
    out_ += for_re2_ ? R"([^\x{0}-\x{10ffff}])" : "(?!)";
  else if (others.empty())
    out_ += "(?s:.)";
  else if (what.size() == 1)
    write_char(out_, what.ranges()[0].first);
  else
    write_class(what, others);
}

void pattern_writer::write_class(const code_points& what,
                                 const code_points& others) {
  const auto& words = unicode_words();
  // PCRE2 has the letters of the Unicode version of the tables here, and walks
  // through spelled-out ranges one by one. Debian's RE2 has those of a newer
  // Unicode; it compiles ranges to a tree.
  if (!for_re2_ && what.includes(words)) {
    out_ += R"([\p{L}\p{N}_)";
    write_ranges(out_, what.minus(words));
  } else if (!for_re2_ && others.includes(words)) {
    out_ += R"([^\p{L}\p{N}_)";
    write_ranges(out_, others.minus(words));
  } else if (others.ranges().size() < what.ranges().size()) {
    out_ += "[^";
    write_ranges(out_, others);
  } else {
    out_ += "[";
    write_ranges(out_, what);
  }
  out_ += "]";
}

void pattern_writer::write_boundary(const syntax_node& what) {
  needs_pcre2();
  const auto& all = unicode_words();
  const auto words = what.ascii ? ascii_of(all) : all;
  pattern_writer writer{false};
  writer.write_set(words);
  const auto word = std::move(writer.out_);
  const auto ahead = "(?=" + word + ")";
  const auto not_ahead = "(?!" + word + ")";
  const auto behind = "(?<=" + word + ")";
  const auto not_behind = "(?<!" + word + ")";
  if (what.where == anchor::boundary)
    out_ += "(?:" + behind + not_ahead + "|" + not_behind + ahead + ")";
  else
    out_
      += R"((?!\A\z)(?:)" + behind + ahead + "|" + not_behind + not_ahead + ")";
}

void pattern_writer::write_anchor(const syntax_node& what, bool last) {
  switch (what.where) {
  case anchor::begin:
  case anchor::very_begin:
    out_ += R"(\A)";
    break;
  case anchor::very_end:
    out_ += R"(\z)";
    break;
  case anchor::line_begin:
    out_ += for_re2_ ? "(?m:^)" : R"((?<![^\x{a}]))";
    break;
  case anchor::line_end:
    out_ += for_re2_ ? "(?m:$)" : R"((?![^\x{a}]))";
    break;
  case anchor::end:
    // As nothing follows, it does no harm to take the newline.
    out_ += last ? R"((?:\x{a}?\z))" : R"((?=\x{a}?\z))";
    if (!last)
      needs_pcre2();
    break;
  case anchor::boundary:
  case anchor::no_boundary:
    write_boundary(what);
    break;
  }
}

void pattern_writer::write_group(const char* opening, const sequence& content,
                                 bool last) {
  out_ += opening;
  write(content, last);
  out_ += ")";
}

void pattern_writer::write_repeat(const syntax_node& what, bool last) {
  const auto& body = what.parts[0];
  if (what.max == 0) {
    // Never tried, but its groups keep their numbers. As a look-ahead it is of
    // no width, whatever is in it: a look-behind may hold it.
    if (for_re2_)
      return;
    write_group("(?:(?=", body, false);
    out_ += "){0}";
    return;
  }
  const auto possessive = what.greed == greed::possessive;
  if (possessive) {
    needs_pcre2();
    out_ += "(?>";
  }
  const auto is_set = body.size() == 1 && body[0].what == syntax_node::kind::set
                      && !body[0].chars.empty();
  if (is_set)
    write_set(body[0].chars);
  else
    write_group(possessive ? "(?>" : "(?:", body, last && what.max <= 1);
  const auto min = std::min(what.min, count_max);
  out_ += "{" + std::to_string(min) + ",";
  if (what.max <= count_max)
    out_ += std::to_string(what.max);
  out_ += "}";
  if (what.greed == greed::lazy)
    out_ += "?";
  if (possessive)
    out_ += ")";
}

void pattern_writer::write_look(const syntax_node& what) {
  needs_pcre2();
  if (what.behind && what.width > pattern_subject_max) {
    // Nothing is that long. The groups inside must keep their numbers.
    out_ += what.negative ? "(?:" : "(?!)(?:";
    write_group("(?=", what.parts[0], false);
    out_ += "){0}";
    return;
  }
  const auto* opening = what.behind ? (what.negative ? "(?<!" : "(?<=")
                                    : (what.negative ? "(?!" : "(?=");
  write_group(opening, what.parts[0], false);
}

void pattern_writer::write_condition(const syntax_node& what) {
  needs_pcre2();
  out_ += "(?(" + std::to_string(what.number) + ")";
  write(what.parts[0], false);
  if (what.parts.size() == 2) {
    out_ += "|";
    write(what.parts[1], false);
  }
  out_ += ")";
}

void pattern_writer::write_alternatives(const std::vector<sequence>& branches,
                                        bool last) {
  out_ += "(?:";
  for (std::size_t i = 0; i < branches.size(); ++i) {
    if (i > 0)
      out_ += "|";
    write(branches[i], last);
  }
  out_ += ")";
}

void pattern_writer::write(const syntax_node& what, bool last) {
  switch (what.what) {
  case syntax_node::kind::set:
    write_set(what.chars);
    break;
  case syntax_node::kind::at:
    write_anchor(what, last);
    break;
  case syntax_node::kind::branch:
    write_alternatives(what.parts, last);
    break;
  case syntax_node::kind::group: {
    const auto captures = what.number > 0 && !for_re2_;
    write_group(captures ? "(" : "(?:", what.parts[0], last);
    break;
  }
  case syntax_node::kind::atomic:
    needs_pcre2();
    write_group("(?>", what.parts[0], false);
    break;
  case syntax_node::kind::repeat:
    write_repeat(what, last);
    break;
  case syntax_node::kind::look:
    write_look(what);
    break;
  case syntax_node::kind::reference:
    needs_pcre2();
    out_ += "\\g{" + std::to_string(what.number) + "}";
    break;
  case syntax_node::kind::condition:
    write_condition(what);
    break;
  }
}

} // namespace

std::optional<std::string> to_re2(const parsed_pattern& pattern,
                                  bool ascii_subjects) {
  pattern_writer writer{true, ascii_subjects};
  writer.write(pattern.body, true);
  return std::move(writer).result();
}

bool has_large_sets(const parsed_pattern& pattern) {
  return has_large_sets(pattern.body);
}

std::string to_pcre2(const parsed_pattern& pattern) {
  pattern_writer writer{false};
  writer.write(pattern.body, true);
  return std::move(writer).result().value_or(std::string{});
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/patterns/group_names.hpp"
#include "actors/sorter/patterns/pattern_parser.hpp"

namespace posthorn {

namespace {

constexpr std::u32string_view flag_letters = U"iLmsxatu";

std::uint32_t flag_of(const pattern_token& letter) {
  using flags = pattern_flags;
  switch (letter.first) {
  case U'i':
    return flags::ignore_case;
  case U'L':
    return flags::locale;
  case U'm':
    return flags::multiline;
  case U's':
    return flags::dotall;
  case U'x':
    return flags::verbose;
  case U'a':
    return flags::ascii;
  case U't':
    return flags::no_repeats;
  default:
    return flags::unicode;
  }
}

} // namespace

bool pattern_parser::parse_group(sequence& out, scope& where) {
  const auto start = tokens_.place() - 1;
  if (tokens_.take_if(U'?'))
    return parse_extension(out, where, start);
  return parse_capture(out, where, start, nullptr);
}

bool pattern_parser::parse_extension(sequence& out, scope& where,
                                     std::size_t start) {
  const auto sign = tokens_.take();
  syntax_node what;
  if (sign.is(U'P'))
    return parse_named(out, where, start);
  if (sign.is(U'#'))
    return parse_comment(start);
  if (sign.is(U'('))
    return parse_condition(out, where, start);
  if (sign.is_one_of(U"=!"))
    return parse_look(out, where, start, false, sign.is(U'!'));
  if (sign.is(U'<') && tokens_.next().is_one_of(U"=!"))
    return parse_look(out, where, start, true, tokens_.take().is(U'!'));
  if (sign.is(U'-') || sign.is_one_of(flag_letters))
    return parse_flag_group(out, where, start, sign);
  if (sign.is(U':'))
    what.what = syntax_node::kind::group;
  else if (sign.is(U'>'))
    what.what = syntax_node::kind::atomic;
  else
    return tokens_.fail(start, "unknown kind of group after (?");
  return parse_content(out, std::move(what), where, start);
}

bool pattern_parser::parse_content(sequence& out, syntax_node what,
                                   const scope& where, std::size_t start) {
  scope inner;
  inner.depth = where.depth + 1;
  inner.verbose = (where.verbose || (what.add & pattern_flags::verbose) != 0)
                  && (what.remove & pattern_flags::verbose) == 0;
  if (!parse_alternatives(what.parts.emplace_back(), inner)
      || !close_group(start))
    return false;
  out.push_back(std::move(what));
  return true;
}

bool pattern_parser::parse_capture(sequence& out, const scope& where,
                                   std::size_t start,
                                   const std::u32string* name) {
  syntax_node what;
  what.what = syntax_node::kind::group;
  what.number = static_cast<std::uint32_t>(groups_.size());
  groups_.emplace_back();
  if (name != nullptr && !names_.emplace(*name, what.number).second)
    return tokens_.fail(start,
                        "group name " + printable(*name) + " is used twice");
  if (!parse_content(out, std::move(what), where, start))
    return false;
  const auto& made = out.back();
  groups_[made.number] = extent_of(made.parts[0]);
  return true;
}

bool pattern_parser::parse_named(sequence& out, const scope& where,
                                 std::size_t start) {
  if (tokens_.take_if(U'='))
    return parse_named_reference(out);
  if (!tokens_.take_if(U'<'))
    return tokens_.fail(start, "unknown kind of group after (?P");
  const auto name = tokens_.take_until(U'>', "group name");
  if (!name)
    return false;
  if (!is_identifier(*name))
    return tokens_.fail(start, "bad group name " + printable(*name));
  return parse_capture(out, where, start, &*name);
}

bool pattern_parser::parse_named_reference(sequence& out) {
  const auto at = tokens_.place();
  const auto name = tokens_.take_until(U')', "group name");
  if (!name)
    return false;
  if (!is_identifier(*name))
    return tokens_.fail(at, "bad group name " + printable(*name));
  const auto found = names_.find(*name);
  if (found == names_.end())
    return tokens_.fail(at, "no group is named " + printable(*name));
  if (!refer(found->second, at))
    return false;
  auto& added = out.emplace_back();
  added.what = syntax_node::kind::reference;
  added.number = found->second;
  return true;
}

bool pattern_parser::refer(std::uint32_t number, std::size_t at) {
  if (!is_closed(number))
    return tokens_.fail(at, "a reference to a group that is still open");
  return check_behind(number, at);
}

bool pattern_parser::check_behind(std::uint32_t number, std::size_t at) {
  if (!behind_from_)
    return true;
  if (!is_closed(number))
    return tokens_.fail(at, "a reference to a group that is still open");
  if (number >= *behind_from_)
    return tokens_.fail(at, "a reference to a group of the same look-behind");
  return true;
}

bool pattern_parser::parse_comment(std::size_t start) {
  while (!tokens_.next().at_end())
    if (tokens_.take().is(U')'))
      return true;
  return tokens_.fail(start, "missing ), unterminated comment");
}

bool pattern_parser::parse_look(sequence& out, const scope& where,
                                std::size_t start, bool behind, bool negative) {
  syntax_node what;
  what.what = syntax_node::kind::look;
  what.behind = behind;
  what.negative = negative;
  const auto outermost = behind && !behind_from_;
  if (outermost)
    behind_from_ = static_cast<std::uint32_t>(groups_.size());
  if (!parse_content(out, std::move(what), where, start))
    return false;
  if (outermost)
    behind_from_.reset();
  auto& made = out.back();
  if (!behind)
    return true;
  const auto width = extent_of(made.parts[0]);
  if (width.min != width.max)
    return tokens_.fail(start, "a look-behind needs a fixed width");
  made.width = width.min;
  return true;
}

bool pattern_parser::find_condition(const std::u32string& name, std::size_t at,
                                    std::uint32_t& number) {
  if (is_identifier(name)) {
    const auto found = names_.find(name);
    if (found == names_.end())
      return tokens_.fail(at, "no group is named " + printable(name));
    number = found->second;
    return true;
  }
  const auto read = group_number(name);
  if (!read || *read == 0)
    return tokens_.fail(at, "bad group number " + printable(name));
  number = *read;
  conditions_.emplace(number, at);
  return true;
}

bool pattern_parser::parse_condition(sequence& out, const scope& where,
                                     std::size_t start) {
  const auto at = tokens_.place();
  const auto name = tokens_.take_until(U')', "group name");
  if (!name)
    return false;
  syntax_node what;
  what.what = syntax_node::kind::condition;
  if (!find_condition(*name, at, what.number) || !check_behind(what.number, at))
    return false;
  if (what.number < groups_.size() && !is_closed(what.number))
    return tokens_.fail(at, "a condition on a group that is still open is not "
                            "supported");
  scope inner;
  inner.depth = where.depth + 1;
  inner.verbose = where.verbose;
  if (inner.depth > pattern_nesting_max)
    return tokens_.fail(start, "groups are nested too deep");
  do {
    if (what.parts.size() == 2)
      return tokens_.fail(start, "a condition has more than two branches");
    if (!parse_sequence(what.parts.emplace_back(), inner))
      return false;
  } while (tokens_.take_if(U'|'));
  if (!close_group(start))
    return false;
  out.push_back(std::move(what));
  return true;
}

bool pattern_parser::parse_flag_group(sequence& out, scope& where,
                                      std::size_t start, pattern_token sign) {
  syntax_node what;
  what.what = syntax_node::kind::group;
  bool global = false;
  if (!read_flags(sign, what.add, what.remove, global))
    return false;
  if (!global)
    return parse_content(out, std::move(what), where, start);
  if (!where.first || !out.empty())
    return tokens_.fail(start, "global flags must stand at the start");
  flags_ |= what.add;
  where.verbose = (flags_ & pattern_flags::verbose) != 0;
  return true;
}

bool pattern_parser::read_flags(pattern_token sign, std::uint32_t& add,
                                std::uint32_t& remove, bool& global) {
  using flags = pattern_flags;
  const auto at = tokens_.place() - 1;
  while (!sign.is(U'-')) {
    if (!sign.is_one_of(flag_letters))
      return tokens_.fail(at, "unknown flag, or missing -, : or )");
    const auto flag = flag_of(sign);
    if (flag == flags::locale)
      return tokens_.fail(at, "flag L is for byte patterns only");
    add |= flag;
    if ((flag & flags::kinds) != 0 && (add & flags::kinds) != flag)
      return tokens_.fail(at, "flags a and u exclude each other");
    sign = tokens_.take();
    if (sign.is_one_of(U"):"))
      break;
  }
  global = sign.is(U')');
  if (global)
    return true;
  if ((add & flags::no_repeats) != 0)
    return tokens_.fail(at, "flag t can only be global");
  if (sign.is(U'-') && !read_removed_flags(remove))
    return false;
  if ((add & remove) != 0)
    return tokens_.fail(at, "a flag is turned on and off");
  return true;
}

bool pattern_parser::read_removed_flags(std::uint32_t& remove) {
  using flags = pattern_flags;
  const auto at = tokens_.place();
  do {
    const auto sign = tokens_.take();
    if (!sign.is_one_of(flag_letters))
      return tokens_.fail(at, "unknown flag, or missing :");
    const auto flag = flag_of(sign);
    if ((flag & (flags::kinds | flags::no_repeats)) != 0)
      return tokens_.fail(at, "flags a, u, L and t cannot be turned off");
    remove |= flag;
  } while (!tokens_.take_if(U':'));
  return true;
}

} // namespace posthorn

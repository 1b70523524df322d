// SPDX-License-Identifier: Apache-2.0
// Edits text, and trusts no edit before it was parsed again.
#include "apps/posthorn/commands/url_swap.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace posthorn {

namespace {

constexpr std::string_view blanks = " \t\r\n";

/// Where the value proper starts: behind its anchor and its tag.
std::size_t skip_properties(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == '&' || text[at] == '!')) {
    at = text.find_first_of(blanks, at);
    at = text.find_first_not_of(blanks, at);
  }
  return std::min(at, text.size());
}

/// Where the quoted scalar that starts at `at` ends, past its quote; npos when
/// it does not.
std::size_t end_of_quoted(std::string_view text, std::size_t at) {
  char quote = text[at];
  for (auto i = at + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\')
      ++i;
    else if (text[i] == quote && quote == '\'' && text.substr(i + 1, 1) == "'")
      ++i;
    else if (text[i] == quote)
      return i + 1;
  }
  return std::string_view::npos;
}

std::string single_quoted(const std::string& url) {
  std::string result = "'";
  for (char c : url) {
    result += c;
    if (c == '\'')
      result += c;
  }
  return result + "'";
}

/// As it stands without quotes in any place, also between { and }.
std::string unquoted(const std::string& url) {
  auto safe = url.find_first_of(",[]{}'!&*") == std::string::npos
              && !url.ends_with(':');
  return safe ? url : '"' + url + '"';
}

/// A stretch of the text and what takes its place.
struct edit {
  std::size_t first = std::string_view::npos;
  std::size_t last = 0;
  std::string with;
};

edit find_edit(std::string_view text, const yaml_value& value,
               const std::string& url) {
  auto at = skip_properties(text, value.offset);
  if (at == text.size())
    return {};
  char first = text[at];
  if (first == '\'' || first == '"') {
    auto end = end_of_quoted(text, at);
    if (end == std::string_view::npos)
      return {};
    // A checked url holds nothing that needs a backslash.
    return {at, end, first == '"' ? '"' + url + '"' : single_quoted(url)};
  }
  auto with = unquoted(url);
  if (first == '|' || first == '>') {
    // A block: its first line follows the indicator's line.
    at = text.find_first_not_of(blanks,
                                std::min(text.find('\n', at), text.size()));
    with = url;
  }
  if (at >= text.size() || !text.substr(at).starts_with(value.text))
    return {};
  return {at, at + value.text.size(), with};
}

/// Compares trees; remembers pairs that were compared, since aliases may name
/// one node often.
class tree_comparison {
public:
  bool same(const yaml_value& left, const yaml_value& right) {
    if (!seen_.emplace(&left, &right).second)
      return true;
    if (left.kind != right.kind || left.text != right.text
        || left.items.size() != right.items.size()
        || left.members.size() != right.members.size())
      return false;
    for (std::size_t i = 0; i < left.items.size(); ++i)
      if (!same(*left.items[i], *right.items[i]))
        return false;
    for (std::size_t i = 0; i < left.members.size(); ++i)
      if (left.members[i].key != right.members[i].key
          || !same(*left.members[i].value, *right.members[i].value))
        return false;
    return true;
  }

  /// Compares registrations apart from their url.
  bool same_but_url(const yaml_value& left, const yaml_value& right) {
    if (left.members.size() != right.members.size())
      return false;
    for (std::size_t i = 0; i < left.members.size(); ++i) {
      auto& one = left.members[i];
      auto& other = right.members[i];
      if (one.key != other.key)
        return false;
      if (one.key != "url" && !same(*one.value, *other.value))
        return false;
    }
    return true;
  }

private:
  std::set<std::pair<const yaml_value*, const yaml_value*>> seen_;
};

} // namespace

caf::expected<std::string> with_url(const yaml_document& document,
                                    const std::string& url) {
  auto refusal
    = fault(ec::bad_config, "cannot be changed by itself: write it out in one "
                            "line, without anchor or alias");
  auto member = document.root->find("url");
  if (member == nullptr)
    return refusal;
  auto change = find_edit(document.text, *member->value, url);
  if (change.first == std::string_view::npos)
    return refusal;
  auto text = document.text;
  text.replace(change.first, change.last - change.first, change.with);
  auto again = parse_yaml(document.file, text);
  if (again.root == nullptr || !again.problems.empty())
    return refusal;
  auto value = again.root->find("url");
  if (value == nullptr || value->value->kind != yaml_kind::string
      || value->value->text != url
      || !tree_comparison{}.same_but_url(*document.root, *again.root))
    return refusal;
  return text;
}

} // namespace posthorn

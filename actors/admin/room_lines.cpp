// SPDX-License-Identifier: Apache-2.0
#include "actors/admin/room_lines.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace posthorn {

namespace {

using nlohmann::json;

/// What a membership event may say (client-server API, m.room.member).
constexpr std::array<std::string_view, 5> memberships{"join", "invite", "knock",
                                                      "leave", "ban"};

/// Reads lines. What finds something wrong notes it in `fault_` and answers
/// null or false.
class reading {
public:
  explicit reading(std::string_view server_name) : server_name_{server_name} {}

  void line(std::string_view text);

  room_lines result;

private:
  bool wrong(std::string why);
  const std::string* text_at(const json& where, const char* key);
  const std::string* id_at(const json& where, const char* key, char sigil);
  const json* content_of(const json& event);

  bool take(std::string_view text);
  bool take_event(const json& what);
  bool take_membership(const json& what, const std::string* user,
                       const std::string* membership);
  bool take_aliases(const json& event);

  std::string_view server_name_;
  std::string fault_;
};

bool reading::wrong(std::string why) {
  fault_ = std::move(why);
  return false;
}

const std::string* reading::text_at(const json& where, const char* key) {
  const auto found = where.find(key);
  if (found != where.end() && found->is_string())
    return found->get_ptr<const std::string*>();
  wrong(std::string{key}
        + (found == where.end() ? " is missing" : " is not a string"));
  return nullptr;
}

const std::string* reading::id_at(const json& where, const char* key,
                                  char sigil) {
  const auto* id = text_at(where, key);
  if (id == nullptr)
    return nullptr;
  if (id->empty() || id->front() != sigil)
    wrong(std::string{key} + " does not begin with " + sigil);
  else if (!can_be_kept(*id))
    wrong(std::string{key} + " has more than " + std::to_string(matrix_id_max)
          + " bytes");
  else
    return id;
  return nullptr;
}

const json* reading::content_of(const json& event) {
  const auto found = event.find("content");
  if (found != event.end() && found->is_object())
    return &*found;
  wrong("content is not an object");
  return nullptr;
}

void reading::line(std::string_view text) {
  ++result.lines;
  if (text.find_first_not_of(" \t\r") == std::string_view::npos || take(text))
    return;
  ++result.bad;
  if (result.faults.size() < line_faults_max)
    result.faults.push_back({result.lines, fault_});
}

bool reading::take(std::string_view text) {
  const auto what = json::parse(text, nullptr, false);
  if (what.is_discarded())
    return wrong("not JSON");
  if (!what.is_object())
    return wrong("not a JSON object");
  if (what.contains("type"))
    return take_event(what);
  if (!what.contains("user_id") && !what.contains("membership"))
    return wrong("neither a state event (type is missing) nor a membership "
                 "(room_id, user_id, membership)");
  const auto* user = id_at(what, "user_id", '@');
  return user != nullptr
         && take_membership(what, user, text_at(what, "membership"));
}

bool reading::take_event(const json& what) {
  const auto* type = text_at(what, "type");
  if (type == nullptr)
    return false;
  if (*type == "m.room.canonical_alias")
    return take_aliases(what);
  if (*type != "m.room.member") {
    ++result.ignored;
    return true;
  }
  const auto* user = id_at(what, "state_key", '@');
  const auto* content = user != nullptr ? content_of(what) : nullptr;
  return content != nullptr
         && take_membership(what, user, text_at(*content, "membership"));
}

bool reading::take_membership(const json& what, const std::string* user,
                              const std::string* membership) {
  const auto* room
    = membership != nullptr ? id_at(what, "room_id", '!') : nullptr;
  if (room == nullptr)
    return false;
  if (std::find(memberships.begin(), memberships.end(), *membership)
      == memberships.end())
    return wrong("membership is none of join, invite, knock, leave, ban");
  result.changes.memberships.push_back(
    {*room, *user, *membership == "join", is_local(*user, server_name_)});
  return true;
}

bool reading::take_aliases(const json& event) {
  const auto* room = id_at(event, "room_id", '!');
  const auto* content = room != nullptr ? content_of(event) : nullptr;
  if (content == nullptr)
    return false;
  if (event.contains("state_key")) {
    const auto* state_key = text_at(event, "state_key");
    if (state_key == nullptr)
      return false;
    if (!state_key->empty()) {
      ++result.ignored;
      return true;
    }
  }
  std::vector<std::string> names;
  const auto add = [&](const json& alias) {
    if (alias.is_string())
      names.push_back(alias.get<std::string>());
  };
  if (const auto alias = content->find("alias"); alias != content->end())
    add(*alias);
  const auto more = content->find("alt_aliases");
  if (more != content->end() && more->is_array())
    std::for_each(more->begin(), more->end(), add);
  result.changes.aliases.push_back(
    {*room, local_aliases(std::move(names), server_name_)});
  return true;
}

} // namespace

room_lines read_room_lines(std::string_view text,
                           std::string_view server_name) {
  reading work{server_name};
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    work.line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(work.result);
}

} // namespace posthorn

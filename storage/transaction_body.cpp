// SPDX-License-Identifier: Apache-2.0
#include "storage/transaction_body.hpp"

#include <simdjson.h>

#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

namespace posthorn::storage {

namespace {

constexpr std::string_view opening = R"({"events":[)";
constexpr std::string_view closing = "}";
constexpr std::string_view stable_key = R"(,"ephemeral":[)";
constexpr std::string_view unstable_key
  = R"(,"de.sorunome.msc2409.ephemeral":[)";
constexpr std::string_view to_device_key
  = R"(,"de.sorunome.msc2409.to_device":[)";
constexpr std::string_view device_lists_key
  = R"(,"org.matrix.msc3202.device_lists":{"changed":[)";
constexpr std::string_view left_key = R"(],"left":[)";
constexpr std::string_view counts_key
  = R"(,"org.matrix.msc3202.device_one_time_key_counts":)";
constexpr std::string_view counts_key_too
  = R"(,"org.matrix.msc3202.device_one_time_keys_count":)";
constexpr std::string_view fallback_key
  = R"(,"org.matrix.msc3202.device_unused_fallback_key_types":)";

/// Device list changes, folded in the order in which they came.
class device_list_fold {
public:
  /// Answers false when `json` is not what it should be; it then adds nothing.
  bool add(std::string_view json) {
    mentions changed;
    mentions left;
    if (!read(simdjson::padded_string{json}, changed, left))
      return false;
    for (auto& user : changed)
      move_to(user, changed_, left_);
    for (auto& user : left)
      move_to(user, left_, changed_);
    return true;
  }

  bool empty() const {
    return changed_.tokens.empty() && left_.tokens.empty();
  }

  void print(std::string& out) const {
    out += device_lists_key;
    print(out, changed_);
    out += left_key;
    print(out, left_);
    out += "]}";
  }

private:
  /// A user id: decoded to compare, and as it came to print.
  struct mention {
    std::string user;
    std::string token;
  };

  using mentions = std::vector<mention>;

  /// Users of one list, each with the number of its first mention.
  struct user_list {
    std::unordered_map<std::string, std::uint64_t> order;
    std::map<std::uint64_t, std::string> tokens;
  };

  /// As read_by_user() reads it: of a key that comes twice the last one counts,
  /// and null is as good as no key.
  bool read(const simdjson::padded_string& json, mentions& changed,
            mentions& left) {
    namespace ondemand = simdjson::ondemand;
    ondemand::document document;
    ondemand::object object;
    bool changed_good = true;
    bool left_good = true;
    if (parser_.iterate(json).get(document) != simdjson::SUCCESS
        || document.get_object().get(object) != simdjson::SUCCESS)
      return false;
    for (auto member : object) {
      ondemand::field field;
      std::string_view key;
      if (std::move(member).get(field) != simdjson::SUCCESS
          || field.unescaped_key().get(key) != simdjson::SUCCESS)
        return false;
      if (key == "changed")
        changed_good = read(field.value(), changed);
      else if (key == "left")
        left_good = read(field.value(), left);
    }
    return changed_good && left_good;
  }

  static bool read(simdjson::ondemand::value what, mentions& into) {
    into.clear();
    bool null = false;
    if (what.is_null().get(null) != simdjson::SUCCESS)
      return false;
    if (null)
      return true;
    simdjson::ondemand::array list;
    if (what.get_array().get(list) != simdjson::SUCCESS)
      return false;
    for (auto element : list) {
      simdjson::ondemand::value value;
      if (element.get(value) != simdjson::SUCCESS)
        return false;
      std::string_view token = value.raw_json_token();
      std::string_view user;
      if (value.get_string().get(user) != simdjson::SUCCESS)
        return false;
      token = token.substr(0, token.find_last_of('"') + 1);
      into.push_back({std::string{user}, std::string{token}});
    }
    return true;
  }

  void move_to(const mention& who, user_list& to, user_list& from) {
    if (auto i = from.order.find(who.user); i != from.order.end()) {
      from.tokens.erase(i->second);
      from.order.erase(i);
    }
    if (to.order.emplace(who.user, next_).second)
      to.tokens.emplace(next_++, who.token);
  }

  static void print(std::string& out, const user_list& list) {
    const char* comma = "";
    for (auto& [number, token] : list.tokens) {
      out += comma;
      out += token;
      comma = ",";
    }
  }

  simdjson::ondemand::parser parser_;
  user_list changed_;
  user_list left_;
  std::uint64_t next_ = 0;
};

/// Objects by user, folded: of each user the newest value, as it came.
class by_user_fold {
public:
  /// Answers false when `json` is not an object; it then adds nothing.
  bool add(std::string_view json) {
    namespace ondemand = simdjson::ondemand;
    simdjson::padded_string padded{json};
    ondemand::document document;
    ondemand::object object;
    std::vector<std::pair<std::string, std::string>> found;
    if (parser_.iterate(padded).get(document) != simdjson::SUCCESS
        || document.get_object().get(object) != simdjson::SUCCESS)
      return false;
    for (auto member : object) {
      ondemand::field field;
      if (std::move(member).get(field) != simdjson::SUCCESS)
        return false;
      // The token from its opening to its closing quote.
      const char* at = field.key().raw();
      std::string token = "\"";
      for (; *at != '"'; ++at) {
        if (*at == '\\')
          token += *at++;
        token += *at;
      }
      token += *at;
      std::string_view value;
      if (simdjson::to_json_string(field.value()).get(value)
          != simdjson::SUCCESS)
        return false;
      found.emplace_back(std::move(token), trimmed(value));
    }
    for (auto& [user, value] : found) {
      auto [i, fresh] = places_.emplace(user, members_.size());
      if (fresh)
        members_.emplace_back(std::move(user), std::move(value));
      else
        members_[i->second].second = std::move(value);
    }
    return true;
  }

  std::string print() const {
    std::string out = "{";
    for (auto& [user, value] : members_) {
      if (out.size() > 1)
        out += ',';
      out.append(user).append(":").append(value);
    }
    return out + "}";
  }

private:
  static std::string trimmed(std::string_view json) {
    return std::string{json.substr(0, json.find_last_not_of(" \t\r\n") + 1)};
  }

  simdjson::ondemand::parser parser_;
  std::unordered_map<std::string, std::size_t> places_;
  std::vector<std::pair<std::string, std::string>> members_;
};

/// Appends all runs of a kind, with commas between.
void join(std::string& out, std::span<const body_run> runs, item_kind kind) {
  bool first = true;
  for (auto& run : runs) {
    if (run.kind != kind)
      continue;
    if (!first)
      out += ',';
    out += run.json;
    first = false;
  }
}

/// What there is besides events, found in one pass.
struct contents {
  std::size_t bytes = 0;
  bool ephemeral = false;
  bool to_device = false;
  bool device_lists = false;
  std::vector<std::string_view> counts;
  std::vector<std::string_view> fallback;
};

contents survey(std::span<const body_run> runs, ephemeral_names names) {
  contents result;
  auto copies = std::size_t{names.stable} + std::size_t{names.unstable};
  for (auto& run : runs) {
    auto size = run.json.size() + 1;
    switch (run.kind) {
    case item_kind::event:
      result.bytes += size;
      break;
    case item_kind::ephemeral:
      result.bytes += size * copies;
      result.ephemeral = true;
      break;
    case item_kind::to_device:
      result.bytes += size;
      result.to_device = true;
      break;
    case item_kind::device_lists:
      result.bytes += size;
      result.device_lists = true;
      break;
    case item_kind::key_counts:
      result.bytes += 2 * size;
      result.counts.push_back(run.json);
      break;
    case item_kind::fallback_keys:
      result.bytes += size;
      result.fallback.push_back(run.json);
      break;
    }
  }
  return result;
}

/// One object out of several by user; a single one as it came. Empty where
/// there is none.
std::string by_user(const std::vector<std::string_view>& objects,
                    std::uint32_t& unfoldable) {
  if (objects.empty())
    return {};
  if (objects.size() == 1)
    return std::string{objects.front()};
  by_user_fold fold;
  for (auto& json : objects)
    if (!fold.add(json))
      ++unfoldable;
  return fold.print();
}

/// Whether items of a kind are counted: those that go into an array one by one.
bool is_counted(item_kind kind) {
  return kind == item_kind::event || kind == item_kind::ephemeral
         || kind == item_kind::to_device;
}

} // namespace

body_gauge::body_gauge(const cut_limits& limits)
  : limits_{limits}, bytes_{opening.size() + 1 + closing.size()} {
  // nop
}

std::uint64_t body_gauge::cost_of(item_kind kind, std::uint32_t size) const {
  auto first = counts_[static_cast<std::size_t>(kind)] == 0;
  // An array of n items has n - 1 commas: the first item pays for the key and
  // the closing bracket instead.
  auto in_array = [&](std::string_view key) -> std::uint64_t {
    return size + (first ? key.size() + 1 : 1);
  };
  switch (kind) {
  case item_kind::event:
    return size + (first ? 0 : 1);
  case item_kind::ephemeral:
    return (limits_.stable_ephemeral ? in_array(stable_key) : 0)
           + (limits_.unstable_ephemeral ? in_array(unstable_key) : 0);
  case item_kind::to_device:
    return in_array(to_device_key);
  case item_kind::device_lists:
    return size + (first ? device_lists_key.size() + left_key.size() + 2 : 0);
  case item_kind::key_counts:
    return 2 * std::uint64_t{size}
           + (first ? counts_key.size() + counts_key_too.size() : 0);
  case item_kind::fallback_keys:
    return size + (first ? fallback_key.size() : 0);
  }
  return size;
}

bool body_gauge::take(item_kind kind, std::uint32_t size) {
  if (kind == item_kind::ephemeral && !limits_.stable_ephemeral
      && !limits_.unstable_ephemeral)
    return true;
  auto& count = counts_[static_cast<std::size_t>(kind)];
  auto after = bytes_ + cost_of(kind, size);
  auto many = is_counted(kind) && count >= limits_.max_events;
  if (sends_ && (many || after > limits_.max_bytes))
    return false;
  ++count;
  bytes_ = after;
  sends_ = true;
  return true;
}

rendered_body render(std::span<const body_run> runs, ephemeral_names names) {
  rendered_body result;
  auto& out = result.json;
  auto there = survey(runs, names);
  // Room for every key, so that the body is allocated once.
  out.reserve(there.bytes + 512);
  out += opening;
  join(out, runs, item_kind::event);
  out += ']';
  auto array = [&](bool wanted, std::string_view key, item_kind kind) {
    if (!wanted)
      return;
    out += key;
    join(out, runs, kind);
    out += ']';
  };
  array(there.ephemeral && names.stable, stable_key, item_kind::ephemeral);
  array(there.ephemeral && names.unstable, unstable_key, item_kind::ephemeral);
  array(there.to_device, to_device_key, item_kind::to_device);
  if (there.device_lists) {
    device_list_fold fold;
    for (auto& run : runs)
      if (run.kind == item_kind::device_lists && !fold.add(run.json))
        ++result.unfoldable;
    if (!fold.empty())
      fold.print(out);
  }
  auto counts = by_user(there.counts, result.unfoldable);
  if (!counts.empty()) {
    out += counts_key;
    out += counts;
    out += counts_key_too;
    out += counts;
  }
  auto fallback = by_user(there.fallback, result.unfoldable);
  if (!fallback.empty()) {
    out += fallback_key;
    out += fallback;
  }
  out += closing;
  return result;
}

} // namespace posthorn::storage

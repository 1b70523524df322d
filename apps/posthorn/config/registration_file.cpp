// SPDX-License-Identifier: Apache-2.0
// One file after the other, then what must be unique over all of them.
#include "apps/posthorn/config/registration_file.hpp"

#include "apps/posthorn/config/service_url.hpp"
#include "apps/posthorn/config/side_by_side.hpp"
#include "apps/posthorn/config/yaml_reader.hpp"
#include "messages/errors.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace posthorn {

namespace {

bool letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9');
}

/// What is wrong with an id, or nothing.
std::string id_error(const std::string& id) {
  // RFC 3986 "pchar" without percent-encoding; leaves out the | that Synapse
  // refuses.
  constexpr std::string_view others = "-._~!$&'()*+,;=:@";
  if (id.empty())
    return "must not be empty";
  if (id.size() > id_bytes_max)
    return "must not be longer than " + std::to_string(id_bytes_max) + " bytes";
  auto fits = [&](char c) {
    return letter_or_digit(c) || others.find(c) != std::string_view::npos;
  };
  if (id == "." || id == ".." || !std::all_of(id.begin(), id.end(), fits))
    return "must be usable in the path of a URL: letters, digits and "
           + std::string{others};
  return {};
}

void read_id(yaml_reader& in, registration& out) {
  if (auto text = in.required_string("id")) {
    out.id = *text;
    if (auto wrong = id_error(*text); !wrong.empty())
      in.complain("id", std::move(wrong));
  }
}

void read_url(yaml_reader& in, registration& out) {
  auto value = in.find("url");
  if (value == nullptr) {
    in.complain("url", "is missing: give the service's URL, or write `url: "
                       "null` if nothing is to be sent to it");
    return;
  }
  if (value->kind == yaml_kind::null)
    return;
  if (auto text = in.string("url")) {
    if (auto url = parse_service_url(*text))
      out.url = *url;
    else
      in.complain("url", text_of(url.error()));
  }
}

std::string read_token(yaml_reader& in, const char* key) {
  auto text = in.required_string(key);
  if (!text)
    return {};
  auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if (text->empty())
    in.complain(key, "must not be empty");
  else if (!std::all_of(text->begin(), text->end(), visible))
    in.complain(key, "must be visible ASCII characters only: it goes into an "
                     "HTTP header");
  return *text;
}

void read_sender(yaml_reader& in, registration& out) {
  auto text = in.required_string("sender_localpart");
  if (!text)
    return;
  out.sender_localpart = *text;
  auto fits = [](char c) {
    return letter_or_digit(c)
           || std::string_view{"_.-~/"}.find(c) != std::string_view::npos;
  };
  if (text->empty())
    in.complain("sender_localpart", "must not be empty");
  else if (!std::all_of(text->begin(), text->end(), fits))
    in.complain("sender_localpart",
                "must be made of letters, digits and _.-~/ only");
}

void read_entry(yaml_reader& in, const pattern_check& check,
                std::vector<namespace_entry>& out) {
  namespace_entry entry;
  if (auto regex = in.required_string("regex")) {
    entry.regex = *regex;
    if (auto wrong = check ? check(*regex) : std::nullopt)
      in.complain("regex", "\"" + *regex + "\" is not usable: " + *wrong);
  }
  if (!in.has("exclusive"))
    in.complain("exclusive", "is missing: write true or false");
  else
    entry.exclusive = in.boolean("exclusive").value_or(false);
  out.push_back(std::move(entry));
}

void read_namespaces(yaml_reader& in, const pattern_check& check,
                     registration& out) {
  if (!in.has("namespaces")) {
    in.complain("namespaces", "is missing: write `namespaces: {}` for none");
    return;
  }
  auto all = in.mapping("namespaces");
  if (!all)
    return;
  auto read_list = [&](const char* key, std::vector<namespace_entry>& entries) {
    auto list = all->list(key);
    for (std::size_t i = 0; list != nullptr && i < list->items.size(); ++i)
      if (auto entry = all->element(key, i))
        read_entry(*entry, check, entries);
  };
  read_list("users", out.users);
  read_list("aliases", out.aliases);
  read_list("rooms", out.rooms);
}

/// A flag that may also be null, which Synapse takes for "not given".
bool read_flag(yaml_reader& in, const char* key, bool otherwise) {
  auto value = in.find(key);
  if (value == nullptr || value->kind == yaml_kind::null)
    return otherwise;
  return in.boolean(key).value_or(otherwise);
}

void read_options(yaml_reader& in, registration& out) {
  out.rate_limited = read_flag(in, "rate_limited", true);
  out.receive_ephemeral = read_flag(in, "receive_ephemeral", false);
  out.push_ephemeral
    = read_flag(in, "de.sorunome.msc2409.push_ephemeral", false);
  out.device_lists = in.boolean("org.matrix.msc3202").value_or(false);
  in.boolean("io.element.msc4190");
  auto protocols = in.find("protocols");
  if (protocols != nullptr && protocols->kind != yaml_kind::null)
    out.protocols = in.strings("protocols");
}

/// A registration as far as it could be read, and where things stand.
struct reading {
  registration what;
  unsigned id_line = 0;
  unsigned token_line = 0;
  unsigned sender_line = 0;
  /// Whether there was anything to read.
  bool found = false;
  /// What is wrong with the file by itself.
  std::vector<problem> errors;
  std::vector<problem> warnings;
};

void warn(const yaml_document& document, const registration& what,
          std::vector<problem>& warnings) {
  if (document.open_to_others)
    warnings.push_back({document.file, 0, "",
                        "holds tokens, but is open to group or others: chmod "
                        "600"});
  auto url = document.root->find("url");
  if (url != nullptr && url->value->kind == yaml_kind::null
      && !what.protocols.empty())
    warnings.push_back(
      {document.file, url->line, "protocols",
       "with `url: null` make Synapse answer 500 to every look-up of third-"
       "party protocols: leave them out"});
}

reading read_one(const yaml_document& document, const pattern_check& check) {
  reading result;
  result.what.file = document.file;
  auto& errors = result.errors;
  errors = document.problems;
  if (document.root == nullptr)
    return result;
  result.found = true;
  yaml_reader in{document.file, "", document.root, empty_value::refused,
                 errors};
  read_id(in, result.what);
  read_url(in, result.what);
  result.what.as_token = read_token(in, "as_token");
  result.what.hs_token = read_token(in, "hs_token");
  read_sender(in, result.what);
  read_namespaces(in, check, result.what);
  read_options(in, result.what);
  result.id_line = in.line_of("id");
  result.token_line = in.line_of("as_token");
  result.sender_line = in.line_of("sender_localpart");
  warn(document, result.what, result.warnings);
  return result;
}

/// Where a value that must be unique was seen first.
struct place {
  std::string file;
  unsigned line = 0;
};

/// Notes values and answers where an equal one was seen before.
class first_seen {
public:
  const place* note(const std::string& value, place where) {
    if (value.empty())
      return nullptr;
    auto [entry, fresh] = places_.emplace(value, std::move(where));
    return fresh ? nullptr : &entry->second;
  }

private:
  std::map<std::string, place> places_;
};

std::string text_of(const place& where) {
  return where.file + ":" + std::to_string(where.line);
}

/// Checks what must be unique, which needs the files that have errors as well.
class uniqueness {
public:
  explicit uniqueness(registration_set& set) : set_(set) {}

  /// Whether nothing of `one` was there before.
  bool check(const reading& one) {
    auto& what = one.what;
    bool unique = true;
    if (auto first = ids_.note(what.id, {what.file, one.id_line})) {
      set_.errors.push_back(
        {what.file, one.id_line, "id",
         "\"" + what.id + "\" is also the id in " + text_of(*first)});
      unique = false;
    }
    if (auto first = tokens_.note(what.as_token, {what.file, one.token_line})) {
      set_.errors.push_back(
        {what.file, one.token_line, "as_token",
         "is also the as_token in " + text_of(*first)
           + ": the homeserver could not tell the services apart"});
      unique = false;
    }
    if (auto first
        = senders_.note(what.sender_localpart, {what.file, one.sender_line}))
      set_.warnings.push_back(
        {what.file, one.sender_line, "sender_localpart",
         "is also the sender_localpart in " + text_of(*first)
           + ": the homeserver will let only one of them register it"});
    return unique;
  }

private:
  registration_set& set_;
  first_seen ids_;
  first_seen tokens_;
  first_seen senders_;
};

void append(std::vector<problem>& to, std::vector<problem>& what) {
  to.insert(to.end(), std::make_move_iterator(what.begin()),
            std::make_move_iterator(what.end()));
}

/// Puts them together, in their order.
registration_set joined(std::vector<reading> all) {
  registration_set result;
  uniqueness unique{result};
  for (auto& one : all) {
    const auto valid = one.found && one.errors.empty();
    append(result.errors, one.errors);
    append(result.warnings, one.warnings);
    if (one.what.id.empty())
      result.ids_complete = false;
    else
      result.ids.push_back({one.what.id, one.what.file});
    if (unique.check(one) && valid)
      result.registrations.push_back(std::move(one.what));
  }
  return result;
}

} // namespace

registration_set
check_registrations(const std::vector<yaml_document>& documents,
                    const pattern_check& check) {
  std::vector<reading> all(documents.size());
  side_by_side(all.size(),
               [&](std::size_t i) { all[i] = read_one(documents[i], check); });
  return joined(std::move(all));
}

registration_set load_registrations(const std::vector<std::string>& files,
                                    const pattern_check& check) {
  std::vector<reading> all(files.size());
  side_by_side(all.size(), [&](std::size_t i) {
    all[i] = read_one(load_yaml(files[i]), check);
  });
  return joined(std::move(all));
}

} // namespace posthorn

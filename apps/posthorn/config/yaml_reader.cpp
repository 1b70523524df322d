// SPDX-License-Identifier: Apache-2.0
// Texts here never quote a value: it may be a token.
#include "apps/posthorn/config/yaml_reader.hpp"

#include "apps/posthorn/config/quantity.hpp"

#include <algorithm>
#include <charconv>

namespace posthorn {

namespace {

std::string must_be(yaml_kind wanted, const yaml_value& value) {
  std::string result = std::string{"must be "} + name_of(wanted);
  if (wanted == yaml_kind::boolean)
    result = "must be true or false";
  result += std::string{", but is "} + name_of(value.kind);
  auto scalar = value.kind == yaml_kind::number
                || value.kind == yaml_kind::boolean
                || value.kind == yaml_kind::other;
  if (wanted == yaml_kind::string && scalar)
    result += ": put it in quotes";
  if (wanted == yaml_kind::boolean && value.kind == yaml_kind::string)
    result += ": write it without quotes";
  return result;
}

} // namespace

yaml_reader::yaml_reader(std::string file, std::string path, yaml_ptr mapping,
                         empty_value empty, std::vector<problem>& problems)
  : file_(std::move(file)), path_(std::move(path)),
    mapping_(std::move(mapping)), empty_(empty), problems_(&problems) {}

bool yaml_reader::has(std::string_view key) {
  return find(key) != nullptr;
}

yaml_ptr yaml_reader::find(std::string_view key) {
  if (!known(key))
    known_.emplace_back(key);
  auto member = mapping_->find(key);
  if (member == nullptr)
    return nullptr;
  if (member->value->kind == yaml_kind::null && empty_ == empty_value::left_out)
    return nullptr;
  return member->value;
}

yaml_ptr yaml_reader::find_kind(std::string_view key, yaml_kind kind) {
  auto value = find(key);
  if (value != nullptr && value->kind != kind) {
    complain(key, must_be(kind, *value));
    return nullptr;
  }
  return value;
}

std::optional<std::string> yaml_reader::string(std::string_view key) {
  if (auto value = find_kind(key, yaml_kind::string))
    return value->text;
  return std::nullopt;
}

std::optional<std::string> yaml_reader::required_string(std::string_view key) {
  if (!has(key)) {
    complain(key, "is missing");
    return std::nullopt;
  }
  return string(key);
}

std::optional<bool> yaml_reader::boolean(std::string_view key) {
  if (auto value = find_kind(key, yaml_kind::boolean))
    return boolean_value(value->text);
  return std::nullopt;
}

std::optional<std::uint32_t> yaml_reader::integer(std::string_view key,
                                                  std::uint32_t min,
                                                  std::uint32_t max) {
  auto value = find_kind(key, yaml_kind::number);
  if (value == nullptr)
    return std::nullopt;
  auto& text = value->text;
  std::uint32_t number = 0;
  auto last = text.data() + text.size();
  auto [end, failed] = std::from_chars(text.data(), last, number);
  // 010 is eight in YAML 1.1 and ten to most readers: refused.
  bool octal = text.size() > 1 && text.front() == '0';
  if (failed != std::errc{} || end != last || octal || number < min
      || number > max) {
    complain(key, "must be a whole number from " + std::to_string(min) + " to "
                    + std::to_string(max));
    return std::nullopt;
  }
  return number;
}

std::optional<std::chrono::milliseconds>
yaml_reader::duration(std::string_view key, std::chrono::milliseconds min,
                      std::chrono::milliseconds max) {
  auto value = find(key);
  if (value == nullptr)
    return std::nullopt;
  auto number = value->kind == yaml_kind::string ? parse_duration(value->text)
                                                 : std::nullopt;
  if (!number)
    complain(key, "must be a duration such as 250ms, 2s, 5m or 1h");
  else if (*number < min || *number > max)
    complain(key, "must be from " + duration_text(min) + " to "
                    + duration_text(max));
  else
    return number;
  return std::nullopt;
}

std::optional<std::uint64_t>
yaml_reader::size(std::string_view key, std::uint64_t min, std::uint64_t max) {
  auto value = find(key);
  if (value == nullptr)
    return std::nullopt;
  auto number
    = value->kind == yaml_kind::string ? parse_size(value->text) : std::nullopt;
  if (!number)
    complain(key, "must be a size such as 64KiB, 16MiB or 1GiB");
  else if (*number < min || *number > max)
    complain(key, "must be from " + size_text(min) + " to " + size_text(max));
  else
    return number;
  return std::nullopt;
}

std::optional<yaml_reader> yaml_reader::mapping(std::string_view key) {
  auto value = find_kind(key, yaml_kind::mapping);
  if (value == nullptr)
    return std::nullopt;
  return yaml_reader{file_, path_of(key), value, empty_, *problems_};
}

yaml_ptr yaml_reader::list(std::string_view key) {
  return find_kind(key, yaml_kind::list);
}

std::vector<std::string> yaml_reader::strings(std::string_view key) {
  std::vector<std::string> result;
  auto values = list(key);
  if (values == nullptr)
    return result;
  for (std::size_t i = 0; i < values->items.size(); ++i) {
    auto& one = *values->items[i];
    if (one.kind == yaml_kind::string)
      result.push_back(one.text);
    else
      problems_->push_back({file_, one.line,
                            path_of(key) + "[" + std::to_string(i) + "]",
                            must_be(yaml_kind::string, one)});
  }
  return result;
}

std::optional<yaml_reader> yaml_reader::element(std::string_view key,
                                                std::size_t index) {
  auto values = list(key);
  if (values == nullptr || index >= values->items.size())
    return std::nullopt;
  auto value = values->items[index];
  auto place = path_of(key) + "[" + std::to_string(index) + "]";
  if (value->kind != yaml_kind::mapping) {
    problems_->push_back({file_, value->line, std::move(place),
                          must_be(yaml_kind::mapping, *value)});
    return std::nullopt;
  }
  return yaml_reader{file_, std::move(place), value, empty_, *problems_};
}

void yaml_reader::complain(std::string_view key, std::string text) {
  problems_->push_back({file_, line_of(key), path_of(key), std::move(text)});
}

void yaml_reader::refuse_unknown_keys() {
  for (auto& one : mapping_->members) {
    if (known(one.key))
      continue;
    std::string text = "is not a known key; known here:";
    for (auto& name : known_)
      text += (&name == &known_.front() ? " " : ", ") + name;
    problems_->push_back({file_, one.line, path_of(one.key), std::move(text)});
  }
}

unsigned yaml_reader::line_of(std::string_view key) const {
  auto member = mapping_->find(key);
  return member == nullptr ? mapping_->line : member->line;
}

std::vector<std::string> yaml_reader::keys() const {
  std::vector<std::string> result;
  for (auto& one : mapping_->members)
    result.push_back(one.key);
  return result;
}

std::string yaml_reader::path_of(std::string_view key) const {
  return path_.empty() ? std::string{key} : path_ + "." + std::string{key};
}

bool yaml_reader::known(std::string_view key) const {
  return std::find(known_.begin(), known_.end(), key) != known_.end();
}

} // namespace posthorn

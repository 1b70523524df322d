// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/chunk_reader.hpp"

#include <algorithm>
#include <charconv>

namespace posthorn::inbound {

namespace {

constexpr std::size_t size_line_max = 256;
constexpr std::size_t extension_bytes_max = 4096;

} // namespace

chunk_reader::chunk_reader(std::size_t body_max) : body_max_(body_max) {}

chunk_reader::outcome chunk_reader::feed(std::string_view& bytes,
                                         std::string& body) {
  while (!bytes.empty()) {
    auto result = outcome::more;
    switch (stage_) {
    case stage::size:
      result = size_line(bytes, body.size());
      break;
    case stage::data: {
      auto size = std::min<std::uint64_t>(left_, bytes.size());
      body += bytes.substr(0, size);
      bytes.remove_prefix(size);
      left_ -= size;
      if (left_ == 0)
        stage_ = stage::data_end;
      break;
    }
    case stage::data_end:
      result = line_end(bytes, outcome::more);
      break;
    case stage::last_line:
      result = line_end(bytes, outcome::complete);
      break;
    }
    if (result != outcome::more)
      return result;
  }
  return outcome::more;
}

chunk_reader::outcome chunk_reader::size_line(std::string_view& bytes,
                                              std::size_t body_size) {
  auto end = bytes.find('\n');
  auto part = bytes.substr(0, end == bytes.npos ? end : end + 1);
  if (line_.size() + part.size() > size_line_max)
    return outcome::malformed;
  line_ += part;
  bytes.remove_prefix(part.size());
  if (end == std::string_view::npos)
    return outcome::more;
  if (!line_.ends_with("\r\n"))
    return outcome::malformed;
  line_.resize(line_.size() - 2);
  auto* last = line_.data() + line_.size();
  auto [stop, code] = std::from_chars(line_.data(), last, left_, 16);
  std::string_view extension{stop, static_cast<std::size_t>(last - stop)};
  auto mark = extension.find_first_not_of(" \t");
  auto clean = std::all_of(extension.begin(), extension.end(), [](char c) {
    return c == '\t' || static_cast<unsigned char>(c) >= 0x20;
  });
  extension_bytes_ += extension.size();
  if (code == std::errc::invalid_argument || line_.front() == '-' || !clean
      || (!extension.empty()
          && (mark == extension.npos || extension[mark] != ';'))
      || extension_bytes_ > extension_bytes_max)
    return outcome::malformed;
  if (code != std::errc{} || left_ > body_max_ - body_size)
    return outcome::too_large;
  line_.clear();
  stage_ = left_ == 0 ? stage::last_line : stage::data;
  return outcome::more;
}

chunk_reader::outcome chunk_reader::line_end(std::string_view& bytes,
                                             outcome then) {
  auto expected = line_.empty() ? '\r' : '\n';
  if (bytes.front() != expected)
    return outcome::malformed;
  line_ += bytes.front();
  bytes.remove_prefix(1);
  if (line_.size() < 2)
    return outcome::more;
  line_.clear();
  stage_ = stage::size;
  return then;
}

} // namespace posthorn::inbound

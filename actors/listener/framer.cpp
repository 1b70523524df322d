// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/framer.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>
#include <variant>

namespace posthorn::inbound {

namespace {

// Bodies are received directly into their string once they are this large.
constexpr std::size_t direct_min = std::size_t{64} << 10;

// Spare capacity behind a body: parsers that read ahead (simdjson: 64 bytes)
// then need not copy it.
constexpr std::size_t body_slack = 64;

// Empty lines before a request line (RFC 9112, section 2.2), in bytes.
constexpr std::size_t skipped_max = 8;

// What a std::string holds outside itself.
std::size_t held_by(const std::string& text) {
  return text.capacity() < sizeof(std::string) ? 0 : text.capacity();
}

} // namespace

framer::framer(const listener_limits& limits) : limits_(limits) {}

framer::stage framer::feed(std::string_view& bytes) {
  while (!bytes.empty()) {
    switch (stage_) {
    case stage::idle:
      feed_idle(bytes);
      break;
    case stage::head:
      feed_head(bytes);
      break;
    case stage::body:
      if (chunks_)
        feed_chunks(bytes);
      else
        feed_sized_body(bytes);
      break;
    case stage::complete:
    case stage::refused:
      return stage_;
    }
  }
  return stage_;
}

void framer::feed_idle(std::string_view& bytes) {
  auto first = bytes.front();
  if (first == '\r' || first == '\n') {
    bytes.remove_prefix(1);
    if (++skipped_ > skipped_max)
      refuse({refusal_reason::malformed, 400, "empty lines, but no request"});
  } else if (first == 0x16) {
    refuse({refusal_reason::malformed, 400,
            "this is TLS; this port speaks plain HTTP"});
  } else if (first < 'A' || first > 'Z') {
    refuse({refusal_reason::malformed, 400, "this is not HTTP"});
  } else {
    stage_ = stage::head;
  }
}

void framer::feed_head(std::string_view& bytes) {
  auto end = bytes.find('\n');
  auto part = bytes.substr(0, end == bytes.npos ? end : end + 1);
  if (lines_.size() + part.size() > limits_.header_max)
    return refuse({refusal_reason::headers_too_large,
                   line_count_ == 0 ? 414 : 431,
                   "request line and headers have more than "
                     + std::to_string(limits_.header_max) + " bytes"});
  lines_ += part;
  bytes.remove_prefix(part.size());
  if (end == std::string_view::npos)
    return;
  std::string_view line{lines_};
  line.remove_prefix(line_start_);
  if (!line.ends_with("\r\n"))
    return refuse({refusal_reason::malformed, 400, "a line ends in a bare LF"});
  if (line.size() == 2)
    return end_head();
  line_start_ = lines_.size();
  if (++line_count_ > limits_.headers_max + 1)
    refuse({refusal_reason::headers_too_large, 431,
            "there are more than " + std::to_string(limits_.headers_max)
              + " headers"});
}

void framer::end_head() {
  auto result = read_head(lines_, limits_);
  if (auto* refused = std::get_if<refusal>(&result))
    return refuse(std::move(*refused));
  // Roughly what the parsed head holds.
  head_size_ = 2 * lines_.size();
  std::string{}.swap(lines_);
  request_.head = std::get<request_head>(std::move(result));
  auto& head = request_.head;
  if (head.chunked)
    chunks_.emplace(limits_.body_max);
  stage_
    = head.chunked || head.content_length > 0 ? stage::body : stage::complete;
  continue_due_ = head.expects_continue && stage_ == stage::body;
}

void framer::feed_sized_body(std::string_view& bytes) {
  auto& body = request_.body;
  auto length = request_.head.content_length;
  auto size = std::min<std::size_t>(bytes.size(), length - body_have_);
  continue_due_ = false;
  if (body_have_ < body.size()) {
    size = std::min(size, body.size() - body_have_);
    std::memcpy(body.data() + body_have_, bytes.data(), size);
  } else {
    if (body_have_ + size == length)
      body.reserve(length + body_slack);
    body += bytes.substr(0, size);
  }
  bytes.remove_prefix(size);
  filled(size);
}

void framer::feed_chunks(std::string_view& bytes) {
  continue_due_ = false;
  switch (chunks_->feed(bytes, request_.body)) {
  case chunk_reader::outcome::more:
    return;
  case chunk_reader::outcome::complete:
    stage_ = stage::complete;
    return;
  case chunk_reader::outcome::malformed:
    return refuse({refusal_reason::malformed, 400,
                   "the chunked body is malformed, or has trailers"});
  case chunk_reader::outcome::too_large:
    return refuse({refusal_reason::body_too_large, 413,
                   "the body is larger than " + std::to_string(limits_.body_max)
                     + " bytes"});
  }
}

std::span<char> framer::room() {
  auto& body = request_.body;
  if (stage_ != stage::body || chunks_ || body_have_ < direct_min)
    return {};
  auto length = request_.head.content_length;
  if (body_have_ == body.size()) {
    auto size = std::min<std::size_t>(length, 2 * body_have_);
    body.reserve(size == length ? length + body_slack : size);
    body.resize(size);
  }
  return {body.data() + body_have_, body.size() - body_have_};
}

framer::stage framer::filled(std::size_t size) {
  body_have_ += size;
  assert(body_have_ <= request_.body.size());
  if (body_have_ == request_.head.content_length)
    stage_ = stage::complete;
  return stage_;
}

bool framer::wants_continue() {
  return std::exchange(continue_due_, false);
}

std::size_t framer::held() const {
  return held_by(lines_) + head_size_ + held_by(request_.body);
}

request framer::take() {
  assert(stage_ == stage::complete);
  auto result = std::move(request_);
  release();
  stage_ = stage::idle;
  return result;
}

void framer::refuse(refusal what) {
  release();
  refusal_ = std::move(what);
  stage_ = stage::refused;
}

void framer::release() {
  std::string{}.swap(lines_);
  request_ = request{};
  line_start_ = line_count_ = skipped_ = head_size_ = body_have_ = 0;
  chunks_.reset();
  continue_due_ = false;
}

} // namespace posthorn::inbound

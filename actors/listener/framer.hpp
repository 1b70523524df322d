// SPDX-License-Identifier: Apache-2.0
// Cuts the bytes of a connection into requests.
#pragma once

#include "actors/listener/chunk_reader.hpp"
#include "actors/listener/listener_limits.hpp"
#include "actors/listener/refusal.hpp"
#include "actors/listener/request_head.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace posthorn::inbound {

/// One connection's requests, one after the other. Each byte is looked at once,
/// and memory grows only with what has arrived, whatever the client declares.
class framer {
public:
  enum class stage {
    /// No byte of the next request has come.
    idle,
    head,
    body,
    /// take() it.
    complete,
    /// See why(); nothing more is read.
    refused,
  };

  explicit framer(const listener_limits& limits);

  stage where() const {
    return stage_;
  }

  /// Takes from the front of `bytes` what belongs to the current request.
  /// Leaves bytes only when the request is complete or refused.
  stage feed(std::string_view& bytes);

  /// Where the next bytes of a large body can be received into directly; empty
  /// while they must go through feed().
  std::span<char> room();

  /// Says that `size` bytes were received into room().
  stage filled(std::size_t size);

  /// Whether the client now waits for a `100 Continue`; true once a request.
  bool wants_continue();

  /// Bytes of memory held for the current request.
  std::size_t held() const;

  /// The complete request. The framer is idle after.
  request take();

  const refusal& why() const {
    return refusal_;
  }

  /// Drops what it holds and refuses what comes.
  void refuse(refusal what);

private:
  void feed_idle(std::string_view& bytes);
  void feed_head(std::string_view& bytes);
  void feed_sized_body(std::string_view& bytes);
  void feed_chunks(std::string_view& bytes);
  void end_head();
  void release();

  const listener_limits& limits_;
  stage stage_ = stage::idle;
  // The head's lines as they came, and where the last one starts.
  std::string lines_;
  std::size_t line_start_ = 0;
  std::size_t line_count_ = 0;
  std::size_t skipped_ = 0;
  std::size_t head_size_ = 0;
  request request_;
  // How much of request_.body has arrived; the rest of it is room().
  std::size_t body_have_ = 0;
  std::optional<chunk_reader> chunks_;
  bool continue_due_ = false;
  refusal refusal_;
};

} // namespace posthorn::inbound

// SPDX-License-Identifier: Apache-2.0
// Decodes the chunked transfer coding as its bytes arrive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace posthorn::inbound {

/// One chunked body (RFC 9112, section 7.1). Extensions are skipped, at most
/// 4 KiB of them in a body; trailers are refused.
class chunk_reader {
public:
  enum class outcome { more, complete, malformed, too_large };

  /// Bodies of more than `body_max` bytes are too large, as soon as the size of
  /// a chunk tells.
  explicit chunk_reader(std::size_t body_max);

  /// Takes from the front of `bytes` what belongs to the body, and appends what
  /// it decodes to `body`.
  outcome feed(std::string_view& bytes, std::string& body);

private:
  enum class stage { size, data, data_end, last_line };

  outcome size_line(std::string_view& bytes, std::size_t body_size);
  outcome line_end(std::string_view& bytes, outcome then);

  std::size_t body_max_;
  stage stage_ = stage::size;
  std::string line_;
  std::size_t extension_bytes_ = 0;
  std::uint64_t left_ = 0;
};

} // namespace posthorn::inbound

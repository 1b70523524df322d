// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/progress.hpp"

#include <utility>

namespace posthorn::bench {

namespace {

constexpr const char* wipe = "\r\033[K";
constexpr std::chrono::milliseconds pause{200};

} // namespace

progress::~progress() {
  if (terminal_)
    out_ << wipe << std::flush;
}

void progress::begin(std::string phase) {
  phase_ = std::move(phase);
  out_ << (terminal_ ? wipe : "") << phase_ << (terminal_ ? "" : "\n")
       << std::flush;
  shown_ = std::chrono::steady_clock::now();
}

void progress::advance(std::uint64_t done, std::uint64_t of) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now - shown_ < pause)
    return;
  shown_ = now;
  out_ << wipe << phase_ << ": " << done << " of " << of << std::flush;
}

} // namespace posthorn::bench

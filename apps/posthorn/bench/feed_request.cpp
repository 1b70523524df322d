// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/feed_request.hpp"

#include <cassert>

namespace posthorn::bench {

namespace {

std::string hex(std::size_t value) {
  std::string result(4, '0');
  put_hex(result.data(), value, 4);
  return result;
}

} // namespace

std::string service_id(std::size_t service) {
  return "bench-" + hex(service);
}

std::string service_token(std::size_t service) {
  return "bench-hs-token-" + hex(service);
}

feed_request::feed_request(const event_mould& mould, bool addressed,
                           std::size_t events)
  : mould_{&mould}, events_{events} {
  assert(events > 0);
  const std::string_view opening = R"({"events":[)";
  const std::string_view closing = "]}";
  const auto body
    = opening.size() + events * (mould.bytes() + 1) - 1 + closing.size();
  bytes_ = "PUT ";
  if (addressed) {
    bytes_ += "/as/" + service_id(0);
    service_at_ = bytes_.size() - 4;
  }
  bytes_ += "/_matrix/app/v1/transactions/";
  txn_id_at_ = bytes_.size();
  bytes_ += "0000-00000000 HTTP/1.1\r\nHost: posthorn\r\n"
            "Content-Type: application/json\r\nAuthorization: Bearer ";
  if (addressed) {
    bytes_ += service_token(0);
    token_at_ = bytes_.size() - 4;
  } else {
    bytes_ += catch_all_token;
  }
  bytes_ += "\r\nContent-Length: " + std::to_string(body) + "\r\n\r\n";
  bytes_ += opening;
  events_at_ = bytes_.size();
  for (std::size_t i = 0; i < events; ++i) {
    if (i > 0)
      bytes_ += ',';
    bytes_ += mould.blank();
  }
  bytes_ += closing;
}

std::string_view feed_request::fill(std::uint16_t lane, std::uint32_t number,
                                    std::uint16_t service,
                                    std::span<const stamp> events) {
  assert(events.size() == events_);
  put_hex(&bytes_[txn_id_at_], lane, 4);
  put_hex(&bytes_[txn_id_at_ + 5], number, 8);
  if (service_at_ != std::string::npos) {
    put_hex(&bytes_[service_at_], service, 4);
    put_hex(&bytes_[token_at_], service, 4);
  }
  auto* at = &bytes_[events_at_];
  for (const auto& each : events) {
    mould_->fill(at, each);
    at += mould_->bytes() + 1;
  }
  return bytes_;
}

} // namespace posthorn::bench

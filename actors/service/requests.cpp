// SPDX-License-Identifier: Apache-2.0
#include "actors/service/requests.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace posthorn {

namespace {

/// Unauthorized, forbidden, too large, too many requests.
constexpr std::array<std::uint16_t, 4> knows_v1{401, 403, 413, 429};

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (auto c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z')
                       || (byte >= 'A' && byte <= 'Z')
                       || (byte >= '0' && byte <= '9') || byte == '-'
                       || byte == '_' || byte == '.' || byte == '~';
    if (plain)
      result += c;
    else
      result.append({'%', digits[byte >> 4], digits[byte & 15]});
  }
  return result;
}

std::shared_ptr<exchange> request_for(const service_config& config,
                                      const std::string& txn_id,
                                      path_style style, deadline_ptr until) {
  auto result = std::make_shared<exchange>();
  const auto& token = config.registration.hs_token;
  result->method = "PUT";
  result->base = config.registration.url.value_or("");
  if (style == path_style::v1)
    result->target = "/_matrix/app/v1/transactions/" + txn_id;
  else
    result->target
      = "/transactions/" + txn_id + "?access_token=" + percent_encoded(token);
  result->bearer = token;
  result->connect_timeout = config.delivery.connect_timeout;
  result->timeout = config.delivery.timeout;
  result->until = std::move(until);
  return result;
}

} // namespace

exchange_ptr delivery_of(const service_config& config, const outbound_ptr& what,
                         path_style style, deadline_ptr until) {
  auto result = request_for(config, what->txn_id, style, std::move(until));
  // Shares the transaction's bytes and keeps them alive.
  result->body = std::shared_ptr<const std::string>{what, &what->body};
  return result;
}

exchange_ptr probe_of(const service_config& config, const outbound& open,
                      std::uint32_t failures, path_style style,
                      deadline_ptr until) {
  static const auto empty
    = std::make_shared<const std::string>(R"({"events":[]})");
  auto result
    = request_for(config, open.txn_id + "-p" + std::to_string(failures), style,
                  std::move(until));
  result->body = empty;
  return result;
}

bool suggests_legacy(const answer& how) {
  return how.what == outcome::refused
         && std::find(knows_v1.begin(), knows_v1.end(), how.status)
              == knows_v1.end();
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/service/requests.hpp"

#include <nlohmann/json.hpp>

#include <string_view>

namespace posthorn {

namespace {

constexpr std::uint16_t not_found = 404;

/// Errors are short; a longer body is a web page.
constexpr std::size_t error_bytes_max = 4096;

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
                                      path_style style) {
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
  return result;
}

} // namespace

exchange_ptr delivery_of(const service_config& config, const outbound_ptr& what,
                         path_style style) {
  auto result = request_for(config, what->txn_id, style);
  // Shares the transaction's bytes and keeps them alive.
  result->body = std::shared_ptr<const std::string>{what, &what->body};
  return result;
}

exchange_ptr probe_of(const service_config& config, const outbound& open,
                      std::uint32_t failures, path_style style) {
  static const auto empty
    = std::make_shared<const std::string>(R"({"events":[]})");
  auto result
    = request_for(config, open.txn_id + "-p" + std::to_string(failures), style);
  result->body = empty;
  return result;
}

bool lacks_v1(const answer& how) {
  if (how.what != outcome::refused || how.status != not_found)
    return false;
  if (how.body.size() > error_bytes_max)
    return true;
  const auto body = nlohmann::json::parse(how.body, nullptr, false);
  if (!body.is_object())
    return true;
  const auto code = body.find("errcode");
  return code == body.end() || *code != "M_UNRECOGNIZED";
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/credentials.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cctype>

namespace posthorn {

namespace {

// What follows `scheme` in an Authorization header's value; nothing for other
// schemes. `scheme` is in lower case.
std::optional<std::string> of_scheme(std::string_view value,
                                     std::string_view scheme) {
  auto same = [](char left, char right) {
    return left == std::tolower(static_cast<unsigned char>(right));
  };
  if (value.size() <= scheme.size() || value[scheme.size()] != ' '
      || !std::equal(scheme.begin(), scheme.end(), value.begin(), same))
    return std::nullopt;
  value.remove_prefix(scheme.size());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  if (value.empty())
    return std::nullopt;
  return std::string{value};
}

// Longest credentials of Basic that are decoded.
constexpr std::size_t basic_max = 8'192;

std::optional<std::string> from_base64(const std::string& text) {
  if (text.size() % 4 != 0 || text.size() > basic_max)
    return std::nullopt;
  std::string result(text.size() / 4 * 3, '\0');
  auto size
    = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(result.data()),
                      reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  if (size < 0)
    return std::nullopt;
  // It counts what is padded as zeros.
  auto padding = text.ends_with("==") ? 2U : text.ends_with("=") ? 1U : 0U;
  result.resize(static_cast<std::size_t>(size) - padding);
  return result;
}

presented_token refused(int status, const char* errcode, const char* error) {
  return {{}, token_refusal{status, errcode, error}};
}

} // namespace

token_digest digest_of(std::string_view token) {
  token_digest result;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         result.bytes.data());
  return result;
}

bool matches(const token_digest& expected, std::string_view presented) {
  auto actual = digest_of(presented);
  return CRYPTO_memcmp(expected.bytes.data(), actual.bytes.data(),
                       actual.bytes.size())
         == 0;
}

presented_token token_of(const httplib::Request& request) {
  presented_token result;
  auto found = false;
  auto agree = true;
  auto take = [&](std::string token) {
    agree = agree && (!found || matches(digest_of(result.token), token));
    found = true;
    result.token = std::move(token);
  };
  auto [header, headers_end] = request.headers.equal_range("Authorization");
  for (; header != headers_end; ++header)
    if (auto token = of_scheme(header->second, "bearer"))
      take(std::move(*token));
  auto [param, params_end] = request.params.equal_range("access_token");
  for (; param != params_end; ++param)
    if (!param->second.empty())
      take(param->second);
  if (!found)
    return refused(401, "M_MISSING_TOKEN",
                   "no access token: send Authorization: Bearer <hs_token>");
  if (!agree)
    return refused(403, "M_FORBIDDEN",
                   "the request presents access tokens that differ");
  return result;
}

std::optional<std::string> basic_password(const httplib::Request& request) {
  auto [header, end] = request.headers.equal_range("Authorization");
  for (; header != end; ++header) {
    auto encoded = of_scheme(header->second, "basic");
    auto decoded = encoded ? from_base64(*encoded) : std::nullopt;
    auto colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon != std::string::npos)
      return decoded->substr(colon + 1);
  }
  return std::nullopt;
}

std::optional<token_refusal> check_token(const httplib::Request& request,
                                         const token_digest& expected) {
  auto presented = token_of(request);
  if (presented.refusal)
    return presented.refusal;
  if (matches(expected, presented.token))
    return std::nullopt;
  return token_refusal{403, "M_FORBIDDEN",
                       "the access token is not the one expected here"};
}

} // namespace posthorn

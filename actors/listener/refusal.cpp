// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/refusal.hpp"

namespace posthorn {

std::string_view name_of(refusal_reason reason) {
  switch (reason) {
  case refusal_reason::malformed:
    return "malformed";
  case refusal_reason::headers_too_large:
    return "headers_too_large";
  case refusal_reason::body_too_large:
    return "body_too_large";
  case refusal_reason::unsupported:
    return "unsupported";
  case refusal_reason::too_slow:
    return "too_slow";
  case refusal_reason::overloaded:
    return "overloaded";
  case refusal_reason::crowded_out:
    return "crowded_out";
  }
  return "unknown";
}

namespace inbound {

namespace {

const char* phrase_of(int status) {
  switch (status) {
  case 400:
    return "Bad Request";
  case 408:
    return "Request Timeout";
  case 411:
    return "Length Required";
  case 413:
    return "Payload Too Large";
  case 414:
    return "URI Too Long";
  case 415:
    return "Unsupported Media Type";
  case 417:
    return "Expectation Failed";
  case 431:
    return "Request Header Fields Too Large";
  case 501:
    return "Not Implemented";
  case 503:
    return "Service Unavailable";
  case 505:
    return "HTTP Version Not Supported";
  default:
    return "Internal Server Error";
  }
}

const char* errcode_of(int status) {
  switch (status) {
  case 413:
  case 414:
  case 431:
    return "M_TOO_LARGE";
  case 501:
    return "M_UNRECOGNIZED";
  case 503:
    return "M_LIMIT_EXCEEDED";
  default:
    return "M_UNKNOWN";
  }
}

} // namespace

// The sentences are this program's own and hold nothing of the client's, so
// that nothing needs escaping.
std::string answer_to(const refusal& what) {
  std::string body = R"({"errcode":")";
  body += errcode_of(what.status);
  body += R"(","error":")" + what.error + "\"";
  if (what.status == 503)
    body += R"(,"retry_after_ms":5000)";
  body += "}";
  std::string result = "HTTP/1.1 " + std::to_string(what.status) + " "
                       + phrase_of(what.status)
                       + "\r\nContent-Type: application/json\r\n"
                         "Connection: close\r\n";
  if (what.status == 503)
    result += "Retry-After: 5\r\n";
  result += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return result + body;
}

} // namespace inbound

} // namespace posthorn

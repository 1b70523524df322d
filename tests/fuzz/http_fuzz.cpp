// SPDX-License-Identifier: Apache-2.0
// A connection's bytes, cut anywhere, are always the same requests; and what is
// taken for a request can be read in one way only.
#include "actors/intake/feed_target.hpp"
#include "actors/listener/framer.hpp"
#include "tests/fuzz/check.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

using namespace posthorn;
using namespace posthorn::inbound;

namespace {

struct outcome {
  std::vector<request> requests;
  refusal refused;
  framer::stage stage = framer::stage::idle;
};

// Small, so that every limit is met; bodies still reach room().
listener_limits limits_for(std::uint8_t mode) {
  listener_limits result;
  result.header_max = (mode & 1) != 0 ? 512 : 16384;
  result.headers_max = (mode & 2) != 0 ? 6 : 100;
  result.body_max = (mode & 4) != 0 ? 1024 : 300'000;
  return result;
}

// Feeds `bytes` in the pieces that `sizes` says; 0 pieces them not at all.
outcome run(std::string_view bytes, const listener_limits& limits,
            fuzz::numbers* sizes) {
  outcome result;
  framer frames{limits};
  std::size_t fed = 0;
  while (!bytes.empty() && frames.where() != framer::stage::refused) {
    auto most = sizes == nullptr       ? bytes.size()
                : sizes->below(4) == 0 ? 1 + sizes->below(100'000)
                                       : 1 + sizes->below(16);
    auto piece = bytes.substr(0, most);
    auto size = piece.size();
    if (auto room = frames.room(); sizes != nullptr && !room.empty()) {
      size = std::min(size, room.size());
      std::memcpy(room.data(), piece.data(), size);
      frames.filled(size);
    } else {
      frames.feed(piece);
      size -= piece.size();
    }
    bytes.remove_prefix(size);
    fed += size;
    // "Memory grows only with what has arrived."
    FUZZ_CHECK(frames.held() <= 4 * fed + 256);
    frames.wants_continue();
    if (frames.where() == framer::stage::complete)
      result.requests.push_back(frames.take());
  }
  result.stage = frames.where();
  result.refused = frames.why();
  return result;
}

bool same(const request& left, const request& right) {
  return left.head.method == right.head.method
         && left.head.target == right.head.target
         && left.head.headers == right.head.headers
         && left.head.chunked == right.head.chunked
         && left.head.content_length == right.head.content_length
         && left.body == right.body;
}

void check_same(const outcome& left, const outcome& right) {
  FUZZ_CHECK(left.stage == right.stage);
  FUZZ_CHECK(left.refused.reason == right.refused.reason);
  FUZZ_CHECK(left.refused.status == right.refused.status);
  FUZZ_CHECK(left.refused.error == right.refused.error);
  FUZZ_CHECK(left.requests.size() == right.requests.size());
  for (std::size_t i = 0; i < left.requests.size(); ++i) {
    auto& one = left.requests[i];
    auto& other = right.requests[i];
    FUZZ_CHECK(same(one, other));
    FUZZ_CHECK(one.head.keep_alive == other.head.keep_alive);
    FUZZ_CHECK(one.head.expects_continue == other.head.expects_continue);
  }
}

// The request as the most boring client would have sent it.
std::string written(const request& what) {
  auto& head = what.head;
  std::string result = head.method + " " + head.target + " HTTP/1.1\r\n";
  for (auto& [name, value] : head.headers)
    result.append(name).append(": ").append(value).append("\r\n");
  if (!head.chunked)
    return result.append("\r\n").append(what.body);
  result += "Transfer-Encoding: chunked\r\n\r\n";
  char size[32];
  std::snprintf(size, sizeof(size), "%zx\r\n", what.body.size());
  if (!what.body.empty())
    result.append(size).append(what.body).append("\r\n");
  return result + "0\r\n\r\n";
}

bool is_text(std::string_view what) {
  return std::none_of(what.begin(), what.end(), [](char c) {
    return c == '\r' || c == '\n' || c == '\0';
  });
}

void check_request(const request& what, const listener_limits& limits) {
  auto& head = what.head;
  FUZZ_CHECK(what.body.size() <= limits.body_max);
  FUZZ_CHECK(head.headers.size() <= limits.headers_max);
  FUZZ_CHECK(head.headers.count("Transfer-Encoding") == 0);
  FUZZ_CHECK(head.headers.count("Content-Encoding") == 0);
  FUZZ_CHECK(head.headers.count("Content-Length") <= (head.chunked ? 0 : 1));
  FUZZ_CHECK(head.headers.count("Host") <= 1);
  FUZZ_CHECK(head.chunked || what.body.size() == head.content_length);
  FUZZ_CHECK(head.target.starts_with('/'));
  for (auto c : head.target)
    FUZZ_CHECK(c > 0x20 && c < 0x7f);
  for (auto& [name, value] : head.headers) {
    FUZZ_CHECK(!name.empty()
               && name.find_first_of(": \t\r\n") == std::string::npos);
    FUZZ_CHECK(is_text(value));
  }
  listener_limits wide;
  auto again = run(written(what), wide, nullptr);
  FUZZ_CHECK(again.stage == framer::stage::idle);
  FUZZ_CHECK(again.requests.size() == 1);
  FUZZ_CHECK(same(what, again.requests.front()));
}

// A token never goes on to a service.
void check_target(const std::string& target) {
  auto parsed = parse_feed_target(target);
  if (!parsed)
    return;
  transaction_id(*parsed);
  is_ping(query_of(*parsed));
  auto& passed_on = parsed->passed_on;
  httplib::Params parameters;
  if (auto query = passed_on.find('?'); query != std::string::npos)
    httplib::detail::parse_query_text(passed_on.substr(query + 1), parameters);
  FUZZ_CHECK(parameters.count("access_token") == 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  fuzz::input in{data, size};
  auto limits = limits_for(in.mode);
  std::string bytes{in.rest};
  // Large bodies, without large inputs.
  if ((in.mode & 8) != 0)
    bytes.append(200'000, 'x');
  auto whole = run(bytes, limits, nullptr);
  fuzz::numbers sizes{in.mode + size};
  check_same(whole, run(bytes, limits, &sizes));
  for (auto& each : whole.requests) {
    check_request(each, limits);
    check_target(each.head.target);
  }
  return 0;
}

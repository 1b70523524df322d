// SPDX-License-Identifier: Apache-2.0
#include "actors/listener/responder.hpp"

#include "actors/listener/refusal.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <utility>

namespace posthorn::inbound {

namespace {

// What cpp-httplib takes for a connection: a request line in, an answer out.
class memory_stream final : public httplib::Stream {
public:
  memory_stream(std::string in, const peer& from)
    : in_(std::move(in)), from_(from) {}

  using httplib::Stream::write;

  bool is_readable() const override {
    return read_ < in_.size();
  }

  bool is_writable() const override {
    return true;
  }

  ssize_t read(char* to, size_t size) override {
    size = std::min(size, in_.size() - read_);
    std::memcpy(to, in_.data() + read_, size);
    read_ += size;
    return static_cast<ssize_t>(size);
  }

  ssize_t write(const char* from, size_t size) override {
    out_.append(from, size);
    return static_cast<ssize_t>(size);
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = from_.address;
    port = from_.port;
  }

  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }

  socket_t socket() const override {
    return -1;
  }

  std::string take() {
    return std::move(out_);
  }

private:
  std::string in_;
  const peer& from_;
  std::size_t read_ = 0;
  std::string out_;
};

} // namespace

responder::responder(const listener_limits& limits, http_handler handler)
  : handler_(std::move(handler)) {
  // What it writes into Keep-Alive headers.
  set_keep_alive_max_count(std::numeric_limits<int>::max());
  set_keep_alive_timeout(
    std::chrono::ceil<std::chrono::seconds>(limits.idle_timeout).count());
  set_pre_routing_handler(
    [this](const httplib::Request& what, httplib::Response& to) {
      // The request is process_request()'s own and is not const there.
      run(const_cast<httplib::Request&>(what), to);
      return HandlerResponse::Handled;
    });
}

std::string responder::answer(request what, const peer& from, bool last) {
  memory_stream stream{
    what.head.method + " " + what.head.target + " HTTP/1.1\r\n\r\n", from};
  auto closed = false;
  auto good
    = process_request(stream, last, closed, [&what](httplib::Request& target) {
        // Given here and not as text: it would decode
        // percent escapes in header values.
        target.headers = std::move(what.head.headers);
        target.body = std::move(what.body);
      });
  auto result = stream.take();
  if (!good || result.empty())
    return answer_to({refusal_reason::malformed, 500, "no answer was made"});
  return result;
}

void responder::run(httplib::Request& what, httplib::Response& to) const {
  try {
    handler_(what, to);
  } catch (...) {
    to.status = 500;
    to.set_content(R"({"errcode":"M_UNKNOWN","error":"internal error"})",
                   "application/json");
  }
}

} // namespace posthorn::inbound

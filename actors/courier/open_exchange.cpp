// SPDX-License-Identifier: Apache-2.0
#include "actors/courier/open_exchange.hpp"

#include "actors/courier/retry_after.hpp"
#include "actors/courier/verdict.hpp"

#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace posthorn {

namespace {

constexpr std::string_view unix_scheme = "unix:";
constexpr std::size_t socket_path_max = sizeof(sockaddr_un::sun_path) - 1;

bool starts_with_word(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size()
         && std::equal(
           lower_case.begin(), lower_case.end(), text.begin(),
           [](char want, char got) {
             return want == std::tolower(static_cast<unsigned char>(got));
           });
}

/// Whether a text would end its line or string early where HTTP or libcurl
/// takes it over.
bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

/// The status in a text that starts with the status line of a refusal, else 0.
long refusal_in(std::string_view text) {
  long status = 0;
  constexpr std::string_view start = "HTTP/1.1 ";
  if (text.size() <= start.size() + 3 || !text.starts_with("HTTP/1."))
    return 0;
  const auto* digits = text.data() + start.size();
  const auto* end = std::from_chars(digits, digits + 3, status).ptr;
  return end == digits + 3 && status >= 300 ? status : 0;
}

} // namespace

/// Sets options and remembers whether all of them were taken.
class open_exchange::options {
public:
  explicit options(CURL* easy) : easy_{easy} {}

  template <class T>
  void set(CURLoption option, T value) {
    const auto code = curl_easy_setopt(easy_, option, value);
    if (code_ == CURLE_OK)
      code_ = code;
  }

  CURLcode code() const {
    return code_;
  }

private:
  CURL* easy_;
  CURLcode code_ = CURLE_OK;
};

open_exchange::open_exchange(exchange_ptr what,
                             std::chrono::steady_clock::time_point since)
  : sent_{std::move(what)}, since_{since} {}

std::optional<std::string> open_exchange::prepare(CURL* easy,
                                                  const std::string& ca_file) {
  if (auto found = problem())
    return found;
  if (!build_headers())
    return "out of memory for another request";
  options to{easy};
  set_target(to);
  set_request(to);
  set_rules(to, ca_file);
  set_deadlines(to);
  if (to.code() != CURLE_OK)
    return std::string{"the request cannot be set up: "}
           + curl_easy_strerror(to.code());
  return std::nullopt;
}

std::optional<std::string> open_exchange::problem() const {
  const auto& base = sent_->base;
  const auto over_unix = base.starts_with(unix_scheme);
  if (!over_unix && !starts_with_word(base, "http://")
      && !starts_with_word(base, "https://"))
    return "not an http:, https: or unix: URL: " + shown_base(base);
  if (over_unix && base.size() - unix_scheme.size() > socket_path_max)
    return "the path of the socket is longer than "
           + std::to_string(socket_path_max) + " bytes: " + shown_base(base);
  if (has_control(base))
    return "the URL holds a control character: " + shown_base(base);
  if (!sent_->target.starts_with('/') || has_control(sent_->target))
    return "the request's path does not start with a slash, or holds a control "
           "character";
  if (has_control(sent_->bearer))
    return "the token for " + shown_base(base) + " holds a control character";
  if (sent_->method != "PUT" && sent_->method != "POST"
      && sent_->method != "GET")
    return "only PUT, POST and GET can be sent";
  return std::nullopt;
}

bool open_exchange::build_headers() {
  auto add = [this](const std::string& line) {
    auto* longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr)
      return false;
    static_cast<void>(headers_.release());
    headers_.reset(longer);
    return true;
  };
  const auto has_body = sent_->body && !sent_->body->empty();
  // "Name:" takes away what libcurl would send of its own.
  return add("Authorization:"
             + (sent_->bearer.empty() ? "" : " Bearer " + sent_->bearer))
         && add(has_body ? "Content-Type: application/json" : "Content-Type:")
         && add("Accept: application/json") && add("Expect:");
}

void open_exchange::set_target(options& to) {
  std::string_view base = sent_->base;
  if (base.starts_with(unix_scheme)) {
    const std::string path{base.substr(unix_scheme.size())};
    to.set(CURLOPT_UNIX_SOCKET_PATH, path.c_str());
    to.set(CURLOPT_URL, ("http://localhost" + sent_->target).c_str());
  } else {
    if (base.ends_with('/'))
      base.remove_suffix(1);
    to.set(CURLOPT_URL, std::string{base}.append(sent_->target).c_str());
  }
  // The path is sent as it was given, ".." included.
  to.set(CURLOPT_PATH_AS_IS, 1l);
  to.set(CURLOPT_PROTOCOLS_STR, "http,https");
}

void open_exchange::set_request(options& to) {
  const auto has_body = sent_->body && !sent_->body->empty();
  if (has_body || sent_->method != "GET") {
    // Not copied: sent_ holds the bytes until the exchange has ended.
    to.set(CURLOPT_POSTFIELDS, has_body ? sent_->body->data() : "");
    to.set(CURLOPT_POSTFIELDSIZE_LARGE,
           static_cast<curl_off_t>(has_body ? sent_->body->size() : 0));
  } else {
    to.set(CURLOPT_HTTPGET, 1l);
  }
  to.set(CURLOPT_CUSTOMREQUEST, sent_->method.c_str());
  to.set(CURLOPT_HTTPHEADER, headers_.get());
  to.set(CURLOPT_USERAGENT, "posthorn/" POSTHORN_VERSION);
}

void open_exchange::set_rules(options& to, const std::string& ca_file) {
  to.set(CURLOPT_NOSIGNAL, 1l);
  // Else the end of an exchange waits for a resolver that hangs, and everybody
  // else's exchange with it.
  to.set(CURLOPT_QUICK_EXIT, 1l);
  to.set(CURLOPT_FOLLOWLOCATION, 0l);
  to.set(CURLOPT_PROXY, "");
  to.set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  to.set(CURLOPT_SSL_VERIFYPEER, 1l);
  to.set(CURLOPT_SSL_VERIFYHOST, 2l);
  if (!ca_file.empty()) {
    to.set(CURLOPT_CAINFO, ca_file.c_str());
    to.set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  to.set(CURLOPT_TCP_KEEPALIVE, 1l);
  // No CURLOPT_BUFFERSIZE: curl_easy_reset() sets the size back, but a buffer
  // that the handle has kept stays as it was.
  if (sent_->answer_max > 0)
    to.set(CURLOPT_MAXFILESIZE_LARGE,
           static_cast<curl_off_t>(sent_->answer_max));
  to.set(CURLOPT_HEADERFUNCTION, &open_exchange::on_header);
  to.set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  to.set(CURLOPT_WRITEFUNCTION, &open_exchange::on_body);
  to.set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  to.set(CURLOPT_PREREQFUNCTION, &open_exchange::on_connected);
  to.set(CURLOPT_PREREQDATA, static_cast<void*>(this));
  to.set(CURLOPT_ERRORBUFFER, words_.data());
}

void open_exchange::set_deadlines(options& to) {
  using std::chrono::milliseconds;
  const auto waited = std::chrono::floor<milliseconds>(
    std::chrono::steady_clock::now() - since_);
  // 0 would mean "for ever" to libcurl.
  auto left = [&](milliseconds whole) {
    return static_cast<long>(
      std::clamp<std::int64_t>((whole - waited).count(), 1, 1 << 30));
  };
  to.set(CURLOPT_TIMEOUT_MS, left(sent_->timeout));
  to.set(CURLOPT_CONNECTTIMEOUT_MS, left(sent_->connect_timeout));
}

int open_exchange::on_connected(void* self, char*, char*, int, int) {
  auto& it = *static_cast<open_exchange*>(self);
  it.connected_ = true;
  // The last moment before the first byte: connecting may have taken long.
  it.withheld_ = it.sent_->late();
  return it.withheld_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

std::size_t open_exchange::on_header(char* bytes, std::size_t one,
                                     std::size_t size, void* self) {
  auto& to = *static_cast<open_exchange*>(self);
  return to.take_header({bytes, one * size}) ? one * size : 0;
}

bool open_exchange::take_header(std::string_view line) {
  constexpr std::string_view name = "retry-after:";
  header_bytes_ += line.size();
  header_lines_ += 1;
  if (header_bytes_ > headers_max || header_lines_ > header_lines_max) {
    headers_too_large_ = true;
    return false;
  }
  // What an interim answer said is not the answer's.
  if (line.starts_with("HTTP/"))
    retry_after_.clear();
  else if (starts_with_word(line, name))
    retry_after_ = line.substr(name.size());
  return true;
}

std::size_t open_exchange::on_body(char* bytes, std::size_t one,
                                   std::size_t size, void* self) {
  auto& to = *static_cast<open_exchange*>(self);
  const auto length = one * size;
  if (length > to.sent_->answer_max - to.answer_->body.size()) {
    to.answer_too_large_ = true;
    return CURL_WRITEFUNC_ERROR;
  }
  to.answer_->body.append(bytes, length);
  return length;
}

answer_ptr open_exchange::finish(CURL* easy, CURLcode code,
                                 const parting& last) {
  if (withheld_)
    return withheld_answer(since_);
  ending how;
  how.code = code;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &how.status);
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &how.connect_errno);
  if (last.open_errno != 0)
    how.connect_errno = last.open_errno;
  curl_off_t lookup = 0;
  curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &lookup);
  how.resolved = lookup > 0;
  how.connected = connected_;
  // The latter is what libcurl makes of a single line over 100 KB.
  how.headers_too_large
    = headers_too_large_ || (code == CURLE_OUT_OF_MEMORY && connected_);
  how.answer_too_large = answer_too_large_ || code == CURLE_FILESIZE_EXCEEDED;
  how.words = words_.data();
  if (const auto refusal = refusal_in(last.unread);
      code == CURLE_SEND_ERROR && how.status == 0 && refusal != 0) {
    how.code = CURLE_OK;
    how.status = refusal;
  }
  auto result = std::move(answer_);
  judge(*sent_, how, *result);
  if (result->what == outcome::refused) {
    result->retry_after
      = parse_retry_after(retry_after_, std::chrono::system_clock::now());
    if (!result->retry_after && result->status == 429)
      result->retry_after = parse_retry_after_ms(result->body);
  }
  result->took = std::chrono::duration_cast<std::chrono::microseconds>(
    std::chrono::steady_clock::now() - since_);
  return result;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// One exchange while it is under way in libcurl.
#pragma once

#include "actors/courier/socket_watch.hpp"
#include "messages/exchange.hpp"

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace posthorn {

/// Most header bytes and header lines of one answer, those of interim (1xx)
/// answers and of trailers included.
constexpr std::size_t headers_max = std::size_t{64} << 10;
constexpr std::size_t header_lines_max = 200;

/// Keeps alive what libcurl points to during an exchange, and takes in the
/// answer. Belongs to the loop's thread, and must not move.
class open_exchange {
public:
  /// `since` is when the exchange was asked for: its deadlines count from
  /// there.
  open_exchange(exchange_ptr what, std::chrono::steady_clock::time_point since);

  open_exchange(const open_exchange&) = delete;
  open_exchange& operator=(const open_exchange&) = delete;

  ~open_exchange() = default;

  /// Sets all options of `easy`, which must be fresh or reset. An empty
  /// `ca_file` stands for the platform's authorities. Returns what makes the
  /// exchange impossible to send, as a detail text, if anything does.
  std::optional<std::string> prepare(CURL* easy, const std::string& ca_file);

  /// The answer, once libcurl is through with `easy`. Call once.
  answer_ptr finish(CURL* easy, CURLcode code, const parting& last);

  std::chrono::steady_clock::time_point since() const {
    return since_;
  }

private:
  struct free_list {
    void operator()(curl_slist* list) const {
      curl_slist_free_all(list);
    }
  };

  class options;

  static std::size_t on_header(char* bytes, std::size_t one, std::size_t size,
                               void* self);
  static std::size_t on_body(char* bytes, std::size_t one, std::size_t size,
                             void* self);
  static int on_connected(void* self, char*, char*, int, int);

  std::optional<std::string> problem() const;
  bool build_headers();
  void set_target(options& to);
  void set_request(options& to);
  void set_rules(options& to, const std::string& ca_file);
  void set_deadlines(options& to);
  bool take_header(std::string_view line);

  exchange_ptr sent_;
  std::chrono::steady_clock::time_point since_;
  std::unique_ptr<curl_slist, free_list> headers_;
  std::array<char, CURL_ERROR_SIZE> words_{};
  std::shared_ptr<answer> answer_ = std::make_shared<answer>();
  /// The last `Retry-After` of the answer, unparsed.
  std::string retry_after_;
  std::size_t header_bytes_ = 0;
  std::size_t header_lines_ = 0;
  bool connected_ = false;
  bool withheld_ = false;
  bool headers_too_large_ = false;
  bool answer_too_large_ = false;
};

} // namespace posthorn

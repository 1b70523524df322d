// SPDX-License-Identifier: Apache-2.0
// Asking an HTTP client and waiting for the answer, for tests.
#pragma once

#include "actors/courier/http_client.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

namespace posthorn::testing {

/// An exchange with a base URL that gives up after 5 s; tests that wait for a
/// deadline set a shorter one.
inline exchange to(std::string base, std::string body = R"({"events":[]})") {
  exchange result;
  result.base = std::move(base);
  result.target = "/_matrix/app/v1/transactions/t1";
  result.bearer = "s3cret-token";
  result.body = std::make_shared<const std::string>(std::move(body));
  result.connect_timeout = std::chrono::seconds{5};
  result.timeout = std::chrono::seconds{5};
  return result;
}

/// The same with 200 ms for everything.
inline exchange impatient_to(std::string base) {
  auto result = to(std::move(base));
  result.connect_timeout = result.timeout = std::chrono::milliseconds{200};
  return result;
}

inline std::future<answer_ptr> start(http_client& client, exchange what) {
  auto promise = std::make_shared<std::promise<answer_ptr>>();
  auto result = promise->get_future();
  client.start(std::make_shared<const exchange>(std::move(what)),
               [promise](answer_ptr x) { promise->set_value(std::move(x)); });
  return result;
}

inline answer_ptr ask(http_client& client, exchange what) {
  return start(client, std::move(what)).get();
}

inline std::unique_ptr<http_client> open_client(http_client_options with = {}) {
  return std::move(*http_client::open(std::move(with)));
}

} // namespace posthorn::testing

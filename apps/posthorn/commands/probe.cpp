// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/commands/probe.hpp"

#include "actors/courier/http_client.hpp"

#include <algorithm>
#include <array>
#include <future>

namespace posthorn {

namespace {

probe_result judge(const answer& how) {
  switch (how.status) {
  case 0:
    return probe_result::unreachable;
  case 401:
  case 403:
    return probe_result::token_refused;
  case 404:
  case 405:
    return probe_result::no_ping;
  default:
    break;
  }
  if (how.what == outcome::accepted)
    return probe_result::answers;
  // A status alone is no answer: the rest of it never came.
  return how.what == outcome::refused ? probe_result::other_status
                                      : probe_result::unreachable;
}

exchange_ptr make_ping(const service_config& service) {
  static const auto body = std::make_shared<const std::string>(
    R"({"transaction_id":"posthorn-check"})");
  auto result = std::make_shared<exchange>();
  result->method = "POST";
  result->base = *service.registration.url;
  result->target = "/_matrix/app/v1/ping";
  result->bearer = service.registration.hs_token;
  result->body = body;
  result->connect_timeout
    = std::min(service.delivery.connect_timeout, probe_timeout);
  result->timeout = probe_timeout;
  return result;
}

} // namespace

const char* to_string(probe_result what) {
  constexpr std::array names{"answers",      "token_refused", "no_ping",
                             "other_status", "unreachable",   "no_url"};
  return names[static_cast<std::size_t>(what)];
}

caf::expected<std::vector<probed>>
probe(const std::vector<service_config_ptr>& services) {
  auto client = http_client::open();
  if (!client)
    return std::move(client.error());
  std::vector<probed> result;
  for (std::size_t begin = 0; begin < services.size(); begin += probes_max) {
    const auto end = std::min(services.size(), begin + probes_max);
    std::vector<std::future<answer_ptr>> open(end - begin);
    for (auto i = begin; i < end; ++i) {
      if (!services[i]->registration.url)
        continue;
      // Shared: what the client calls must be copyable.
      auto promised = std::make_shared<std::promise<answer_ptr>>();
      open[i - begin] = promised->get_future();
      (*client)->start(make_ping(*services[i]), [promised](answer_ptr how) {
        promised->set_value(how);
      });
    }
    for (auto i = begin; i < end; ++i) {
      probed one;
      one.id = services[i]->registration.id;
      if (open[i - begin].valid()) {
        const auto how = open[i - begin].get();
        one.url = *services[i]->registration.url;
        one.result = judge(*how);
        one.status = how->status;
        one.took = how->took;
        one.detail = how->detail;
      }
      result.push_back(std::move(one));
    }
  }
  return result;
}

std::string to_string(const probed& what) {
  const auto status = std::to_string(what.status);
  auto result = what.id + ": ";
  switch (what.result) {
  case probe_result::answers:
    return result + "answers in " + std::to_string(what.took.count() / 1'000)
           + " ms";
  case probe_result::token_refused:
    return result + "refuses the hs_token (" + status
           + "): its own registration has another one";
  case probe_result::no_ping:
    return result + "has no ping endpoint (" + status
           + "), and is alive all the same";
  case probe_result::other_status:
    return result + "answers a ping with " + status;
  case probe_result::unreachable:
    return result + "unreachable at " + what.url + ": " + what.detail;
  case probe_result::no_url:
    break;
  }
  return result + "has no url, nothing is sent to it";
}

} // namespace posthorn

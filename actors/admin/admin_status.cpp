// SPDX-License-Identifier: Apache-2.0
// The admin API's page for browsers.
#include "actors/admin/admin_api.hpp"
#include "actors/admin/status_page.hpp"

namespace posthorn {

void admin_api::show_status(const httplib::Request& request,
                            httplib::Response& response) {
  if (wiring_.admin_token
      && !may_see_page(request, *wiring_.admin_token, response))
    return;
  status_facts facts;
  facts.node = wiring_.node;
  facts.version = wiring_.version;
  facts.uptime_seconds = std::chrono::duration<double>(uptime()).count();
  facts.not_ready = wiring_.not_ready();
  if (const auto stat = wiring_.store->stat()) {
    facts.store_used_bytes = static_cast<double>(stat->used_bytes);
    facts.store_capacity_bytes = static_cast<double>(stat->capacity_bytes);
  } else {
    facts.store_problem = text_of(stat.error());
  }
  set_page(response, status_page(facts, dump()));
}

} // namespace posthorn

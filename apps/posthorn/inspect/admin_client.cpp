// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/inspect/admin_client.hpp"

#include "apps/posthorn/config/config.hpp"

#include <httplib.h>
#include <sys/socket.h>

#include <cstdlib>
#include <memory>

namespace posthorn {

namespace {

using nlohmann::json;

struct endpoint {
  std::string url;
  std::string token;
};

caf::expected<endpoint> find_endpoint(const admin_target& target) {
  if (!target.url.empty()) {
    const char* token = std::getenv("POSTHORN_ADMIN_TOKEN");
    return endpoint{target.url, token ? token : ""};
  }
  if (target.config_file.empty())
    return fault(ec::bad_config, "where is the node? give -c FILE, or --admin "
                                 "URL and POSTHORN_ADMIN_TOKEN");
  // Errors of registrations do not matter for asking a node that runs.
  const auto what = load_config(target.config_file, {}, [](const std::string&) {
    return std::optional<std::string>{};
  });
  for (const auto& error : what.errors)
    if (error.file == target.config_file)
      return fault(ec::bad_config, to_string(error));
  const auto& admin = what.config.admin;
  if (admin.kind == address_kind::unix_socket)
    return endpoint{"unix:" + admin.path, what.config.admin_token};
  if (admin.kind == address_kind::inherited)
    return fault(ec::bad_config,
                 target.config_file
                   + ": admin is a socket passed by systemd: say where it is "
                     "with --admin URL");
  auto reachable = admin;
  if (admin.wildcard())
    reachable.host = admin.host == "::" ? "::1" : "127.0.0.1";
  return endpoint{"http://" + to_string(reachable), what.config.admin_token};
}

std::unique_ptr<httplib::Client> connect(const std::string& url) {
  const std::string unix_prefix = "unix:";
  std::unique_ptr<httplib::Client> result;
  if (url.rfind(unix_prefix, 0) == 0) {
    result = std::make_unique<httplib::Client>(url.substr(unix_prefix.size()));
    result->set_address_family(AF_UNIX);
  } else {
    result = std::make_unique<httplib::Client>(url);
  }
  result->set_connection_timeout(std::chrono::seconds{5});
  result->set_read_timeout(std::chrono::seconds{30});
  return result;
}

} // namespace

caf::expected<std::string> ask_admin_text(const admin_target& target,
                                          const std::string& method,
                                          const std::string& path,
                                          const std::string& body) {
  const auto where = find_endpoint(target);
  if (!where)
    return where.error();
  const auto client = connect(where->url);
  httplib::Request request;
  request.method = method;
  request.path = path;
  request.set_header("Host", "posthorn");
  if (!where->token.empty())
    request.set_header("Authorization", "Bearer " + where->token);
  request.body = body;
  const auto answer = client->send(request);
  if (!answer)
    return fault(ec::bad_address, "no node answers on " + where->url + ": "
                                    + httplib::to_string(answer.error()));
  if (answer->status == 200)
    return answer->body;
  const auto parsed = json::parse(answer->body, nullptr, false);
  const auto text
    = parsed.is_object() ? parsed.value("error", answer->body) : answer->body;
  return fault(answer->status == 404 ? ec::unknown_service : ec::bad_address,
               where->url + " answered " + std::to_string(answer->status) + ": "
                 + text);
}

caf::expected<json> ask_admin(const admin_target& target,
                              const std::string& method,
                              const std::string& path,
                              const std::string& body) {
  const auto text = ask_admin_text(target, method, path, body);
  if (!text)
    return text.error();
  auto parsed = json::parse(*text, nullptr, false);
  if (parsed.is_discarded())
    return fault(ec::bad_address,
                 "what answers to " + method + " " + path
                   + " is no node's admin API: its answer is not JSON");
  return parsed;
}

} // namespace posthorn

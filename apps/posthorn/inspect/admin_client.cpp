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

caf::expected<admin_target> resolve(const admin_target& target) {
  if (!target.url.empty()) {
    auto result = target;
    if (const char* token = std::getenv("POSTHORN_ADMIN_TOKEN");
        token && target.token.empty())
      result.token = token;
    return result;
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
  auto url = url_of(admin);
  if (url.empty() && admin.kind == address_kind::inherited)
    return fault(ec::bad_config,
                 target.config_file
                   + ": admin is a socket passed by systemd: say where it is "
                     "with --admin URL");
  if (url.empty())
    return fault(ec::bad_config,
                 target.config_file
                   + ": the kernel chooses the port of admin: say which it is "
                     "with --admin URL");
  return admin_target{target.config_file, std::move(url),
                      what.config.admin_token};
}

caf::expected<admin_answer> call_admin(const admin_target& target,
                                       const std::string& method,
                                       const std::string& path,
                                       const std::string& body) {
  const auto where = resolve(target);
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
  auto answer = client->send(request);
  if (!answer)
    return fault(ec::bad_address, "no node answers on " + where->url + ": "
                                    + httplib::to_string(answer.error()));
  return admin_answer{answer->status, std::move(answer->body)};
}

caf::expected<json> json_of(const admin_answer& answer) {
  auto parsed = json::parse(answer.body, nullptr, false);
  if (parsed.is_discarded())
    return fault(ec::bad_address, "what answers is no node's admin API: its "
                                  "answer is not JSON");
  return parsed;
}

caf::error refusal_of(const admin_target& target, const admin_answer& answer) {
  const auto where = resolve(target);
  const auto parsed = json::parse(answer.body, nullptr, false);
  const auto text
    = parsed.is_object() ? parsed.value("error", answer.body) : answer.body;
  return fault(answer.status == 404 ? ec::unknown_service : ec::bad_address,
               (where ? where->url : "the node") + " answered "
                 + std::to_string(answer.status) + ": " + text);
}

int refuse(std::ostream& err, const caf::error& why) {
  err << "posthorn: " << text_of(why) << '\n';
  return 1;
}

caf::expected<std::string> ask_admin_text(const admin_target& target,
                                          const std::string& method,
                                          const std::string& path,
                                          const std::string& body) {
  const auto where = resolve(target);
  if (!where)
    return where.error();
  auto answer = call_admin(*where, method, path, body);
  if (!answer)
    return std::move(answer.error());
  if (answer->status != 200)
    return refusal_of(*where, *answer);
  return std::move(answer->body);
}

caf::expected<json> ask_admin(const admin_target& target,
                              const std::string& method,
                              const std::string& path,
                              const std::string& body) {
  auto text = ask_admin_text(target, method, path, body);
  if (!text)
    return text.error();
  return json_of({200, std::move(*text)});
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// The generated files are this program's first page of documentation.
#include "apps/posthorn/commands/generate.hpp"

#include "apps/posthorn/config/address.hpp"
#include "apps/posthorn/config/config.hpp"
#include "apps/posthorn/config/file.hpp"
#include "apps/posthorn/config/service_url.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <ostream>

namespace posthorn {

namespace {

constexpr std::uint16_t usual_port = 9009;

/// 256 bits from the kernel as 64 hexadecimal digits.
caf::expected<std::string> random_token() {
  std::array<unsigned char, 32> bytes{};
  std::size_t done = 0;
  while (done < bytes.size()) {
    auto n = ::getrandom(bytes.data() + done, bytes.size() - done, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return fault(ec::bad_config, "the kernel has no random numbers");
    done += static_cast<std::size_t>(n);
  }
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (auto byte : bytes) {
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

/// Where to listen so that `url` leads here. A URL of another host with a port
/// names this node itself; without one, or with https, a proxy stands between.
listen_address listen_for(const std::string& url) {
  listen_address result{address_kind::tcp, "127.0.0.1", usual_port, {}, -1};
  if (url.starts_with("unix:")) {
    result = {};
    result.kind = address_kind::unix_socket;
    result.path = url.substr(5);
    return result;
  }
  auto parts = host_of(url);
  auto port = parse_port(parts.port);
  if (!url.starts_with("http://") || !port)
    return result;
  listen_address named{address_kind::tcp, parts.host, *port, {}, -1};
  result.port = *port;
  if (!named.local())
    result.host = "0.0.0.0";
  else if (is_ipv6(parts.host))
    result.host = parts.host;
  return result;
}

/// Puts `value` in the place of `name`, which stands in the text once.
void fill(std::string& text, std::string_view name, const std::string& value) {
  text.replace(text.find(name), name.size(), value);
}

std::string config_text(const std::string& server_name,
                        const listen_address& listen,
                        const std::string& admin_token) {
  std::string text = R"(# Posthorn. Check with: posthorn check -c posthorn.yaml

# The homeserver's name.
server_name: "@SERVER_NAME@"

# Registrations of the services (bridges, bots) with their own urls. The
# homeserver gets copies that point here: posthorn adopt registrations/*.yaml
app_service_config_files:
  - registrations/*.yaml

# Posthorn's own registration, for the catch-all feed. If every service is
# adopted, leave it out here and at the homeserver.
registration: posthorn-registration.yaml

# Where the homeserver connects to; also unix:/path or systemd.
listen: "@LISTEN@"

# Admin API, metrics, health and status page.
admin: 127.0.0.1:@ADMIN_PORT@
admin_token: "@ADMIN_TOKEN@"

# What was taken in and is not delivered yet.
store: lmdb:posthorn-data
)";
  auto admin_port = listen.port == usual_port + 1 ? usual_port : usual_port + 1;
  fill(text, "@LISTEN@", to_string(listen));
  fill(text, "@ADMIN_PORT@", std::to_string(admin_port));
  fill(text, "@ADMIN_TOKEN@", admin_token);
  // Last: it is the operator's text and not to be searched.
  fill(text, "@SERVER_NAME@", server_name);
  return text;
}

std::string registration_text(const std::string& url,
                              const std::string& as_token,
                              const std::string& hs_token) {
  std::string text
    = R"(# Posthorn's own registration: the homeserver sends every event of every room
# that it takes part in to Posthorn, which decides what each service gets.
# For services that want to-device messages or are asked about users and
# aliases, repeat their entries and protocols here, always with
# `exclusive: false`: the names stay theirs.
id: posthorn
url: "@URL@"
as_token: "@AS_TOKEN@"
hs_token: "@HS_TOKEN@"
sender_localpart: posthorn
rate_limited: false
receive_ephemeral: true
de.sorunome.msc2409.push_ephemeral: true
org.matrix.msc3202: true
namespaces:
  users: []
  aliases: []
  rooms:
    - exclusive: false
      regex: '.*'
)";
  fill(text, "@AS_TOKEN@", as_token);
  fill(text, "@HS_TOKEN@", hs_token);
  fill(text, "@URL@", url);
  return text;
}

bool taken(const std::string& path) {
  std::error_code failed;
  auto status = std::filesystem::symlink_status(path, failed);
  return status.type() != std::filesystem::file_type::not_found;
}

int refuse(const std::string& text, std::ostream& err) {
  err << text << "\nnothing was written\n";
  return 1;
}

} // namespace

int run_generate(const generate_options& options, std::ostream& out,
                 std::ostream& err) {
  if (auto wrong = server_name_error(options.server_name))
    return refuse("--server-name " + *wrong, err);
  auto url = parse_service_url(options.url);
  if (!url)
    return refuse("--url " + text_of(url.error()), err);
  std::array<std::string, 3> tokens;
  for (auto& token : tokens) {
    auto made = random_token();
    if (!made)
      return refuse(text_of(made.error()), err);
    token = *made;
  }
  std::filesystem::path dir{options.dir};
  std::vector<new_file> files{
    {(dir / "posthorn.yaml").string(),
     config_text(options.server_name, listen_for(*url), tokens[0])},
    {(dir / "posthorn-registration.yaml").string(),
     registration_text(*url, tokens[1], tokens[2])}};
  for (auto& one : files)
    if (taken(one.path))
      return refuse(one.path + ": exists already and is not overwritten", err);
  if (auto failed = make_directory((dir / "registrations").string()))
    return refuse(text_of(failed), err);
  if (auto failed = write_new_files(files))
    return refuse(text_of(failed), err);
  for (auto& one : files)
    out << one.path << '\n';
  out << "Put the services' registrations into "
      << (dir / "registrations").string() << ", then run:\n  posthorn check -c "
      << files[0].path << '\n';
  return 0;
}

} // namespace posthorn

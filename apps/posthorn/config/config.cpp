// SPDX-License-Identifier: Apache-2.0
// Goes on after each problem, so that one run shows them all.
#include "apps/posthorn/config/config.hpp"

#include "apps/posthorn/config/config_sections.hpp"
#include "apps/posthorn/config/file.hpp"
#include "apps/posthorn/config/registration_globs.hpp"
#include "apps/posthorn/config/service_url.hpp"

#include <unistd.h>

#include <algorithm>

namespace posthorn {

namespace {

constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t token_file_bytes_max = 4096;
constexpr const char* command_line = "command line";

std::string host_name() {
  char buffer[256] = {};
  if (::gethostname(buffer, sizeof(buffer) - 1) != 0)
    return {};
  return buffer;
}

/// What is wrong with a node's name, or empty.
std::string name_error(const std::string& name) {
  if (is_host_name(name) && name.size() <= name_bytes_max)
    return {};
  return "must be 1 to " + std::to_string(name_bytes_max)
         + " letters, digits, - _ or .";
}

std::string token_error(std::string_view token) {
  auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if (token.empty())
    return "must not be empty";
  if (!std::all_of(token.begin(), token.end(), visible))
    return "must be visible ASCII characters only";
  return {};
}

/// Reads `lmdb:PATH`; what is wrong, or empty.
std::string parse_store(const std::string& text, std::string& path) {
  if (text.starts_with("postgres://") || text.starts_with("postgresql://"))
    return "PostgreSQL is not available in this build: write lmdb:PATH";
  if (!text.starts_with("lmdb:") || text == "lmdb:")
    return "must be lmdb:PATH or postgres://user@host/db";
  path = text.substr(5);
  return {};
}

/// posthorn.yaml while it is being read.
class config_loader {
public:
  config_loader(const yaml_document& document, const overrides& flags,
                const pattern_check& check)
    : flags_(flags), check_(check), in_{document.file, "", document.root,
                                        empty_value::left_out, result_.errors} {
    result_.config.file = document.file;
    result_.errors = document.problems;
    if (document.open_to_others && document.root->find("admin_token"))
      warn("admin_token", "stands in a file that group or others can read: "
                          "chmod 600");
  }

  loaded run() {
    read_names();
    read_address(in_, "listen", config().listen);
    read_address(in_, "admin", config().admin);
    read_admin_token();
    read_store();
    apply_address_flags();
    check_addresses();
    read_cluster(in_, config().file, cluster_flag(), config().cluster,
                 result_.warnings);
    config().lease_ttl
      = in_.duration("lease_ttl", bounds::lease_ttl_min, bounds::lease_ttl_max)
          .value_or(config().lease_ttl);
    read_sorter(in_, config().sorter);
    read_recovery(in_, config().recovery);
    read_delivery(in_, config().delivery);
    read_limits(in_, config().limits);
    // All keys are asked for before the unknown ones are refused; the errors of
    // the registrations come last.
    auto registrations = registration_paths();
    auto own = own_path(registrations);
    auto services = in_.mapping("services");
    in_.refuse_unknown_keys();
    auto set = load(registrations, own);
    make_services(set, own, services);
    add(set);
    return std::move(result_);
  }

private:
  node_config& config() {
    return result_.config;
  }

  void warn(const char* key, std::string text) {
    result_.warnings.push_back(
      {result_.config.file, in_.line_of(key), key, std::move(text)});
  }

  void refuse_flag(const char* flag, std::string text) {
    result_.errors.push_back({command_line, 0, flag, std::move(text)});
  }

  void read_names() {
    if (auto name = in_.required_string("server_name")) {
      config().server_name = *name;
      if (auto wrong = server_name_error(*name))
        in_.complain("server_name", *wrong);
    }
    auto name = in_.string("name");
    if (name && !name_error(*name).empty())
      in_.complain("name", name_error(*name));
    config().name = name.value_or(host_name());
    if (flags_.name) {
      config().name = *flags_.name;
      if (auto wrong = name_error(*flags_.name); !wrong.empty())
        refuse_flag("--name", wrong);
    } else if (!name && !in_.has("name")
               && !name_error(config().name).empty()) {
      in_.complain("name", "is needed, because the host's name does not do: "
                           "a name "
                             + name_error(config().name));
    }
  }

  void read_admin_token() {
    auto token = in_.string("admin_token");
    auto file = in_.string("admin_token_file");
    if (in_.has("admin_token") && in_.has("admin_token_file")) {
      in_.complain("admin_token_file",
                   "stands beside admin_token: give only one of them");
      return;
    }
    if (token) {
      config().admin_token = *token;
      if (auto wrong = token_error(*token); !wrong.empty())
        in_.complain("admin_token", wrong);
    }
    if (file)
      read_token_file(beside(config().file, *file));
  }

  void read_token_file(const std::string& path) {
    auto content = read_file(path, token_file_bytes_max);
    if (!content) {
      in_.complain("admin_token_file", path + ": " + text_of(content.error()));
      return;
    }
    auto& token = content->text;
    while (token.ends_with('\n') || token.ends_with('\r'))
      token.pop_back();
    if (auto wrong = token_error(token); !wrong.empty())
      in_.complain("admin_token_file", "the token in " + path + " " + wrong);
    if (content->open_to_others)
      warn("admin_token_file",
           path + " can be read by group or others: chmod 600");
    config().admin_token = std::move(token);
  }

  void read_store() {
    config().store_path = beside(config().file, "posthorn-data");
    std::string path;
    if (auto text = in_.string("store")) {
      if (auto wrong = parse_store(*text, path); !wrong.empty())
        in_.complain("store", wrong);
      else
        config().store_path = beside(config().file, path);
    }
    if (!flags_.store)
      return;
    if (auto wrong = parse_store(*flags_.store, path); !wrong.empty())
      refuse_flag("--store", wrong);
    else
      config().store_path = path;
  }

  void apply_address_flag(const std::optional<std::string>& text,
                          const char* flag, listen_address& out) {
    if (!text)
      return;
    if (auto address = parse_address(*text))
      out = *address;
    else
      refuse_flag(flag, text_of(address.error()));
  }

  void apply_address_flags() {
    apply_address_flag(flags_.listen, "--listen", config().listen);
    apply_address_flag(flags_.admin, "--admin", config().admin);
  }

  std::optional<listen_address> cluster_flag() {
    listen_address address;
    auto before = result_.errors.size();
    apply_address_flag(flags_.cluster, "--cluster", address);
    if (!flags_.cluster || result_.errors.size() != before)
      return std::nullopt;
    if (address.kind == address_kind::tcp && address.port != 0)
      return address;
    refuse_flag("--cluster", "must be host:port or [v6]:port, with a port "
                             "other than 0");
    return std::nullopt;
  }

  void check_addresses() {
    auto& listen = config().listen;
    auto& admin = config().admin;
    // Two sockets of systemd are told apart by their names, and port 0 is
    // another port each time.
    auto shareable
      = (listen.kind == address_kind::inherited && listen.descriptor < 0)
        || (listen.kind == address_kind::tcp && listen.port == 0);
    if (listen == admin && !shareable)
      in_.complain("admin",
                   "is the same address as listen: " + to_string(admin));
    auto configured = in_.has("admin_token") || in_.has("admin_token_file");
    if (!admin.local() && !configured)
      in_.complain("admin_token", "is missing: " + to_string(admin)
                                    + " can be reached from outside of this "
                                      "host's loopback");
  }

  std::vector<std::string> registration_paths() {
    return registration_files(in_, "app_service_config_files", config().file,
                              result_.warnings);
  }

  /// The path of Posthorn's own registration, or empty.
  std::string own_path(const std::vector<std::string>& services) {
    auto text = in_.string("registration");
    if (!text)
      return {};
    auto path = beside(config().file, *text);
    auto listed
      = std::any_of(services.begin(), services.end(),
                    [&](const auto& one) { return same_file(one, path); });
    if (!listed)
      return path;
    in_.complain("registration", path
                                   + " is Posthorn's own and must not be among "
                                     "app_service_config_files");
    return {};
  }

  registration_set load(std::vector<std::string> files,
                        const std::string& own) const {
    if (!own.empty())
      files.push_back(own);
    return load_registrations(files, check_);
  }

  void check_service_ids(const registration_set& set, const std::string& own,
                         yaml_reader& services) {
    for (auto& id : services.keys()) {
      auto known
        = std::any_of(set.ids.begin(), set.ids.end(), [&](const known_id& one) {
            return one.id == id && one.file != own;
          });
      // A file whose id cannot be read may be the one that is meant.
      if (!known && set.ids_complete)
        services.complain(id, "no registration has this id");
    }
  }

  void make_services(registration_set& set, const std::string& own,
                     std::optional<yaml_reader>& services) {
    if (services)
      check_service_ids(set, own, *services);
    std::vector<std::string> read;
    for (auto& one : set.registrations) {
      if (one.file == own) {
        check_own(one);
        result_.own = std::move(one);
        continue;
      }
      auto made = std::make_shared<service_config>();
      made->recovery = config().recovery;
      made->delivery = config().delivery;
      if (services)
        read_overrides(*services, one.id, made->recovery, made->delivery);
      read.push_back(one.id);
      made->registration = std::move(one);
      result_.services.push_back(std::move(made));
    }
    if (services)
      check_remaining(*services, read);
  }

  void read_overrides(yaml_reader& services, const std::string& id,
                      recovery_settings& recovery,
                      delivery_settings& delivery) {
    auto section = services.mapping(id);
    if (!section)
      return;
    read_recovery(*section, recovery);
    read_delivery(*section, delivery);
    section->refuse_unknown_keys();
  }

  /// Overrides whose registration could not be loaded have errors of their own.
  void check_remaining(yaml_reader& services,
                       const std::vector<std::string>& read) {
    for (auto& id : services.keys()) {
      if (std::find(read.begin(), read.end(), id) != read.end())
        continue;
      auto recovery = config().recovery;
      auto delivery = config().delivery;
      read_overrides(services, id, recovery, delivery);
    }
  }

  /// A catch-all that claims names for itself locks the server's users out.
  void check_own(const registration& own) {
    auto note = [&](const char* field, const char* text) {
      result_.warnings.push_back({own.file, 0, field, text});
    };
    auto exclusive = [](const namespace_entry& one) { return one.exclusive; };
    for (auto list : {&own.users, &own.aliases, &own.rooms})
      if (std::any_of(list->begin(), list->end(), exclusive))
        note("namespaces", "an exclusive entry keeps the services themselves "
                           "from using these names: write exclusive: false");
    auto everyone = [](const namespace_entry& one) {
      return one.regex == ".*" || one.regex == "@.*" || one.regex == "^@.*";
    };
    if (std::any_of(own.users.begin(), own.users.end(), everyone))
      note("namespaces.users", "covers every user: its as_token can then act "
                               "as any user of the server");
    if (!own.url)
      note("url", "is null, so the homeserver sends nothing to the catch-all "
                  "feed");
  }

  void add(const registration_set& set) {
    result_.errors.insert(result_.errors.end(), set.errors.begin(),
                          set.errors.end());
    result_.warnings.insert(result_.warnings.end(), set.warnings.begin(),
                            set.warnings.end());
  }

  const overrides& flags_;
  const pattern_check& check_;
  loaded result_;
  yaml_reader in_;
};

} // namespace

std::optional<std::string> server_name_error(const std::string& name) {
  auto parts = host_of("matrix://" + name);
  auto v6 = name.starts_with('[');
  auto host_fits = v6 ? is_ipv6(parts.host) : is_host_name(parts.host);
  auto bare = parts.host.size() + (v6 ? 2 : 0);
  auto port_fits = parts.port.empty()
                     ? name.size() == bare
                     : name.size() == bare + 1 + parts.port.size()
                         && static_cast<bool>(parse_port(parts.port));
  if (host_fits && port_fits && name.size() <= 230)
    return std::nullopt;
  return "must be a Matrix server name such as example.org or "
         "example.org:8448, without a scheme";
}

loaded load_config(const std::string& path, const overrides& flags,
                   const pattern_check& check) {
  auto document = load_yaml(path);
  if (document.root == nullptr) {
    loaded result;
    result.config.file = path;
    result.errors = std::move(document.problems);
    return result;
  }
  return config_loader{document, flags, check}.run();
}

} // namespace posthorn

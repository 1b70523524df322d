// SPDX-License-Identifier: Apache-2.0
// One function a section.
#include "apps/posthorn/config/config_sections.hpp"

#include "apps/posthorn/config/file.hpp"
#include "apps/posthorn/config/quantity.hpp"
#include "apps/posthorn/config/tls_files.hpp"

#include <algorithm>

namespace posthorn {

namespace {

template <typename Value>
void take(std::optional<Value> value, Value& out) {
  if (value)
    out = std::move(*value);
}

/// An address of the cluster: tcp, and with a port that others can know.
void read_tcp(yaml_reader& in, const char* key,
              std::optional<listen_address>& out) {
  listen_address value;
  auto before = value;
  read_address(in, key, value);
  if (value == before)
    return;
  if (value.kind != address_kind::tcp)
    in.complain(key, "must be host:port or [v6]:port");
  else if (value.port == 0)
    in.complain(key, "must have a port other than 0");
  else
    out = value;
}

std::string read_path(yaml_reader& in, const char* key,
                      const std::string& config_file) {
  auto path = in.required_string(key);
  return path ? beside(config_file, *path) : std::string{};
}

std::optional<cluster_tls> read_tls(yaml_reader& in,
                                    const std::string& config_file,
                                    std::vector<problem>& warnings) {
  auto section = in.mapping("tls");
  if (!section)
    return std::nullopt;
  cluster_tls result;
  result.certificate = read_path(*section, "certificate", config_file);
  result.key = read_path(*section, "key", config_file);
  result.ca = read_path(*section, "ca", config_file);
  section->refuse_unknown_keys();
  if (result.certificate.empty() || result.key.empty() || result.ca.empty())
    return result;
  const auto warn = [&](const std::string& field, std::string text) {
    warnings.push_back({config_file, section->line_of(field),
                        "cluster.tls." + field, std::move(text)});
  };
  for (auto& found : check_tls_files(result))
    if (found.warning)
      warn(found.field, std::move(found.text));
    else
      section->complain(found.field, std::move(found.text));
  const auto key = read_file(result.key, yaml_bytes_max);
  if (key && key->open_to_others)
    warn("key", result.key + " is open to group or others: chmod 600");
  return result;
}

/// Addresses of other nodes: tcp, each with a port.
std::vector<listen_address> read_peers(yaml_reader& in) {
  std::vector<listen_address> result;
  for (const auto& text : in.strings("peers")) {
    const auto address = parse_address(text);
    if (!address)
      in.complain("peers", text + ": " + text_of(address.error()));
    else if (address->kind != address_kind::tcp || address->port == 0
             || address->wildcard())
      in.complain("peers", text
                             + ": must be the host:port or [v6]:port that "
                               "another node listens on");
    else
      result.push_back(*address);
  }
  return result;
}

} // namespace

void read_address(yaml_reader& in, const char* key, listen_address& out) {
  auto text = in.string(key);
  if (!text)
    return;
  if (auto address = parse_address(*text))
    out = *address;
  else
    in.complain(key, text_of(address.error()));
}

void read_sorter(yaml_reader& in, sorter_settings& out) {
  auto section = in.mapping("sorter");
  if (!section)
    return;
  take(section->duration("poll_interval", bounds::poll_interval_min,
                         bounds::poll_interval_max),
       out.poll_interval);
  take(section->boolean("wake_on_arrival"), out.wake_on_arrival);
  section->refuse_unknown_keys();
}

void read_recovery(yaml_reader& in, recovery_settings& out) {
  auto section = in.mapping("recovery");
  if (!section)
    return;
  take(section->duration("initial_backoff", bounds::backoff_min,
                         bounds::backoff_max),
       out.initial_backoff);
  take(
    section->duration("max_backoff", bounds::backoff_min, bounds::backoff_max),
    out.max_backoff);
  take(section->boolean("jitter"), out.jitter);
  if (out.initial_backoff > out.max_backoff)
    section->complain("initial_backoff",
                      duration_text(out.initial_backoff)
                        + " is longer than max_backoff, which is "
                        + duration_text(out.max_backoff));
  section->refuse_unknown_keys();
}

void read_delivery(yaml_reader& in, delivery_settings& out) {
  auto section = in.mapping("delivery");
  if (!section)
    return;
  take(section->integer("max_events", 1, bounds::events_max), out.max_events);
  take(section->size("max_bytes", bounds::body_min, bounds::body_max),
       out.max_bytes);
  take(section->duration("connect_timeout", bounds::timeout_min,
                         bounds::timeout_max),
       out.connect_timeout);
  take(section->duration("timeout", bounds::timeout_min, bounds::timeout_max),
       out.timeout);
  take(section->integer("poison_attempts", 0, bounds::poison_attempts_max),
       out.poison_attempts);
  take(section->boolean("legacy_path"), out.legacy_path);
  section->refuse_unknown_keys();
}

void read_limits(yaml_reader& in, limit_settings& out) {
  auto section = in.mapping("limits");
  if (!section)
    return;
  take(section->size("max_request", bounds::request_min, bounds::request_max),
       out.max_request);
  take(section->size("max_store", bounds::store_min, bounds::store_max),
       out.max_store);
  if (!section->has("max_request"))
    out.max_request = std::min(out.max_request, out.max_store / 2);
  else if (out.max_request > out.max_store / 2)
    section->complain("max_request",
                      size_text(out.max_request)
                        + " is more than half of max_store, which is "
                        + size_text(out.max_store));
  section->refuse_unknown_keys();
}

void read_cluster(yaml_reader& in, const std::string& config_file,
                  const std::optional<listen_address>& flag,
                  std::optional<cluster_settings>& out,
                  std::vector<problem>& warnings) {
  auto section = in.mapping("cluster");
  std::optional<listen_address> listen;
  std::optional<listen_address> advertise;
  std::optional<cluster_tls> tls;
  std::vector<listen_address> peers;
  if (section) {
    if (!section->has("listen") && !flag)
      section->complain("listen", "is missing");
    read_tcp(*section, "listen", listen);
    read_tcp(*section, "advertise", advertise);
    tls = read_tls(*section, config_file, warnings);
    peers = read_peers(*section);
    section->refuse_unknown_keys();
  }
  if (flag) {
    listen = flag;
    if (!flag->wildcard())
      advertise = flag;
  }
  if (!listen)
    return;
  out = cluster_settings{*listen, advertise.value_or(*listen), tls,
                         std::move(peers)};
  auto& where = section ? *section : in;
  if (out->advertise.wildcard())
    where.complain(section ? "advertise" : "cluster",
                   to_string(out->advertise)
                     + " is no address that other nodes can connect to: give "
                       "cluster.advertise");
  if (!listen->local() && !tls)
    where.complain(section ? "tls" : "cluster",
                   "is missing: nodes authenticate each other only by TLS, so "
                   "without it cluster.listen must be a loopback address, not "
                     + to_string(*listen));
}

} // namespace posthorn

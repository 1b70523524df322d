// SPDX-License-Identifier: Apache-2.0
// The sections of posthorn.yaml and their ranges.
#pragma once

#include "apps/posthorn/config/node_config.hpp"
#include "apps/posthorn/config/yaml_reader.hpp"

#include <string>
#include <vector>

namespace posthorn {

/// Bounds of what can be configured; outside of them is an error.
namespace bounds {

using std::chrono::milliseconds;

inline constexpr milliseconds poll_interval_min{10};
inline constexpr milliseconds poll_interval_max{60'000};
inline constexpr milliseconds lease_ttl_min{500};
inline constexpr milliseconds lease_ttl_max{600'000};
inline constexpr milliseconds backoff_min{1};
inline constexpr milliseconds backoff_max{24 * 3'600'000};
inline constexpr milliseconds timeout_min{10};
inline constexpr milliseconds timeout_max{3'600'000};
inline constexpr std::uint32_t events_max = 10'000;
/// Of a transaction's body. One event of 64 KiB always goes, whatever this is.
inline constexpr std::uint64_t body_min = std::uint64_t{1} << 10;
inline constexpr std::uint64_t body_max = std::uint64_t{256} << 20;
/// Of a feed's request: Synapse sends up to 100 events of 64 KiB, and what
/// comes with them.
inline constexpr std::uint64_t request_min = std::uint64_t{64} << 10;
inline constexpr std::uint64_t request_max = std::uint64_t{1} << 30;
inline constexpr std::uint64_t store_min = std::uint64_t{1} << 20;
inline constexpr std::uint64_t store_max = std::uint64_t{64} << 40;

} // namespace bounds

/// Each reads one section of `in` into `out`, which holds the defaults, and
/// notes what is wrong. An absent section changes nothing.
void read_sorter(yaml_reader& in, sorter_settings& out);
void read_recovery(yaml_reader& in, recovery_settings& out);
void read_delivery(yaml_reader& in, delivery_settings& out);
void read_limits(yaml_reader& in, limit_settings& out);

/// Reads the section `cluster`; relative paths become relative to the directory
/// of `config_file`. `flag` is the address that takes the place of
/// `cluster.listen`, if any. The section's files are checked as
/// check_tls_files() says; others' access to the key is a warning.
void read_cluster(yaml_reader& in, const std::string& config_file,
                  const std::optional<listen_address>& flag,
                  std::optional<cluster_settings>& out,
                  std::vector<problem>& warnings);

/// Reads an address under `key`; absent or wrong ones leave `out` as it is.
void read_address(yaml_reader& in, const char* key, listen_address& out);

} // namespace posthorn

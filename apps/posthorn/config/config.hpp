// SPDX-License-Identifier: Apache-2.0
// Loads posthorn.yaml and all registrations that it names.
#pragma once

#include "apps/posthorn/config/node_config.hpp"
#include "apps/posthorn/config/problem.hpp"
#include "apps/posthorn/config/registration_file.hpp"

#include <optional>
#include <string>
#include <vector>

namespace posthorn {

/// Flags that take precedence over the file. Relative paths in them are taken
/// from the working directory.
struct overrides {
  std::optional<std::string> name;
  std::optional<std::string> listen;
  std::optional<std::string> admin;
  /// The address for `cluster.listen`. `cluster.advertise` then follows it,
  /// except where it is 0.0.0.0 or ::, which nobody can connect to.
  std::optional<std::string> cluster;
  std::optional<std::string> store;
};

/// A configuration. Only to be used when there are no errors.
struct loaded {
  node_config config;
  /// In the order of the files; without Posthorn's own registration.
  std::vector<service_config_ptr> services;
  /// Posthorn's own registration, for the catch-all feed.
  std::optional<registration> own;
  /// Every error of every file, posthorn.yaml's first.
  std::vector<problem> errors;
  std::vector<problem> warnings;
};

/// Loads the configuration. Nothing is opened or started, and no name is looked
/// up; running it again is how a reload is checked. `check` judges the regular
/// expressions of namespaces; see pattern_check.
loaded load_config(const std::string& path, const overrides& flags,
                   const pattern_check& check);

/// What is wrong with a Matrix server name, or nothing (appendices of the
/// Matrix spec, "Server name").
std::optional<std::string> server_name_error(const std::string& name);

} // namespace posthorn

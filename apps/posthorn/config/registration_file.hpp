// SPDX-License-Identifier: Apache-2.0
// Registration files, checked at least as strictly as Synapse checks them.
#pragma once

#include "apps/posthorn/config/problem.hpp"
#include "apps/posthorn/config/yaml_document.hpp"
#include "messages/registration.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace posthorn {

/// Says what is wrong with a namespace's regular expression, or nothing when it
/// can be used. Called from several threads at once.
using pattern_check
  = std::function<std::optional<std::string>(const std::string& pattern)>;

/// An id that stands in a file, whether or not the file is otherwise valid.
struct known_id {
  std::string id;
  std::string file;
};

/// Registrations and everything that is wrong with their files.
struct registration_set {
  /// Those without errors, in the order of the files.
  std::vector<registration> registrations;
  std::vector<known_id> ids;
  /// Whether every file's id could be read.
  bool ids_complete = true;
  std::vector<problem> errors;
  std::vector<problem> warnings;
};

/// Longest id, in bytes: ids are part of the store's keys.
inline constexpr std::size_t id_bytes_max = 255;

/// Checks parsed files. The rules are those of the Application Service API
/// ("Registration") and of Synapse's config/appservice.py; stricter where a
/// service could be loaded but never be reached:
/// - `id`: a string that can stand in a URL path as it is, and without `|`;
///   unique over all files
/// - `url`: a string that parse_service_url() takes, or an explicit null
/// - `as_token` (unique), `hs_token`: strings of visible ASCII
/// - `sender_localpart`: of `A-Z a-z 0-9 _ . - ~ /`
/// - `namespaces`: a mapping; `users`, `aliases`, `rooms` lists of entries with
///   `regex`, a string that `check` has nothing against, and `exclusive`, true
///   or false
/// - `rate_limited`, `receive_ephemeral`, `de.sorunome.msc2409.push_ephemeral`:
///   true, false or nothing; `org.matrix.msc3202`, `io.element.msc4190`: true
///   or false
/// - `protocols`: a list of strings, or nothing
/// - other keys are ignored, as Synapse does.
/// Warnings: a file that others can read, one sender_localpart in two files,
/// protocols of a service without url. A null `check` accepts every pattern.
registration_set
check_registrations(const std::vector<yaml_document>& documents,
                    const pattern_check& check);

/// Loads files and checks them.
registration_set load_registrations(const std::vector<std::string>& files,
                                    const pattern_check& check);

} // namespace posthorn

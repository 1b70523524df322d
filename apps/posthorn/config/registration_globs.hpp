// SPDX-License-Identifier: Apache-2.0
// From `app_service_config_files` to the files themselves.
#pragma once

#include "apps/posthorn/config/yaml_reader.hpp"

#include <string>
#include <vector>

namespace posthorn {

/// Expands the list `key` of `in`: paths and globs (glob(3)), relative to the
/// directory of `config_file`. Each file comes once, however often it is named,
/// in the order of the list, those of one glob sorted. A plain path is answered
/// whether or not it exists, so that loading it says what is wrong. A glob that
/// matches nothing is a warning, a directory that cannot be read an error (both
/// noted at the key's line; errors go where `in` puts them).
std::vector<std::string> registration_files(yaml_reader& in, const char* key,
                                            const std::string& config_file,
                                            std::vector<problem>& warnings);

/// Whether two paths name one file; also true for equal paths that do not
/// exist.
bool same_file(const std::string& left, const std::string& right);

} // namespace posthorn

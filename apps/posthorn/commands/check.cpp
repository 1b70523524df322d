// SPDX-License-Identifier: Apache-2.0
// Prints what load_config() found.
#include "apps/posthorn/commands/check.hpp"

#include <nlohmann/json.hpp>

#include <ostream>

namespace posthorn {

namespace {

std::string counted(std::size_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

nlohmann::json to_json(const std::vector<problem>& problems) {
  auto result = nlohmann::json::array();
  for (auto& one : problems)
    result.push_back({{"file", one.file},
                      {"line", one.line},
                      {"field", one.field},
                      {"text", one.text}});
  return result;
}

void print_json(const loaded& found, std::ostream& out) {
  nlohmann::json all = {{"services", found.services.size()},
                        {"errors", to_json(found.errors)},
                        {"warnings", to_json(found.warnings)}};
  // Paths need not be UTF-8.
  out << all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
      << '\n';
}

void print_lines(const loaded& found, std::ostream& out) {
  for (auto& one : found.errors)
    out << one << '\n';
  for (auto one : found.warnings) {
    one.text = "warning: " + one.text;
    out << one << '\n';
  }
  out << counted(found.services.size(), "service") << ", "
      << counted(found.errors.size(), "error") << ", "
      << counted(found.warnings.size(), "warning") << '\n';
}

} // namespace

int run_check(const check_options& options, std::ostream& out, std::ostream&) {
  auto found = load_config(options.config, options.flags, options.pattern);
  if (options.json)
    print_json(found, out);
  else
    print_lines(found, out);
  return found.errors.empty() ? 0 : 1;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Prints what load_config() and probe() found.
#include "apps/posthorn/commands/check.hpp"

#include "apps/posthorn/commands/probe.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
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

nlohmann::json to_json(const std::vector<probed>& probes) {
  auto result = nlohmann::json::array();
  for (auto& one : probes)
    result.push_back(
      {{"id", one.id},
       {"url", one.url.empty() ? nlohmann::json{} : nlohmann::json(one.url)},
       {"result", to_string(one.result)},
       {"status", one.status},
       {"milliseconds", static_cast<double>(one.took.count()) / 1'000},
       {"detail", one.detail}});
  return result;
}

void print_json(const loaded& found, const std::vector<probed>* probes,
                std::ostream& out) {
  nlohmann::json all = {{"services", found.services.size()},
                        {"errors", to_json(found.errors)},
                        {"warnings", to_json(found.warnings)}};
  if (probes)
    all["probes"] = to_json(*probes);
  // Paths need not be UTF-8.
  out << all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
      << '\n';
}

void print_lines(const loaded& found, const std::vector<probed>* probes,
                 std::ostream& out) {
  for (auto& one : found.errors)
    out << one << '\n';
  for (auto one : found.warnings) {
    one.text = "warning: " + one.text;
    out << one << '\n';
  }
  if (probes)
    for (auto& one : *probes)
      out << to_string(one) << '\n';
  out << counted(found.services.size(), "service") << ", "
      << counted(found.errors.size(), "error") << ", "
      << counted(found.warnings.size(), "warning") << '\n';
}

} // namespace

int run_check(const check_options& options, std::ostream& out,
              std::ostream& err) {
  auto found = load_config(options.config, options.flags, options.pattern);
  for (auto& one : review_namespaces(found.services, options.slow))
    found.warnings.push_back(std::move(one));
  std::vector<probed> probes;
  if (options.probe) {
    auto done = probe(found.services);
    if (!done) {
      err << "posthorn: no service could be asked: " << text_of(done.error())
          << '\n';
      return 1;
    }
    probes = std::move(*done);
  }
  const auto* shown = options.probe ? &probes : nullptr;
  if (options.json)
    print_json(found, shown, out);
  else
    print_lines(found, shown, out);
  const bool reached = std::none_of(
    probes.begin(), probes.end(), [](const auto& one) { return one.failed(); });
  return found.errors.empty() && reached ? 0 : 1;
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/commands/store_copy.hpp"

#include "storage/lmdb/copying.hpp"

#include <nlohmann/json.hpp>

#include <ostream>

namespace posthorn {

namespace {

/// The directory of the store that the options name.
caf::expected<std::string> find_store(const store_copy_options& options) {
  const auto what
    = load_config(options.config, options.flags, [](const std::string&) {
        return std::optional<std::string>{};
      });
  // Errors of registrations do not matter to the store.
  for (const auto& error : what.errors)
    if (error.file == options.config || error.field == "--store")
      return fault(ec::bad_config, to_string(error));
  return what.config.store_path;
}

} // namespace

int run_store_copy(const store_copy_options& options, std::ostream& out,
                   std::ostream& err) {
  const auto from = find_store(options);
  if (!from) {
    err << text_of(from.error()) << "\n";
    return 1;
  }
  const auto done = storage::copy_lmdb(*from, options.to, options.compact);
  if (!done) {
    err << text_of(done.error()) << "\n";
    return 1;
  }
  if (options.json)
    out << nlohmann::json{{"store", *from},
                          {"to", options.to},
                          {"id", done->id},
                          {"bytes_before", done->bytes_before},
                          {"bytes", done->bytes}}
             .dump()
        << "\n";
  else
    out << "store " << done->id << ": " << *from << " (" << done->bytes_before
        << " bytes) copied to " << options.to << " (" << done->bytes
        << " bytes)\n";
  return 0;
}

} // namespace posthorn

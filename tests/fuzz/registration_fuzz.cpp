// SPDX-License-Identifier: Apache-2.0
// Registrations and posthorn.yaml from any bytes: refused or taken, but never
// with a token in what is said about them; and `adopt` changes only the url.
#include "apps/posthorn/commands/url_swap.hpp"
#include "apps/posthorn/config/config.hpp"
#include "apps/posthorn/config/registration_file.hpp"
#include "messages/errors.hpp"
#include "tests/fuzz/check.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace posthorn;

namespace {

constexpr std::string_view canary = "zqCanaryToken";

bool says_canary(const std::vector<problem>& problems) {
  return std::any_of(problems.begin(), problems.end(), [](const problem& each) {
    return to_string(each).find(canary) != std::string::npos;
  });
}

// Whether the canary stands as a token of `text`'s and nowhere else, so that
// nobody has reason to repeat it.
bool is_secret(const yaml_document& document) {
  if (document.root == nullptr)
    return false;
  auto at = document.text.find(canary);
  if (at == std::string::npos
      || document.text.find(canary, at + 1) != std::string::npos)
    return false;
  auto holds = [&](std::string_view key) {
    auto member = document.root->find(key);
    return member != nullptr
           && member->value->text.find(canary) != std::string::npos;
  };
  return holds("hs_token") || holds("as_token") || holds("admin_token");
}

void check_taken(const registration& what, const yaml_document& document) {
  FUZZ_CHECK(!what.id.empty() && what.id.size() <= id_bytes_max);
  FUZZ_CHECK(what.id.find_first_of("/?#%| \t\r\n") == std::string::npos);
  for (auto* token : {&what.hs_token, &what.as_token}) {
    FUZZ_CHECK(!token->empty());
    for (auto c : *token)
      FUZZ_CHECK(c > 0x20 && c < 0x7f);
  }
  if (!what.url)
    return;
  auto copy = with_url(document, "http://127.0.0.1:9009/as/x");
  if (!copy)
    return;
  auto again = check_registrations({parse_yaml("copy.yaml", *copy)}, {});
  FUZZ_CHECK(again.errors.empty() && again.registrations.size() == 1);
  auto& other = again.registrations.front();
  FUZZ_CHECK(other.id == what.id && other.hs_token == what.hs_token
             && other.as_token == what.as_token);
}

void try_registration(std::string_view text) {
  auto document = parse_yaml("service.yaml", std::string{text});
  FUZZ_CHECK(document.root != nullptr || !document.problems.empty());
  auto secret = is_secret(document);
  auto set = check_registrations({document}, {});
  FUZZ_CHECK(set.registrations.size() + set.errors.size() > 0);
  FUZZ_CHECK(!secret
             || (!says_canary(set.errors) && !says_canary(set.warnings)
                 && !says_canary(document.problems)));
  if (set.errors.empty())
    for (auto& each : set.registrations)
      check_taken(each, document);
}

// A file that is nowhere on disk.
class memory_file {
public:
  explicit memory_file(std::string_view text)
    : descriptor_{memfd_create("posthorn.yaml", MFD_CLOEXEC)} {
    FUZZ_CHECK(descriptor_ >= 0);
    auto written = write(descriptor_, text.data(), text.size());
    FUZZ_CHECK(written == static_cast<ssize_t>(text.size()));
  }

  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;

  ~memory_file() {
    close(descriptor_);
  }

  std::string path() const {
    return "/proc/self/fd/" + std::to_string(descriptor_);
  }

private:
  int descriptor_;
};

void try_config(std::string_view text) {
  // Globs would look around this machine's file systems.
  if (text.find_first_of("*?[") != std::string_view::npos)
    return;
  memory_file file{text};
  auto loaded = load_config(file.path(), {}, {});
  auto secret = is_secret(parse_yaml("posthorn.yaml", std::string{text}));
  FUZZ_CHECK(!secret
             || (!says_canary(loaded.errors) && !says_canary(loaded.warnings)));
  if (!loaded.errors.empty())
    return;
  auto& config = loaded.config;
  FUZZ_CHECK(!config.server_name.empty()
             && !server_name_error(config.server_name));
  FUZZ_CHECK(!config.store_path.empty());
  FUZZ_CHECK(config.admin_token.empty()
               ? config.admin.local()
               : config.admin_token.find(' ') == std::string::npos);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  fuzz::input in{data, size};
  if ((in.mode & 1) == 0)
    try_registration(in.rest);
  else
    try_config(in.rest);
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Everything is made in memory before the first file is written.
#include "apps/posthorn/commands/adopt.hpp"

#include "apps/posthorn/commands/url_swap.hpp"
#include "apps/posthorn/config/file.hpp"
#include "apps/posthorn/config/service_url.hpp"

#include <filesystem>
#include <ostream>

namespace posthorn {

namespace {

/// A problem with the url of a registration.
problem url_problem(const yaml_document& document, std::string text) {
  auto member = document.root->find("url");
  return {document.file, member == nullptr ? 0 : member->line, "url",
          std::move(text)};
}

/// Makes the homeserver's copy; notes why not.
void make_copy(const yaml_document& document, const registration& what,
               const std::string& base, const std::string& directory,
               std::vector<new_file>& copies, std::vector<problem>& errors) {
  if (!what.url) {
    errors.push_back(url_problem(
      document, "is null: nothing is sent to this service, so there is nothing "
                "to deliver; leave its registration as it is"));
    return;
  }
  auto url = base + "/as/" + what.id;
  if (*what.url == url) {
    errors.push_back(url_problem(document, "points to Posthorn already: give "
                                           "the service's own registration"));
    return;
  }
  auto text = with_url(document, url);
  if (!text) {
    errors.push_back(url_problem(document, text_of(text.error())));
    return;
  }
  auto path = std::filesystem::path{directory} / (what.id + ".yaml");
  copies.push_back({path.string(), std::move(*text)});
}

int refuse(const std::vector<problem>& errors, std::ostream& err) {
  for (auto& one : errors)
    err << one << '\n';
  err << "nothing was written\n";
  return 1;
}

} // namespace

int run_adopt(const adopt_options& options, std::ostream& out,
              std::ostream& err) {
  auto base = parse_service_url(options.url);
  if (!base)
    return refuse({{"command line", 0, "--url", text_of(base.error())}}, err);
  if (options.files.empty())
    return refuse({{"command line", 0, "FILE", "no registration was given"}},
                  err);
  std::vector<yaml_document> documents;
  for (auto& file : options.files)
    documents.push_back(load_yaml(file));
  auto set = check_registrations(documents, options.pattern);
  std::vector<new_file> copies;
  std::size_t i = 0;
  for (auto& one : set.registrations) {
    // Registrations stand in the order of the documents, some left out.
    while (documents[i].file != one.file)
      ++i;
    make_copy(documents[i++], one, *base, options.out, copies, set.errors);
  }
  for (auto one : set.warnings) {
    one.text = "warning: " + one.text;
    err << one << '\n';
  }
  if (!set.errors.empty())
    return refuse(set.errors, err);
  if (auto failed = make_directory(options.out))
    return refuse({{"", 0, "", text_of(failed)}}, err);
  if (auto failed = write_new_files(copies))
    return refuse({{"", 0, "", text_of(failed)}}, err);
  for (auto& one : copies)
    out << one.path << '\n';
  out << "Point the homeserver's app_service_config_files at these copies and "
         "restart it.\nPosthorn keeps the originals.\n";
  return 0;
}

} // namespace posthorn

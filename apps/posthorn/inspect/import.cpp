// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/inspect/import.hpp"

#include "actors/admin/room_lines.hpp"
#include "messages/errors.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>

namespace posthorn {

namespace {

using nlohmann::json;

/// How often progress is shown.
constexpr std::chrono::seconds progress_interval{1};

/// Counts of the node's answers, under the keys that the answers have.
constexpr std::array<const char*, 5> counts{"changed", "same", "outdated",
                                            "ignored", "bad"};

/// How a node answers that another one sorts.
constexpr int not_the_sorter = 409;

/// How often a piece follows the sorter from node to node.
constexpr int turns_max = 3;

/// One import under way.
class importing {
public:
  importing(admin_target target, std::istream& from,
            const import_options& options, std::ostream& err)
    : target_{std::move(target)}, from_{from}, options_{options}, err_{err} {
    for (const auto* each : counts)
      total_[each] = 0;
  }

  /// Answers whether all of the file was sent and taken.
  bool run();

  /// The sums of all answers.
  json total() const;

private:
  bool add(const std::string& line);
  bool send();
  caf::expected<json> send_to_sorter();
  /// Turns to the node that an answer says to sort, if it says so.
  bool turn(const admin_answer& answer);
  void bad(std::uint64_t line, const std::string& why);
  void show_progress();

  /// The node that is asked: from the answer of one that does not sort on, the
  /// one that does.
  admin_target target_;
  std::istream& from_;
  const import_options& options_;
  std::ostream& err_;
  /// Lines that are waiting to be sent, and where the first of them stands.
  std::string waiting_;
  std::uint64_t first_waiting_ = 1;
  /// Lines read so far.
  std::uint64_t line_ = 0;
  json total_;
  std::chrono::steady_clock::time_point shown_
    = std::chrono::steady_clock::now();
};

bool importing::run() {
  std::string line;
  while (std::getline(from_, line))
    if (++line_ >= options_.from_line && !add(line))
      return false;
  if (from_.bad()) {
    err_ << "posthorn: " << options_.file << ": cannot be read behind line "
         << line_ << '\n';
    send();
    return false;
  }
  return send();
}

bool importing::add(const std::string& line) {
  const bool too_long = line.size() >= import_body_max;
  if (waiting_.size() + line.size() + 1 > import_body_max && !send())
    return false;
  if (waiting_.empty())
    first_waiting_ = line_;
  if (too_long) {
    bad(line_, "has more than " + std::to_string(import_body_max) + " bytes");
    total_["bad"] = total_["bad"].get<std::uint64_t>() + 1;
  } else {
    waiting_.append(line);
  }
  // Also for a line that is left out, so that the node counts it.
  waiting_ += '\n';
  return true;
}

bool importing::send() {
  if (waiting_.empty())
    return true;
  const auto answer = send_to_sorter();
  if (!answer) {
    err_ << "posthorn: " << text_of(answer.error())
         << "\nposthorn: " << options_.file << ": all before line "
         << first_waiting_ << " is imported; go on with --from-line "
         << first_waiting_ << '\n';
    return false;
  }
  for (const auto& one : answer->at("errors"))
    bad(first_waiting_ + one.at("line").get<std::uint64_t>() - 1,
        one.at("error").get<std::string>());
  for (const auto* each : counts)
    total_[each] = total_[each].get<std::uint64_t>()
                   + answer->at(each).get<std::uint64_t>();
  waiting_.clear();
  show_progress();
  return true;
}

caf::expected<json> importing::send_to_sorter() {
  for (int turns = 0;; ++turns) {
    const auto answer
      = call_admin(target_, "POST", "/admin/v1/import", waiting_);
    if (!answer)
      return answer.error();
    if (answer->status == 200)
      return json_of(*answer);
    if (turns == turns_max || !turn(*answer))
      return refusal_of(target_, *answer);
  }
}

bool importing::turn(const admin_answer& answer) {
  const auto said = json::parse(answer.body, nullptr, false);
  if (answer.status != not_the_sorter || !said.is_object())
    return false;
  const auto where = said.value("admin", "");
  const auto now = resolve(target_);
  if (where.empty() || !now)
    return false;
  target_ = *now;
  target_.url = where;
  err_ << "posthorn: node " << said.value("sorter", "")
       << " sorts: it goes there, to " << where << '\n';
  return true;
}

void importing::bad(std::uint64_t line, const std::string& why) {
  err_ << options_.file << ':' << line << ": " << why << '\n';
}

void importing::show_progress() {
  const auto now = std::chrono::steady_clock::now();
  if (now - shown_ < progress_interval)
    return;
  shown_ = now;
  err_ << "posthorn: " << line_ << " lines\n";
}

json importing::total() const {
  auto result = total_;
  result["lines"] = line_;
  return result;
}

int import_from(const admin_target& target, std::istream& from,
                const import_options& options, bool as_json, std::ostream& out,
                std::ostream& err) {
  importing work{target, from, options, err};
  const bool all = work.run();
  const auto total = work.total();
  if (as_json)
    out << total.dump() << '\n';
  else
    out << total["lines"] << " lines: " << total["changed"] << " changed, "
        << total["same"] << " known already, " << total["outdated"]
        << " older than what the feed has said, " << total["ignored"]
        << " of no concern, " << total["bad"] << " bad\n";
  return all && total["bad"] == 0 ? 0 : 1;
}

} // namespace

int run_import(const admin_target& target, const import_options& options,
               bool json, std::ostream& out, std::ostream& err) {
  if (options.file == "-")
    return import_from(target, std::cin, options, json, out, err);
  std::ifstream file{options.file, std::ios::binary};
  if (!file) {
    err << "posthorn: " << options.file << ": " << std::strerror(errno) << '\n';
    return 1;
  }
  return import_from(target, file, options, json, out, err);
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "actors/metrics/census.hpp"

#include "actors/metrics/figures.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>

namespace posthorn {

namespace {

std::int64_t steady_ns() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

/// "storage::append" out of "posthorn::storage::append", and "outbound" out of
/// the shared pointer by which it travels.
std::string type_name(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> plain{
    abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free};
  std::string result = status == 0 ? plain.get() : type.name();
  const std::string prefix = "posthorn::";
  for (auto at = result.find(prefix); at != std::string::npos;
       at = result.find(prefix))
    result.erase(at, prefix.size());
  const std::string pointer = "std::shared_ptr<";
  const std::string suffix = " const>";
  if (result.starts_with(pointer) && result.ends_with(suffix))
    return result.substr(pointer.size(),
                         result.size() - pointer.size() - suffix.size());
  return result;
}

/// When the oldest message that waits came, as far as that is remembered.
std::int64_t oldest_came(const actor_card& card, std::uint64_t handled,
                         std::uint64_t enqueued) {
  const auto known = std::max(
    handled, enqueued - std::min<std::uint64_t>(enqueued, card.remembered));
  return card.came_ns[known % card.remembered].load();
}

actor_snapshot read(const actor_card& card) {
  const auto now = steady_ns();
  actor_snapshot result;
  result.name = card.name;
  result.state = card.state.load();
  // `handled` first: a message is enqueued before it is handled, so that the
  // difference cannot become negative.
  result.handled = card.handled.load();
  const auto enqueued = card.enqueued.load();
  result.mailbox = enqueued - result.handled;
  result.mailbox_peak = std::max(card.mailbox_peak.load(), result.mailbox);
  result.busy = std::chrono::nanoseconds{card.busy_ns.load()};
  result.longest = std::chrono::nanoseconds{card.longest_ns.load()};
  if (auto since = card.running_since_ns.load(); since != 0)
    result.running
      = std::chrono::nanoseconds{std::max<std::int64_t>(0, now - since)};
  if (result.mailbox > 0) {
    const auto came = oldest_came(card, result.handled, enqueued);
    const auto begun
      = std::max(card.waiting_since_ns.load(), card.progress_ns.load());
    result.no_progress
      = std::chrono::nanoseconds{std::max<std::int64_t>(0, now - begun)};
    result.oldest
      = std::max(result.no_progress, std::chrono::nanoseconds{now - came});
  }
  result.restarts = card.restarts;
  if (auto type = card.last_type.load())
    result.last_message = type_name(*type);
  else if (auto atom = card.last_atom.load())
    result.last_message = caf::to_string(static_cast<caf::atom_value>(atom));
  return result;
}

} // namespace

census::census() : sums_{std::make_unique<figures>()} {}

census::~census() = default;

void census::enlist(const actor_card_ptr& card) {
  std::lock_guard guard{mutex_};
  // Not each time: thousands of services are enlisted one after the other.
  if (cards_.size() >= sweep_at_) {
    std::erase_if(cards_, [](const auto& x) { return x.expired(); });
    sweep_at_ = 2 * cards_.size() + 64;
  }
  card->restarts = lives_[card->name]++;
  cards_.push_back(card);
}

std::vector<actor_snapshot> census::snapshot() const {
  std::vector<actor_snapshot> result;
  std::lock_guard guard{mutex_};
  for (const auto& weak : cards_)
    if (auto card = weak.lock())
      result.push_back(read(*card));
  std::sort(result.begin(), result.end(),
            [](const auto& x, const auto& y) { return x.name < y.name; });
  return result;
}

} // namespace posthorn

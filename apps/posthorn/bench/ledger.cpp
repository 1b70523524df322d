// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/ledger.hpp"

namespace posthorn::bench {

namespace {

constexpr std::string_view opening = R"({"events":[)";
constexpr std::string_view closing = "]}";

std::string name_of(std::size_t service, std::size_t lane) {
  return "service " + std::to_string(service) + ", connection "
         + std::to_string(lane);
}

} // namespace

ledger::ledger(const event_mould& mould, std::size_t services,
               std::size_t lanes)
  : mould_{mould}, next_{services, lanes}, bodies_(services) {}

std::optional<std::string> ledger::enter(std::uint16_t service,
                                         std::string_view txn_id,
                                         std::string_view body,
                                         std::uint64_t now_ns) {
  const auto digest = XXH3_128bits(body.data(), body.size());
  const auto [known, fresh]
    = bodies_.at(service).emplace(std::string{txn_id}, digest);
  if (!fresh) {
    ++repeats_;
    if (XXH128_isEqual(known->second, digest))
      return std::nullopt;
    return "transaction " + known->first + " to service "
           + std::to_string(service) + " came again with other bytes";
  }
  if (!body.starts_with(opening) || !body.ends_with(closing))
    return "transaction " + known->first + " is not a list of events only: "
           + std::string{body.substr(0, 60)};
  body.remove_prefix(opening.size());
  body.remove_suffix(closing.size());
  while (!body.empty()) {
    const auto event = body.substr(0, mould_.bytes());
    if (auto wrong = enter_event(service, event, now_ns))
      return "transaction " + known->first + ": " + *wrong;
    body.remove_prefix(event.size());
    if (body.empty())
      break;
    if (body.front() != ',' || body.size() == 1)
      return "transaction " + known->first + ": an event has grown or shrunk";
    body.remove_prefix(1);
  }
  return std::nullopt;
}

std::optional<std::string> ledger::enter_event(std::uint16_t service,
                                               std::string_view event,
                                               std::uint64_t now_ns) {
  const auto which = mould_.read(event);
  if (!which)
    return "an event of service " + std::to_string(service)
           + " was altered: " + std::string{event.substr(0, 200)};
  const auto name = [&] { return name_of(which->service, which->lane); };
  if (which->service != service)
    return "event " + std::to_string(which->number) + " of " + name()
           + " came to service " + std::to_string(service);
  if (which->lane >= next_.lanes())
    return "an event of " + name() + ", which sends nothing";
  auto& next = next_.at(which->service, which->lane);
  if (which->number != next)
    return "event " + std::to_string(which->number) + " of " + name()
           + " came where " + std::to_string(next) + " was next: "
           + (which->number > next ? "some are lost or overtaken"
                                   : "delivered twice under different ids");
  ++next;
  ++events_;
  if (which->due_ns != 0)
    latencies_ns_.push_back(now_ns - std::min(now_ns, which->due_ns));
  return std::nullopt;
}

std::optional<std::string> ledger::missing(const lane_counts& sent) const {
  for (std::size_t service = 0; service < sent.services(); ++service)
    for (std::size_t lane = 0; lane < sent.lanes(); ++lane)
      if (next_.at(service, lane) != sent.at(service, lane))
        return name_of(service, lane) + ": "
               + std::to_string(sent.at(service, lane)) + " events sent, "
               + std::to_string(next_.at(service, lane)) + " arrived";
  return std::nullopt;
}

} // namespace posthorn::bench

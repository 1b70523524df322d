// SPDX-License-Identifier: Apache-2.0
#include "actors/metrics/figures.hpp"

#include <algorithm>
#include <array>

namespace posthorn {

namespace {

using buckets = prometheus::Histogram::BucketBoundaries;

const buckets short_waits{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                          0.1,   0.25,   0.5,   1,    2.5,   5};
const buckets request_waits{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                            1,     2.5,  5,     10,   30,  60};
/// An outage ages events by hours.
const buckets ages{0.01, 0.05, 0.1, 0.5, 1,    2.5,   5,
                   10,   30,   60,  300, 1800, 14400, 86400};
const buckets group_sizes{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

constexpr std::array<const char*, 6> classes{"event",      "ephemeral",
                                             "to_device",  "device_lists",
                                             "key_counts", "fallback_keys"};

prometheus::Family<prometheus::Counter>&
counters(prometheus::Registry& in, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(in);
}

prometheus::Family<prometheus::Histogram>&
histograms(prometheus::Registry& in, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(in);
}

double seconds(std::chrono::nanoseconds span) {
  return std::max(0.0, std::chrono::duration<double>(span).count());
}

std::string label_of(const std::string& feed) {
  return feed.empty() ? "*" : feed;
}

std::string class_of(std::uint16_t status) {
  return status >= 100 && status < 600 ? std::to_string(status / 100) + "xx"
                                       : "none";
}

} // namespace

figures::figures()
  : transactions_{counters(all_, "posthorn_intake_transactions_total",
                           "Transactions of a feed, by how they were "
                           "answered.")},
    items_{counters(all_, "posthorn_intake_events_total",
                    "Items taken in, by class.")},
    attempts_{counters(all_, "posthorn_delivery_attempts_total",
                       "Requests with a transaction, by the class of the "
                       "answer's status; none: no answer.")},
    rejected_{counters(all_, "posthorn_intake_rejected_total",
                       "Transactions that were refused, by reason.")},
    store_errors_{counters(all_, "posthorn_store_errors_total",
                           "Mutations that the store refused, by error code.")},
    delivery_{histograms(all_, "posthorn_delivery_seconds",
                         "Time that a request with a transaction took.")},
    end_to_end_{histograms(all_, "posthorn_end_to_end_seconds",
                           "Age of a transaction's oldest item when the "
                           "service accepted it.")},
    duplicates_{counters(all_, "posthorn_intake_duplicates_total",
                         "Transactions that had come before.")
                  .Add({{"kind", "transaction"}})},
    bytes_{counters(all_, "posthorn_intake_bytes_total",
                    "Bytes of transactions that are on disk.")
             .Add({})},
    fenced_{counters(all_, "posthorn_fenced_writes_total",
                     "Writes refused because they came under an old epoch.")
              .Add({})},
    leases_{counters(all_, "posthorn_lease_transitions_total",
                     "Leases that this node was granted anew.")
              .Add({})},
    ack_{histograms(all_, "posthorn_intake_ack_seconds",
                    "Time until a transaction was on disk.")
           .Add({}, short_waits)},
    commit_{histograms(all_, "posthorn_store_commit_seconds",
                       "Time that a commit took.")
              .Add({}, short_waits)},
    group_{histograms(all_, "posthorn_store_commit_batch_size",
                      "Mutations that shared a commit.")
             .Add({}, group_sizes)} {
  // There from the start: an increase from nothing is none.
  for (const auto* reason : {"not_json", "bad_json", "too_large", "overloaded",
                             "draining", "store_full", "store_failed"})
    rejected_.Add({{"reason", reason}});
  for (const auto* reason : {"store_full", "store_failed"})
    store_errors_.Add({{"reason", reason}});
}

void figures::took_in(const batch& what, bool duplicate,
                      std::chrono::nanoseconds waited) {
  const auto as = label_of(what.feed);
  ack_.Observe(seconds(waited));
  transactions_.Add({{"as", as}, {"result", duplicate ? "duplicate" : "taken"}})
    .Increment();
  if (duplicate)
    return duplicates_.Increment();
  bytes_.Increment(static_cast<double>(what.body.size()));
  std::array<std::uint64_t, classes.size()> counts{};
  for (const auto& one : what.items)
    if (const auto kind = static_cast<std::size_t>(one.kind);
        kind >= 1 && kind <= counts.size())
      ++counts[kind - 1];
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] > 0)
      items_.Add({{"as", as}, {"class", classes[i]}})
        .Increment(static_cast<double>(counts[i]));
}

void figures::refused(const std::string& feed, std::string_view reason) {
  transactions_.Add({{"as", label_of(feed)}, {"result", "refused"}})
    .Increment();
  rejected_.Add({{"reason", std::string{reason}}}).Increment();
}

void figures::attempted(const std::string& service, const answer& how) {
  attempts_.Add({{"as", service}, {"code_class", class_of(how.status)}})
    .Increment();
  delivery_.Add({{"as", service}}, request_waits).Observe(seconds(how.took));
}

void figures::delivered(const std::string& service,
                        std::chrono::nanoseconds age) {
  end_to_end_.Add({{"as", service}}, ages).Observe(seconds(age));
}

void figures::committed(std::size_t mutations, std::chrono::nanoseconds took) {
  commit_.Observe(seconds(took));
  group_.Observe(static_cast<double>(mutations));
}

void figures::store_refused(std::string_view code) {
  store_errors_.Add({{"reason", std::string{code}}}).Increment();
}

void figures::fenced() {
  fenced_.Increment();
}

void figures::lease_taken() {
  leases_.Increment();
}

std::vector<prometheus::MetricFamily> figures::collect() const {
  return all_.Collect();
}

} // namespace posthorn

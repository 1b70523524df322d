// SPDX-License-Identifier: Apache-2.0
// Counters and histograms that belong to no single actor.
#pragma once

#include "messages/batch.hpp"
#include "messages/exchange.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

/// What is counted as it happens, for Prometheus; docs/operations.md lists the
/// names. Labels are bounded: ids of configured services, and words of this
/// program. Thread-safe; each call costs about a microsecond.
class figures {
public:
  figures();

  /// A feed transaction is on disk, `waited` after its last byte came. An empty
  /// feed is the catch-all feed, shown as "*".
  void took_in(const batch& what, bool duplicate,
               std::chrono::nanoseconds waited);

  /// A feed transaction was refused; `reason` is an error code's name.
  void refused(const std::string& feed, std::string_view reason);

  /// A request with a transaction has ended.
  void attempted(const std::string& service, const answer& how);

  /// A service has accepted a transaction; `age` is that of its oldest item.
  void delivered(const std::string& service, std::chrono::nanoseconds age);

  /// The store has committed `mutations` in one group, or failed to.
  void committed(std::size_t mutations, std::chrono::nanoseconds took);

  /// The store answered a mutation with an error; by its code's name.
  void store_refused(std::string_view code);

  /// A write came under an old epoch.
  void fenced();

  /// A lease was granted anew.
  void lease_taken();

  /// Everything, as it is now.
  std::vector<prometheus::MetricFamily> collect() const;

private:
  template <class Metric>
  using family = prometheus::Family<Metric>;

  prometheus::Registry all_;
  family<prometheus::Counter>& transactions_;
  family<prometheus::Counter>& items_;
  family<prometheus::Counter>& attempts_;
  family<prometheus::Counter>& rejected_;
  family<prometheus::Counter>& store_errors_;
  family<prometheus::Histogram>& delivery_;
  family<prometheus::Histogram>& end_to_end_;
  prometheus::Counter& duplicates_;
  prometheus::Counter& bytes_;
  prometheus::Counter& fenced_;
  prometheus::Counter& leases_;
  prometheus::Histogram& ack_;
  prometheus::Histogram& commit_;
  prometheus::Histogram& group_;
};

} // namespace posthorn

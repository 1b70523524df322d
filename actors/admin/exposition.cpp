// SPDX-License-Identifier: Apache-2.0
#include "actors/admin/exposition.hpp"

#include "actors/admin/process_figures.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

namespace posthorn {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using labels = std::vector<ClientMetric::Label>;

/// Gathers families; a sample belongs to the family that was begun last.
class sheet {
public:
  sheet& gauge(const char* name, const char* help) {
    return begin(name, help, MetricType::Gauge);
  }

  sheet& counter(const char* name, const char* help) {
    return begin(name, help, MetricType::Counter);
  }

  sheet& add(double value, labels with = {}) {
    ClientMetric sample;
    sample.label = std::move(with);
    if (families_.back().type == MetricType::Counter)
      sample.counter.value = value;
    else
      sample.gauge.value = value;
    families_.back().metric.push_back(std::move(sample));
    return *this;
  }

  sheet& add(std::uint64_t value, labels with = {}) {
    return add(static_cast<double>(value), std::move(with));
  }

  void append(const std::vector<MetricFamily>& more) {
    families_.insert(families_.end(), more.begin(), more.end());
  }

  std::string text() const {
    return prometheus::TextSerializer{}.Serialize(families_);
  }

private:
  sheet& begin(const char* name, const char* help, MetricType type) {
    families_.push_back({name, help, type, {}});
    return *this;
  }

  std::vector<MetricFamily> families_;
};

double seconds(std::chrono::nanoseconds span) {
  return std::chrono::duration<double>(span).count();
}

/// A family with one sample a service.
template <class Read>
void each_service(sheet& to, const exposed_figures& what, Read read) {
  for (const auto& row : what.services)
    to.add(static_cast<double>(read(row)), {{"as", row.id}});
}

void add_queues(sheet& to, const exposed_figures& what) {
  to.gauge("posthorn_queue_events", "Items that wait for a service.");
  each_service(to, what, [](const auto& x) { return x.pending_events; });
  to.gauge("posthorn_queue_bytes", "Bytes of the items that wait.");
  each_service(to, what, [](const auto& x) { return x.pending_bytes; });
  to.gauge("posthorn_queue_oldest_age_seconds",
           "Age of the oldest item that waits; 0 where none does.");
  each_service(to, what, [&what](const auto& x) {
    return x.pending_events > 0 ? std::max(0.0, seconds(what.now - x.oldest))
                                : 0.0;
  });
}

void add_deliveries(sheet& to, const exposed_figures& what) {
  to.counter("posthorn_delivered_events_total",
             "Items that a service has accepted.");
  each_service(to, what, [](const auto& x) { return x.delivered_events; });
  to.counter("posthorn_delivered_transactions_total",
             "Transactions that a service has accepted.");
  each_service(to, what,
               [](const auto& x) { return x.delivered_transactions; });
  to.gauge("posthorn_dead_letters",
           "Items that a service refused for good and that are set aside.");
  each_service(to, what, [](const auto& x) { return x.dead_items; });
  to.gauge("posthorn_quarantined_events",
           "As posthorn_dead_letters: the name that stock alerts have.");
  each_service(to, what, [](const auto& x) { return x.dead_items; });
  to.gauge("posthorn_endpoint_state",
           "1 for the state that a service is in, else 0.");
  for (const auto& row : what.services) {
    const std::string now = row.paused         ? "paused"
                            : row.failures > 0 ? "down"
                                               : "up";
    for (const char* state : {"up", "down", "paused"})
      to.add(now == state ? 1.0 : 0.0, {{"as", row.id}, {"state", state}});
  }
  to.gauge("posthorn_endpoint_failures",
           "Failed attempts in a row at a service's oldest transaction.");
  each_service(to, what, [](const auto& x) { return x.failures; });
  to.gauge("posthorn_backoff_seconds",
           "Time until the next attempt at a service that is down.");
  each_service(to, what, [&what](const auto& x) {
    return x.failures > 0 && !x.paused
             ? std::max(0.0, seconds(x.next_attempt - what.now))
             : 0.0;
  });
  to.gauge("posthorn_lease_held", "1 where this node delivers to a service.");
  each_service(to, what, [&what](const auto& x) {
    return x.owner == what.node ? 1.0 : 0.0;
  });
  to.gauge("posthorn_lease_epoch", "Epoch of the lease on a service.");
  each_service(to, what, [](const auto& x) { return x.epoch; });
}

void add_store(sheet& to, const storage::store_stat& what) {
  to.gauge("posthorn_store_used_bytes", "Bytes that hold records.")
    .add(what.used_bytes);
  to.gauge("posthorn_store_capacity_bytes",
           "Size at which the intake closes (limits.max_store).")
    .add(what.capacity_bytes);
  to.gauge("posthorn_store_pool_batches", "Batches that are not sorted yet.")
    .add(what.pool_batches);
  to.counter("posthorn_store_corrupt_records_total",
             "Records that did not match their checksum.")
    .add(what.corrupt_records);
}

/// A family with one sample a listener.
template <class Read>
void each_listener(sheet& to, const exposed_figures& what, Read read) {
  for (const auto& [name, counters] : what.listeners)
    to.add(read(*counters).load(), {{"listener", name}});
}

void add_listeners(sheet& to, const exposed_figures& what) {
  to.counter("posthorn_listener_connections_total", "Connections accepted.");
  each_listener(
    to, what, [](const auto& x) -> auto& { return x.accepted; });
  to.counter("posthorn_listener_requests_total",
             "Requests that were complete.");
  each_listener(
    to, what, [](const auto& x) -> auto& { return x.requests; });
  to.counter("posthorn_listener_received_bytes_total", "Bytes received.");
  each_listener(
    to, what, [](const auto& x) -> auto& { return x.received_bytes; });
  to.counter("posthorn_listener_sent_bytes_total", "Bytes sent.");
  each_listener(
    to, what, [](const auto& x) -> auto& { return x.sent_bytes; });
  to.gauge("posthorn_listener_connections", "Connections open now.");
  each_listener(
    to, what, [](const auto& x) -> auto& { return x.open_connections; });
  to.gauge("posthorn_listener_buffered_bytes",
           "Bytes of requests that are in memory now.");
  each_listener(
    to, what, [](const auto& x) -> auto& { return x.buffered_bytes; });
  to.counter("posthorn_listener_refused_total",
             "Requests and connections that were refused.");
  for (const auto& [name, counters] : what.listeners)
    for (std::size_t i = 0; i < refusal_reasons; ++i) {
      const auto reason = static_cast<refusal_reason>(i);
      to.add(counters->refused_by(reason),
             {{"listener", name}, {"reason", std::string{name_of(reason)}}});
    }
  to.gauge("posthorn_queries_open", "Queries that are open now.")
    .add(what.queries_open);
  to.counter("posthorn_queries_refused_total",
             "Requests of queries refused because too many were open.")
    .add(what.queries_refused);
}

void add_matching(sheet& to, double match_limits) {
  to.counter("posthorn_match_limit_total",
             "Times that a namespace's pattern backtracked too much and "
             "counted as no match.")
    .add(match_limits);
}

void add_process(sheet& to) {
  const auto own = read_process_figures();
  to.counter("process_cpu_seconds_total", "User and system time.")
    .add(own.cpu_seconds);
  to.gauge("process_resident_memory_bytes", "Memory in RAM.")
    .add(own.resident_bytes);
  to.gauge("process_virtual_memory_bytes", "Address space.")
    .add(own.virtual_bytes);
  to.gauge("process_open_fds", "Open descriptors.").add(own.open_descriptors);
  to.gauge("process_max_fds", "Descriptors that may be open.")
    .add(own.descriptors_max);
  to.gauge("process_threads", "Threads.").add(own.threads);
  to.gauge("process_start_time_seconds", "Start, in seconds since 1970.")
    .add(own.start_seconds);
}

void add_nodes(sheet& to, const std::vector<node_row>& others) {
  to.gauge("posthorn_node_alive", "1 while another node has a session in the "
                                  "store, 0 for a day after its death.");
  for (const auto& one : others)
    to.add(one.alive ? 1.0 : 0.0, {{"node", one.name}});
}

void add_peers(sheet& to, const std::vector<link_standing>& peers) {
  to.gauge("posthorn_peer_up", "1 while the link to another node is up.");
  const auto label = [](const link_standing& one) {
    return labels{{"node", one.name.empty() ? one.address : one.name}};
  };
  for (const auto& one : peers)
    to.add(one.up ? 1.0 : 0.0, label(one));
  to.counter("posthorn_peer_connects_total",
             "How often the link to another node came up.");
  for (const auto& one : peers)
    to.add(one.connects, label(one));
}

/// Actors of one kind together.
struct kind_figures {
  std::uint64_t actors = 0;
  std::uint64_t handled = 0;
  std::uint64_t mailbox = 0;
  std::uint64_t mailbox_peak = 0;
  std::chrono::nanoseconds busy{0};
  std::chrono::nanoseconds longest{0};
  std::chrono::nanoseconds running{0};
  std::chrono::nanoseconds oldest{0};
  std::chrono::nanoseconds no_progress{0};
  std::uint64_t restarts = 0;
};

/// By the word before the slash of their names: there are thousands of
/// "service/ID", and one kind of them.
std::map<std::string, kind_figures>
by_kind(const std::vector<actor_snapshot>& actors) {
  std::map<std::string, kind_figures> result;
  for (const auto& one : actors) {
    auto& sum = result[one.name.substr(0, one.name.find('/'))];
    ++sum.actors;
    sum.handled += one.handled;
    sum.mailbox += one.mailbox;
    sum.mailbox_peak = std::max(sum.mailbox_peak, one.mailbox_peak);
    sum.busy += one.busy;
    sum.longest = std::max(sum.longest, one.longest);
    sum.running = std::max(sum.running, one.running);
    sum.oldest = std::max(sum.oldest, one.oldest);
    sum.no_progress = std::max(sum.no_progress, one.no_progress);
    sum.restarts += one.restarts;
  }
  return result;
}

} // namespace

std::string exposition::text(const exposed_figures& what) {
  std::lock_guard guard{mutex_};
  sheet to;
  to.gauge("posthorn_build_info", "1; the labels say what runs.")
    .add(1.0, {{"version", what.version}, {"node", what.node}});
  to.gauge("posthorn_ready", "1 while transactions are taken.")
    .add(what.ready ? 1.0 : 0.0);
  to.gauge("posthorn_config_reload_success_timestamp_seconds",
           "When the configuration was last taken, in seconds since 1970.")
    .add(seconds(what.configured.time_since_epoch()));
  add_queues(to, what);
  add_deliveries(to, what);
  add_store(to, what.store);
  add_listeners(to, what);
  add_matching(
    to, never_falling("match limits", static_cast<double>(what.match_limits)));
  const auto kinds = by_kind(what.actors);
  const auto each = [&](auto read) {
    for (const auto& [kind, sum] : kinds)
      to.add(static_cast<double>(read(sum)), {{"kind", kind}});
  };
  const auto each_counted = [&](const std::string& name, auto read) {
    for (const auto& [kind, sum] : kinds)
      to.add(never_falling(name + kind, static_cast<double>(read(sum))),
             {{"kind", kind}});
  };
  to.gauge("posthorn_actors", "Actors that live.");
  each([](const auto& x) { return x.actors; });
  to.counter("posthorn_actor_messages_total", "Messages handled.");
  each_counted("messages/", [](const auto& x) { return x.handled; });
  to.counter("posthorn_actor_busy_seconds_total", "Time spent in handlers.");
  each_counted("busy/", [](const auto& x) { return seconds(x.busy); });
  to.gauge("posthorn_actor_mailbox_messages", "Messages that wait.");
  each([](const auto& x) { return x.mailbox; });
  to.gauge("posthorn_actor_mailbox_peak_messages",
           "Most messages that ever waited for one actor.");
  each([](const auto& x) { return x.mailbox_peak; });
  to.gauge("posthorn_actor_longest_handler_seconds",
           "Longest time one message took.");
  each([](const auto& x) { return seconds(x.longest); });
  to.gauge("posthorn_actor_running_handler_seconds",
           "How long the longest handler that runs now has been running.");
  each([](const auto& x) { return seconds(x.running); });
  to.gauge("posthorn_actor_oldest_message_seconds",
           "Age of the oldest message that waits for an actor.");
  each([](const auto& x) { return seconds(x.oldest); });
  to.gauge("posthorn_actor_no_progress_seconds",
           "Longest time that an actor with messages has ended no handler.");
  each([](const auto& x) { return seconds(x.no_progress); });
  to.counter("posthorn_actor_restarts_total",
             "Actors that were started under a name that had been before.");
  each_counted("restarts/", [](const auto& x) { return x.restarts; });
  add_nodes(to, what.others);
  add_peers(to, what.peers);
  to.append(what.counted);
  add_process(to);
  return to.text();
}

double exposition::never_falling(const std::string& name, double sum) {
  auto& known = marks_[name];
  known.missing = std::max(known.missing, known.shown - sum);
  known.shown = sum + known.missing;
  return known.shown;
}

} // namespace posthorn

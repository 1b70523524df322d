// SPDX-License-Identifier: Apache-2.0
// How many queries may be open at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace posthorn {

/// Bounds of the queries that are open at once. A query holds one of the
/// listener's worker threads (64) until it is answered: services that hang must
/// not take those that the feeds' transactions need.
struct query_places {
  /// Queries of all feeds.
  std::size_t node_max = 32;
  /// Requests to one service.
  std::size_t service_max = 8;
};

/// Hands out places. Thread-safe; outlives what it handed out.
class query_gate {
public:
  /// A place that is held; given back on destruction.
  class place {
  public:
    place(place&& other) noexcept
      : gate_{other.gate_}, service_{std::move(other.service_)} {
      other.gate_ = nullptr;
    }

    place& operator=(place&&) = delete;

    ~place() {
      if (gate_ != nullptr)
        gate_->leave(service_);
    }

  private:
    friend class query_gate;

    place(query_gate* gate, std::string service)
      : gate_{gate}, service_{std::move(service)} {}

    query_gate* gate_;
    /// Empty: the node's.
    std::string service_;
  };

  explicit query_gate(query_places limits = {}) : limits_{limits} {}

  query_gate(const query_gate&) = delete;
  query_gate& operator=(const query_gate&) = delete;

  /// A place for a query, or nothing when node_max are open.
  std::optional<place> enter();

  /// A place for a request to that service, or nothing when service_max are
  /// open.
  std::optional<place> enter(const std::string& service);

  /// Queries open now.
  std::size_t open() const;

  /// Places that were refused since the start, of both kinds.
  std::uint64_t refused() const;

private:
  void leave(const std::string& service);

  const query_places limits_;
  mutable std::mutex mutex_;
  std::size_t open_ = 0;
  std::uint64_t refused_ = 0;
  /// Requests open now, by service; without those that have none.
  std::unordered_map<std::string, std::size_t> services_;
};

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Groups items by destination without changing any service's order.
#pragma once

#include "messages/batch.hpp"
#include "messages/transaction.hpp"

#include <map>
#include <unordered_map>
#include <vector>

namespace posthorn {

/// Builds the parcels of one routing. Items with the same destinations are put
/// together even when others lie between them, so that a queue holds runs and
/// not single items; but never past an item that one of these destinations got
/// in a later parcel.
class parcel_builder {
public:
  /// A batch of at least this many bytes is not joined with others: left whole
  /// it stays where it is in the store, and costs no copy.
  static constexpr std::uint64_t whole_bytes_min = 16 * 1024;

  /// Adds a whole batch that goes to `to` (ascending, not empty).
  void add_batch(const pool_entry& what, const std::vector<service_no>& to);

  /// Adds `count` > 0 items of `what` from `first` on, as add_batch() does.
  void add_run(const pool_entry& what, std::uint32_t first, std::uint32_t count,
               const std::vector<service_no>& to);

  /// Adds item `index` of `what`.
  void add_item(const pool_entry& what, std::uint32_t index,
                const std::vector<service_no>& to);

  /// Adds an item with a subject. It goes behind all items without one, so that
  /// it is never ahead of an event that it may speak of, and takes the place of
  /// the one added before about the same and for the same.
  void add_newest(const pool_entry& what, std::uint32_t index,
                  const std::vector<service_no>& to, const freshness& fresh);
  void add_newest(made_item what, const std::vector<service_no>& to,
                  const freshness& fresh);

  /// All parcels so far, in queue order.
  std::vector<parcel> take();

private:
  /// The parcel to which items for `to` may be appended, made if need be.
  parcel& open_for(const std::vector<service_no>& to);

  /// Starts a new parcel for `to`.
  parcel& start(const std::vector<service_no>& to);

  void put_newest(parcel what);

  std::vector<parcel> parcels_;
  /// Those with a subject, and by subject the index of the newest.
  std::vector<parcel> newest_of_subjects_;
  std::unordered_map<std::uint64_t, std::size_t> by_subject_;
  /// Index of the newest parcel of each set of destinations.
  std::map<std::vector<service_no>, std::size_t> open_;
  /// Index of the newest parcel that each service is a destination of.
  std::unordered_map<service_no, std::size_t> newest_;
};

} // namespace posthorn

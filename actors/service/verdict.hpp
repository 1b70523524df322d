// SPDX-License-Identifier: Apache-2.0
// What to do with a transaction after an attempt at it failed.
#pragma once

#include "messages/exchange.hpp"
#include "messages/transaction.hpp"

#include <cstdint>

namespace posthorn {

/// What an answer that is not 2xx says.
enum class objection {
  /// 413: this transaction is too large.
  too_large,
  /// A 4xx that trying again will not change: something in it is refused.
  refused,
  /// 5xx, no answer in time, or a broken one: the service is ill, or a handler
  /// of its fails on this transaction. (matrix-bot-sdk never answers a
  /// transaction whose handler has thrown.)
  doubtful,
  /// Says nothing about the transaction: no connection, a redirect, or 401,
  /// 403, 404, 408, 425, 429, which are about tokens, paths and load.
  outage,
};

objection objection_of(const answer& how);

/// What to do next.
enum class ruling {
  /// Wait, then try the same transaction again.
  retry,
  /// Ask with an empty transaction whether the service accepts anything; then
  /// hear_probe().
  probe,
  /// Give it up and cut it smaller: it is too large.
  cut_smaller,
  /// Give it up and halve it, to find what is refused; a single item is tried
  /// once more.
  bisect,
  /// Give its id up and send the same items again.
  renew,
  /// It is one item: make that a dead letter.
  set_aside,
};

/// Judges the attempts at one service's transactions, one after the other.
///
/// 413 is acted on at once. What is refused for good is condemned after
/// `attempts` refusals, and a part of a condemned transaction after one.
///
/// What is doubtful may be an outage. After `attempts` doubtful attempts in a
/// row, or one at a part of a condemned transaction, a probe asks whether the
/// service accepts anything. If it does not, it is an outage, for however long.
/// If it does, the transaction's id is given up whatever follows: many services
/// know only the last id that they accepted, which is now the probe's, and
/// would take a transaction that they have processed for a new one. So a probe
/// is never sent to learn something and then go on with the old id.
///
/// The outage may have ended just before the probe. So a single item becomes a
/// dead letter only where its failed attempt stands between two signs of life:
/// something that the service accepted or refused directly before it, and the
/// probe after it.
class verdict {
public:
  /// From now on attempts are at `what`. What it went through before, also
  /// before a restart, counts.
  void begin(const outbound& what);

  /// An attempt failed. `attempts` as delivery.poison_attempts: 0 to condemn
  /// nothing but what is too large.
  ruling hear(const answer& how, std::uint32_t attempts);

  /// The probe that was asked for has ended. Answers retry where it was not
  /// accepted, and never where it was.
  ruling hear_probe(bool accepted, std::uint32_t attempts);

  /// The service accepted a transaction.
  void accepted();

  /// Time has passed since the service was last heard of.
  void paused();

  std::uint32_t refusals() const {
    return refusals_;
  }

  std::uint32_t doubts() const {
    return doubts_;
  }

private:
  std::uint32_t needed(std::uint32_t attempts) const;

  std::uint64_t items_ = 0;
  bool suspect_ = false;
  std::uint32_t refusals_ = 0;
  std::uint32_t doubts_ = 0;
  /// Whether the last that was heard is a sign of life.
  bool alive_ = false;
  /// The same, just before the newest attempt.
  bool alive_before_ = false;
};

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Which services are interested in a user, a room or an alias.
#pragma once

#include "actors/sorter/patterns/pattern_set.hpp"
#include "actors/sorter/patterns/subject_cache.hpp"
#include "messages/batch.hpp"
#include "messages/registration.hpp"
#include "messages/transaction.hpp"

#include <caf/error.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace posthorn {

/// Why `pattern` cannot be a namespace's regex, or nothing where it can.
///
/// The spec says "a POSIX regular expression"; what counts is Synapse, which
/// compiles it with Python's `re` and asks `re.match`: anchored at the start,
/// open at the end, case-sensitive. Here it is the `re` of Python 3.11, to the
/// letter, in what is accepted and in what matches; a test holds the two
/// against each other. These alone are accepted by Python and refused here:
/// - `\N{NAME}`; write `\uXXXX`;
/// - a back-reference where case is ignored: `(?i)(.)\1`;
/// - a condition on a group from within it: `((?(1)a|b))`;
/// - groups nested more than 200 deep;
/// - what PCRE2 finds too large, such as `(?:\w{1000}){60000}`.
///
/// Possessive repetitions work as from Python 3.11.5; before, Python has an
/// error there for anything larger than a character.
std::optional<std::string> check_pattern(std::string_view pattern);

/// What runs `pattern`, one that check_pattern() has nothing against: PCRE2 is
/// the slow way, some microseconds for each subject and bounded, where the rest
/// cost next to nothing. See to_re2() for what needs it.
engine engine_of(std::string_view pattern);

/// Which services want an event, by what the event itself says. (Synapse,
/// `ApplicationService.is_interested_in_event`. Whether a room has a member or
/// an alias that a service wants is for whoever knows the room to add.)
///
/// `exclusive` plays no part. Remote users count as local ones do, as in
/// Synapse. Answers are cached; one object is for one thread.
class interest {
public:
  /// `server_name` makes a bot's user id out of its localpart.
  explicit interest(std::string server_name);

  /// Adds a service. Fails with bad_config, naming file, field and pattern,
  /// where a pattern cannot be compiled; this object is then of no use.
  caf::error add(service_no service, const registration& what);

  /// Makes the indexes; once, after the last add() and before any question.
  void build();

  /// The services that have `user_id` in their `users` or as their bot. All
  /// answers are distinct and ascending, and good until the next question.
  const std::vector<service_no>& users_of(std::string_view user_id);

  /// The services that have `room_id` in their `rooms`.
  const std::vector<service_no>& rooms_of(std::string_view room_id);

  /// The services that have `alias` in their `aliases`.
  const std::vector<service_no>& aliases_of(std::string_view alias);

  /// Appends the services that want an event for its sender, for the user whose
  /// membership it changes or for its room: distinct, ascending. An event that
  /// lacks a field counts as having it empty, which `""` and `.*` match.
  void decide(const event_fields& event, std::vector<service_no>& out);

  /// How often a pattern was given up on because it backtracked too much; each
  /// time it counted as no match.
  std::uint64_t gave_up() const;

private:
  /// One of the three namespaces.
  struct space {
    pattern_set patterns;
    subject_cache cache;
  };

  caf::error add(space& to, const char* field, service_no service,
                 const registration& what,
                 const std::vector<namespace_entry>& entries);

  std::string server_name_;
  space users_;
  space aliases_;
  space rooms_;
  /// By user id; several services may share one.
  std::unordered_multimap<std::string, service_no> bots_;
};

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
// Several services' answers to one query, made one. Pure.
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

/// What a service answered with a 2xx, parsed.
struct service_answer {
  /// The service's id.
  std::string service;
  nlohmann::json body;
};

/// Parses what came from outside; nothing when it is not JSON, or is nested
/// deeper than 64, which nothing in these answers is.
std::optional<nlohmann::json> parse_shallow(std::string_view text);

/// `GET thirdparty/protocol/{p}`: the first service's metadata with everybody's
/// `instances`, each with an `instance_id` of `{service}|{network_id}` as
/// Synapse makes it (its `ThirdPartyInstanceID`). An answer without a list of
/// instances is left out, and so is an instance that is not an object. Nothing
/// when no answer is left.
std::optional<nlohmann::json>
merge_protocol(const std::vector<service_answer>& answers);

/// `GET thirdparty/user...` and `thirdparty/location...`: all lists behind each
/// other. Left out is what is not a list, and items that lack a string under
/// `name` ("userid" or "alias"), a string `protocol` or an object `fields`
/// (Synapse, `_is_valid_3pe_result`).
nlohmann::json merge_lookup(const std::vector<service_answer>& answers,
                            const std::string& name);

/// What one service is asked about keys (MSC3983, MSC3984).
struct key_question {
  std::string service;
  /// The part of the request that is for this service.
  nlohmann::json body;
  /// The users that it was asked about.
  std::vector<std::string> users;
};

/// `keys/claim` and `keys/query`: everybody's answers in one object. Takes only
/// what each service was asked about: none speaks for another one's users. In
/// `answers[i]` is the answer to `questions[i]`, null where none came.
/// `by_category`: users are one level down, under `device_keys`, `master_keys`
/// and so on, as keys/query has them.
nlohmann::json merge_keys(const std::vector<key_question>& questions,
                          const std::vector<nlohmann::json>& answers,
                          bool by_category);

} // namespace posthorn

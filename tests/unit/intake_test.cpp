// SPDX-License-Identifier: Apache-2.0
// What the intake lets in; and how a request's target is taken apart.
#include "actors/intake/feed_api.hpp"
#include "actors/intake/intake.hpp"
#include "tests/support/show.hpp"
#include "tests/support/virtual_time.hpp"

using namespace posthorn;
using namespace posthorn::testing;

namespace {

struct fixture : virtual_time {
  fixture() {
    auto kept = waiting;
    auto disk = spawn(
      [kept](pool_actor::pointer me) -> pool_actor::behavior_type {
        return {
          // Keeps the batch until the test lets go of it, as a slow disk does.
          [me, kept](storage::append& x) {
            kept->push_back(x.what);
            return receipt{1, false};
          },
          [](peek_atom) { return pool_page_ptr{}; },
        };
      });
    credit->max_bytes = 100;
    aut = spawn(intake, all, disk, credit);
  }

  caf::expected<receipt> send(std::size_t bytes) {
    auto what = std::make_shared<batch>();
    what->body.assign(bytes, 'x');
    return ask<receipt>(aut, storage::append{std::move(what)});
  }

  std::shared_ptr<std::vector<batch_ptr>> waiting
    = std::make_shared<std::vector<batch_ptr>>();
  std::shared_ptr<intake_credit> credit = std::make_shared<intake_credit>();
  intake_actor aut;
};

using strings = std::vector<std::string>;

} // namespace

TEST_SUITE_BEGIN("intake");

TEST_CASE_FIXTURE(fixture, "more than the credit is refused until the disk has "
                           "caught up") {
  CHECK(send(60));
  CHECK(send(40));
  auto refused = send(1);
  REQUIRE(!refused);
  CHECK(is(refused.error(), ec::overloaded));
  waiting->clear();
  CHECK(credit->used_bytes == 0);
  CHECK(send(1));
}

TEST_CASE_FIXTURE(fixture, "a transaction larger than the credit is let in "
                           "alone") {
  CHECK(send(1'000));
  CHECK(!send(1));
}

TEST_CASE_FIXTURE(fixture, "a draining node refuses transactions") {
  CHECK(ask<storage::nothing_more>(aut, drain_atom::value));
  auto refused = send(1);
  REQUIRE(!refused);
  CHECK(is(refused.error(), ec::draining));
}

TEST_CASE(
  "an answer that comes after the patience is over is not taken for that "
  "of the next batch") {
  caf::actor_system_config config;
  caf::actor_system sys{config};
  const auto disk = sys.spawn(
    [](intake_actor::pointer me, caf::typed_response_promise<receipt> late)
      -> intake_actor::behavior_type {
      return {
        // Answers the first batch, with an error, when the second has come.
        [me, late](storage::append&) mutable -> caf::result<receipt> {
          if (!late.pending()) {
            late = me->make_response_promise<receipt>();
            return late;
          }
          late.deliver(fault(ec::store_full, "of the first"));
          return receipt{2, false};
        },
        [](drain_atom) { return storage::nothing_more{}; },
      };
    },
    caf::typed_response_promise<receipt>{});
  {
    appending aut{sys, disk};
    const auto what = std::make_shared<const batch>();
    const auto late = aut.take(what, std::chrono::milliseconds{0});
    REQUIRE_FALSE(late);
    CHECK(is(late.error(), ec::overloaded));
    const auto taken = aut.take(what, std::chrono::minutes{1});
    REQUIRE(taken);
    CHECK(taken->position == 2);
  }
  caf::anon_send_exit(disk, caf::exit_reason::user_shutdown);
}

TEST_CASE("a target says for whom it is, and what is below") {
  const auto addressed
    = *parse_feed_target("/as/irc/_matrix/app/v1/transactions/17");
  CHECK(addressed.service == "irc");
  CHECK(addressed.segments
        == strings{"_matrix", "app", "v1", "transactions", "17"});
  const auto catch_all = *parse_feed_target("/transactions/17");
  CHECK(!catch_all.service);
  CHECK(catch_all.segments == strings{"transactions", "17"});
}

TEST_CASE("an encoded slash in an id does not make a segment") {
  const auto target
    = *parse_feed_target("/as/irc/_matrix/app/v1/rooms/%23a%2Fb%3Ax");
  CHECK(target.segments.back() == "#a/b:x");
  CHECK(target.passed_on == "/_matrix/app/v1/rooms/%23a%2Fb%3Ax");
}

TEST_CASE("the access token is not passed on to the service") {
  CHECK(parse_feed_target("/as/a/x?b=1&access_token=secret&c=2")->passed_on
        == "/x?b=1&c=2");
  CHECK(parse_feed_target("/as/a/x?access_token=secret")->passed_on == "/x");
}

TEST_CASE("a target with a broken escape is none") {
  CHECK(!parse_feed_target("/as/irc/_matrix/app/v1/users/%4"));
  CHECK(!parse_feed_target("/as/%zz/_matrix/app/v1/ping"));
  CHECK(!parse_feed_target("/_matrix/app/v1/users/a%00b"));
  CHECK(!parse_feed_target("*"));
}

TEST_SUITE_END();

// SPDX-License-Identifier: Apache-2.0
#include "actors/service/backoff.hpp"
#include "tests/support/show.hpp"

#include <algorithm>
#include <random>

using namespace posthorn;
using std::chrono::milliseconds;

TEST_SUITE_BEGIN("backoff");

TEST_CASE("the pause doubles from 2 s to 512 s and stays there") {
  recovery_settings settings;
  settings.jitter = false;
  std::vector<long> pauses;
  for (std::uint32_t n = 0; n <= 12; ++n)
    pauses.push_back(backoff(settings, n, 0.5).count() / 1000);
  CHECK(
    pauses
    == std::vector<long>{0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512, 512, 512});
}

TEST_CASE("jitter shortens a pause by up to a fifth and never lengthens it") {
  recovery_settings settings;
  CHECK(backoff(settings, 3, 0.0) == milliseconds{8000});
  CHECK(backoff(settings, 3, 0.5) == milliseconds{7200});
  CHECK(backoff(settings, 3, 0.999) > milliseconds{6400});
  CHECK(backoff(settings, 100, 0.0) == milliseconds{512'000});
}

TEST_CASE(
  "ten services that die together do not retry together, and none later "
  "than the longest pause") {
  recovery_settings settings;
  std::vector<milliseconds> when(10);
  for (std::size_t one = 0; one < when.size(); ++one) {
    std::mt19937_64 generator{one};
    std::uniform_real_distribution<double> spread{0.0, 1.0};
    for (std::uint32_t n = 1; n <= 12; ++n) {
      const auto pause = backoff(settings, n, spread(generator));
      CHECK(pause <= settings.max_backoff);
      CHECK(pause >= backoff(settings, n, 1.0));
      when[one] += pause;
    }
  }
  // After half an hour they lie minutes apart, no two within a second.
  std::sort(when.begin(), when.end());
  CHECK(when.back() - when.front() > std::chrono::minutes{1});
  for (std::size_t i = 1; i < when.size(); ++i)
    CHECK(when[i] - when[i - 1] > milliseconds{1'000});
}

TEST_CASE("a longest pause below twice the initial one is kept") {
  recovery_settings settings;
  settings.jitter = false;
  settings.initial_backoff = milliseconds{300};
  settings.max_backoff = milliseconds{500};
  CHECK(backoff(settings, 1, 0) == milliseconds{300});
  CHECK(backoff(settings, 2, 0) == milliseconds{500});
  CHECK(backoff(settings, 4'000'000'000u, 0) == milliseconds{500});
}

TEST_SUITE_END();

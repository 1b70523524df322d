// SPDX-License-Identifier: Apache-2.0
// How fast a feed transaction is checked and sliced: every byte is looked at.
#include "actors/intake/slicer.hpp"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace posthorn;

/// A message as Synapse sends it, with `padding` bytes of text that has an
/// escape in every `escaped`th byte (0: none).
std::string event(int number, std::size_t padding, std::size_t escaped) {
  const auto n = std::to_string(number);
  std::string text;
  while (text.size() < padding)
    text += escaped > 0 && text.size() % escaped == 0 ? "\\n" : "x";
  std::string result = R"({"type":"m.room.message","sender":"@user)";
  result += n;
  result += R"(:example.org","room_id":"!room:example.org","event_id":"$)";
  result += n;
  result
    += R"(abcdefghijklmnopqrstuvwxyz0123456789ABCDEF","origin_server_ts":)";
  result
    += R"(1795550504330,"user_id":"@user:example.org","age":17,"content":)";
  result += R"({"msgtype":"m.text","m.mentions":{},"body":")";
  result += text;
  result += R"("},"unsigned":{"age":17,"membership":"join"}})";
  return result;
}

std::string transaction(int events, std::size_t padding, std::size_t escaped) {
  std::string result = R"({"events":[)";
  for (int i = 0; i < events; ++i) {
    if (i > 0)
      result += ',';
    result += event(i, padding, escaped);
  }
  return result + "]}";
}

/// Arguments: events; an escape in every so many bytes of text; whether the
/// fields that the catch-all feed is decided by are wanted.
void slice_transaction(benchmark::State& state) {
  const auto body = transaction(static_cast<int>(state.range(0)), 150,
                                static_cast<std::size_t>(state.range(1)));
  slicing_options options;
  options.want_fields = state.range(2) != 0;
  for (auto _ : state) {
    auto sliced = slice(body, options);
    if (!sliced || sliced->items.empty()) {
      std::fprintf(stderr, "the transaction was refused\n");
      std::abort();
    }
    benchmark::DoNotOptimize(sliced->items.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations()
                          * static_cast<std::int64_t>(body.size()));
}

BENCHMARK(slice_transaction)
  ->ArgNames({"events", "escaped", "fields"})
  ->ArgsProduct({{1, 100}, {0, 20}, {0, 1}});

} // namespace

BENCHMARK_MAIN();

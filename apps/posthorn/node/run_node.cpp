// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/node/run_node.hpp"

#include "actors/sorter/namespaces.hpp"
#include "apps/posthorn/node/node.hpp"
#include "apps/posthorn/version.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace posthorn {

namespace {

/// Signals are taken by sigwait() in the main thread; blocked before any other
/// thread starts, so that all inherit it.
sigset_t block_signals() {
  sigset_t result;
  sigemptyset(&result);
  for (auto one : {SIGTERM, SIGINT, SIGHUP, SIGUSR1})
    sigaddset(&result, one);
  pthread_sigmask(SIG_BLOCK, &result, nullptr);
  // A peer that closes its connection is an error of one write, no more.
  std::signal(SIGPIPE, SIG_IGN);
  return result;
}

/// A connection a service, a connection a feed: the soft limit of 1,024 that
/// most systems start with would let hung services crowd out healthy ones.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    spdlog::warn("the limit of open files could not be raised to {}",
                 limit.rlim_max);
}

void report(const loaded& what) {
  for (const auto& warning : what.warnings)
    spdlog::warn("{}", to_string(warning));
  for (const auto& error : what.errors)
    spdlog::error("{}", to_string(error));
}

void serve(node& running, const sigset_t& signals) {
  for (int signal = 0;;) {
    if (sigwait(&signals, &signal) != 0)
      continue;
    if (signal == SIGHUP)
      running.reload();
    else if (signal == SIGUSR1)
      running.log_dump();
    else
      return;
  }
}

} // namespace

int run_node(const node_options& options) {
  const auto signals = block_signals();
  spdlog::set_default_logger(spdlog::stderr_logger_mt("posthorn"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::set_level(spdlog::level::from_str(options.log_level));
  spdlog::flush_on(spdlog::level::trace);
  raise_descriptor_limit();
  const auto read = [options] {
    return load_config(options.config_file, options.flags, check_pattern);
  };
  auto what = read();
  report(what);
  if (!what.errors.empty())
    return 1;
  const auto name = what.config.name;
  const auto count = what.services.size();
  const auto listening = to_string(what.config.listen);
  const auto admin = to_string(what.config.admin);
  auto running = node::start(std::move(what), read);
  if (!running) {
    spdlog::error("{}", text_of(running.error()));
    return 1;
  }
  spdlog::info("node {} {}: {} services, feeds on {}, admin on {}", name,
               version, count, listening, admin);
  serve(**running, signals);
  spdlog::info("stopping: open requests get their answers first");
  (*running)->drain();
  (*running)->close();
  spdlog::info("stopped");
  // What matters is on disk. To take CAF apart can wait for ever: an actor with
  // a thread of its own that the network still refers to (a link that was just
  // dialling) is waited for.
  std::fflush(nullptr);
  std::_Exit(0);
}

} // namespace posthorn

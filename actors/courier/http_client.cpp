// SPDX-License-Identifier: Apache-2.0
#include "actors/courier/http_client.hpp"

#include "actors/courier/http_loop.hpp"

#include <pthread.h>

#include <csignal>
#include <fstream>
#include <system_error>

namespace posthorn {

namespace {

/// Threads inherit the signal mask: with it set around the thread's creation,
/// signals of the process go to the main thread, and OpenSSL's writes to a
/// closed connection do not raise SIGPIPE in the loop's thread nor in those of
/// the resolver. libcurl leaves that to us under CURLOPT_NOSIGNAL.
class signals_blocked {
public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    for (auto fault_signal :
         {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
      sigdelset(&all, fault_signal);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }

  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

  ~signals_blocked() {
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

private:
  sigset_t before_;
};

} // namespace

caf::expected<std::unique_ptr<http_client>>
http_client::open(http_client_options options) {
  if (!options.ca_file.empty() && !std::ifstream{options.ca_file})
    return fault(ec::bad_config, "cannot read the certificate authorities in "
                                   + options.ca_file);
  auto loop = std::make_shared<http_loop>(std::move(options));
  if (auto failed = loop->open())
    return failed;
  try {
    signals_blocked guard;
    // The thread shares the loop: a client that goes away from inside a `done`
    // cannot wait for its own thread.
    std::thread thread{[loop] { loop->run(); }};
    return std::unique_ptr<http_client>{
      new http_client{std::move(loop), std::move(thread)}};
  } catch (const std::system_error& failed) {
    return fault(ec::overloaded, std::string{"cannot start the thread of the "
                                             "HTTP client: "}
                                   + failed.what());
  }
}

http_client::http_client(std::shared_ptr<http_loop> loop, std::thread thread)
  : loop_{std::move(loop)}, thread_{std::move(thread)} {}

http_client::~http_client() {
  stop();
}

void http_client::start(exchange_ptr what, answered done) {
  loop_->submit(std::move(what), std::move(done));
}

void http_client::stop() {
  loop_->end();
  if (!thread_.joinable())
    return;
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach();
  else
    thread_.join();
}

} // namespace posthorn

// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/node_process.hpp"

#include "apps/posthorn/bench/feed_request.hpp"
#include "apps/posthorn/bench/loopback.hpp"
#include "apps/posthorn/config/quantity.hpp"
#include "apps/posthorn/inspect/admin_client.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

namespace posthorn::bench {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds step{10};
constexpr milliseconds ready_timeout{30'000};
/// Longer than a node drains.
constexpr milliseconds stop_timeout{40'000};
constexpr std::size_t log_lines_shown = 12;

caf::error write_private(const fs::path& where, const std::string& text) {
  std::ofstream out{where, std::ios::binary};
  out << text;
  out.close();
  if (out && ::chmod(where.c_str(), 0600) == 0)
    return caf::none;
  return os_fault(ec::bad_config, "cannot write " + where.string());
}

std::string digits_of(std::size_t service) {
  const auto id = service_id(service);
  return id.substr(id.size() - 4);
}

std::string registration_text(std::size_t service, std::uint16_t port) {
  const auto id = service_id(service);
  return "id: " + id + "\nurl: http://127.0.0.1:" + std::to_string(port)
         + "\nas_token: bench-as-token-" + digits_of(service) + "\nhs_token: "
         + service_token(service) + "\nsender_localpart: " + "_bench_"
         + digits_of(service) + "_bot\nnamespaces:\n  users:\n"
         + "    - exclusive: true\n      regex: '@_bench_" + digits_of(service)
         + "_.*:bench\\.example'\n";
}

std::string catch_all_text() {
  return "id: bench-feed\nurl: http://127.0.0.1:1\n"
         "as_token: bench-as-token-feed\nhs_token: "
         + std::string{catch_all_token}
         + "\nsender_localpart: bench_feed\nnamespaces:\n  rooms:\n"
           "    - exclusive: false\n      regex: '.*'\n";
}

/// The number behind `key` in a file of "key: number kB" lines, in bytes.
std::uint64_t status_bytes(const std::string& text, const std::string& key) {
  const auto at = text.find(key + ":");
  if (at == std::string::npos)
    return 0;
  return 1024 * std::strtoull(text.c_str() + at + key.size() + 1, nullptr, 10);
}

std::string read_file(const fs::path& where) {
  std::ifstream in{where, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace

node_process::node_process(fs::path directory)
  : directory_{std::move(directory)} {}

caf::expected<std::unique_ptr<node_process>>
node_process::start(const node_setup& setup,
                    const std::function<bool()>& stopped) {
  std::unique_ptr<node_process> result{new node_process{setup.directory}};
  if (auto why = result->write_files(setup))
    return why;
  if (auto why = result->launch())
    return why;
  if (auto why = result->await_ready(stopped))
    return why;
  return result;
}

caf::error node_process::start_again(const std::function<bool()>& stopped) {
  if (auto why = launch())
    return why;
  return await_ready(stopped);
}

node_process::~node_process() {
  if (pid_ == -1)
    return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

caf::error node_process::write_files(const node_setup& setup) {
  const auto registrations = directory_ / "registrations";
  std::error_code failed;
  fs::create_directories(registrations, failed);
  for (std::size_t i = 0; i < setup.services.size(); ++i)
    if (auto why = write_private(registrations / (service_id(i) + ".yaml"),
                                 registration_text(i, setup.services[i])))
      return why;
  // Both are held at the same time, so that they differ.
  auto feed = bind_loopback();
  auto admin = bind_loopback();
  if (!feed || !admin)
    return std::move(feed ? admin.error() : feed.error());
  feed_port_ = feed->port;
  admin_port_ = admin->port;
  std::ostringstream text;
  text << "server_name: bench.example\nname: bench\n"
       << "app_service_config_files: ['registrations/*.yaml']\n"
       << "listen: 127.0.0.1:" << feed_port_
       << "\nadmin: 127.0.0.1:" << admin_port_
       << "\nstore: lmdb:store\nsorter:\n  poll_interval: "
       << duration_text(setup.poll_interval)
       << "\n  wake_on_arrival: " << (setup.wake_on_arrival ? "true" : "false")
       << "\nrecovery: {initial_backoff: "
       << duration_text(setup.initial_backoff) << "}\n";
  if (setup.catch_all) {
    text << "registration: feed.yaml\n";
    if (auto why = write_private(directory_ / "feed.yaml", catch_all_text()))
      return why;
  }
  return write_private(directory_ / "posthorn.yaml", text.str());
}

caf::error node_process::launch() {
  const auto config = (directory_ / "posthorn.yaml").string();
  const auto log = (directory_ / "node.log").string();
  pid_ = ::fork();
  if (pid_ == -1)
    return os_fault(ec::overloaded, "cannot start a process for the node");
  if (pid_ == 0) {
    // Only what may be called between fork and exec.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::execl("/proc/self/exe", "posthorn", "node", "-c", config.c_str(),
            "--log-level", "warning", nullptr);
    ::_exit(127);
  }
  return caf::none;
}

caf::error node_process::await_ready(const std::function<bool()>& stopped) {
  const admin_target target{{},
                            "http://127.0.0.1:" + std::to_string(admin_port_)};
  const auto end = std::chrono::steady_clock::now() + ready_timeout;
  for (;;) {
    if (stopped())
      return fault(ec::draining, "interrupted");
    if (auto why = ended())
      return why;
    if (ask_admin(target, "GET", "/health/ready"))
      return caf::none;
    if (std::chrono::steady_clock::now() > end)
      return fault(ec::bad_address,
                   "the node did not get ready: " + log_tail());
    std::this_thread::sleep_for(step);
  }
}

std::string node_process::log_tail() const {
  const auto text = read_file(directory_ / "node.log");
  auto at = text.size();
  for (std::size_t lines = 0; lines <= log_lines_shown && at > 0; ++lines) {
    at = text.rfind('\n', at - 1);
    if (at == std::string::npos)
      at = 0;
  }
  return text.empty() ? "it wrote no log"
                      : "its log ends with\n" + text.substr(at);
}

caf::error node_process::ended() {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_)
    return caf::none;
  pid_ = -1;
  return fault(ec::bad_address, "the node has ended: " + log_tail());
}

caf::error node_process::retry(const std::string& id) const {
  const admin_target target{{},
                            "http://127.0.0.1:" + std::to_string(admin_port_)};
  const auto answer
    = ask_admin(target, "POST", "/admin/v1/services/" + id + "/retry");
  return answer ? caf::error{} : answer.error();
}

caf::expected<std::uint64_t>
node_process::pending(const std::string& id) const {
  const admin_target target{{},
                            "http://127.0.0.1:" + std::to_string(admin_port_)};
  const auto answer = ask_admin(target, "GET", "/admin/v1/services/" + id);
  if (!answer)
    return answer.error();
  return answer->value("pending_events", std::uint64_t{0});
}

node_usage node_process::usage() const {
  node_usage result;
  const auto base = fs::path{"/proc"} / std::to_string(pid_);
  const auto status = read_file(base / "status");
  result.peak_resident_bytes = status_bytes(status, "VmHWM");
  result.anonymous_bytes = status_bytes(status, "RssAnon");
  // Behind the command in parentheses: state, 10 numbers, utime, stime.
  const auto stat = read_file(base / "stat");
  std::istringstream fields{stat.substr(stat.rfind(')') + 1)};
  std::string skipped;
  for (int i = 0; i < 11; ++i)
    fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  result.cpu_seconds
    = (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return result;
}

caf::error node_process::stop() {
  ::kill(pid_, SIGTERM);
  const auto end = std::chrono::steady_clock::now() + stop_timeout;
  for (int status = 0; std::chrono::steady_clock::now() < end;) {
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return caf::none;
      return fault(ec::bad_address,
                   "the node did not stop well: " + log_tail());
    }
    std::this_thread::sleep_for(step);
  }
  return fault(ec::bad_address, "the node did not stop: " + log_tail());
}

} // namespace posthorn::bench

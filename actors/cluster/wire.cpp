// SPDX-License-Identifier: Apache-2.0
#include "actors/cluster/wire.hpp"

namespace posthorn::wire {

actor_v1 to_wire(const actor_snapshot& what) {
  actor_v1 result;
  result.name = what.name.substr(0, text_max);
  result.state = what.state.substr(0, text_max);
  result.handled = what.handled;
  result.mailbox = what.mailbox;
  result.mailbox_peak = what.mailbox_peak;
  result.busy = what.busy.count();
  result.longest = what.longest.count();
  result.running = what.running.count();
  result.oldest = what.oldest.count();
  result.no_progress = what.no_progress.count();
  result.restarts = what.restarts;
  result.last_message = what.last_message.substr(0, text_max);
  return result;
}

actor_snapshot from_wire(const actor_v1& what) {
  using std::chrono::nanoseconds;
  actor_snapshot result;
  result.name = what.name;
  result.state = what.state;
  result.handled = what.handled;
  result.mailbox = what.mailbox;
  result.mailbox_peak = what.mailbox_peak;
  result.busy = nanoseconds{what.busy};
  result.longest = nanoseconds{what.longest};
  result.running = nanoseconds{what.running};
  result.oldest = nanoseconds{what.oldest};
  result.no_progress = nanoseconds{what.no_progress};
  result.restarts = what.restarts;
  result.last_message = what.last_message;
  return result;
}

} // namespace posthorn::wire

// SPDX-License-Identifier: Apache-2.0
#include "actors/courier/waiting_line.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace posthorn {

std::chrono::steady_clock::time_point wanted::latest() const {
  return since + std::min(what->connect_timeout, what->timeout);
}

void waiting_line::push(wanted what) {
  const auto latest = what.latest();
  due_ = due_ ? std::min(*due_, latest) : latest;
  line_.push_back(std::move(what));
}

wanted waiting_line::pop() {
  auto result = std::move(line_.front());
  line_.pop_front();
  if (line_.empty())
    due_.reset();
  return result;
}

std::vector<wanted>
waiting_line::take_late(std::chrono::steady_clock::time_point now) {
  std::vector<wanted> result;
  if (!due_ || *due_ > now)
    return result;
  const auto late
    = std::stable_partition(line_.begin(), line_.end(), [now](const wanted& x) {
        return x.latest() > now;
      });
  result.assign(std::make_move_iterator(late),
                std::make_move_iterator(line_.end()));
  line_.erase(late, line_.end());
  due_.reset();
  for (const auto& x : line_)
    due_ = due_ ? std::min(*due_, x.latest()) : x.latest();
  return result;
}

std::vector<wanted> waiting_line::take_all() {
  due_.reset();
  auto all = std::exchange(line_, {});
  return {std::make_move_iterator(all.begin()),
          std::make_move_iterator(all.end())};
}

} // namespace posthorn

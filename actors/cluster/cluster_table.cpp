// SPDX-License-Identifier: Apache-2.0
#include "actors/cluster/cluster_table.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <unordered_set>

namespace posthorn {

namespace {

/// FNV-1a: the nodes of a cluster may run different builds.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t result = 0xcbf29ce484222325;
  for (const unsigned char one : text)
    result = (result ^ one) * 0x100000001b3;
  return result;
}

/// The live nodes that take part, by name.
std::vector<const node_row*> sharing(const cluster_situation& now) {
  std::vector<const node_row*> result;
  for (const auto& one : now.nodes)
    if (one.alive && one.state == node_state::up)
      result.push_back(&one);
  std::sort(result.begin(), result.end(),
            [](const auto* x, const auto* y) { return x->name < y->name; });
  return result;
}

/// A node's share of the services: how many, and where its stretch begins.
struct share {
  std::size_t size = 0;
  std::size_t first = 0;
};

share share_of(std::size_t services, std::size_t nodes, std::size_t index) {
  const auto least = services / nodes;
  const auto more = services % nodes;
  return {least + (index < more ? 1 : 0),
          least * index + std::min(index, more)};
}

} // namespace

std::string lease_name(const std::string& service_id) {
  return "service/" + service_id;
}

std::uint64_t services_digest(std::vector<std::string> ids) {
  std::sort(ids.begin(), ids.end());
  std::uint64_t result = ids.size();
  for (const auto& id : ids)
    result = result * 0x9e3779b97f4a7c15 + hash_of(id);
  return result;
}

cluster_plan plan_of(const cluster_situation& now) {
  cluster_plan plan;
  if (now.leaving) {
    plan.give = now.own;
    return plan;
  }
  const auto nodes = sharing(now);
  const auto self = std::find_if(nodes.begin(), nodes.end(), [&](auto* one) {
    return one->name == now.self;
  });
  // Not alive in the eyes of the others: nothing would be granted.
  if (self == nodes.end())
    return plan;
  plan.take_sorter = !now.sorter_taken;
  std::set_difference(now.own.begin(), now.own.end(), now.wanted.begin(),
                      now.wanted.end(), std::back_inserter(plan.give));
  const bool alike
    = std::all_of(nodes.begin(), nodes.end(), [&](const auto* one) {
        return one == *self || one->services == now.services_digest;
      });
  auto mine = share{now.wanted.size(), 0};
  if (alike)
    mine = share_of(now.wanted.size(), nodes.size(),
                    static_cast<std::size_t>(self - nodes.begin()));
  auto held = now.own.size() - plan.give.size();
  if (held >= mine.size && !alike)
    return plan;
  const std::unordered_set<std::string> taken{now.taken.begin(),
                                              now.taken.end()};
  const std::unordered_set<std::string> own{now.own.begin(), now.own.end()};
  const auto count = now.wanted.size();
  const auto at = [&](std::size_t i) -> const std::string& {
    return now.wanted[(mine.first + i) % count];
  };
  for (std::size_t i = 0; i < count && held < mine.size; ++i)
    if (own.count(at(i)) == 0 && taken.count(at(i)) == 0) {
      plan.take.push_back(at(i));
      ++held;
    }
  for (auto i = count; i > 0 && held > mine.size; --i)
    if (own.count(at(i - 1)) > 0) {
      plan.give.push_back(at(i - 1));
      --held;
    }
  return plan;
}

} // namespace posthorn

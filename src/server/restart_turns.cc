#include "server/restart_turns.h"

#include <fmt/format.h>

#include <algorithm>

namespace drover::server {

bool is_well(const schema::allocation& alloc, const schema::deployment* deployment) {
  if (alloc.client_status != "running") return false;
  if (alloc.deployment_status && alloc.deployment_status->healthy == false) return false;
  bool judged = alloc.deployment_status && alloc.deployment_status->healthy.has_value();
  // A deployment that goes on has not seen it work yet.
  if (deployment != nullptr && !judged && (deployment->status == "running" || deployment->status == "paused")) return false;
  return std::ranges::none_of(alloc.task_states, [](const auto& each) { return each.second.failed || each.second.state == "pending"; });
}

void restart_turns::lead(uint64_t term, timestamp now) {
  if (term == term_) return;
  term_ = term;
  groups_.clear();
  quiet_until_ = now + lease_;
}

void restart_turns::leave(const group_key& of, const schema::restart_turn_request& request) {
  auto group = groups_.find(of);
  if (group == groups_.end()) return;
  if (auto mine = group->second.find(request.alloc_id); mine != group->second.end()) {
    mine->second.tasks.erase(request.task);
    if (mine->second.tasks.empty()) group->second.erase(mine);
  }
  if (group->second.empty()) groups_.erase(group);
}

restart_turns::answer restart_turns::ask(const group_key& of, const group_health& group, const schema::restart_turn_request& request, timestamp now) {
  for (auto& [key, all] : groups_) std::erase_if(all, [&](const auto& h) { return h.second.ends <= now || (key == of && !group.members.contains(h.first)); });
  std::erase_if(groups_, [](const auto& each) { return each.second.empty(); });
  if (request.leave) {
    leave(of, request);
    return {};
  }
  auto found = groups_.find(of);
  auto grant = [&] {
    auto& mine = groups_[of][request.alloc_id];
    mine.tasks.insert(request.task);
    mine.ends = now + lease_;
    return answer{.granted = true, .reason = {}};
  };
  // Whoever is out of service already does no harm by restarting.
  if (request.held || group.unwell.contains(request.alloc_id) || (found != groups_.end() && found->second.contains(request.alloc_id))) return grant();
  if (now < quiet_until_) return {false, "the leader is new and waits for those that restart already"};
  auto out = group.unwell;
  if (found != groups_.end())
    for (const auto& [id, unused] : found->second) out.insert(id);
  if (out.size() < std::max<size_t>(group.parallel, 1)) return grant();
  return {false, fmt::format("{} of {} allocations of group \"{}\" restart or are not healthy; max_parallel is {}", out.size(), group.members.size(),
                             std::get<2>(of), std::max<size_t>(group.parallel, 1))};
}

}  // namespace drover::server

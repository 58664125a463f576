#include "server/autopilot.h"

#include <algorithm>

namespace drover::server {
namespace {

// A member of the configuration that gossip has not shown yet may be on its way (the whole cluster is starting): it is given up after this.
constexpr duration unseen_grace = hours(1);

bool is_healthy(const observed_server& s, const observed_server& leader, const schema::autopilot_config& config) {
  if (s.leader) return true;
  if (s.gossip_status != "alive" || !s.answered) return false;
  if (s.last_contact < nanoseconds(0) || s.last_contact > config.last_contact_threshold) return false;
  if (s.last_term != leader.last_term) return false;
  return s.last_index + config.max_trailing_logs >= leader.last_index;
}

}  // namespace

void autopilot::clear() {
  servers_.clear();
  known_.clear();
  health_ = {};
  promotions_.clear();
  removals_.clear();
}

void autopilot::observe(std::vector<observed_server> servers, const schema::autopilot_config& config, timestamp now) {
  servers_ = std::move(servers);
  std::erase_if(known_, [&](const auto& each) { return std::ranges::none_of(servers_, [&](const observed_server& s) { return s.raft_id == each.first; }); });
  judge_health(config, now);
  find_promotions(config, now);
  find_removals(config, now);
}

void autopilot::judge_health(const schema::autopilot_config& config, timestamp now) {
  auto leader = std::ranges::find_if(servers_, &observed_server::leader);
  health_ = {};
  health_.healthy = leader != servers_.end();
  if (leader == servers_.end()) return;
  health_.leader = leader->id;
  int64_t voters = 0, healthy_voters = 0;
  for (const auto& s : servers_) {
    bool healthy = is_healthy(s, *leader, config);
    auto [place, is_new] = known_.try_emplace(s.raft_id);
    auto& known = place->second;
    if (is_new || known.healthy != healthy) {
      known.healthy = healthy;
      known.since = now;
    }
    if (s.gossip_status != "none") known.unseen_since = {};
    else if (known.unseen_since.is_zero()) known.unseen_since = now;
    bool voter = s.role == raft::role::voter;
    voters += voter ? 1 : 0;
    healthy_voters += voter && healthy ? 1 : 0;
    if (voter) health_.voters.push_back(s.id);
    health_.healthy = health_.healthy && healthy;
    health_.servers.push_back({.id = s.id,
                               .name = s.name,
                               .address = s.address,
                               .serf_status = s.gossip_status,
                               .version = s.build,
                               .leader = s.leader,
                               .last_contact = std::max(s.last_contact, duration()),
                               .last_term = s.last_term,
                               .last_index = s.last_index,
                               .healthy = healthy,
                               .voter = voter,
                               .stable_since = known.since});
  }
  health_.failure_tolerance = std::max<int64_t>(0, healthy_voters - (voters / 2 + 1));
  health_.optimistic_failure_tolerance = health_.failure_tolerance;
}

void autopilot::find_promotions(const schema::autopilot_config& config, timestamp now) {
  promotions_.clear();
  for (const auto& s : servers_) {
    const auto& known = known_[s.raft_id];
    if (s.role == raft::role::standby && known.healthy && now - known.since >= config.server_stabilization_time) promotions_.push_back(s.raft_id);
  }
}

bool autopilot::is_dead(const observed_server& s, timestamp now) const {
  if (s.leader) return false;
  if (s.replaced || s.gossip_status == "failed") return true;
  auto known = known_.find(s.raft_id);
  return s.gossip_status == "none" && known != known_.end() && !known->second.unseen_since.is_zero() && now - known->second.unseen_since >= unseen_grace;
}

void autopilot::find_removals(const schema::autopilot_config& config, timestamp now) {
  removals_.clear();
  if (!config.cleanup_dead_servers) return;
  size_t voters = 0, alive = 0;
  for (const auto& s : servers_) {
    if (s.role != raft::role::voter) continue;
    ++voters;
    alive += s.leader || s.gossip_status == "alive" ? 1 : 0;
  }
  size_t allowed = voters == 0 ? 0 : (voters - 1) / 2;
  for (const auto& s : servers_) {
    if (!is_dead(s, now)) continue;
    if (s.role == raft::role::voter) {
      // Those that are left must be able to go on: alive ones are their majority.
      if (allowed == 0 || voters - 1 < config.min_quorum || alive < (voters - 1) / 2 + 1) continue;
      --allowed;
      --voters;
    }
    removals_.push_back(s.raft_id);
  }
}

}  // namespace drover::server

// Who may restart now, where a change reaches all allocations of a group at once (templates with change_rollout = "rolling"): at most
// update.max_parallel of them are out of service at a time, those counted that are not well for whatever reason.
//
// The leader's, in memory. A turn that is not asked for again ends by itself. A new leader knows of none: for one lease it grants none to those that
// do not hold one already, so that whoever does has said so. Pure: time is a parameter. Loop thread only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "base/time.h"
#include "schema/alloc.h"
#include "schema/eval.h"
#include "schema/turn_rpc.h"

namespace drover::server {

// How the group stands.
struct group_health {
  size_t parallel = 1;
  // Its allocations that should run; those of them that do not serve now.
  std::set<std::string> members, unwell;
};

// Does the allocation do its work? `deployment` is its own, or null.
bool is_well(const schema::allocation& alloc, const schema::deployment* deployment);

class restart_turns {
 public:
  using group_key = std::tuple<std::string, std::string, std::string>;  // namespace, job, group
  struct answer {
    bool granted = false;
    std::string reason;
  };
  explicit restart_turns(duration lease) : lease_(lease) {}

  // This server leads in that term.
  void lead(uint64_t term, timestamp now);
  answer ask(const group_key& of, const group_health& group, const schema::restart_turn_request& request, timestamp now);
  duration lease() const { return lease_; }
  size_t groups() const { return groups_.size(); }

 private:
  struct holder {
    std::set<std::string> tasks;
    timestamp ends;
  };
  using holders = std::map<std::string, holder>;
  void leave(const group_key& of, const schema::restart_turn_request& request);

  duration lease_;
  uint64_t term_ = 0;
  timestamp quiet_until_;
  std::map<group_key, holders> groups_;
};

}  // namespace drover::server

// Clients that are cut off: what becomes of their allocations meanwhile, and which of two goes on when they return. Pure.
#pragma once

#include <span>
#include <string_view>

#include "sched/node_view.h"
#include "schema/job.h"

namespace drover::sched {

// The group's `disconnect` block, or the older settings that it replaced.
struct disconnect_rule {
  duration lost_after;  // 0: lost at once
  duration stop_after;  // the client stops by itself; a replacement waits as long
  bool replace = true;
  std::string_view reconcile = "best_score";
};
disconnect_rule disconnect_rule_of(const schema::task_group* group);

// What the state of its node and its own wishes mean for an allocation that is to run.
enum class fate {
  stays,
  migrates,
  lost,
  disconnects,  // to be marked unknown
  reconnects,   // its client is back and says how it is
};
fate fate_of(const node_view& view, const schema::allocation& alloc, const schema::task_group* group, timestamp now);

// When its client was last heard of; zero if it never was unknown.
timestamp last_unknown(const schema::allocation& alloc);

// The allocation as it is stored when it is declared unknown, or when it is welcome again.
schema::allocation marked_unknown(const schema::allocation& alloc, timestamp now);
schema::allocation marked_reconnected(const schema::allocation& alloc, timestamp now);

// Which of the two goes on: the one that came back, or what replaced it meanwhile. A replacement of a newer version always does.
bool keeps_replacement(const schema::allocation& original, const schema::allocation& replacement, std::string_view strategy, const schema::task_group& group);

}  // namespace drover::sched

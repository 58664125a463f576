// What must change so that the allocations of a service or batch job are what the job asks for? Says what, not where: nodes are chosen
// later, so that a placement may still fail. Pure: one call of reconcile() per plan.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sched/node_view.h"
#include "sched/scheduler.h"

namespace drover::sched {

// The words that people and tools see as an allocation's desired description.
namespace description {
inline constexpr std::string_view lost = "alloc is lost since its node is down";
inline constexpr std::string_view migrating = "alloc is being migrated";
inline constexpr std::string_view node_tainted = "alloc not needed as node is tainted";
inline constexpr std::string_view not_needed = "alloc not needed due to job update";
inline constexpr std::string_view rescheduled = "alloc was rescheduled because it failed";
inline constexpr std::string_view reconnected = "alloc not needed due to disconnected client reconnect";
inline constexpr std::string_view unknown = "alloc is unknown since its node is disconnected";
inline constexpr std::string_view updating = "alloc is being updated due to job update";
}  // namespace description

struct placement {
  const schema::task_group* group = nullptr;
  ref<schema::job> job;  // null: the evaluated one; else an older version that is kept until canaries are promoted
  std::string name;
  ref<schema::allocation> previous;  // what it replaces, or null
  bool rescheduled = false;          // `previous` failed: history and penalty go with it
  bool canary = false;
  // Stopped only if the replacement finds a node. Empty: nothing to stop, or it is stopped anyway.
  std::string_view stop_previous;
};

struct stopping {
  ref<schema::allocation> alloc;
  std::string_view description;
  std::string_view client_status;  // "lost", or empty: as it is
};

// Something to look at again. Those near each other share one evaluation.
struct later {
  ref<schema::allocation> alloc;
  timestamp when;
};

enum class update_kind { ignore, in_place, destructive };

struct reconciliation {
  std::vector<placement> place;  // replacing updates included
  std::vector<stopping> stop;
  std::vector<ref<schema::allocation>> in_place;
  std::vector<later> reschedule_later;
  // Whose clients are cut off: to be marked unknown until `when`, then lost.
  std::vector<later> disconnected;
  std::vector<ref<schema::allocation>> reconnected;
  // An evaluation is wanted then, but nothing is to be written on the allocations.
  std::vector<later> look_again;
  std::map<std::string, schema::desired_updates> updates;
  // Created, or changed; null when there is none to store.
  ref<schema::deployment> deployment;
  std::vector<schema::deployment_status_update> deployment_updates;
  // The running one that new allocations join; empty: none.
  std::string active_deployment;
};

struct reconcile_input {
  const job_facts& facts;
  const node_view& view;
  const schema::evaluation& eval;
  timestamp now;
  std::string new_deployment_id;
  // Decides for an allocation of another version of the job.
  std::function<update_kind(const schema::allocation&, const schema::task_group&)> update_of;
};

reconciliation reconcile(const reconcile_input& input);

bool server_terminal(const schema::allocation& alloc);
bool client_terminal(const schema::allocation& alloc);
const schema::task_group* find_group(const schema::job& job, std::string_view name);
// Of the same version and the same life of the job.
bool same_version(const schema::allocation& alloc, const schema::job& job);

}  // namespace drover::sched

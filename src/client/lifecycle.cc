#include "client/lifecycle.h"

#include <algorithm>

namespace drover::client {

namespace {
const schema::task_state& state_of(const task_states& states, const std::string& name) {
  static const schema::task_state none;
  auto it = states.find(name);
  return it == states.end() ? none : it->second;
}
template <class F>
bool all_of_stage(const schema::task_group& group, const task_states& states, F&& holds) {
  return std::all_of(group.tasks.begin(), group.tasks.end(), [&](const schema::task& t) { return holds(stage_of(t), state_of(states, t.name)); });
}
}  // namespace

task_stage stage_of(const schema::task& task) {
  if (!task.lifecycle || task.lifecycle->hook.empty()) return task_stage::main;
  auto& l = *task.lifecycle;
  if (l.hook == "prestart") return l.sidecar ? task_stage::prestart_sidecar : task_stage::prestart;
  if (l.hook == "poststart") return l.sidecar ? task_stage::poststart_sidecar : task_stage::poststart;
  if (l.hook == "poststop") return task_stage::poststop;
  return task_stage::main;
}

bool is_sidecar(task_stage s) { return s == task_stage::prestart_sidecar || s == task_stage::poststart_sidecar; }

bool ends_on_success(task_stage s) { return s == task_stage::prestart || s == task_stage::poststart || s == task_stage::poststop; }

bool may_start(const schema::task_group& group, const task_states& states, const schema::task& task) {
  switch (stage_of(task)) {
    case task_stage::prestart:
    case task_stage::prestart_sidecar: return true;
    case task_stage::main:
      return all_of_stage(group, states, [](task_stage s, const schema::task_state& t) {
        if (s == task_stage::prestart) return t.state == "dead" && !t.failed;
        if (s == task_stage::prestart_sidecar) return t.state == "running" || (t.state == "dead" && !t.failed);
        return true;
      });
    case task_stage::poststart:
    case task_stage::poststart_sidecar:
      return all_of_stage(group, states, [](task_stage s, const schema::task_state& t) {
        return s != task_stage::main || t.state == "running" || (t.state == "dead" && !t.started_at.is_zero());
      });
    case task_stage::poststop:
      return all_of_stage(group, states, [](task_stage s, const schema::task_state& t) { return s == task_stage::poststop || t.state == "dead"; });
  }
  return true;
}

bool turn_lost(const schema::task_group& group, const task_states& states, const schema::task& task) {
  auto stage = stage_of(task);
  if (stage == task_stage::main)
    return !all_of_stage(group, states, [](task_stage s, const schema::task_state& t) {
      return (s != task_stage::prestart && s != task_stage::prestart_sidecar) || !(t.state == "dead" && t.failed);
    });
  if (stage == task_stage::poststart || stage == task_stage::poststart_sidecar)
    return !all_of_stage(group, states,
                         [](task_stage s, const schema::task_state& t) { return s != task_stage::main || t.state != "dead" || !t.started_at.is_zero(); });
  return false;
}

bool main_tasks_dead(const schema::task_group& group, const task_states& states) {
  bool any = false;
  bool dead = all_of_stage(group, states, [&](task_stage s, const schema::task_state& t) {
    if (s != task_stage::main) return true;
    any = true;
    return t.state == "dead";
  });
  return any && dead;
}

status_summary status_of(const task_states& states) {
  bool failed = false, running = false, pending = states.empty();
  for (auto& [name, s] : states) {
    failed |= s.failed && s.state == "dead";
    running |= s.state == "running";
    pending |= s.state == "pending" || s.state.empty();
  }
  // One that waits for a restart, or has a sibling that ran, is no longer "not started".
  if (failed) return {"failed", "Failed tasks"};
  if (running) return {"running", "Tasks are running"};
  if (pending) return {"pending", "No tasks have started"};
  return {"complete", "All tasks have completed"};
}

}  // namespace drover::client

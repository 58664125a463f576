#include "base/text.h"
#include "client/client_state.h"
#include "client/exec/isolation.h"

namespace drover::client {

void endpoints::add_to(rpc::method_table& table) {
  add_allocations(table);
  add_exec(table);
  add_file_system(table);
  add_node(table);
  add_snapshot(table);
  add_volumes(table);
  add_csi(table);
}

result<std::shared_ptr<alloc_runner>> endpoints::find(const std::string& alloc_id) const {
  auto it = state_.runners.find(alloc_id);
  if (it == state_.runners.end()) return fail(errc::not_found, "unknown allocation \"{}\"", alloc_id);
  return it->second;
}

bool endpoints::task_dead(const std::string& alloc_id, const std::string& task) const {
  auto runner = find(alloc_id);
  if (!runner) return true;
  auto* found = (*runner)->find_task(task);
  return !found || found->dead();
}

void endpoints::add_allocations(rpc::method_table& table) {
  table.add<schema::alloc_restart_request, schema::generic_response>(
      "Allocations.Restart", [this](context c, schema::alloc_restart_request r) { return restart(std::move(c), std::move(r)); });
  table.add<schema::alloc_signal_request, schema::generic_response>(
      "Allocations.Signal", [this](context c, schema::alloc_signal_request r) { return signal(std::move(c), std::move(r)); });
  table.add<schema::alloc_pause_request, schema::generic_response>(
      "Allocations.SetPauseState", [this](context c, schema::alloc_pause_request r) { return set_pause(std::move(c), std::move(r)); });
  table.add<schema::alloc_get_pause_state_request, schema::alloc_get_pause_state_response>(
      "Allocations.GetPauseState", [this](context c, schema::alloc_get_pause_state_request r) { return get_pause(std::move(c), std::move(r)); });
  table.add<schema::alloc_stats_request, schema::alloc_stats_response>(
      "Allocations.Stats", [this](context c, schema::alloc_stats_request r) { return alloc_stats(std::move(c), std::move(r)); });
  table.add<schema::alloc_checks_request, schema::alloc_checks_response>(
      "Allocations.Checks", [this](context c, schema::alloc_checks_request r) { return checks(std::move(c), std::move(r)); });
  table.add<schema::alloc_specific_request, schema::generic_response>(
      "Allocations.GarbageCollect", [this](context c, schema::alloc_specific_request r) { return collect(std::move(c), std::move(r)); });
  table.add<schema::node_specific_request, schema::generic_response>(
      "Allocations.GarbageCollectAll", [this](context c, schema::node_specific_request r) { return collect_all(std::move(c), std::move(r)); });
}

endpoints::answer<schema::generic_response> endpoints::restart(context, schema::alloc_restart_request request) {
  CO_TRY_ASSIGN(auto runner, find(request.alloc_id));
  CO_TRY(runner->restart(request.task_name, request.all_tasks));
  co_return schema::generic_response{};
}

// An unknown signal is refused here, before anything is sent.
endpoints::answer<schema::generic_response> endpoints::signal(context, schema::alloc_signal_request request) {
  CO_TRY_ASSIGN(auto runner, find(request.alloc_id));
  CO_TRY_ASSIGN(auto number, exec::parse_signal(request.signal.empty() ? "SIGKILL" : request.signal));
  std::vector<std::string> names;
  if (request.task.empty()) {
    for (auto& task : runner->tasks())
      if (!task->dead()) names.push_back(task->name());
    if (names.empty()) co_return fail(errc::not_found, "Task not running");
  } else {
    CO_TRY_ASSIGN(auto* task, runner->pick_task(request.task));
    names.push_back(task->name());
  }
  for (auto& name : names) {
    CO_TRY(co_await runner->find_task(name)->signal(number, "User Requested Signal"));
  }
  co_return schema::generic_response{};
}

// Of one task, or of all.
endpoints::answer<schema::generic_response> endpoints::set_pause(context, schema::alloc_pause_request request) {
  CO_TRY_ASSIGN(auto runner, find(request.alloc_id));
  if (request.task.empty() && runner->tasks_done()) co_return fail(errc::not_found, "Task not running");
  if (!request.task.empty()) CO_TRY(runner->pick_task(request.task));
  for (auto& task : runner->tasks()) {
    if (request.task.empty() ? task->dead() : task->name() != request.task) continue;
    CO_TRY(task->override_schedule(request.schedule_state));
  }
  co_return schema::generic_response{};
}

endpoints::answer<schema::alloc_get_pause_state_response> endpoints::get_pause(context, schema::alloc_get_pause_state_request request) {
  CO_TRY_ASSIGN(auto runner, find(request.alloc_id));
  CO_TRY_ASSIGN(auto* task, runner->pick_task(request.task));
  co_return schema::alloc_get_pause_state_response{.schedule_state = task->state().paused};
}

endpoints::answer<schema::alloc_stats_response> endpoints::alloc_stats(context, schema::alloc_stats_request request) {
  CO_TRY_ASSIGN(auto runner, find(request.alloc_id));
  schema::alloc_stats_response out;
  CO_TRY_ASSIGN(out.stats, co_await runner->usage(request.task));
  co_return out;
}

endpoints::answer<schema::alloc_checks_response> endpoints::checks(context, schema::alloc_checks_request request) {
  CO_TRY_ASSIGN(auto runner, find(request.alloc_id));
  schema::alloc_checks_response out;
  out.results = runner->services().results();
  co_return out;
}

endpoints::answer<schema::generic_response> endpoints::collect(context, schema::alloc_specific_request request) {
  CO_TRY_ASSIGN(auto runner, find(request.alloc_id));
  if (!runner->tasks_done()) co_return fail(errc::invalid, "allocation \"{}\" still runs: only ended ones can be removed", request.alloc_id);
  state_.ignored[runner->id()] = runner->alloc()->alloc_modify_index;
  co_await state_.remove_runner(request.alloc_id);
  co_return schema::generic_response{};
}

endpoints::answer<schema::generic_response> endpoints::collect_all(context, schema::node_specific_request) {
  co_await state_.collect_garbage(true);
  co_return schema::generic_response{};
}

}  // namespace drover::client

#include "server/registration.h"

#include "server/admission.h"
#include "server/evals.h"
#include "server/replicator.h"

namespace drover::server {

net::awaitable<result<schema::job_register_response>> store_job(server_context& context, schema::job_register_request command, std::string_view triggered_by) {
  schema::job_register_response out;
  command.auth_token.clear();
  command.namespace_ = command.job->namespace_;
  if (runs_itself(*command.job)) {
    auto eval = new_eval(context, *command.job, triggered_by);
    if (command.eval_priority > 0) eval.priority = command.eval_priority;
    out.eval_id = eval.id;
    command.eval = std::make_shared<schema::evaluation>(std::move(eval));
  }
  CO_TRY_ASSIGN(auto stored, (co_await context.replicate->propose<uint64_t, fsm::command_type::job_register>(std::move(command))));
  out.index = stored.first;
  out.job_modify_index = stored.second;
  if (!out.eval_id.empty()) out.eval_create_index = out.index;
  co_return out;
}

schema::job child_of(const schema::job& parent, std::string id) {
  schema::job child = parent;
  strip_server_fields(child);
  child.parent_id = parent.id;
  child.id = std::move(id);
  child.name = child.id;
  child.periodic.reset();
  // Where groups depend on each other, it is those of the same instance.
  auto follow = [&](std::vector<schema::job_dependency>& all) {
    for (auto& each : all)
      if (each.job == parent.id && (each.namespace_.empty() || each.namespace_ == parent.namespace_)) each.job = child.id;
  };
  follow(child.depends_on);
  for (auto& group : child.task_groups) follow(group.depends_on);
  return child;
}

}  // namespace drover::server

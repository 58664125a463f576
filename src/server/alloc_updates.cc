#include "server/alloc_updates.h"

#include <set>

#include "schema/alloc_rpc.h"
#include "server/evals.h"
#include "server/replicator.h"

namespace drover::server {

alloc_updates::alloc_updates(server_context& context) : context_(context), scope_(context.loop, context.logger) { scope_.spawn(run()); }

net::awaitable<result<uint64_t>> alloc_updates::submit(std::vector<schema::ref<schema::allocation>> allocs) {
  auto mine = open_;
  mine->allocs.insert(mine->allocs.end(), std::make_move_iterator(allocs.begin()), std::make_move_iterator(allocs.end()));
  filled_.set();
  co_await mine->done.wait();
  co_return mine->outcome;
}

net::awaitable<void> alloc_updates::run() {
  for (;;) {
    co_await filled_.wait();
    filled_.reset();
    auto full = std::exchange(open_, std::make_shared<batch>());
    full->outcome = co_await write(std::move(full->allocs));
    full->done.set();
  }
}

// An allocation that has failed, or come back from being unknown, is the scheduler's business at once.
net::awaitable<result<uint64_t>> alloc_updates::write(std::vector<schema::ref<schema::allocation>> allocs) {
  auto state = context_.state();
  schema::alloc_update_request command;
  std::set<std::pair<std::string, std::string>> evaluated;
  for (const auto& update : allocs) {
    auto stored = state.alloc(update->id);
    if (!stored || !stored->job) continue;
    bool ended = stored->client_status == "failed" || stored->client_status == "complete" || stored->client_status == "lost";
    bool failed = update->client_status == "failed" && !ended && stored->desired_status == "run";
    bool returned = stored->client_status == "unknown" && update->client_status != "unknown";
    auto job = state.job(stored->namespace_, stored->job_id);
    if ((!failed && !returned) || !job || !evaluated.emplace(job->namespace_, job->id).second) continue;
    command.evals.push_back(std::make_shared<const schema::evaluation>(new_eval(context_, *job, failed ? "alloc-failure" : "reconnect")));
  }
  // The time of the change is the command's, not the state machine's.
  for (const auto& update : allocs) {
    auto stamped = std::make_shared<schema::allocation>(*update);
    stamped->modify_time = context_.now_ns();
    command.alloc.push_back(std::move(stamped));
  }
  co_return co_await context_.replicate->apply<fsm::command_type::alloc_client_update>(command);
}

}  // namespace drover::server

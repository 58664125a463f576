#include "server/alloc_updates.h"

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

net::awaitable<result<uint64_t>> alloc_updates::write(std::vector<schema::ref<schema::allocation>> allocs) {
  auto make = [this](const schema::job& job, std::string_view why) { return new_eval(context_, job, why); };
  auto command = client_update(make, context_.state(), allocs, context_.now_ns());
  co_return co_await context_.replicate->apply<fsm::command_type::alloc_client_update>(command);
}

}  // namespace drover::server

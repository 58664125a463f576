#include "server/reads.h"

#include "net/event.h"

namespace drover::server {
namespace {

// As Nomad bounds and spreads them.
constexpr duration wait_default = seconds(300);
constexpr duration wait_max = seconds(300);
constexpr int jitter_fraction = 16;

net::time_point deadline_of(server_context& context, duration wanted) {
  auto wait = wanted.ns <= 0 ? wait_default : std::min(wanted, wait_max);
  return net::after(wait + duration(static_cast<int64_t>(context.random.below(static_cast<uint64_t>(wait.ns / jitter_fraction + 1)))));
}

}  // namespace

awaitable<result<>> run_read(server_context& context, schema::query_options options, erased_read attempt) {
  if (!options.region.empty() && options.region != context.options.region)
    co_return fail(errc::unknown, "No path to region");
  // A server that has not replayed its log knows nothing yet: answering "none" would make clients stop their tasks.
  if (!context.ready_to_serve()) co_return fail(errc::unavailable, "Not ready to serve consistent reads");
  auto deadline = options.min_query_index > 0 ? deadline_of(context, options.max_query_time) : net::never;
  for (;;) {
    auto state = context.store.current();
    std::vector<state::watch_key> watched;
    auto index = attempt(read{state, watched});
    if (!index) co_return std::unexpected(std::move(index).error());
    if (*index > options.min_query_index || options.min_query_index == 0) co_return result<>{};
    net::remote_event changed(context.loop);
    auto handle = context.store.watch(state, std::move(watched), changed.setter());
    if (!handle) co_return std::unexpected(std::move(handle).error());
    state = state::snapshot();  // a held query holds no old state
    if (!co_await changed.wait(deadline)) co_return result<>{};
  }
}

}  // namespace drover::server

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

bool is_here(const server_context& context, const schema::query_options& options) {
  return context.forward->is_here(options.region, options.allow_stale, options.min_query_index);
}

bool must_move(const server_context& context, const schema::query_options& options) { return !options.allow_stale && !context.is_leader; }

routed_request route_of(const read_attempt& attempt) {
  const auto& options = *attempt.options;
  return {.method = attempt.method.name,
          .region = &options.region,
          .forwarded = &options.forwarded,
          .request = attempt.request,
          .response = attempt.response,
          .is_read = true,
          .may_be_stale = options.allow_stale,
          .min_query_index = options.min_query_index};
}

// One look: may the caller, and what is the answer.
[[gnu::noinline]] result<uint64_t> look(server_context& context, const read_attempt& attempt, const state::snapshot& state,
                                        std::vector<state::watch_key>& watched) {
  const auto& options = *attempt.options;
  TRY_ASSIGN(auto by, context.authority->check({*attempt.method.by, attempt.method.internal, options.auth_token, options.namespace_, attempt.request}, state));
  return attempt.run(attempt, read{state, watched, *context.stubs, context.keyring, attempt.method.by->row, by.get(), &context.options});
}

// No coroutine: what it builds is no part of the frame in which queries are held.
[[gnu::noinline]] auto routed(server_context& context, const read_attempt& attempt) { return context.forward->route(route_of(attempt)); }

}  // namespace

awaitable<result<caller_ref>> check_here(server_context& context, called_method method, const std::string& token, const std::string& namespace_,
                                         schema::record_view request) {
  const asked question{*method.by, method.internal, token, namespace_, request};
  auto answer = context.authority->check(question, context.state());
  if (answer || context.is_leader || context.forward == nullptr || context.authority->authenticate(token, context.state())) co_return answer;
  schema::resolve_acl_token_request known;
  known.secret_id = token;
  CO_TRY_ASSIGN(auto found, co_await context.call<schema::resolve_acl_token_response>("ACL.ResolveToken", known));
  if (!found.token) co_return answer;
  auto give_up = net::after(rpc_hold_timeout);
  while (net::now() < give_up) {
    net::remote_event changed(context.loop);
    auto state = context.state();
    CO_TRY_ASSIGN(auto watch, context.store.watch(state, {state::watch_table(state::table::acl_tokens)}, changed.setter()));
    if (state.index(state::table::acl_tokens) >= found.token->modify_index) break;
    co_await changed.wait(give_up);
  }
  co_return context.authority->check(question, context.state());
}

awaitable<result<>> run_read(server_context& context, read_attempt attempt) {
  const auto& options = *attempt.options;
  // A server that has not replayed its log knows nothing yet: answering "none" would make clients stop their tasks. That takes moments after a
  // start, and whoever asks then waits as for a leader.
  for (const auto give_up = net::after(rpc_hold_timeout); !context.ready_to_serve();)
    if (!co_await context.leadership_changed.wait(give_up) && !context.ready_to_serve())
      co_return fail(errc::unavailable, "Not ready to serve consistent reads");
  auto minimum = options.min_query_index;
  auto deadline = minimum > 0 ? deadline_of(context, options.max_query_time) : net::never;
  bool over = minimum == 0;
  for (bool first = true;; first = false) {
    // Looked at again each time: a leader that lost its place while it held the query does not answer it.
    if (context.forward != nullptr && (first || must_move(context, options)) && !is_here(context, options)) {
      CO_TRY_ASSIGN(auto where, co_await routed(context, attempt));
      if (where == place::answered) co_return result<>{};
    }
    net::remote_event changed(context.loop);
    state::watch_handle handle;
    {
      // Nothing of the state is held while waiting.
      auto state = context.store.current();
      std::vector<state::watch_key> watched;
      auto index = look(context, attempt, state, watched);
      if (!index) co_return std::unexpected(std::move(index).error());
      if (*index > minimum || over) break;
      attempt.forget(attempt);
      auto watch = context.store.watch(state, std::move(watched), changed.setter());
      if (!watch) co_return std::unexpected(std::move(watch).error());
      handle = *std::move(watch);
    }
    held_read held(options.allow_stale ? nullptr : context.forward, changed.setter());
    over = !co_await changed.wait(deadline);
  }
  auto last_contact = context.is_leader || context.raft == nullptr ? duration(0) : context.raft->stats().last_contact;
  attempt.tell_leader(attempt, context.has_leader(), std::max(last_contact, duration(0)));
  co_return result<>{};
}

}  // namespace drover::server

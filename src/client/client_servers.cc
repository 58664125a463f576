// The part of client that knows where the servers are, and what happens while they are out of reach.
#include <algorithm>

#include "base/text.h"
#include "client/client_state.h"
#include "client/limits.h"
#include "client/retry.h"
#include "codec/json.h"
#include "net/task_scope.h"

namespace drover::client {

namespace {
constexpr const char* servers_fact = "servers";
constexpr const char* nodes_fact = "cluster_nodes";
constexpr const char* contact_fact = "last_contact";
}  // namespace

// What earlier runs of this agent learned, and what the configuration names.
result<> client::state::load_servers() {
  if (auto stored = db->fact(contact_fact); stored && *stored)
    if (auto instant = parse_instant(**stored)) last_contact = *instant;
  if (auto stored = db->fact(nodes_fact); stored && *stored) stored_nodes = parse_int(**stored).value_or(0);
  if (!remote) return {};
  auto& list = remote->servers();
  std::vector<schema::node_server_info> learned;
  if (auto stored = db->fact(servers_fact); stored && *stored) {
    if (auto read = codec::from_json(**stored, schema::slot(learned))) list.learn(learned, env::real_random());
    else logger.warn("the stored list of servers is not used", {{"error", read.error().text()}});
  }
  auto named = options.servers;
  named.insert(named.end(), options.server_join.retry_join.begin(), options.server_join.retry_join.end());
  auto seeds = parse_server_addresses(named);
  if (!seeds) return wrap(seeds.error(), "client.servers and client.server_join.retry_join");
  list.set_seeds(*seeds);
  if (list.empty())
    logger.warn("this client knows no server: name some in client.servers or client.server_join.retry_join, or with `drover node config -update-servers`");
  remote->on_learned = [this] {
    auto stored = db->put_fact(servers_fact, codec::to_json(schema::view(remote->servers().learned())));
    if (!stored) logger.error("cannot store the list of servers", {{"error", stored.error().text()}});
    logger.info("servers learned", {{"servers", drover::join(remote->servers().shown(), ",")}});
  };
  return {};
}

void client::state::heard(const schema::node_update_response& reply) {
  if (remote) remote->took(reply);
  last_contact = machine_now();
  bool matters = std::any_of(runners.begin(), runners.end(), [](auto& r) { return disconnect_limit(r.second->group()) && !r.second->tasks_done(); });
  if (matters) save_contact();
  contact_changed.notify_all();
  // How patient an agent must be that starts when all others do.
  int64_t nodes = reply.num_nodes;
  if (nodes <= 0 || (nodes * 4 >= stored_nodes * 3 && nodes * 4 <= stored_nodes * 5)) return;
  stored_nodes = nodes;
  if (auto stored = db->put_fact(nodes_fact, std::to_string(nodes)); !stored)
    logger.error("cannot store the size of the cluster", {{"error", stored.error().text()}});
}

void client::state::save_contact() {
  if (auto stored = db->put_fact(contact_fact, to_text(*last_contact)); !stored)
    logger.error("cannot store the time of the last contact", {{"error", stored.error().text()}});
}

// client.server_join: says how it goes, and ends the agent when that is wanted. The other loops look for servers meanwhile, too.
net::awaitable<void> client::state::join() {
  auto& how = options.server_join;
  if (how.retry_join.empty()) co_return;
  for (int64_t tries = 1; !link->ready().is_set(); ++tries) {
    auto found = co_await remote->find_living();
    if (found) {
      link->hurry();
      co_return;
    }
    if (how.retry_max > 0 && tries >= how.retry_max) {
      error given_up(errc::unavailable, fmt::format("no server answered in {} tries (client.server_join.retry_max)", tries), found.error());
      logger.error("giving up to join", {{"error", given_up.text()}});
      if (fatal) fatal(std::move(given_up));
      co_return;
    }
    logger.warn("no server answers yet", {{"tries", tries}, {"retry_interval", to_string(how.retry_interval)}, {"error", found.error().text()}});
    co_await link->ready().wait(net::after(how.retry_interval));
  }
}

// Stops what has been without servers for longer than it wants to be, and says how long until the next one has.
std::optional<duration> client::state::stop_disconnected() {
  std::optional<duration> next;
  if (!last_contact) return next;
  auto now = machine_now();
  for (auto& [id, runner] : runners) {
    auto limit = disconnect_limit(runner->group());
    if (!limit || runner->tasks_done()) continue;
    auto left = until_stop(*limit, passed(*last_contact, now), passed(began, now));
    if (left.ns > 0) {
      next = next ? std::min(*next, left) : left;
      continue;
    }
    logger.warn("stopping an allocation: the servers have been out of reach for too long", {{"alloc_id", id}, {"limit", to_string(*limit)}});
    runner->kill_tasks();
  }
  return next;
}

net::awaitable<void> client::state::stop_when_disconnected() {
  for (;;) {
    auto next = stop_disconnected();
    // At least this long, so that an allocation that takes its time to stop is not told in a hot loop.
    co_await contact_changed.wait(next ? net::after(std::max(*next, milliseconds(10))) : net::never);
  }
}

net::awaitable<result<>> client::state::set_servers(std::vector<std::string> addresses) {
  if (!remote) co_return fail(errc::invalid, "this agent's client uses the server of its own process");
  if (addresses.empty()) co_return fail(errc::invalid, "missing server address");
  CO_TRY_ASSIGN(auto wanted, parse_server_addresses(addresses));
  std::vector<std::string> living, silent;
  for (auto& address : wanted) {
    auto answered = co_await remote->ping(address);
    if (answered) living.push_back(address);
    else silent.push_back(answered.error().text());
  }
  if (living.empty()) co_return fail(errc::invalid, "none of these servers answers: {}", fmt::join(silent, "; "));
  remote->servers().replace(living, env::real_random());
  remote->on_learned();
  link->hurry();
  co_return result<>{};
}

net::awaitable<result<>> client::state::wait_drained(duration deadline) {
  auto until = deadline.ns > 0 ? net::after(deadline + limits::drain_patience) : net::never;
  schema::node_specific_request request;
  request.region = options.region;
  request.node_id = link->node()->id;
  request.secret_id = link->node()->secret_id;
  request.auth_token = request.secret_id;
  request.max_query_time = limits::query_time;
  while (net::now() < until) {
    auto reply = co_await net::with_deadline(rpc::call<schema::single_node_response>(servers, "Node.GetNode", request), until);
    if (!reply) co_return fail(reply.error());
    if (!reply->node) co_return fail(errc::not_found, "the servers do not know this node");
    if (!reply->node->drain_strategy) co_return result<>{};
    request.min_query_index = reply->index;
  }
  co_return fail(errc::timeout, "the drain took longer than its deadline");
}

net::awaitable<result<>> client::state::drain() {
  if (!options.drain_on_shutdown) co_return result<>{};
  auto& how = *options.drain_on_shutdown;
  schema::node_update_drain_request request;
  request.region = options.region;
  request.auth_token = link->node()->secret_id;
  request.node_id = link->node()->id;
  request.meta["message"] = "shutting down";
  auto& strategy = request.drain_strategy.emplace();
  // Negative: everything is stopped at once.
  strategy.deadline = how.force ? seconds(-1) : how.deadline;
  strategy.ignore_system_jobs = how.ignore_system_jobs;
  auto told = co_await rpc::call<schema::node_drain_update_response>(servers, "Node.UpdateDrain", std::move(request));
  if (!told) co_return wrap(told.error(), "asking the servers to drain this node");
  logger.info("draining before the end", {{"deadline", to_string(strategy.deadline)}});
  auto drained = co_await wait_drained(strategy.deadline);
  if (!drained) co_return wrap(drained.error(), "waiting for this node's drain");
  co_return result<>{};
}

}  // namespace drover::client

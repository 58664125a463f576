#include "server/server.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <fstream>

#include "base/text.h"
#include "fsm/machine.h"
#include "rpc/pool.h"
#include "schema/operator_rpc.h"
#include "server/acl_replication.h"
#include "server/alloc_updates.h"
#include "server/authority.h"
#include "server/blocked_evals.h"
#include "server/bootstrap.h"
#include "server/csi_volumes.h"
#include "server/deployments.h"
#include "server/drainer.h"
#include "server/endpoint/access_endpoints.h"
#include "server/endpoint/endpoints.h"
#include "server/endpoint/stubs.h"
#include "server/eval_broker.h"
#include "server/event_broker.h"
#include "server/event_limits.h"
#include "server/forward.h"
#include "server/gc.h"
#include "server/heartbeats.h"
#include "server/keyring.h"
#include "server/leader.h"
#include "server/lost_nodes.h"
#include "server/membership.h"
#include "server/node_connections.h"
#include "server/periodic.h"
#include "server/plan_queue.h"
#include "server/raft_await.h"
#include "server/raft_members.h"
#include "server/raft_transport.h"
#include "server/recovery.h"
#include "server/replicator.h"
#include "server/variable_locks.h"
#include "server/wakeups.h"
#include "server/worker_pool.h"

namespace drover::server {
namespace {

constexpr duration catch_up_interval = milliseconds(20);
constexpr duration hand_over_timeout = seconds(3);

// libraft calls this; it is the machine with Raft's shape.
class raft_adapter : public raft::state_machine {
 public:
  explicit raft_adapter(fsm::machine& m) : machine_(m) {}
  result<std::any> apply(uint64_t index, std::string_view entry) override { return machine_.apply(index, entry); }
  result<std::any> apply_proposed(uint64_t index, std::string_view entry, void* proposed) override { return machine_.apply(index, entry, proposed); }
  serialiser snapshot() override { return machine_.freeze(); }
  result<> restore(uint64_t index, std::string_view saved) override { return machine_.restore(index, saved); }

 private:
  fsm::machine& machine_;
};

rpc::call_context own_caller() {
  rpc::call_context context;
  context.internal = true;
  return context;
}

// The server's UUID, kept so that it is the same server after a restart.
result<std::string> load_or_make_id(const std::string& path, env::random& random) {
  std::string id;
  if (std::ifstream in(path); in >> id) {
    if (!is_uuid(id))
      return fail(errc::corrupt, "{} holds \"{}\", which is no server id; restore the file or remove it together with the raft directory", path, id);
    return id;
  }
  id = random.uuid();
  std::ofstream out(path, std::ios::trunc);
  out << id << '\n';
  out.flush();
  if (!out) return fail(errc::io, "the server id could not be written to {}", path);
  return id;
}

}  // namespace

struct cluster_server::parts {
  parts(net::loop& l, server_options o)
      : options(std::move(o)),
        context{.loop = l, .clock = env::real_clock(), .random = env::real_random(), .options = options, .store = store},
        machine(store),
        adapter(machine),
        broker(l, context.clock, context.random, {.nack_timeout = options.eval_nack_timeout, .delivery_limit = options.eval_delivery_limit}),
        blocked([this](ref<schema::evaluation> eval) { broker.requeue(std::move(eval)); }),
        beats(l, context.clock, context.random, options),
        channel(l, table),
        own_channel(l, table, own_caller()),
        authority(context),
        writes(l, log::logger("nomad")),
        answers(net::mailbox::create(l)) {
    context.writes = &writes;
    context.stubs = &stubs;
    context.authority = &authority;
    context.peers = &known;
    context.pool = options.pool;
    context.raft_answers = answers.get();
  }

  server_options options;
  state::store store;
  server_context context;
  fsm::machine machine;
  raft_adapter adapter;
  eval_broker broker;
  blocked_evals blocked;
  heartbeats beats;
  node_connections nodes;
  server::peers known;
  rpc::method_table table;
  rpc::local_channel channel;
  rpc::local_channel own_channel;  // for the server's own duties
  server::authority authority;
  net::task_scope writes;
  // From the Raft thread: what was committed, then what that answers.
  std::shared_ptr<net::mailbox> answers;
  job_stubs stubs;
  size_t event_batches = event_batches_kept;
  std::unique_ptr<event_broker> events;
  uint64_t events_checked_at = 0;  // the index of the ACL tables at which subscribers were asked whether they still may

  std::string id;
  std::vector<listed_server> recovered;  // from peers.json
  // Commits are followed from here on; before, the state is read as a whole.
  std::shared_ptr<std::atomic<bool>> live = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<raft_transport> raft_connections;
  std::unique_ptr<raft::node> raft;
  std::unique_ptr<server::membership> membership;
  std::unique_ptr<bootstrapper> bootstrap;
  std::unique_ptr<server::raft_members> raft_members;
  std::unique_ptr<net::task_scope> catching_up;
  std::unique_ptr<replicator> replicate;
  std::unique_ptr<server_links> links;
  std::unique_ptr<forwarder> forward;
  std::unique_ptr<plan_queue> plans;
  std::unique_ptr<server::wakeups> wakes;
  std::unique_ptr<server::alloc_updates> updates;
  std::unique_ptr<server::deployments> watcher;
  std::unique_ptr<periodic_launcher> periodic;
  std::unique_ptr<server::drainer> drainer;
  std::unique_ptr<lost_nodes> lost;
  std::unique_ptr<server::keyring> keys;
  std::unique_ptr<server::variable_locks> locks;
  std::unique_ptr<csi_volumes> csi;
  std::unique_ptr<acl_replication> replication;
  std::unique_ptr<leader_duties> leader;
  std::unique_ptr<worker_pool> workers;

  result<> make_directories();
  void make_transport();
  result<> start_raft();
  result<> make_membership();
  void make_parts();
  net::awaitable<void> catch_up(uint64_t target);
  net::awaitable<void> hand_over();
  net::awaitable<result<>> ask_to_be_removed();
  void on_commit(const fsm::commit_event& event);
  void on_leadership(const raft::leadership& now);
};

cluster_server::cluster_server(net::loop& l, server_options options) : parts_(std::make_unique<parts>(l, std::move(options))) {}
cluster_server::~cluster_server() = default;

result<> cluster_server::parts::make_directories() {
  for (const auto& dir : {options.data_dir, options.data_dir + "/server"})
    if (mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) return fail(system_error(errno, "making the directory " + dir));
  TRY_ASSIGN(id, load_or_make_id(options.data_dir + "/server/node-id", context.random));
  return {};
}

void cluster_server::parts::make_transport() {
  raft_transport_options o;
  o.region = options.region;
  o.server_id = id;
  o.name = options.name;
  o.cluster_id = [this] { return std::string(store.current().cluster_id()); };
  o.addresses = [this](uint64_t raft_id) { return membership->addresses_of(raft_id); };
  o.admit = [this](const std::string& server_id) { return membership->knows(server_id); };
  o.tls = options.tls.raft_client;
  o.check_certificate = options.tls.check_raft_peer;
  raft_connections = std::make_unique<raft_transport>(context.loop, std::move(o));
}

result<> cluster_server::parts::start_raft() {
  machine.keep_job_versions(static_cast<size_t>(options.job_tracked_versions));
  machine.on_commit([this, live = live](std::shared_ptr<const fsm::commit_event> event) {
    if (!*live) return;
    answers->put([this, live, event = std::move(event)] {
      if (*live) on_commit(*event);
    });
  });
  raft::options o;
  o.directory = options.data_dir + "/server/raft";
  TRY_ASSIGN(recovered, apply_peers_json(o.directory, id));
  o.id = raft::id_from_uuid(id);
  // Servers are known by id; where they are is looked up for each connection (raft_transport.h).
  o.address = id;
  if (options.bootstrap_expect == 1) o.bootstrap = {{.id = o.id, .address = id}};
  o.snapshot_threshold = options.raft_snapshot_threshold;
  o.snapshot_trailing = options.raft_trailing_logs;
  auto slower = std::clamp(options.raft_multiplier, 1, 10);
  o.election_timeout = o.election_timeout * slower;
  o.heartbeat = o.heartbeat * slower;
  o.connect_retry = o.connect_retry * slower;
  o.install_snapshot_timeout = o.install_snapshot_timeout * slower;
  o.transport = raft_connections->endpoint();
  o.on_turn_end = [box = answers] { box->flush(); };
  o.on_leadership_change = [this, live = live](const raft::leadership& l) {
    // After the commits that made it leader: in their order.
    answers->put([this, live, l] {
      if (*live) on_leadership(l);
    });
  };
  TRY_ASSIGN(raft, raft::node::start(std::move(o), adapter));
  context.raft = raft.get();
  return {};
}

result<> cluster_server::parts::make_membership() {
  TRY_ASSIGN(auto file, peer_file::open(options.data_dir + "/server", context.random));
  membership = std::make_unique<server::membership>(context, std::move(file));
  context.membership = membership.get();
  if (!recovered.empty()) membership->remember(recovered);
  bootstrap = std::make_unique<bootstrapper>(context);
  context.bootstrap = bootstrap.get();
  raft_members = std::make_unique<server::raft_members>(context);
  context.raft_members = raft_members.get();
  return membership->start();
}

void cluster_server::parts::make_parts() {
  if (event_batches > 0) events = std::make_unique<event_broker>(context.loop, event_batches);
  replicate = std::make_unique<replicator>(*answers, *raft, machine);
  server_links_options way;
  if (auto* pool = context.pool) {
    way.dial = [pool](const std::string& address, const std::string& region) { return pool->to(address, region); };
    way.drop = [pool](const std::string& address) { pool->drop(address); };
  }
  links = std::make_unique<server_links>(context.loop, std::move(way));
  forward = std::make_unique<forwarder>(context, *links);
  context.forward = forward.get();
  context.channel = &own_channel;
  context.replicate = replicate.get();
  context.broker = &broker;
  context.blocked = &blocked;
  context.heartbeats = &beats;
  context.nodes = &nodes;
  wakes = std::make_unique<server::wakeups>(blocked);
  context.wakeups = wakes.get();
  plans = std::make_unique<plan_queue>(context);
  context.plans = plans.get();
  updates = std::make_unique<server::alloc_updates>(context);
  context.alloc_updates = updates.get();
  watcher = std::make_unique<server::deployments>(context);
  context.deployments = watcher.get();
  periodic = std::make_unique<periodic_launcher>(context);
  context.periodic = periodic.get();
  drainer = std::make_unique<server::drainer>(context);
  context.drainer = drainer.get();
  lost = std::make_unique<lost_nodes>(context);
  context.lost = lost.get();
  keys = std::make_unique<server::keyring>(context);
  context.keyring = keys.get();
  locks = std::make_unique<server::variable_locks>(context);
  context.variable_locks = locks.get();
  csi = std::make_unique<csi_volumes>(context);
  context.csi = csi.get();
  replication = std::make_unique<acl_replication>(context);
  leader = std::make_unique<leader_duties>(context);
  context.leader = leader.get();
  workers = std::make_unique<worker_pool>(context);
  workers->set(options.scheduler_workers, options.enabled_schedulers);
  broker.still_held = [this](const std::string& eval_id, const std::string& token) { return workers->holds(eval_id, token); };
  for (auto add : {&add_job_reads,         &add_job_writes,           &add_job_launches,         &add_job_plan,           &add_job_explain,
                   &add_alloc_methods,     &add_eval_methods,         &add_deployment_methods,   &add_node_reads,         &add_node_writes,
                   &add_namespace_methods, &add_host_volume_methods,  &add_volume_claim_methods, &add_csi_methods,        &add_csi_storage_methods,
                   &add_service_methods,   &add_status_methods,       &add_raft_methods,         &add_snapshot_methods,   &add_operator_methods,
                   &add_scaling_methods,   &add_search_methods,       &add_client_methods,       &add_keyring_methods,    &add_variable_methods,
                   &add_identity_methods,  &add_restart_turn_methods, &add_peer_methods,         &add_acl_policy_methods, &add_acl_token_methods,
                   &add_quota_methods,     &add_auth_method_methods})
    add(table, context);
  add_event_methods(table, context, events.get());
}

result<> cluster_server::start() {
  auto& p = *parts_;
  TRY(p.make_directories());
  p.context.server_id = p.id;
  p.make_transport();
  TRY(p.start_raft());
  TRY(p.make_membership());
  p.make_parts();
  *p.live = true;
  p.context.followed = p.store.current();
  p.workers->start();
  p.on_leadership(p.raft->leader());
  p.catching_up = std::make_unique<net::task_scope>(p.context.loop, p.context.logger);
  p.catching_up->spawn(p.catch_up(p.raft->stats().last_log_index));
  p.bootstrap->start();
  p.raft_members->start();
  p.replication->start();
  return {};
}

// A server of several has its own log, but learns from the leader how much of it counts.
net::awaitable<void> cluster_server::parts::catch_up(uint64_t target) {
  for (;;) {
    auto stats = raft->stats();
    bool all_of_log = stats.handled_index >= target;
    bool all_that_counts = stats.leadership.leader_id != 0 && stats.commit_index > 0 && stats.handled_index >= stats.commit_index;
    if (stats.last_log_index > 0 && stats.leadership.leader_id != 0 && (all_of_log || all_that_counts)) break;
    co_await context.leadership_changed.wait(net::after(catch_up_interval));
  }
  context.replayed = true;
  // Reads wait for it.
  context.leadership_changed.notify_all();
}

void cluster_server::parts::on_leadership(const raft::leadership& now) {
  context.leadership = now;
  if (context.is_leader != now.is_self) {
    context.is_leader = now.is_self;
    if (now.is_self) {
      leader->establish();
      raft_members->establish();
    } else {
      leader->revoke();
      raft_members->revoke();
    }
  }
  context.leadership_changed.notify_all();
}

void cluster_server::parts::on_commit(const fsm::commit_event& event) {
  context.followed = event.state;
  // Everything that the leader keeps in memory is made anew from a state that was replaced.
  if (event.restored && context.is_leader) {
    leader->revoke();
    leader->establish();
  }
  if (events) {
    events->note(event);
    auto acl_index = event.state.index({state::table::acl_tokens, state::table::acl_policies, state::table::acl_roles});
    if (authority.enabled() && acl_index != std::exchange(events_checked_at, acl_index)) events->close_refused();
  }
  plans->note(event);
  if (workers) workers->note(event);
  if (context.is_leader && !event.restored) leader->note(event);
}

net::awaitable<void> cluster_server::stop() {
  auto& p = *parts_;
  *p.live = false;
  if (p.catching_up) co_await p.catching_up->stop();
  if (p.bootstrap) co_await p.bootstrap->stop();
  if (p.raft_members) co_await p.raft_members->stop();
  if (p.replication) co_await p.replication->stop();
  co_await p.channel.stop();
  co_await p.own_channel.stop();
  co_await p.writes.stop();
  if (p.forward) co_await p.forward->stop();
  if (p.links) co_await p.links->stop();
  if (p.workers) co_await p.workers->stop();
  if (p.leader) co_await p.leader->stop();
  if (p.keys) co_await p.keys->stop();
  if (p.locks) co_await p.locks->stop();
  if (p.csi) co_await p.csi->stop();
  if (p.lost) co_await p.lost->stop();
  if (p.watcher) co_await p.watcher->stop();
  if (p.periodic) co_await p.periodic->stop();
  if (p.drainer) co_await p.drainer->stop();
  if (p.updates) co_await p.updates->stop();
  if (p.plans) co_await p.plans->stop();
  co_await p.beats.stop();
  co_await p.broker.stop();
  if (p.membership) co_await p.membership->stop();
  if (p.raft_connections) co_await p.raft_connections->stop();
  if (p.raft) p.raft->stop();
}

// Gives leadership to another voter, if this server has it.
net::awaitable<void> cluster_server::parts::hand_over() {
  auto deadline = net::after(hand_over_timeout);
  while (raft->is_leader() && raft->stats().servers.size() > 1 && net::now() < deadline) {
    auto done = co_await await_raft(*context.raft_answers, [this](raft::callback answer) { raft->transfer(0, std::move(answer)); });
    if (done) context.logger.info("leadership handed over");
    else context.logger.warn("leadership could not be handed over", {{"error", done.error().text()}});
    if (!done && done.error().code() == errc::not_found) co_return;
    if (!done) co_await net::sleep_for(catch_up_interval);
  }
  while (context.leadership.leader_id == 0 || context.leadership.is_self)
    if (!co_await context.leadership_changed.wait(deadline)) co_return;
}

net::awaitable<result<>> cluster_server::parts::ask_to_be_removed() {
  auto leader = context.leadership.leader_id;
  auto address = leader == 0 ? std::string() : membership->rpc_address_of(leader);
  if (address.empty() || leader == raft::id_from_uuid(id)) co_return fail(errc::unavailable, "no other server leads");
  schema::raft_peer_by_id_request request;
  request.region = options.region;
  request.id = id;
  auto channel = options.pool->to(address, options.region);
  CO_TRY(co_await net::with_deadline(rpc::call<schema::generic_response>(*channel, "Operator.RaftRemovePeerByID", request), net::after(hand_over_timeout)));
  co_return result<>{};
}

net::awaitable<result<>> cluster_server::leave() {
  auto& p = *parts_;
  p.context.logger.info("server starting leave");
  p.bootstrap->stop_asking();
  if (p.options.pool != nullptr && p.options.gossip && p.raft->stats().servers.size() > 1) {
    co_await p.hand_over();
    if (auto removed = co_await p.ask_to_be_removed(); !removed)
      p.context.logger.warn("this server could not be removed from Raft; autopilot of the others will", {{"error", removed.error().text()}});
  }
  co_return co_await p.membership->leave();
}

void cluster_server::accept_raft(std::unique_ptr<net::byte_stream> stream) {
  if (*parts_->live) parts_->raft_connections->accept(std::move(stream));
}

net::awaitable<result<gossip::join_result>> cluster_server::join(std::vector<std::string> addresses) {
  CO_TRY_ASSIGN(auto* list, parts_->membership->need_list());
  co_return co_await list->join(std::move(addresses));
}
net::awaitable<result<>> cluster_server::force_leave(std::string name, bool prune) {
  CO_TRY_ASSIGN(auto* list, parts_->membership->need_list());
  co_return co_await list->force_leave(std::move(name), prune);
}
net::awaitable<result<gossip::key_response>> cluster_server::install_key(std::string key) {
  CO_TRY_ASSIGN(auto* list, parts_->membership->need_list());
  co_return co_await list->install_key(std::move(key));
}
net::awaitable<result<gossip::key_response>> cluster_server::use_key(std::string key) {
  CO_TRY_ASSIGN(auto* list, parts_->membership->need_list());
  co_return co_await list->use_key(std::move(key));
}
net::awaitable<result<gossip::key_response>> cluster_server::remove_key(std::string key) {
  CO_TRY_ASSIGN(auto* list, parts_->membership->need_list());
  co_return co_await list->remove_key(std::move(key));
}
net::awaitable<result<gossip::key_response>> cluster_server::list_keys() {
  CO_TRY_ASSIGN(auto* list, parts_->membership->need_list());
  co_return co_await list->list_keys();
}
std::vector<gossip::member> cluster_server::members() const { return parts_->membership->members(); }
const peers& cluster_server::known_servers() const { return parts_->known; }

const rpc::method_table& cluster_server::methods() const { return parts_->table; }
rpc::channel& cluster_server::channel() { return parts_->channel; }
void cluster_server::connect_node(std::string node_id, rpc::channel& to) { parts_->nodes.add(std::move(node_id), to); }
void cluster_server::forget_node(const std::string& node_id) { parts_->nodes.remove(node_id); }
result<std::shared_ptr<const acl::acl>> cluster_server::access_of(const std::string& token) {
  auto& p = *parts_;
  if (!p.authority.enabled()) return acl::acl::management();
  TRY_ASSIGN(auto by, p.authority.authenticate(token, p.store.current()));
  return by->may;
}
cluster_server::token_holder cluster_server::holder_of(const std::string& token) {
  auto& p = *parts_;
  if (!p.authority.enabled()) return {};
  auto by = p.authority.authenticate(token, p.store.current());
  if (!by) return {};
  return (*by)->token ? token_holder{(*by)->token->accessor_id, (*by)->token->name} : token_holder{(*by)->node_id, {}};
}
bool cluster_server::is_leader() const { return parts_->context.is_leader; }
result<> cluster_server::set_schedulers(int64_t count, std::vector<std::string> types) {
  TRY(check_schedulers(count, types));
  parts_->workers->set(static_cast<int>(count), std::move(types));
  return {};
}
schema::agent_scheduler_worker_config_response cluster_server::scheduler_config() const {
  return {.server_id = id(), .num_schedulers = parts_->workers->count(), .enabled_schedulers = parts_->workers->types()};
}
schema::agent_scheduler_workers_info cluster_server::schedulers() const { return {.server_id = id(), .schedulers = parts_->workers->shown()}; }
const std::string& cluster_server::id() const { return parts_->id; }
state::snapshot cluster_server::state() const { return parts_->store.current(); }

void cluster_server::keep_events(size_t batches) { parts_->event_batches = batches; }

server_stats cluster_server::stats() const {
  server_stats s;
  s.raft = parts_->raft->stats();
  if (s.raft.leadership.leader_id != 0) s.leader_rpc_address = parts_->membership->rpc_address_of(s.raft.leadership.leader_id);
  if (auto* list = parts_->membership->list()) s.serf = list->stats();
  auto broker = parts_->broker.stats();
  s.brokers_ready = broker.ready;
  s.brokers_leased = broker.leased;
  s.brokers_pending = broker.waiting;
  s.brokers_delayed = broker.delayed;
  s.blocked_escaped = parts_->blocked.escaped();
  if (parts_->events) s.event_subscribers = parts_->events->subscribers();
  s.blocked_evals = parts_->blocked.size();
  s.plans_waiting = parts_->plans->size();
  s.tracked_nodes = parts_->beats.size();
  return s;
}

}  // namespace drover::server

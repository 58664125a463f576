#include "server/server.h"

#include <sys/stat.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <fstream>

#include "base/text.h"
#include "fsm/machine.h"
#include "server/alloc_updates.h"
#include "server/blocked_evals.h"
#include "server/deployments.h"
#include "server/drainer.h"
#include "server/endpoint/endpoints.h"
#include "server/endpoint/stubs.h"
#include "server/eval_broker.h"
#include "server/gc.h"
#include "server/heartbeats.h"
#include "server/leader.h"
#include "server/node_connections.h"
#include "server/periodic.h"
#include "server/plan_queue.h"
#include "server/replicator.h"
#include "server/worker.h"

namespace drover::server {
namespace {

// libraft calls this; it is the machine with Raft's shape.
class raft_adapter : public raft::state_machine {
 public:
  explicit raft_adapter(fsm::machine& m) : machine_(m) {}
  result<std::any> apply(uint64_t index, std::string_view entry) override { return machine_.apply(index, entry); }
  serialiser snapshot() override { return machine_.freeze(); }
  result<> restore(uint64_t index, std::string_view saved) override { return machine_.restore(index, saved); }

 private:
  fsm::machine& machine_;
};

// The server's UUID, kept so that it is the same server after a restart.
result<std::string> load_or_make_id(const std::string& path, env::random& random) {
  std::string id;
  if (std::ifstream in(path); in >> id) {
    if (!is_uuid(id)) return fail(errc::corrupt, "{} holds \"{}\", which is no server id; restore the file or remove it together with the raft directory", path, id);
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
        broker(l, context.clock, context.random,
               {.nack_timeout = options.eval_nack_timeout, .delivery_limit = options.eval_delivery_limit}),
        blocked([this](ref<schema::evaluation> eval) { broker.requeue(std::move(eval)); }),
        beats(l, context.clock, context.random, options),
        channel(l, table),
        writes(l, log::logger("nomad")) {
    context.writes = &writes;
    context.stubs = &stubs;
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
  rpc::method_table table;
  rpc::local_channel channel;
  net::task_scope writes;
  job_stubs stubs;

  std::string id;
  // Commits are followed from here on; before, the state is read as a whole.
  std::shared_ptr<std::atomic<bool>> live = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<raft::node> raft;
  std::unique_ptr<replicator> replicate;
  std::unique_ptr<plan_queue> plans;
  std::unique_ptr<server::alloc_updates> updates;
  std::unique_ptr<server::deployments> watcher;
  std::unique_ptr<periodic_launcher> periodic;
  std::unique_ptr<server::drainer> drainer;
  std::unique_ptr<leader_duties> leader;
  std::vector<std::unique_ptr<worker>> workers;

  result<> make_directories();
  result<> start_raft();
  void make_parts();
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

result<> cluster_server::parts::start_raft() {
  machine.on_commit([this, live = live](std::shared_ptr<const fsm::commit_event> event) {
    if (!*live) return;
    boost::asio::post(context.loop, [this, live, event = std::move(event)] {
      if (*live) on_commit(*event);
    });
  });
  raft::options o;
  o.directory = options.data_dir + "/server/raft";
  o.id = raft::id_from_uuid(id);
  o.address = options.rpc_address;
  o.bootstrap = {{.id = o.id, .address = options.rpc_address}};
  o.snapshot_threshold = options.raft_snapshot_threshold;
  o.snapshot_trailing = options.raft_trailing_logs;
  o.on_leadership_change = [this, live = live](const raft::leadership& l) {
    boost::asio::post(context.loop, [this, live, l] {
      if (*live) on_leadership(l);
    });
  };
  TRY_ASSIGN(raft, raft::node::start(std::move(o), adapter));
  return {};
}

void cluster_server::parts::make_parts() {
  replicate = std::make_unique<replicator>(context.loop, *raft);
  context.raft = raft.get();
  context.channel = &channel;
  context.replicate = replicate.get();
  context.broker = &broker;
  context.blocked = &blocked;
  context.heartbeats = &beats;
  context.nodes = &nodes;
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
  leader = std::make_unique<leader_duties>(context);
  context.leader = leader.get();
  for (int i = 0; i < options.scheduler_workers; ++i) {
    workers.push_back(std::make_unique<worker>(context, context.random.uuid(), options.enabled_schedulers));
    context.workers.push_back(workers.back().get());
  }
  for (auto add : {&add_job_reads, &add_job_writes, &add_job_launches, &add_job_plan, &add_alloc_methods, &add_eval_methods, &add_deployment_methods,
                   &add_node_reads, &add_node_writes, &add_namespace_methods, &add_service_methods, &add_status_methods,
                   &add_operator_methods, &add_search_methods, &add_client_methods})
    add(table, context);
}

result<> cluster_server::start() {
  auto& p = *parts_;
  TRY(p.make_directories());
  TRY(p.start_raft());
  p.context.server_id = p.id;
  p.make_parts();
  *p.live = true;
  p.context.followed = p.store.current();
  p.context.replayed = true;
  for (auto& w : p.workers) w->start();
  p.on_leadership(p.raft->leader());
  return {};
}

void cluster_server::parts::on_leadership(const raft::leadership& now) {
  context.leadership = now;
  if (context.is_leader != now.is_self) {
    context.is_leader = now.is_self;
    if (now.is_self) leader->establish();
    else leader->revoke();
  }
  context.leadership_changed.notify_all();
}

void cluster_server::parts::on_commit(const fsm::commit_event& event) {
  context.followed = event.state;
  plans->note(event);
  for (auto& w : workers) w->note(event);
  if (context.is_leader) leader->note(event);
}

net::awaitable<void> cluster_server::stop() {
  auto& p = *parts_;
  *p.live = false;
  co_await p.channel.stop();
  co_await p.writes.stop();
  for (auto& w : p.workers) co_await w->stop();
  if (p.leader) co_await p.leader->stop();
  if (p.watcher) co_await p.watcher->stop();
  if (p.periodic) co_await p.periodic->stop();
  if (p.drainer) co_await p.drainer->stop();
  if (p.updates) co_await p.updates->stop();
  if (p.plans) co_await p.plans->stop();
  co_await p.beats.stop();
  co_await p.broker.stop();
  if (p.raft) p.raft->stop();
}

const rpc::method_table& cluster_server::methods() const { return parts_->table; }
rpc::channel& cluster_server::channel() { return parts_->channel; }
void cluster_server::connect_node(std::string node_id, rpc::channel& to) { parts_->nodes.add(std::move(node_id), to); }
void cluster_server::forget_node(const std::string& node_id) { parts_->nodes.remove(node_id); }
bool cluster_server::is_leader() const { return parts_->context.is_leader; }
const std::string& cluster_server::id() const { return parts_->id; }
state::snapshot cluster_server::state() const { return parts_->store.current(); }

server_stats cluster_server::stats() const {
  server_stats s;
  s.raft = parts_->raft->stats();
  auto broker = parts_->broker.stats();
  s.brokers_ready = broker.ready;
  s.brokers_leased = broker.leased;
  s.blocked_evals = parts_->blocked.size();
  s.plans_waiting = parts_->plans->size();
  s.tracked_nodes = parts_->beats.size();
  return s;
}

}  // namespace drover::server

// What a server counts: its queues and its log, and on the leader how the cluster's jobs are.
#include "api/http_api.h"
#include "api/metrics.h"
#include "state/tables.h"

namespace drover::api {
namespace {

double number(auto n) { return static_cast<double>(n); }

void add_queues(const server::server_stats& stats, metrics_list& out) {
  out.gauge("nomad.nomad.broker.total_ready", number(stats.brokers_ready));
  out.gauge("nomad.nomad.broker.total_unacked", number(stats.brokers_leased));
  out.gauge("nomad.nomad.broker.total_pending", number(stats.brokers_pending));
  out.gauge("nomad.nomad.broker.total_waiting", number(stats.brokers_delayed));
  out.gauge("nomad.nomad.blocked_evals.total_blocked", number(stats.blocked_evals));
  out.gauge("nomad.nomad.blocked_evals.total_escaped", number(stats.blocked_escaped));
  out.gauge("nomad.nomad.plan.queue_depth", number(stats.plans_waiting));
  out.gauge("nomad.nomad.heartbeat.active", number(stats.tracked_nodes));
  out.gauge("nomad.nomad.event_broker.subscribers", number(stats.event_subscribers));
}

void add_raft(const raft::stats& stats, metrics_list& out) {
  out.gauge("nomad.raft.appliedIndex", number(stats.applied_index));
  out.gauge("nomad.raft.commitIndex", number(stats.commit_index));
  out.gauge("nomad.raft.lastIndex", number(stats.last_log_index));
  out.gauge("nomad.raft.peers", number(stats.servers.size()));
  out.gauge("nomad.raft.term", number(stats.term));
  out.counter("nomad.raft.apply", number(stats.applied_entries));
  out.counter("nomad.raft.snapshot.create", number(stats.snapshots_taken));
  out.counter("nomad.raft.snapshot.restore", number(stats.snapshots_restored));
}

// Children of periodic and parameterized jobs are known by their parents too.
metrics_list::labels job_labels(const schema::job& job) {
  metrics_list::labels out{{"job", job.id}, {"namespace", job.namespace_}};
  if (job.parent_id.empty()) return out;
  out["parent_id"] = job.parent_id;
  for (const auto& [mark, label] : {std::pair("/dispatch-", "dispatch_id"), std::pair("/periodic-", "periodic_id")})
    if (auto at = job.id.rfind(mark); at != job.id.npos) out[label] = job.id.substr(at + std::string_view(mark).size());
  return out;
}

void add_summary(const schema::job& job, const schema::job_summary& summary, metrics_list& out) {
  for (const auto& [group, counts] : summary.summary) {
    auto labels = job_labels(job);
    labels["task_group"] = group;
    const std::pair<const char*, int64_t> rows[] = {{"queued", counts.queued},   {"complete", counts.complete}, {"failed", counts.failed},
                                                    {"running", counts.running}, {"starting", counts.starting}, {"lost", counts.lost},
                                                    {"unknown", counts.unknown}};
    for (const auto& [name, count] : rows) out.gauge(std::string("nomad.nomad.job_summary.") + name, number(count), labels);
  }
}

void add_jobs(const services& with, metrics_list& out) {
  const auto state = with.server->state();
  std::map<std::string, uint64_t> statuses{{"pending", 0}, {"running", 0}, {"dead", 0}};
  state.visit_jobs("*", "", [&](const auto& job) {
    ++statuses[job->status];
    bool launched = !job->parent_id.empty();
    if (launched && !with.telemetry.dispatched_job_summaries) return true;
    if (auto summary = state.job_summary(job->namespace_, job->id)) add_summary(*job, *summary, out);
    return true;
  });
  for (const auto& [status, count] : statuses) out.gauge("nomad.nomad.job_status." + status, number(count));
}

}  // namespace

net::awaitable<void> add_server_metrics(const services& with, metrics_list& out) {
  const auto stats = with.server->stats();
  add_queues(stats, out);
  add_raft(stats.raft, out);
  if (!with.server->is_leader()) co_return;
  add_jobs(with, out);
  auto health = co_await rpc::call<schema::operator_health_reply>(with.server->channel(), "Operator.ServerHealth", schema::generic_request{});
  if (!health) co_return;
  out.gauge("nomad.nomad.autopilot.healthy", health->healthy ? 1 : 0);
  out.gauge("nomad.nomad.autopilot.failure_tolerance", number(health->failure_tolerance));
}

}  // namespace drover::api

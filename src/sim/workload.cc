#include "sim/workload.h"

#include <algorithm>

#include "jobspec/canonical.h"
#include "sched/computed_class.h"

namespace drover::sim {
namespace {

// Instances of parameterized jobs in one simulation.
constexpr int dispatched_max = 60;

bool everywhere(const schema::job& job) { return job.type == "system" || job.type == "sysbatch"; }

}  // namespace

schema::node workload::random_node(int number) {
  schema::node node;
  node.id = fmt::format("00000000-0000-0000-0000-{:012}", number);
  node.name = fmt::format("n{}", number);
  node.secret_id = node.id;
  node.datacenter = chance(70) ? "dc1" : "dc2";
  node.node_pool = "default";
  node.status = "ready";
  node.scheduling_eligibility = "eligible";
  node.attributes = {{"kernel.name", chance(80) ? "linux" : "windows"}, {"driver.exec", "1"}, {"unique.hostname", node.name}};
  node.meta["rack"] = fmt::format("r{}", between(0, 5));
  auto& driver = node.drivers["exec"];
  driver.detected = true;
  driver.healthy = !chance(5);
  auto& has = node.node_resources.emplace();
  has.cpu = {between(5, 40) * 100, 4, {0, 1, 2, 3}};
  has.memory.memory_mb = between(5, 80) * 100;
  has.disk.disk_mb = between(20, 100) * 100;
  schema::node_network_resource network;
  network.mode = "host";
  network.device = "eth0";
  network.addresses.push_back({"ipv4", "default", fmt::format("10.0.{}.{}", number / 200, number % 200 + 1), "", ""});
  has.node_networks.push_back(network);
  has.min_dynamic_port = 20000;
  has.max_dynamic_port = 20012;
  node.computed_class = sched::computed_class(node);
  return node;
}

schema::job workload::random_job(int number) {
  static const std::vector<std::string> types = {"service", "service", "service", "service", "batch", "batch", "system", "sysbatch"};
  schema::job job;
  job.id = job.name = fmt::format("job{}", number);
  job.type = some(types);
  job.priority = between(1, 10) * 10;
  if (chance(30)) job.datacenters = {"dc1"};
  schema::task task;
  task.name = "main";
  task.driver = "exec";
  auto& wants = task.resources.emplace();
  wants.cpu = between(1, 8) * 50;
  wants.memory_mb = between(1, 10) * 50;
  if (chance(5)) wants.cores = 1;
  schema::task_group group;
  group.name = "web";
  group.count = everywhere(job) ? 1 : between(1, 25);
  group.ephemeral_disk.emplace().size_mb = between(1, 30) * 10;
  if (job.type == "service") {
    auto& update = group.update.emplace();
    update.max_parallel = between(1, 4);
    if (chance(30)) update.canary = between(1, 2);
    update.auto_promote = update.canary.has_value();
    auto& again = group.reschedule_policy.emplace();
    again.unlimited = true;
    again.delay = seconds(between(5, 60));
  }
  if (chance(30)) {
    schema::network_resource network;
    for (auto i = between(0, 2); i > 0; --i) network.dynamic_ports.push_back({fmt::format("p{}", i), 0, 0, "", false});
    if (chance(30)) network.reserved_ports.push_back({"s", between(8080, 8082), 0, "", false});
    group.networks.push_back(network);
  }
  if (chance(30)) job.constraints.push_back({"${attr.kernel.name}", "linux", "="});
  if (chance(20)) job.constraints.push_back({"${meta.rack}", "r[0-3]", "regexp"});
  if (chance(15)) job.constraints.push_back({"", "", "distinct_hosts"});
  if (!everywhere(job) && chance(25)) job.spreads.push_back({"${meta.rack}", 50, {}});
  if (!everywhere(job) && chance(20)) job.affinities.push_back({"${meta.rack}", "r1", "=", 50});
  if (!jobs_.empty() && chance(25))
    job.depends_on.push_back({.job = some(jobs_), .namespace_ = "default", .group = "", .condition = chance(50) ? "running" : "healthy"});
  if (job.type == "batch" && chance(40)) {
    job.parameterized_job.emplace().max_parallel = between(1, 4);
    group.count = between(1, 3);
  }
  group.tasks.push_back(std::move(task));
  job.task_groups.push_back(std::move(group));
  jobspec::canonicalize(job);
  return job;
}

void workload::make_nodes(int count) {
  for (int i = 1; i <= count; ++i) {
    auto node = random_node(i);
    clients_.add(node.id);
    to_.add_node(std::move(node));
  }
}

void workload::make_jobs(int count) {
  for (int i = 1; i <= count; ++i) {
    auto job = random_job(i);
    (job.parameterized_job ? parents_ : jobs_).push_back(job.id);
    to_.register_job(std::move(job));
  }
}

void workload::change_job(const std::string& id) {
  auto job = *to_.state().job("default", id);
  auto& group = job.task_groups[0];
  job.stop = false;
  switch (between(0, 2)) {
    case 0: group.tasks[0].env["VERSION"] = std::to_string(random_.below(1000)); break;
    case 1: group.tasks[0].resources->memory_mb = between(1, 10) * 50; break;
    default:
      if (!everywhere(job)) group.count = between(0, 30);
  }
  to_.register_job(std::move(job));
}

std::string workload::job_event() {
  if (!parents_.empty() && dispatched_ < dispatched_max && chance(50)) {
    auto parent = to_.state().job("default", some(parents_));
    auto count = between(1, 4);
    for (auto i = count; i > 0; --i, ++dispatched_) to_.dispatch(*parent, between(4, 6) * 10);
    return fmt::format("{} instances of {}", count, parent->id);
  }
  if (jobs_.empty()) return "nothing";
  const auto& id = some(jobs_);
  auto job = to_.state().job("default", id);
  if (!job->stop && chance(15)) {
    to_.stop_job(id);
    return id + " is stopped";
  }
  change_job(id);
  return id + " is changed";
}

std::string workload::node_event() {
  const auto& id = some(clients_.nodes());
  auto node = to_.state().node(id);
  if (clients_.away(id)) {
    clients_.come_back(to_, id);
    return node->name + " is back";
  }
  if (chance(60)) {
    clients_.leave(to_, id);
    return node->name + " is lost";
  }
  if (node->drain_strategy || node->scheduling_eligibility != "eligible") {
    to_.drain(id, std::nullopt);
    return node->name + " takes work again";
  }
  to_.drain(id, minutes(between(1, 60)));
  return node->name + " is drained";
}

std::string workload::event() {
  auto kind = random_.below(100);
  if (kind < 8) return node_event();
  if (kind < 16) return job_event();
  if (kind < 40) {
    for (auto i = between(1, 10); i > 0; --i) clients_.turn(to_, some(clients_.nodes()));
    return "clients say what is new";
  }
  if (kind < 45) {
    to_.pass(seconds(between(1, 120)));
    return "time goes on";
  }
  for (auto i = between(1, 6); i > 0 && to_.work(choice()); --i) {
  }
  return "servers work";
}

void workload::calm_down() {
  clients_.be_good();
  for (const auto& id : clients_.nodes()) {
    clients_.come_back(to_, id);
    auto node = to_.state().node(id);
    if (node->drain_strategy || node->scheduling_eligibility != "eligible") to_.drain(id, std::nullopt);
  }
}

}  // namespace drover::sim

// For tests: a cluster in memory that applies plans the way the state does, and a few jobs and nodes to fill it with.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sched/computed_class.h"
#include "sched/scheduler.h"

namespace drover::sched::testing {

inline schema::node make_node(const std::string& id, int64_t cpu = 4000, int64_t memory = 8000, int64_t disk = 100000) {
  schema::node node;
  node.id = id;
  node.name = "name-" + id;
  node.datacenter = "dc1";
  node.node_pool = "default";
  node.status = "ready";
  node.attributes = {{"kernel.name", "linux"}, {"driver.exec", "1"}, {"unique.hostname", "host-" + id}};
  schema::driver_info driver;
  driver.detected = driver.healthy = true;
  node.drivers["exec"] = driver;
  schema::node_resources has;
  has.cpu = {cpu, 4, {0, 1, 2, 3}};
  has.memory.memory_mb = memory;
  has.disk.disk_mb = disk;
  schema::node_network_resource network;
  network.mode = "host";
  network.device = "eth0";
  network.addresses.push_back({"ipv4", "default", "10.0.0.1", "", ""});
  has.node_networks.push_back(network);
  node.node_resources = has;
  node.computed_class = computed_class(node);
  return node;
}

inline schema::job make_job(const std::string& id, const std::string& type = "service", int64_t count = 1) {
  schema::job job;
  job.id = job.name = id;
  job.type = type;
  job.datacenters = {"*"};
  schema::task task;
  task.name = "main";
  task.driver = "exec";
  task.resources.emplace();
  task.resources->cpu = 100;
  task.resources->memory_mb = 64;
  schema::task_group group;
  group.name = "web";
  group.count = count;
  group.tasks.push_back(task);
  if (type == "service") {
    group.update.emplace();
    group.update->max_parallel = 1;
    group.update->progress_deadline = minutes(10);
    group.reschedule_policy.emplace();
    group.reschedule_policy->unlimited = true;
    group.reschedule_policy->delay = seconds(30);
    group.reschedule_policy->delay_function = "exponential";
    group.reschedule_policy->max_delay = hours(1);
  }
  job.task_groups.push_back(group);
  return job;
}

class world {
 public:
  void add(schema::node node) {
    auto made = std::make_shared<const schema::node>(std::move(node));
    nodes[made->id] = made;
    view.put_node(made);
  }
  void change_node(const std::string& id, const std::function<void(schema::node&)>& edit) {
    schema::node copy = *nodes.at(id);
    edit(copy);
    copy.computed_class = computed_class(copy);
    add(std::move(copy));
  }
  // Registers, with a new version if it is known.
  void put(schema::job job) {
    ++index;
    job.modify_index = job.job_modify_index = index;
    job.create_index = index;
    if (auto it = jobs.find(job.id); it != jobs.end()) {
      job.version = it->second->version + 1;
      job.create_index = it->second->create_index;
    }
    auto made = std::make_shared<const schema::job>(std::move(job));
    jobs[made->id] = made;
  }
  schema::evaluation eval_for(const std::string& job_id) {
    schema::evaluation eval;
    eval.id = "eval-" + std::to_string(++evals);
    eval.namespace_ = "default";
    eval.job_id = job_id;
    eval.type = jobs.contains(job_id) ? jobs[job_id]->type : "service";
    eval.triggered_by = "job-register";
    eval.priority = 50;
    eval.status = "pending";
    return eval;
  }
  job_facts facts_for(const std::string& job_id) {
    job_facts facts;
    facts.index = index;
    if (auto it = jobs.find(job_id); it != jobs.end()) facts.job = it->second;
    for (const auto& [id, alloc] : allocs)
      if (alloc->job_id == job_id) facts.allocs.push_back(alloc);
    if (auto it = deployments.find(job_id); it != deployments.end()) facts.deployment = it->second;
    return facts;
  }
  outcome plan(const schema::evaluation& eval) { return schedule(facts_for(eval.job_id), view, eval, now, seed); }
  outcome run(const std::string& job_id) {
    outcome out = plan(eval_for(job_id));
    apply(out.plan, job_id);
    return out;
  }

  void put(schema::allocation alloc) {
    if (alloc.job == nullptr) {
      auto old = allocs.find(alloc.id);
      bool ended = alloc.desired_status != "run";
      if (ended && old != allocs.end() && alloc.client_status.empty()) alloc.client_status = old->second->client_status;
      alloc.job = old != allocs.end() && ended ? old->second->job : jobs.contains(alloc.job_id) ? jobs[alloc.job_id] : nullptr;
    }
    alloc.modify_index = ++index;
    auto made = std::make_shared<const schema::allocation>(std::move(alloc));
    allocs[made->id] = made;
    view.put_alloc(made);
  }
  void change_alloc(const std::string& id, const std::function<void(schema::allocation&)>& edit) {
    schema::allocation copy = *allocs.at(id);
    edit(copy);
    put(std::move(copy));
  }
  void apply(const schema::plan& plan, const std::string& job_id) {
    if (plan.deployment) deployments[job_id] = plan.deployment;
    for (const auto* part : {&plan.node_update, &plan.node_allocation})
      for (const auto& [node, list] : *part)
        for (const auto& alloc : list) {
          bool fresh = !allocs.contains(alloc->id);
          put(*alloc);
          if (fresh && alloc->deployment_status && alloc->deployment_status->canary)
            change_deployment(job_id, [&](auto& d) { d.task_groups[alloc->task_group].placed_canaries.push_back(alloc->id); });
          if (fresh && !alloc->previous_allocation.empty())
            change_alloc(alloc->previous_allocation, [&](auto& previous) { previous.next_allocation = alloc->id; });
        }
    for (const auto& update : plan.deployment_updates)
      change_deployment(job_id, [&](auto& d) {
        if (d.id != update.deployment_id) return;  // an earlier one
        d.status = update.status;
        d.status_description = update.status_description;
      });
  }
  // What the operator does with canaries that are well.
  void promote(const std::string& job_id) {
    change_deployment(job_id, [&](auto& d) {
      for (auto& [name, state] : d.task_groups) {
        state.promoted = true;
        for (const auto& id : state.placed_canaries) change_alloc(id, [](auto& a) { a.deployment_status->canary = false; });
      }
    });
  }
  void change_deployment(const std::string& job_id, const std::function<void(schema::deployment&)>& edit) {
    schema::deployment copy = *deployments.at(job_id);
    edit(copy);
    deployments[job_id] = std::make_shared<const schema::deployment>(std::move(copy));
  }
  std::vector<ref<schema::allocation>> live(const std::string& job_id) const {
    std::vector<ref<schema::allocation>> found;
    for (const auto& [id, alloc] : allocs)
      if (alloc->job_id == job_id && occupies(*alloc)) found.push_back(alloc);
    std::ranges::sort(found, {}, [](const auto& a) { return a->name; });
    return found;
  }
  // Clients start everything and the deployment's health follows.
  void settle(const std::string& job_id) {
    for (const auto& alloc : live(job_id))
      if (!alloc->deployment_status || !alloc->deployment_status->healthy || alloc->client_status != "running")
        change_alloc(alloc->id, [](auto& a) {
          a.client_status = "running";
          if (!a.deployment_status) a.deployment_status.emplace();
          a.deployment_status->healthy = true;
        });
    if (!deployments.contains(job_id)) return;
    change_deployment(job_id, [&](auto& d) {
      for (auto& [name, state] : d.task_groups) {
        state.healthy_allocs = 0;
        for (const auto& alloc : live(job_id)) state.healthy_allocs += alloc->deployment_id == d.id && alloc->task_group == name;
      }
    });
  }

  std::map<std::string, ref<schema::node>> nodes;
  std::map<std::string, ref<schema::job>> jobs;
  std::map<std::string, ref<schema::allocation>> allocs;
  std::map<std::string, ref<schema::deployment>> deployments;  // by job
  node_view view;
  timestamp now{1'800'000'000'000'000'000};
  uint64_t seed = 1;
  uint64_t index = 10;
  int evals = 0;
};

}  // namespace drover::sched::testing

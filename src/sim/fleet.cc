#include "sim/fleet.h"

namespace drover::sim {
namespace {

bool is_over(const std::string& client_status) { return client_status == "complete" || client_status == "failed" || client_status == "lost"; }

bool ends_itself(const schema::allocation& alloc) { return alloc.job != nullptr && (alloc.job->type == "batch" || alloc.job->type == "sysbatch"); }

}  // namespace

void fleet::leave(servers& to, const std::string& node_id) {
  if (!away_.insert(node_id).second) return;
  to.set_node_status(node_id, "down");
}

void fleet::come_back(servers& to, const std::string& node_id) {
  if (away_.erase(node_id) == 0) return;
  to.set_node_status(node_id, "ready");
}

bool fleet::turn(servers& to, const std::string& node_id) {
  if (away(node_id)) return false;
  std::vector<ref<schema::allocation>> news;
  for (const auto& alloc : to.state().allocs_by_node(node_id))
    if (auto said = news_of(*alloc, to.now())) news.push_back(std::move(said));
  if (news.empty()) return false;
  to.client_says(std::move(news));
  return true;
}

ref<schema::allocation> fleet::news_of(const schema::allocation& alloc, timestamp now) {
  if (is_over(alloc.client_status)) return nullptr;
  auto said = std::make_shared<schema::allocation>();
  said->id = alloc.id;
  said->client_status = alloc.client_status;
  said->task_states = alloc.task_states;
  auto& task = said->task_states["main"];
  auto end = [&](const char* status) {
    said->client_status = status;
    task.state = "dead";
    task.failed = said->client_status == "failed";
    task.finished_at = now;
  };
  auto judge = [&](bool healthy) { said->deployment_status = schema::alloc_deployment_status{.healthy = healthy, .timestamp = now}; };
  bool watched = !alloc.deployment_id.empty() && !(alloc.deployment_status && alloc.deployment_status->healthy);
  if (alloc.desired_status != "run") {
    end("complete");
  } else if (alloc.client_status != "running") {
    said->client_status = "running";
    task.state = "running";
    task.started_at = now;
    if (chance(how_.start_fails)) end("failed");
  } else if (watched) {
    judge(!chance(how_.unhealthy));
  } else if (ends_itself(alloc) && chance(how_.completes)) {
    end("complete");
  } else if (chance(how_.fails_later)) {
    end("failed");
  } else {
    return nullptr;
  }
  if (said->client_status == "failed" && watched) judge(false);
  return said;
}

}  // namespace drover::sim

// A store with a machine on it, and short ways to make requests. Tests only.
#pragma once

#include <gtest/gtest.h>

#include "fsm/machine.h"
#include "fsm/saved_state.h"

// Tests name only the fields that matter to them.
#pragma clang diagnostic ignored "-Wmissing-designated-field-initializers"

namespace drover::fsm::test {

using state::table;

constexpr int64_t t0 = 1'700'000'000'000'000'000;

struct cluster {
  state::store store;
  fsm::machine machine{store};
  // Applies requests as they are in memory, as the server that proposed them does, as long as nothing else moved the other one.
  state::store proposer_store;
  fsm::machine proposer{proposer_store};
  bool is_followed = true;
  uint64_t index = 10;

  template <command_type C>
  result<std::any> try_apply(const request_of<C>& request) {
    const auto entry = encode<C>(request);
    auto proposed = request;
    is_followed = is_followed && proposer_store.current().index() == store.current().index();
    if (is_followed) (void)proposer.apply(index + 1, entry, &proposed);
    return machine.apply(++index, entry);
  }
  void expect_same() {
    if (!is_followed) return;
    EXPECT_TRUE(*save_state(proposer_store.current()) == *save_state(store.current())) << "the proposer parted from those who read the log";
  }
  // Applies what must succeed; the state after it.
  template <command_type C>
  state::snapshot apply(const request_of<C>& request) {
    auto outcome = try_apply<C>(request);
    EXPECT_TRUE(outcome.has_value()) << (outcome ? "" : outcome.error().text());
    expect_same();
    return store.current();
  }
  template <command_type C>
  std::string refusal(const request_of<C>& request) {
    const auto before = store.current();
    auto outcome = try_apply<C>(request);
    EXPECT_FALSE(outcome.has_value());
    EXPECT_EQ(store.current().index(), before.index()) << "a refused command left a trace";
    expect_same();
    return outcome ? "" : outcome.error().message();
  }
  state::snapshot now() const { return store.current(); }
  ref<schema::job> job(const std::string& id) const { return now().job("default", id); }
  const schema::task_group_summary summary(const std::string& id, const std::string& group = "g") const {
    auto s = now().job_summary("default", id);
    return s && s->summary.contains(group) ? s->summary.at(group) : schema::task_group_summary{};
  }
};

inline schema::job make_job(std::string id, int64_t count = 1) {
  schema::job j;
  j.id = j.name = std::move(id);
  j.submit_time = t0;
  schema::task_group g;
  g.name = "g";
  g.count = count;
  schema::task t;
  t.name = "t";
  t.driver = "raw_exec";
  g.tasks.push_back(t);
  j.task_groups.push_back(g);
  return j;
}

inline ref<schema::evaluation> make_eval(std::string id, std::string job_id, std::string_view status = "pending") {
  auto e = std::make_shared<schema::evaluation>();
  e->id = std::move(id);
  e->namespace_ = "default";
  e->job_id = std::move(job_id);
  e->type = "service";
  e->status = status;
  e->create_time = e->modify_time = t0;
  return e;
}

inline schema::job_register_request registration(schema::job job, ref<schema::evaluation> eval = nullptr) {
  schema::job_register_request r;
  r.job = std::make_shared<const schema::job>(std::move(job));
  r.eval = std::move(eval);
  return r;
}

inline schema::allocation make_alloc(std::string id, const std::string& job_id, std::string node = "n1") {
  schema::allocation a;
  a.id = std::move(id);
  a.namespace_ = "default";
  a.eval_id = "e1";
  a.job_id = job_id;
  a.task_group = "g";
  a.name = job_id + ".g[0]";
  a.node_id = std::move(node);
  a.desired_status = "run";
  a.client_status = "pending";
  return a;
}

inline apply_plan_results_request placement(const std::string& job_id, uint64_t version, std::vector<schema::allocation> allocs) {
  apply_plan_results_request r;
  r.job_info = schema::plan_job_tuple{"default", job_id, version};
  for (auto& a : allocs) r.allocs_updated.push_back(std::make_shared<const schema::allocation>(std::move(a)));
  r.updated_at = t0 + 1;
  return r;
}

// What a client says about one allocation.
inline schema::alloc_update_request client_says(std::string id, std::string_view status, std::optional<bool> healthy = {}) {
  schema::allocation a;
  a.id = std::move(id);
  a.client_status = status;
  a.modify_time = t0 + 2;
  a.task_states["t"].state = status == "running" ? "running" : "dead";
  if (healthy) a.deployment_status = schema::alloc_deployment_status{.healthy = healthy, .timestamp = timestamp(t0 + 100)};
  schema::alloc_update_request r;
  r.alloc.push_back(std::make_shared<const schema::allocation>(std::move(a)));
  return r;
}

inline schema::node_register_request node(std::string id, std::string_view status = "ready") {
  auto n = std::make_shared<schema::node>();
  n->id = std::move(id);
  n->name = n->id;
  n->datacenter = "dc1";
  n->secret_id = "s";
  n->status = status;
  n->status_updated_at = t0 / 1'000'000'000;
  schema::node_register_request r;
  r.node = n;
  return r;
}

}  // namespace drover::fsm::test

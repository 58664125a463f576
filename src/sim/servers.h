// The servers of a simulated cluster, driven by hand: the real state machine, scheduler, plan check, wake-ups, judgement of deployments and
// drains, without network, threads or clock. Evaluations are scheduled by several workers whose plans are committed later and in any order, so that
// plans compete as they do in a cluster.
//
// One thread. Everything follows from the seed; history() is the same for the same calls.
#pragma once

#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fsm/machine.h"
#include "sched/random_stream.h"
#include "sched/scheduler.h"
#include "server/blocked_evals.h"
#include "server/evals.h"
#include "server/view_follower.h"
#include "server/wakeups.h"

namespace drover::sim {

using schema::ref;

class servers {
 public:
  explicit servers(uint64_t seed);

  // One entry of the log. A refusal ends the simulation with an error: nothing here asks for what cannot be.
  template <fsm::command_type C>
  uint64_t apply(const fsm::request_of<C>& request) {
    return apply_entry(fsm::encode<C>(request));
  }
  state::snapshot state() const { return store_.current(); }
  timestamp now() const { return now_; }
  void pass(duration time) { now_ = now_ + time; }
  // A digest of every entry so far.
  uint64_t history() const { return history_; }
  uint64_t entries() const { return index_; }

  // What callers of the API do.
  void register_job(schema::job job);
  void stop_job(const std::string& id);
  void dispatch(const schema::job& parent, int64_t priority);
  void add_node(schema::node node);
  void set_node_status(const std::string& id, const std::string& status);
  void drain(const std::string& id, std::optional<duration> deadline);
  void client_says(std::vector<ref<schema::allocation>> allocs);

  // One piece of the servers' own work, chosen by `choice`: a worker takes an evaluation, a plan is committed, a deployment or a drain goes on.
  // False: there is nothing to do now.
  bool work(uint64_t choice);
  // The next time at which something becomes due; zero: never.
  timestamp next_deadline() const;

  const sched::node_view& view();
  const server::blocked_evals& blocked() const { return blocked_; }
  size_t queued() const { return ready_.size() + running_.size(); }
  // Every plan that was committed since the last call, for those who check.
  struct committed {
    schema::plan plan;
    schema::plan_result result;
    state::snapshot before;
  };
  std::vector<committed> take_commits() { return std::exchange(commits_, {}); }

 private:
  static constexpr size_t workers_max = 3;
  struct lease {
    ref<schema::evaluation> eval;
    sched::outcome outcome;
    uint32_t attempt = 0;
    uint64_t seed = 0;
  };
  struct by_urgency {
    bool operator()(const ref<schema::evaluation>& a, const ref<schema::evaluation>& b) const {
      return std::tuple(-a->priority, a->create_index, std::string_view(a->id)) < std::tuple(-b->priority, b->create_index, std::string_view(b->id));
    }
  };

  uint64_t apply_entry(std::string entry);
  void note(const fsm::commit_event& event);
  void enqueue(ref<schema::evaluation> eval);
  ref<schema::evaluation> pending_eval(const schema::job& job, std::string_view triggered_by);
  void store(const sched::outcome& outcome);
  void store_evals(const std::vector<schema::evaluation>& evals);
  bool take_evaluation();
  void schedule(lease& l);
  void go_on(size_t number);
  schema::plan_result commit(const schema::plan& plan);
  bool cancel_duplicates();
  bool look_at_deployment();
  bool look_at_drains();
  void node_changed(const std::string& id);

  sched::random_stream ids_;
  timestamp now_{1'800'000'000'000'000'000};
  state::store store_;
  fsm::machine machine_{store_};
  uint64_t index_ = 10;
  uint64_t history_ = 0;

  server::blocked_evals blocked_;
  server::wakeups wakeups_{blocked_};
  server::view_follower planner_view_;
  server::view_follower worker_view_{server::view_follower::purpose::schedules};
  std::set<ref<schema::evaluation>, by_urgency> ready_;
  std::map<std::string, ref<schema::evaluation>> delayed_;
  std::map<std::string, ref<schema::evaluation>> again_;  // woken while they were scheduled
  std::deque<lease> running_;
  std::set<std::string> deployments_;  // to be looked at
  std::map<std::string, uint64_t> evaluated_health_;
  std::map<std::string, timestamp> deployment_deadlines_;
  std::set<std::string> draining_;
  bool drains_changed_ = false;
  timestamp drain_deadline_;
  std::vector<committed> commits_;
};

}  // namespace drover::sim

// Following an evaluation and its deployment: the lines that `job run` and the like print. The evaluation_log is pure: states in, lines out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/command.h"
#include "schema/eval.h"

namespace drover::cli {

// Turns successive states of one evaluation into lines, each change once.
class evaluation_log {
 public:
  evaluation_log(std::string eval_id, bool verbose) : id_(std::move(eval_id)), verbose_(verbose) {}
  // What is new, every line with its newline; "" if nothing is. The first batch and every later one start with the heading.
  std::string update(const schema::evaluation& eval, const std::vector<schema::alloc_list_stub>& allocs, timestamp now);
  // The end: finished, failed placements, what waits. Requires: eval is terminal (complete, failed, canceled) or blocked.
  std::string finish(const schema::evaluation& eval, timestamp now) const;
  // "==> 2026-11-21T01:10:21Z: Monitoring evaluation "0f891857"".
  std::string heading(timestamp now) const;

 private:
  std::string shown(const std::string& id) const { return verbose_ ? id : id.substr(0, 8); }
  struct seen_alloc {
    std::string client_status;
  };
  std::string id_;
  bool verbose_;
  bool begun_ = false;
  std::string status_;
  std::string deployment_id_;
  std::map<std::string, seen_alloc> allocs_;
};

bool is_terminal(const schema::evaluation& eval);

// Follows on stdout until it ends, then its deployment. Exit code: 0 all placed, 2 something could not be placed, 1 failed.
result<int> monitor_evaluation(context& c, const std::string& eval_id);
// Prints every new state until it ends. 1 if it failed.
result<int> monitor_deployment(context& c, const std::string& deployment_id, bool with_heading = true);

}  // namespace drover::cli

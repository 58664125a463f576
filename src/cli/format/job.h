// Jobs as text. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/format/units.h"
#include "schema/eval.h"
#include "schema/job.h"

namespace drover::cli::format {

std::string job_list(const std::vector<schema::job_list_stub>& list, bool with_namespace);

struct job_view {
  const schema::job& job;
  std::optional<schema::job_summary> summary{};
  std::vector<schema::alloc_list_stub> allocs{};
  std::vector<schema::evaluation> evals{};
  std::optional<schema::deployment> latest_deployment{};
  bool short_form = false;
  bool with_evals = false;
  // Where given (periodic jobs): the next launch.
  std::string next_launch{};
  std::vector<schema::job_list_stub> children{};
  // Ours, where something waits: why, and who says more.
  std::string hint{};
};
std::string job(const job_view& view, const style& how);
std::string evaluation_table(const std::vector<schema::evaluation>& list, const style& how);

}  // namespace drover::cli::format

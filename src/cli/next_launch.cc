#include "cli/next_launch.h"

#include "cli/format/units.h"
#include "schema/job_rpc.h"

namespace drover::cli {

std::string next_launch_of(context& c, const schema::ref<schema::job>& job) {
  schema::job_plan_request request;
  request.job = job;
  auto answer =
      c.api.send({.method = "PUT", .path = "/v1/job/" + path_word(job->id) + "/plan", .body = codec::to_json(request), .namespace_ = job->namespace_});
  if (!answer) return {};
  auto plan = api_client::decode<schema::job_plan_response>(answer->body);
  if (!plan || plan->next_periodic_launch.is_zero()) return {};
  return fmt::format("{} ({})", format::clock_time(plan->next_periodic_launch), format::time_difference(plan->next_periodic_launch, now()));
}

}  // namespace drover::cli

#include "server/implied_constraints.h"

#include <gmock/gmock.h>

namespace drover::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> constraints_of(const schema::task_group& group) {
  std::vector<std::string> out;
  for (auto& c : group.constraints) out.push_back(c.l_target + " " + c.operand + " " + c.r_target);
  return out;
}

schema::job job_with(schema::service service, bool in_task) {
  schema::job job;
  auto& group = job.task_groups.emplace_back();
  group.name = "g";
  auto& task = group.tasks.emplace_back();
  (in_task ? task.services : group.services).push_back(std::move(service));
  return job;
}

TEST(implied_constraints, follow_the_services) {
  schema::service native;
  native.name = "web";
  native.provider = "nomad";
  for (bool in_task : {false, true}) {
    std::vector<std::string> warnings;
    auto job = job_with(native, in_task);
    add_implied_constraints(job, warnings);
    add_implied_constraints(job, warnings);
    EXPECT_THAT(constraints_of(job.task_groups[0]), ElementsAre("${attr.nomad.service_discovery} = true"));
    auto checked = native;
    checked.checks.emplace_back();
    job = job_with(checked, in_task);
    add_implied_constraints(job, warnings);
    EXPECT_THAT(constraints_of(job.task_groups[0]), ElementsAre("${attr.nomad.service_discovery} = true", "${attr.nomad.version} semver >= 1.4.0"));
    EXPECT_THAT(warnings, IsEmpty());
  }
}

TEST(implied_constraints, say_that_consul_is_needed_and_keep_what_is_written) {
  schema::service consul;
  consul.name = "mesh";
  consul.provider = "consul";
  auto job = job_with(consul, false);
  std::vector<std::string> warnings;
  add_implied_constraints(job, warnings);
  EXPECT_THAT(constraints_of(job.task_groups[0]), ElementsAre("${attr.consul.version} semver >= 1.8.0"));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("service \"mesh\" uses provider \"consul\"")));
  job = job_with(consul, false);
  job.task_groups[0].constraints.push_back({"${attr.consul.version}", ">= 1.14.0", "semver"});
  add_implied_constraints(job, warnings);
  EXPECT_THAT(constraints_of(job.task_groups[0]), ElementsAre("${attr.consul.version} semver >= 1.14.0"));
}

}  // namespace
}  // namespace drover::server

#include "fsm/volume_claims.h"

#include "fsm/fixture.h"
#include "schema/volume.h"
#include "state/tables.h"

namespace drover::fsm::test {
namespace {

using enum command_type;

class volume_claims : public ::testing::Test {
 protected:
  volume_claims() {
    for (const char* id : {"n1", "n2"}) {
      auto request = node(id);
      auto shown = *request.node;
      shown.host_volumes["data"] = {.name = "data", .path = "/srv", .id = std::string("volume-") + id};
      request.node = std::make_shared<const schema::node>(shown);
      c.apply<node_register>(request);
    }
    auto job = make_job("db", 2);
    schema::volume_request wanted;
    wanted.type = "host";
    wanted.source = "data";
    wanted.sticky = true;
    job.task_groups[0].volumes["v"] = wanted;
    c.apply<job_register>(registration(job));
  }
  void place(const std::string& id, const std::string& on) { c.apply<apply_plan_results>(placement("db", 0, {make_alloc(id, "db", on)})); }

  cluster c;
};

TEST_F(volume_claims, are_one_for_each_group_and_volume) {
  place("a1", "n1");
  auto all = state::collect<table::host_volume_claims>(c.now(), state::tree_of(table::host_volume_claims), state::starting({}));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]->job_id, "db");
  EXPECT_EQ(all[0]->task_group_name, "g");
  EXPECT_EQ(all[0]->alloc_id, "a1");
  EXPECT_EQ(all[0]->volume_id, "volume-n1");
  EXPECT_EQ(all[0]->volume_name, "data");
  EXPECT_EQ(all[0]->id.size(), 36u);
  auto first = all[0]->id;
  place("a2", "n1");
  place("a3", "n2");
  all = state::collect<table::host_volume_claims>(c.now(), state::tree_id::host_volume_claims_by_job, state::within2("default", "db"));
  ASSERT_EQ(all.size(), 2u);
  for (const auto& each : all) {
    EXPECT_EQ(each->alloc_id, each->volume_id == "volume-n1" ? "a2" : "a3");
    if (each->volume_id == "volume-n1") EXPECT_EQ(each->id, first);
  }
}

TEST_F(volume_claims, are_deleted_by_id_or_with_their_job) {
  place("a1", "n1");
  place("a2", "n2");
  auto all = state::collect<table::host_volume_claims>(c.now(), state::tree_of(table::host_volume_claims), state::starting({}));
  ASSERT_EQ(all.size(), 2u);
  schema::task_group_volume_claim_delete_request r;
  r.claim_id = all[0]->id;
  c.apply<host_volume_claim_delete>(r);
  EXPECT_EQ(state::count(c.now(), table::host_volume_claims), 1u);
  EXPECT_NE(c.refusal<host_volume_claim_delete>(r).find("does not exist"), std::string::npos);
  schema::job_deregister_request gone;
  gone.job_id = "db";
  gone.purge = true;
  c.apply<job_deregister>(gone);
  EXPECT_EQ(state::count(c.now(), table::host_volume_claims), 0u);
}

}  // namespace
}  // namespace drover::fsm::test

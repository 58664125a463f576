#include "sched/explain.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

outcome explained(world& w, const schema::job& job) {
  w.put(job);
  auto eval = w.eval_for(job.id);
  return schedule(w.facts_for(job.id), w.view, eval, w.now, w.seed, {.explain = true});
}

std::string words(world& w, const schema::job& job) {
  auto out = explained(w, job);
  std::string text;
  for (const auto& why : out.explanations) text += join(sentences(why), "\n") + "\n";
  return text;
}

schema::node in_pool(const std::string& id, const std::string& pool, int64_t memory) {
  auto node = make_node(id, 4000, memory);
  node.node_pool = pool;
  node.computed_class = computed_class(node);
  return node;
}

schema::job asking(int64_t cpu, int64_t memory, int64_t count = 1) {
  auto job = make_job("j", "service", count);
  job.task_groups[0].tasks[0].resources->cpu = cpu;
  job.task_groups[0].tasks[0].resources->memory_mb = memory;
  return job;
}

TEST(explain, the_nearest_miss_in_numbers) {
  world w;
  w.add(in_pool("n1", "gpu", 1000));
  w.add(in_pool("n2", "gpu", 2000));
  w.add(in_pool("n3", "gpu", 1500));
  w.add(in_pool("n4", "default", 9000));
  auto filler = asking(100, 1588);
  filler.id = "filler";
  filler.node_pool = "gpu";
  w.put(filler);
  w.run("filler");
  auto job = asking(100, 1912);
  job.node_pool = "gpu";
  EXPECT_EQ(words(w, job),
            "1 allocation of group \"web\" waits for a node.\n"
            "3 nodes have node pool gpu; the nearest, name-n3, lacks 412 MB of memory.\n"
            "3 nodes have too little memory free.\n"
            "It would run if 412 MB of memory became free on name-n3.\n");
  auto out = explained(w, job);
  ASSERT_EQ(out.explanations.size(), 1u);
  EXPECT_EQ(out.explanations[0].nearest.at(0).missing.memory, 412);
  EXPECT_EQ(out.explanations[0].in_other_pools.at("default"), 1);
}

TEST(explain, table) {
  struct row {
    const char* what;
    void (*edit)(world&, schema::job&);
    const char* says;
  };
  const row rows[] = {
      {"no nodes", [](world&, schema::job&) {}, "The cluster has no nodes."},
      {"pool",
       [](world& w, schema::job& j) {
         w.add(make_node("n"));
         j.node_pool = "gpu";
       },
       "No node is in node pool \"gpu\"; there are nodes in default (1)."},
      {"datacenter",
       [](world& w, schema::job& j) {
         w.add(make_node("n"));
         j.datacenters = {"eu-*"};
       },
       "1 node has node pool default, but none is in a datacenter that matches eu-*; found: dc1 (1)."},
      {"down",
       [](world& w, schema::job&) {
         auto n = make_node("n");
         n.status = "down";
         w.add(n);
       },
       "1 node is down."},
      {"ineligible",
       [](world& w, schema::job&) {
         auto n = make_node("n");
         n.scheduling_eligibility = "ineligible";
         w.add(n);
       },
       "1 node is not eligible."},
      {"constraint",
       [](world& w, schema::job& j) {
         w.add(make_node("n"));
         j.constraints.push_back({"${attr.kernel.name}", "plan9", "="});
       },
       "1 node does not satisfy the constraint \"${attr.kernel.name} = plan9\"; found: linux (1)."},
      {"missing attribute",
       [](world& w, schema::job& j) {
         w.add(make_node("n"));
         j.constraints.push_back({"${meta.rack}", "r1", "="});
       },
       "found: none (1)."},
      {"driver",
       [](world& w, schema::job& j) {
         w.add(make_node("n"));
         j.task_groups[0].tasks[0].driver = "docker";
       },
       "1 node has no healthy driver for it: docker (1).\nIt would run on a node with room where the driver docker is there and healthy."},
      {"device",
       [](world& w, schema::job& j) {
         w.add(make_node("n"));
         j.task_groups[0].tasks[0].resources->devices.emplace_back().name = "nvidia/gpu";
       },
       "1 node is missing devices.\nIt would run on a node with room that has the devices of its device blocks."},
      {"host network",
       [](world& w, schema::job& j) {
         w.add(make_node("n"));
         j.task_groups[0].networks.emplace_back().dynamic_ports.push_back({"http", 0, 0, "public", false});
       },
       "It would run on a node with room that has its host network \"public\" for port \"http\"."},
      {"attribute that must be there",
       [](world& w, schema::job& j) {
         w.add(make_node("n"));
         j.constraints.push_back({"${meta.rack}", "", "is_set"});
       },
       "the constraint \"${meta.rack} is_set\"; found: none (1).\nIt would run on a node that passes \"${meta.rack} is_set\" and has room."},
      {"too large",
       [](world& w, schema::job& j) {
         w.add(make_node("n", 4000, 1000));
         j.task_groups[0].tasks[0].resources->memory_mb = 3000;
       },
       "It asks for 3000 MB of memory where the largest node has 1000: ask for less, or add a larger node."},
      {"port",
       [](world& w, schema::job& j) {
         auto n = make_node("n");
         n.reserved_resources.emplace().networks.reserved_host_ports = "80";
         w.add(n);
         j.task_groups[0].networks.emplace_back().reserved_ports.push_back({"http", 80, 0, "", false});
       },
       "1 node cannot give it its network (network: reserved port collision http=80)."},
      {"cores",
       [](world& w, schema::job& j) {
         w.add(make_node("n"));
         j.task_groups[0].tasks[0].resources->cores = 6;
       },
       "lacks 2000 MHz of CPU and 2 CPU cores"},
  };
  for (const auto& r : rows) {
    world w;
    auto job = asking(100, 100);
    r.edit(w, job);
    auto text = words(w, job);
    EXPECT_NE(text.find(r.says), std::string::npos) << r.what << ":\n" << text;
  }
}

TEST(explain, distinct_hosts_and_counts) {
  world w;
  w.add(make_node("n"));
  auto job = asking(100, 100, 3);
  job.constraints.push_back({"", "true", "distinct_hosts"});
  EXPECT_EQ(words(w, job),
            "2 allocations of group \"web\" wait for a node.\n"
            "1 node already has an allocation of it (distinct_hosts).\n"
            "It would run on a further node with room: none may have two allocations of it.\n");
}

TEST(explain, is_silent_where_everything_is_placed) {
  world w;
  w.add(make_node("n"));
  EXPECT_EQ(words(w, asking(100, 100)), "");
}

}  // namespace
}  // namespace drover::sched::testing

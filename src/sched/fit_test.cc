#include "sched/fit.h"

#include <gtest/gtest.h>

#include "sched/ports.h"
#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

ref<schema::allocation> make_alloc(const std::string& id, int64_t cpu, int64_t memory, std::vector<int64_t> ports = {}, const std::string& ip = "10.0.0.1") {
  auto alloc = std::make_shared<schema::allocation>();
  alloc->id = id;
  alloc->node_id = "n1";
  alloc->desired_status = "run";
  alloc->client_status = "running";
  schema::allocated_resources given;
  given.tasks["main"].cpu.cpu_shares = cpu;
  given.tasks["main"].memory.memory_mb = memory;
  for (auto port : ports) given.shared.ports.push_back({"p", port, 0, ip, false});
  alloc->allocated_resources = schema::share(std::move(given));
  return alloc;
}

TEST(fit, port_ranges) {
  struct row {
    const char* text;
    bool ok;
    std::vector<std::pair<uint16_t, uint16_t>> ranges;
  };
  const row rows[] = {
      {"", true, {}},   {"22", true, {{22, 22}}}, {"22, 80 ,8500-8600", true, {{22, 22}, {80, 80}, {8500, 8600}}}, {"80-22", false, {}}, {"65536", false, {}},
      {"a", false, {}}, {"1,,2", false, {}},
  };
  for (const auto& r : rows) {
    auto got = parse_port_ranges(r.text);
    ASSERT_EQ(got.has_value(), r.ok) << r.text;
    if (r.ok) EXPECT_EQ(*got, r.ranges) << r.text;
  }
}

TEST(fit, each_dimension_has_its_name) {
  auto node = make_node("n1", 1000, 1000);
  using list = std::vector<ref<schema::allocation>>;
  EXPECT_TRUE(fits(node, list{make_alloc("a", 500, 500, {80}), make_alloc("b", 500, 500, {81})}));
  EXPECT_EQ(fits(node, list{make_alloc("a", 1001, 1)}).dimension, "cpu");
  EXPECT_EQ(fits(node, list{make_alloc("a", 1, 600), make_alloc("b", 1, 600)}).dimension, "memory");
  EXPECT_EQ(fits(node, list{make_alloc("a", 1, 1, {80}), make_alloc("b", 1, 1, {80})}).dimension, "network: port collision");
  EXPECT_TRUE(fits(node, list{make_alloc("a", 1, 1, {80}), make_alloc("b", 1, 1, {80}, "10.0.0.2")}));
  auto ended = std::make_shared<schema::allocation>(*make_alloc("c", 1000, 1000, {80}));
  ended->client_status = "complete";
  EXPECT_TRUE(fits(node, list{make_alloc("a", 1000, 1000, {80}), ended}));
}

TEST(fit, what_is_removed_is_free_again) {
  auto node = make_node("n1", 1000, 1000);
  node_usage usage(node);
  auto a = make_alloc("a", 400, 100, {8080, 20000});
  auto b = make_alloc("b", 400, 100, {8080});
  usage.add(*a);
  usage.add(*b);
  EXPECT_FALSE(usage.fits());
  usage.remove(*b);
  EXPECT_TRUE(usage.fits());
  EXPECT_TRUE(usage.port_taken(0, 8080));
  usage.remove(*a);
  EXPECT_FALSE(usage.port_taken(0, 8080));
  EXPECT_EQ(usage.used(), amounts{});
}

TEST(fit, lifecycles_share_what_they_do_not_use_together) {
  schema::allocated_resources given;
  auto add = [&](const char* name, const char* hook, bool sidecar, int64_t memory) {
    given.tasks[name].memory.memory_mb = memory;
    if (*hook != 0) given.task_lifecycles[name] = schema::task_lifecycle_config{hook, sidecar};
  };
  add("main", "", false, 100);
  add("init", "prestart", false, 150);
  add("proxy", "prestart", true, 30);
  add("after", "poststop", false, 60);
  EXPECT_EQ(demand_of(given).memory, 180);
  add("post", "poststart", false, 70);
  EXPECT_EQ(demand_of(given).memory, 200);
}

TEST(fit, the_last_dynamic_port_is_found) {
  auto node = make_node("n1");
  node.node_resources->min_dynamic_port = 20000;
  node.node_resources->max_dynamic_port = 20999;
  node_usage usage(node);
  schema::task_group group;
  schema::network_resource network;
  network.dynamic_ports.push_back({"p", 0, 0, "", false});
  group.networks.push_back(network);
  port_plan plan(group);
  random_stream random(7);
  std::vector<int64_t> got;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(plan.refuse(usage), nullptr) << i;
    auto offer = plan.assign(node, usage, random);
    ASSERT_TRUE(offer.has_value()) << i;
    got.push_back(offer->ports.at(0).value);
    usage.take_port(0, static_cast<uint16_t>(got.back()));
  }
  EXPECT_TRUE(usage.fits());
  ASSERT_NE(plan.refuse(usage), nullptr);
  EXPECT_EQ(*plan.refuse(usage), "network: dynamic port selection failed");
}

TEST(fit, host_networks_have_their_own_addresses) {
  auto node = make_node("n1");
  node.node_resources->node_networks[0].addresses.push_back({"ipv4", "public", "192.0.2.1", "443", ""});
  node_usage usage(node);
  struct row {
    const char* network;
    int64_t port;
    const char* reason;  // null: it works
    const char* ip;
  };
  const row rows[] = {
      {"public", 80, nullptr, "192.0.2.1"},
      {"", 443, nullptr, "10.0.0.1"},
      {"public", 443, "network: reserved port collision p=443", ""},
      {"private", 80, "network: no addresses available for \"private\" network", ""},
  };
  for (const auto& r : rows) {
    schema::task_group group;
    schema::network_resource network;
    network.reserved_ports.push_back({"p", r.port, 0, r.network, false});
    group.networks.push_back(network);
    port_plan plan(group);
    const std::string* reason = plan.refuse(usage);
    ASSERT_EQ(reason == nullptr, r.reason == nullptr) << r.network << r.port;
    if (reason != nullptr) {
      EXPECT_EQ(*reason, r.reason);
      continue;
    }
    random_stream random(1);
    EXPECT_EQ(plan.assign(node, usage, random)->ports.at(0).host_ip, r.ip);
  }
}

TEST(computed_class, leaves_out_what_is_unique) {
  auto base = make_node("n1");
  auto other = make_node("n2");
  EXPECT_EQ(base.computed_class, other.computed_class);
  EXPECT_TRUE(base.computed_class.starts_with("v1:"));
  auto differs = [&](auto edit) {
    auto changed = make_node("n1");
    edit(changed);
    return computed_class(changed) != base.computed_class;
  };
  EXPECT_FALSE(differs([](auto& n) { n.meta["unique.rack"] = "x"; }));
  EXPECT_TRUE(differs([](auto& n) { n.meta["rack"] = "x"; }));
  EXPECT_TRUE(differs([](auto& n) { n.attributes["kernel.name"] = "x"; }));
  EXPECT_TRUE(differs([](auto& n) { n.datacenter = "x"; }));
  EXPECT_TRUE(differs([](auto& n) { n.node_pool = "x"; }));
  EXPECT_TRUE(differs([](auto& n) { n.node_class = "x"; }));
  EXPECT_TRUE(differs([](auto& n) { n.drivers["exec"].healthy = false; }));
  EXPECT_TRUE(differs([](auto& n) { n.host_volumes["data"] = {}; }));
}

TEST(node_view, follows_nodes_and_allocations) {
  node_view view;
  view.put_alloc(make_alloc("a", 100, 10));  // its node comes later
  view.put_node(std::make_shared<const schema::node>(make_node("n1")));
  auto row = view.find("n1");
  EXPECT_EQ(view.used(row).cpu, 100);
  view.put_alloc(make_alloc("a", 150, 10));
  EXPECT_EQ(view.used(row).cpu, 150);
  auto ended = std::make_shared<schema::allocation>(*make_alloc("a", 150, 10));
  ended->client_status = "failed";
  view.put_alloc(ended);
  EXPECT_EQ(view.used(row).cpu, 0);
  EXPECT_EQ(view.alloc("a"), nullptr);
  view.put_alloc(make_alloc("b", 70, 10));
  view.erase_node("n1");
  EXPECT_EQ(view.find("n1"), node_view::no_row);
  view.put_node(std::make_shared<const schema::node>(make_node("n1")));
  EXPECT_EQ(view.used(view.find("n1")).cpu, 70);
  view.erase_alloc("b");
  EXPECT_EQ(view.used(view.find("n1")).cpu, 0);
}

TEST(fit, a_node_may_limit_how_many_it_takes) {
  world w;
  auto node = make_node("n1");
  node.node_max_allocs = 2;
  w.add(node);
  w.put(make_job("j", "batch", 3));
  auto out = w.run("j");
  EXPECT_EQ(w.live("j").size(), 2u);
  EXPECT_EQ(out.eval.failed_tg_allocs.at("web").dimension_exhausted.at("max allocation exceeded"), 1);
}

}  // namespace
}  // namespace drover::sched::testing

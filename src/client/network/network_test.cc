// What is decided about networks before anything is touched: addresses, rules, files, which address is for what.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "client/fingerprint/host_networks.h"
#include "client/network/addresses.h"
#include "client/network/bridge.h"
#include "client/network/cni.h"
#include "client/network/files.h"
#include "client/network/record.h"
#include "client/system.h"

namespace drover::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(subnet, gives_addresses_and_says_when_there_is_none) {
  auto net = subnet::parse("10.0.0.77/29");
  ASSERT_TRUE(net) << net.error().text();
  EXPECT_EQ(net->text(), "10.0.0.72/29");
  EXPECT_EQ(to_string(net->gateway()), "10.0.0.73");
  std::set<std::string> used;
  std::vector<std::string> given;
  for (int i = 0; i < 5; ++i) {
    given.push_back(to_string(*net->take(used)));
    used.insert(given.back());
  }
  EXPECT_THAT(given, ElementsAre("10.0.0.74", "10.0.0.75", "10.0.0.76", "10.0.0.77", "10.0.0.78"));
  EXPECT_THAT(net->take(used).error().text(), HasSubstr("10.0.0.72/29 has no free address"));
  used.erase("10.0.0.75");
  EXPECT_EQ(to_string(*net->take(used)), "10.0.0.75");
  auto six = subnet::parse("fd00:1::/64");
  EXPECT_EQ(to_string(six->gateway()), "fd00:1::1");
  EXPECT_EQ(to_string(*six->take({"fd00:1::2"})), "fd00:1::3");
  EXPECT_TRUE(six->contains(*parse_ip("fd00:1::ffff")));
  EXPECT_FALSE(six->contains(*parse_ip("fd00:2::1")));
  EXPECT_FALSE(net->contains(*parse_ip("10.0.0.80")));
}

TEST(subnet, refuses_what_is_none) {
  for (auto wrong : {"", "10.0.0.0", "10.0.0.0/31", "10.0.0.0/0", "10.0.0.0/x", "10.0.0/8", "fd00::/127", "fd00::/200", "x/24"})
    EXPECT_THAT(subnet::parse(wrong).error().text(), HasSubstr("is no subnet for a bridge")) << wrong;
}

network_record sample() {
  network_record r;
  r.alloc_id = "11112222-3333-4444-5555-666677778888";
  r.mode = "bridge";
  r.address = "172.26.64.2";
  r.ports = {{.label = "http", .value = 20000, .to = 8080, .host_ip = "10.0.0.1", .ignore_collision = false},
             {.label = "open", .value = 20001, .to = 0, .host_ip = "10.0.0.1", .ignore_collision = false},
             {.label = "six", .value = 20002, .to = 53, .host_ip = "fd00::1", .ignore_collision = false}};
  r.wildcard_ports = {"open"};
  return r;
}

TEST(port_mapping, is_by_address_family_and_host_network) {
  auto record = sample();
  EXPECT_EQ(link_name(record.alloc_id), "veth11112222333");
  firewall_bridge bridge{.name = "br-1", .subnet = "172.26.64.0/20", .subnet_ipv6 = ""};
  auto text = rules::add(bridge, mapped_ports(record));
  EXPECT_THAT(text, HasSubstr("add element ip drover_br_1 at { 10.0.0.1 . tcp . 20000 : 172.26.64.2 . 8080 }\n"));
  EXPECT_THAT(text, HasSubstr("add element ip drover_br_1 any { udp . 20001 : 172.26.64.2 . 20001 }\n"));
  EXPECT_THAT(text, Not(HasSubstr("20002")));
  record.address_ipv6 = "fd88::2";
  text = rules::add(bridge, mapped_ports(record));
  EXPECT_THAT(text, HasSubstr("add element ip6 drover_br_1 at { fd00::1 . tcp . 20002 : fd88::2 . 53 }\n"));
  EXPECT_THAT(text, HasSubstr("add element ip6 drover_br_1 any { tcp . 20001 : fd88::2 . 20001 }\n"));
  EXPECT_THAT(rules::begin(bridge), HasSubstr("ip saddr 172.26.64.0/20 oifname != \"br-1\" masquerade"));
  EXPECT_THAT(rules::begin(bridge), Not(HasSubstr("ip6 saddr")));
}

TEST(network_files, name_the_allocation_and_its_resolvers) {
  EXPECT_EQ(hosts_text("shop", "10.0.0.2", "fd00::2"), "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n10.0.0.2 shop\nfd00::2 shop\n");
  schema::dns_config dns;
  dns.servers = {"10.9.9.9"};
  EXPECT_EQ(resolv_text(dns, "# mine\nnameserver 1.1.1.1\nsearch example.org\noptions ndots:1\n"),
            "nameserver 10.9.9.9\nsearch example.org\noptions ndots:1\n");
  dns.searches = {"a", "b"};
  dns.options = {"rotate"};
  EXPECT_EQ(resolv_text(dns, "search example.org\noptions ndots:1\n"), "search a b\nnameserver 10.9.9.9\noptions rotate\n");
}

struct folder {
  folder() {
    char pattern[] = "/tmp/drover-network-XXXXXX";
    path = ::mkdtemp(pattern);
  }
  ~folder() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST(network_records, survive_and_forget_what_is_broken) {
  folder f;
  network_records records(f.path + "/networks");
  EXPECT_FALSE(records.any());
  ASSERT_TRUE(records.put(sample()));
  EXPECT_TRUE(records.any());
  std::ofstream(f.path + "/networks/broken.json") << "{";
  auto all = records.all();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].ports.size(), 3u);
  EXPECT_EQ(all[0].ports[0].host_ip, "10.0.0.1");
  EXPECT_EQ(records.find("broken").error().code(), errc::not_found);
  ASSERT_TRUE(records.remove(sample().alloc_id));
  ASSERT_TRUE(records.remove(sample().alloc_id));
  EXPECT_FALSE(records.any());
}

// A plugin that answers as told and writes down what it was asked.
TEST(cni, runs_the_list_in_order_and_back) {
  folder f;
  auto plugin = [&](const std::string& name, const std::string& answer) {
    auto path = f.path + "/" + name;
    std::ofstream(path) << "#!/bin/sh\n{ echo \"" << name << " $CNI_COMMAND $CNI_IFNAME $CNI_ARGS\"; cat; echo; } >> " << f.path << "/asked\n"
                        << answer << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  };
  plugin("first", R"(echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/24"},{"address":"fd01::5/64"}],"dns":{"nameservers":["10.1.0.1"]}}')");
  plugin(
      "second",
      R"([ "$CNI_COMMAND" = ADD ] && cat /dev/null; echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/24"},{"address":"fd01::5/64"}],"dns":{"nameservers":["10.1.0.1"]}}')");
  plugin("refuses", R"(echo '{"code":11,"msg":"no room","details":"the pool is empty"}'; exit 1)");
  std::ofstream(f.path + "/10.conflist")
      << R"({"cniVersion":"1.0.0","name":"lab","plugins":[{"type":"first","capabilities":{"portMappings":true}},{"type":"second"}]})";
  std::ofstream(f.path + "/20.conf") << R"({"cniVersion":"1.0.0","name":"one","type":"refuses"})";
  std::ofstream(f.path + "/30.json") << R"({"name":"none"})";
  cni_networks networks(f.path, f.path);
  std::vector<std::string> problems;
  EXPECT_THAT(networks.names(&problems), ElementsAre("lab", "one"));
  EXPECT_THAT(problems, ElementsAre(HasSubstr("it has neither plugins nor a type")));
  auto record = sample();
  record.address.clear();
  record.mode = "cni/lab";
  record.namespace_path = "/var/run/netns/x";
  ASSERT_TRUE(networks.plan(record, {{"team", "a"}}));
  auto added = networks.add(record);
  ASSERT_TRUE(added) << added.error().text();
  EXPECT_EQ(record.address, "10.1.0.5");
  EXPECT_EQ(record.address_ipv6, "fd01::5");
  EXPECT_THAT(record.dns_servers, ElementsAre("10.1.0.1"));
  ASSERT_TRUE(networks.check(record));
  ASSERT_TRUE(networks.remove(record));
  auto asked = *read_file(f.path + "/asked");
  EXPECT_THAT(asked, HasSubstr("first ADD eth0 IgnoreUnknown=true;NOMAD_ALLOC_ID=" + record.alloc_id + ";team=a\n"));
  EXPECT_THAT(asked, HasSubstr(R"("portMappings":[{"hostPort":20000,"containerPort":8080,"protocol":"tcp","hostIP":"10.0.0.1"})"));
  EXPECT_LT(asked.find("second DEL"), asked.find("first DEL"));
  EXPECT_THAT(asked.substr(asked.find("second ADD")), HasSubstr("\"prevResult\""));
  record.mode = "cni/one";
  ASSERT_TRUE(networks.plan(record, {}));
  EXPECT_EQ(networks.add(record).error().text(), "CNI plugin refuses ADD: no room: the pool is empty");
  record.mode = "cni/moon";
  EXPECT_THAT(networks.plan(record, {}).error().text(), HasSubstr("no CNI network \"moon\" is configured"));
  record.mode = "cni/lab";
  EXPECT_THAT(networks.plan(record, {{"a;b", "c"}}).error().text(), HasSubstr("CNI argument"));
}

using fingerprint::machine_interface;

std::vector<machine_interface> machine() {
  return {{.name = "lo", .mac = {}, .speed = 0, .up = true, .loopback = true, .addresses = {{"127.0.0.1", false, false}, {"::1", true, false}}},
          {.name = "eth0",
           .mac = "02:00:00:00:00:01",
           .speed = 10'000,
           .up = true,
           .loopback = false,
           .addresses = {{"fe80::1", true, true}, {"203.0.113.5", false, false}, {"2001:db8::5", true, false}}},
          {.name = "lan0", .mac = "02:00:00:00:00:02", .speed = 0, .up = true, .loopback = false, .addresses = {{"10.0.0.5", false, false}}}};
}

std::vector<std::string> offered(const client_options& o, const std::string& route) {
  std::vector<std::string> out;
  for (auto& network : fingerprint::choose_networks(o, machine(), route).networks)
    for (auto& a : network.addresses)
      out.push_back(a.alias + " " + a.address + " " + network.device + (a.reserved_ports.empty() ? "" : " " + a.reserved_ports));
  return out;
}

TEST(host_networks, are_chosen_by_interface_cidr_and_route) {
  client_options o;
  EXPECT_THAT(offered(o, "eth0"), ElementsAre("default 203.0.113.5 eth0", "default 2001:db8::5 eth0"));
  EXPECT_THAT(offered(o, ""), ElementsAre("default 203.0.113.5 eth0", "default 2001:db8::5 eth0"));
  o.preferred_address_family = "ipv6";
  EXPECT_THAT(offered(o, "eth0"), ElementsAre("default 2001:db8::5 eth0", "default 203.0.113.5 eth0"));
  o.network_interface = "lan0";
  EXPECT_THAT(offered(o, "eth0"), ElementsAre("default 10.0.0.5 lan0"));
  o.network_interface.clear();
  o.preferred_address_family.clear();
  o.reserved.ports = "22";
  o.host_networks["private"] = {.name = "private", .cidr = "192.168.0.0/16, 10.0.0.0/8", .interface = "", .reserved_ports = "80,443"};
  o.host_networks["both"] = {.name = "both", .cidr = "2001:db8::/32", .interface = "eth0", .reserved_ports = ""};
  o.host_networks["moon"] = {.name = "moon", .cidr = "198.51.100.0/24", .interface = "eth0", .reserved_ports = ""};
  EXPECT_THAT(offered(o, "eth0"),
              ElementsAre("default 203.0.113.5 eth0 22", "both 2001:db8::5 eth0", "default 2001:db8::5 eth0 22", "private 10.0.0.5 lan0 80,443"));
  auto reasons = fingerprint::choose_networks(o, machine(), "eth0").reasons;
  EXPECT_THAT(reasons, ::testing::Contains("host network \"private\": 10.0.0.5 of lan0 (cidr 10.0.0.0/8)"));
  EXPECT_THAT(reasons, ::testing::Contains("host network \"default\": 203.0.113.5 of eth0 (the default route leaves by it)"));
  EXPECT_THAT(reasons, ::testing::Contains(HasSubstr("host network \"moon\": no address of this machine")));
  o.host_networks.clear();
  o.network_interface = "gone0";
  EXPECT_THAT(offered(o, "eth0"), ElementsAre());
  EXPECT_THAT(fingerprint::choose_networks(o, machine(), "eth0").reasons,
              ElementsAre(HasSubstr("interface gone0 (client.network_interface, which this machine does not have) has no address")));
}

}  // namespace
}  // namespace drover::client

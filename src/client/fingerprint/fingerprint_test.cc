// What a cloud and the PCI bus say, from a server and a directory of the test's own.
#include "client/fingerprint/fingerprint.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

namespace drover::client {
namespace {

// Answers GET and PUT by path; everything else is 404. One request a connection.
class fake_metadata {
 public:
  explicit fake_metadata(std::map<std::string, std::string> answers) : answers_(std::move(answers)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&where), size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&where), &size), 0);
    url = fmt::format("http://127.0.0.1:{}/", ntohs(where.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~fake_metadata() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string url, heads;

 private:
  void serve() {
    for (int peer; (peer = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(peer)) {
      std::string head;
      char piece[2048];
      for (ssize_t n; head.find("\r\n\r\n") == std::string::npos && (n = ::read(peer, piece, sizeof piece)) > 0;) head.append(piece, static_cast<size_t>(n));
      heads += head;
      auto begin = head.find(' ') + 2;
      auto found = answers_.find(head.substr(begin, head.find(' ', begin) - begin));
      auto body = found == answers_.end() ? std::string("none") : found->second;
      auto answer = fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}", found == answers_.end() ? "404 Not Found" : "200 OK",
                                body.size(), body);
      (void)!::write(peer, answer.data(), answer.size());
    }
  }
  std::map<std::string, std::string> answers_;
  int listener_;
  std::thread thread_;
};

class fingerprints : public ::testing::Test {
 protected:
  void TearDown() override {
    for (auto name : {"AWS_ENV_URL", "GCE_ENV_URL", "AZURE_ENV_URL", "DO_ENV_URL"}) ::unsetenv(name);
  }
  schema::node run(void (*which)(const fingerprint::context&, schema::node&)) {
    schema::node node;
    node.node_resources.emplace();
    node.attributes["unique.network.ip-address"] = "192.0.2.1";
    net::loop loop;
    net::blocking_pool pool(loop);
    auto cgroups = exec::cgroup_manager();
    shim_services services{.loop = loop, .pool = pool, .shim_path = {}, .cgroups = cgroups};
    driver_registry drivers(options, services);
    which({.options = options, .drivers = drivers, .cgroups = cgroups, .alloc_dir = {}, .now = {}}, node);
    return node;
  }
  client_options options;
};

TEST_F(fingerprints, amazon) {
  fake_metadata server({{"api/token", "session"},
                        {"meta-data/ami-id", "ami-1"},
                        {"meta-data/instance-id", "i-1"},
                        {"meta-data/instance-type", "m3.2xlarge"},
                        {"meta-data/local-ipv4", "10.0.0.207\n"},
                        {"meta-data/mac", "0e:00"},
                        {"meta-data/network/interfaces/macs/0e:00/ipv6s", "2001:db8::1\n2001:db8::2"},
                        {"meta-data/placement/availability-zone", "us-west-2a"}});
  ::setenv("AWS_ENV_URL", server.url.c_str(), 1);
  EXPECT_EQ(run(&fingerprint::cloud).attributes.size(), 1u) << "nobody asked";
  options.options["fingerprint.env_aws"] = "true";
  auto node = run(&fingerprint::cloud);
  auto& a = node.attributes;
  EXPECT_EQ(a["platform.aws.ami-id"], "ami-1");
  EXPECT_EQ(a["platform.aws.instance-type"], "m3.2xlarge");
  EXPECT_EQ(a["platform.aws.placement.availability-zone"], "us-west-2a");
  EXPECT_EQ(a["unique.platform.aws.instance-id"], "i-1");
  EXPECT_EQ(a["unique.platform.aws.public-ipv6"], "2001:db8::1");
  EXPECT_FALSE(a.contains("unique.platform.aws.public-ipv4"));
  EXPECT_EQ(a["unique.network.ip-address"], "10.0.0.207");
  EXPECT_EQ(node.links["aws.ec2"], "us-west-2a.i-1");
  EXPECT_NE(server.heads.find("X-aws-ec2-metadata-token: session"), std::string::npos);
}

TEST_F(fingerprints, google) {
  fake_metadata server(
      {{"machine-type", "projects/1/machineTypes/n1-standard-1"},
       {"zone", "projects/1/zones/us-central1-f"},
       {"id", "12345"},
       {"hostname", "a.internal"},
       {"scheduling/automatic-restart", "TRUE"},
       {"network-interfaces/?recursive=true",
        R"([{"ip":"10.240.0.5","network":"projects/1/networks/default","accessConfigs":[{"externalIp":"198.51.100.7","type":"ONE_TO_ONE_NAT"}]}])"},
       {"tags", R"(["web","unique.one"])"},
       {"attributes/?recursive=true", R"({"ghi":"111","unique.jkl":"222\n"})"}});
  ::setenv("GCE_ENV_URL", server.url.c_str(), 1);
  options.options["fingerprint.env_gce"] = "true";
  auto node = run(&fingerprint::cloud);
  auto& a = node.attributes;
  EXPECT_EQ(a["platform.gce.machine-type"], "n1-standard-1");
  EXPECT_EQ(a["platform.gce.zone"], "us-central1-f");
  EXPECT_EQ(a["platform.gce.scheduling.automatic-restart"], "TRUE");
  EXPECT_EQ(a["platform.gce.network.default"], "true");
  EXPECT_EQ(a["unique.platform.gce.network.default.ip"], "10.240.0.5");
  EXPECT_EQ(a["unique.platform.gce.network.default.external-ip.0"], "198.51.100.7");
  EXPECT_EQ(a["platform.gce.tag.web"], "true");
  EXPECT_EQ(a["unique.platform.gce.tag.one"], "true");
  EXPECT_EQ(a["platform.gce.attr.ghi"], "111");
  EXPECT_EQ(a["unique.platform.gce.attr.jkl"], "222");
  EXPECT_EQ(node.links["gce"], "12345");
  EXPECT_NE(server.heads.find("Metadata-Flavor: Google"), std::string::npos);
}

TEST_F(fingerprints, azure_and_digitalocean) {
  const std::string query = "?api-version=2019-06-04&format=";
  fake_metadata azure({{"compute/azEnvironment" + query + "text", "AzurePublicCloud"},
                       {"compute/vmId" + query + "text", "vm-1"},
                       {"compute/location" + query + "text", "eastus"},
                       {"network/interface/0/ipv4/ipAddress/0/privateIpAddress" + query + "text", "10.1.0.4"},
                       {"compute/tagsList" + query + "json", R"([{"name":"team","value":"db"},{"name":"unique.n","value":"1"}])"}});
  fake_metadata ocean({{"region", "fra1"}, {"id", "77"}, {"interfaces/public/0/ipv4/address", "203.0.113.9"}});
  ::setenv("AZURE_ENV_URL", azure.url.c_str(), 1);
  ::setenv("DO_ENV_URL", ocean.url.c_str(), 1);
  options.options = {{"fingerprint.env_azure", "true"}, {"fingerprint.env_digitalocean", "true"}};
  auto node = run(&fingerprint::cloud);
  auto& a = node.attributes;
  EXPECT_EQ(a["unique.platform.azure.id"], "vm-1");
  EXPECT_EQ(a["platform.azure.location"], "eastus");
  EXPECT_EQ(a["platform.azure.tag.team"], "db");
  EXPECT_EQ(a["unique.platform.azure.tag.n"], "1");
  EXPECT_EQ(a["unique.network.ip-address"], "10.1.0.4");
  EXPECT_EQ(a["platform.digitalocean.region"], "fra1");
  EXPECT_EQ(a["unique.platform.digitalocean.public-ipv4"], "203.0.113.9");
  EXPECT_EQ(node.links, (std::map<std::string, std::string>{{"azure", "vm-1"}, {"digitalocean", "77"}}));
}

TEST_F(fingerprints, a_cloud_that_does_not_answer_stops_nothing) {
  ::setenv("DO_ENV_URL", "http://127.0.0.1:1/", 1);
  options.options["fingerprint.env_digitalocean"] = "true";
  EXPECT_EQ(run(&fingerprint::cloud).attributes.size(), 1u);
}

TEST_F(fingerprints, graphics_processors_on_the_bus) {
  std::string root = ::testing::TempDir() + "/gpu-XXXXXX";
  ASSERT_NE(mkdtemp(root.data()), nullptr);
  auto device = [&](const std::string& address, const std::string& vendor, const std::string& pci_class, const std::string& id, const std::string& driver) {
    auto folder = root + "/bus/pci/devices/" + address;
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/vendor") << vendor << "\n";
    std::ofstream(folder + "/class") << pci_class << "\n";
    std::ofstream(folder + "/device") << id << "\n";
    if (!driver.empty()) std::filesystem::create_symlink("../../../bus/pci/drivers/" + driver, folder + "/driver");
    return folder;
  };
  device("0000:00:1f.0", "0x8086", "0x060100", "0x7a84", "lpc");
  device("0000:01:00.0", "0x10de", "0x030200", "0x1db4", "nvidia");
  device("0000:02:00.0", "0x10de", "0x030200", "0x1db4", "");
  auto amd = device("0000:03:00.0", "0x1002", "0x038000", "0x740f", "amdgpu");
  std::ofstream(amd + "/mem_info_vram_total") << 68702699520 << "\n";
  std::ofstream(amd + "/product_name") << "Instinct MI210\n";
  options.options["fingerprint.gpu.sysfs"] = root;
  auto devices = run(&fingerprint::gpu).node_resources->devices;
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].vendor + "/" + devices[0].type + "/" + devices[0].name, "nvidia/gpu/pci-0x1db4");
  ASSERT_EQ(devices[0].instances.size(), 2u);
  EXPECT_TRUE(devices[0].instances[0].healthy);
  EXPECT_EQ(devices[0].instances[0].locality->pci_bus_id, "0000:01:00.0");
  EXPECT_FALSE(devices[0].instances[1].healthy);
  EXPECT_EQ(devices[0].attributes["driver"].string, "nvidia");
  EXPECT_EQ(devices[1].name, "Instinct MI210");
  EXPECT_EQ(devices[1].attributes["memory"].int_, 65520);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace drover::client

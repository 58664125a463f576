#include "cli/doctor/machine.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "codec/json.h"
#include "net/blocking.h"
#include "net/http_client.h"

namespace drover::cli::doctor {
namespace {

constexpr long tmpfs_magic = 0x01021994, ramfs_magic = 0x858458f6;
constexpr int agent_ports[] = {4646, 4647, 4648};
constexpr duration docker_patience = seconds(1);
constexpr const char* docker_socket = "/var/run/docker.sock";

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool exists(const std::string& path) {
  std::error_code failed;
  return std::filesystem::exists(path, failed);
}

void look_at_cgroups(const std::string& root, machine_facts& f) {
  auto folder = root + "/sys/fs/cgroup";
  if (exists(folder + "/cgroup.controllers")) {
    f.cgroup_controllers.emplace();
    for (auto name : split(trim(text_of(folder + "/cgroup.controllers")), ' '))
      if (!name.empty()) f.cgroup_controllers->emplace_back(name);
    f.cgroup_writable = ::access((folder + "/cgroup.procs").c_str(), W_OK) == 0;
  }
  f.cgroup_v1 = exists(folder + "/memory");
}

void look_at_namespaces(const std::string& root, machine_facts& f) {
  struct row {
    const char *file, *limit, *name;
  };
  for (auto& each : {row{"pid", "max_pid_namespaces", "pid"}, row{"mnt", "max_mnt_namespaces", "mount"}, row{"ipc", "max_ipc_namespaces", "ipc"},
                     row{"net", "max_net_namespaces", "network"}}) {
    std::error_code failed;
    bool there = std::filesystem::exists(std::filesystem::symlink_status(root + "/proc/self/ns/" + each.file, failed));
    if (!there || trim(text_of(root + "/proc/sys/user/" + each.limit)) == "0") f.missing_namespaces.emplace_back(each.name);
  }
}

bool has_library(const std::string& root, const std::string& name) {
  std::error_code failed;
  for (auto folder : {"/usr/lib", "/usr/lib64", "/usr/local/lib"}) {
    if (exists(root + folder + "/" + name)) return true;
    for (const auto& entry : std::filesystem::directory_iterator(root + folder, failed))
      if (exists(entry.path().string() + "/" + name)) return true;
  }
  return false;
}

void look_at_networks(const std::string& root, machine_facts& f) {
  auto modules = root + "/lib/modules/" + std::string(trim(text_of(root + "/proc/sys/kernel/osrelease")));
  f.has_bridge = exists(root + "/sys/module/bridge");
  for (auto list : {"/modules.builtin", "/modules.dep"}) f.has_bridge = f.has_bridge || text_of(modules + list).find("/bridge.ko") != std::string::npos;
  f.has_nftables = has_library(root, "libnftables.so.1");
  f.forwards = trim(text_of(root + "/proc/sys/net/ipv4/ip_forward")) == "1";
}

void look_at_docker(const std::string& root, machine_facts& f) {
  auto path = root + docker_socket;
  f.docker_installed = exists(path) || exists(root + "/usr/bin/dockerd") || exists(root + "/usr/sbin/dockerd");
  if (!f.docker_installed) return;
  net::loop loop;
  auto client = net::http_client::create({.address = "unix://" + path, .connect_timeout = docker_patience});
  if (!client) {
    f.docker_error = client.error().text();
    return;
  }
  auto answer = net::run_to_completion(loop, (*client)->request({.target = "/version", .timeout = docker_patience, .response_bytes_max = 64 * 1024}));
  auto parsed = answer && answer->status == 200 ? codec::value_from_json(answer->body) : result<value>(fail(errc::unavailable, "it does not say its version"));
  const auto* version = parsed ? parsed->find("Version") : nullptr;
  if (version != nullptr && version->as_string() != nullptr) f.docker_version = "version " + *version->as_string();
  else f.docker_error = fmt::format("{}: {}", path, answer ? "no answer of an engine" : answer.error().text());
}

disk_facts look_at_disk(std::string path) {
  disk_facts out;
  // A data directory that is still to be made is where its parent is.
  while (!exists(path) && path.size() > 1) path = std::filesystem::path(path).parent_path().string();
  out.path = path;
  struct statfs status{};
  if (::statfs(path.c_str(), &status) != 0) {
    out.error = fmt::format("{}: {}", path, std::strerror(errno));
    return out;
  }
  auto block = static_cast<uint64_t>(status.f_bsize);
  out.total_bytes = status.f_blocks * block;
  out.free_bytes = status.f_bavail * block;
  out.in_memory = status.f_type == tmpfs_magic || status.f_type == ramfs_magic;
  return out;
}

std::string why_taken(int port) {
  int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return std::strerror(errno);
  int yes = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<uint16_t>(port));
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool free = ::bind(descriptor, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
  std::string out = free ? "" : std::strerror(errno);
  ::close(descriptor);
  return out;
}

}  // namespace

machine_facts look_at_machine(const std::string& root, const std::string& data_dir, bool agent_runs) {
  machine_facts f;
  f.is_root = ::geteuid() == 0;
  utsname system{};
  if (::uname(&system) == 0) f.kernel_release = system.release;
  look_at_cgroups(root, f);
  look_at_namespaces(root, f);
  look_at_networks(root, f);
  look_at_docker(root, f);
  timex clock{};
  if (int state = ::adjtimex(&clock); state >= 0) f.clock_synchronised = state != TIME_ERROR && (clock.status & STA_UNSYNC) == 0;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) f.open_files_max = files.rlim_max == RLIM_INFINITY ? UINT64_MAX : files.rlim_max;
  f.disk = look_at_disk(data_dir);
  if (!agent_runs)
    for (int port : agent_ports) f.ports[port] = why_taken(port);
  return f;
}

}  // namespace drover::cli::doctor

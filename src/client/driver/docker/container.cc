#include "client/driver/docker/container.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "client/exec/isolation.h"

namespace drover::client::docker {

namespace {
constexpr int64_t no_memory_limit = -1;
constexpr int64_t default_cfs_period = 100'000;
// What dockerd gives a container by itself.
constexpr const char* docker_capabilities[] = {"audit_write",      "chown",   "dac_override", "fowner", "fsetid",  "kill",   "mknod",
                                               "net_bind_service", "net_raw", "setfcap",      "setgid", "setpcap", "setuid", "sys_chroot"};

int64_t bytes_of(int64_t megabytes) { return megabytes * 1024 * 1024; }

value list_of(const std::vector<std::string>& texts) {
  value::list out;
  for (auto& t : texts) out.emplace_back(t);
  return value(std::move(out));
}
value map_of(const std::map<std::string, std::string>& texts) {
  value::object out;
  for (auto& [k, v] : texts) out.set(k, v);
  return value(std::move(out));
}

std::string clean_path(const std::string& base, const std::string& path) {
  std::filesystem::path p = path.starts_with('/') ? std::filesystem::path(path) : std::filesystem::path(base) / path;
  auto text = p.lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

bool is_below(const std::string& path, const std::string& parent) { return path == parent || path.starts_with(parent + "/"); }

// The allocation's directory: TASK/.. of the task's own root.
std::string alloc_root(const task_spec& task) { return std::filesystem::path(task.dir.root).parent_path().string(); }

result<> check_host_path(const task_spec& task, const options& o, const std::string& path, const std::string& written) {
  if (o.volumes || is_below(path, alloc_root(task))) return {};
  return fail(errc::permission_denied,
              "volumes are not enabled; cannot mount host path: \"{}\" (plugin \"docker\" {{ config {{ volumes {{ enabled = true }} }} }})", written);
}

result<value> make_binds(const task_spec& task, const config& c, const options& o) {
  std::vector<std::string> out;
  auto label = o.selinux_label.empty() ? std::string() : ":" + o.selinux_label;
  out.push_back(fmt::format("{}:/alloc{}", task.shared_alloc_dir, label));
  out.push_back(fmt::format("{}:/local{}", task.dir.local, label));
  out.push_back(fmt::format("{}:/secrets{}", task.dir.secrets, label));
  // A task must not write its own logs.
  out.push_back(fmt::format("{}:/alloc/logs:ro{}", task.log_dir, o.selinux_label.empty() ? "" : "," + o.selinux_label));
  if (!c.volume_driver.empty() && !o.volumes) return fail(errc::permission_denied, "volumes are not enabled; cannot use volume driver \"{}\"", c.volume_driver);
  for (auto& volume : c.volumes) {
    auto parts = split(volume, ':');
    if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || !parts[1].starts_with('/'))
      return fail(errc::invalid, "invalid docker volume \"{}\": SOURCE:/PATH/IN/CONTAINER or SOURCE:/PATH/IN/CONTAINER:MODE is needed", volume);
    std::string source(parts[0]);
    if (c.volume_driver.empty()) {
      source = clean_path(task.dir.root, source);
      TRY(check_host_path(task, o, source, volume));
    }
    std::string mode(parts.size() > 2 ? parts[2] : "");
    if (!o.selinux_label.empty()) mode += (mode.empty() ? "" : ",") + o.selinux_label;
    out.push_back(fmt::format("{}:{}{}{}", source, parts[1], mode.empty() ? "" : ":", mode));
  }
  return list_of(out);
}

value bind_mount(const std::string& source, const std::string& target, bool read_only, const std::string& propagation = {}) {
  value::object out;
  out.set("Type", "bind");
  out.set("Source", source);
  out.set("Target", target);
  out.set("ReadOnly", read_only);
  if (!propagation.empty()) {
    value::object bind;
    bind.set("Propagation", propagation == "bidirectional" ? "rshared" : propagation == "host-to-task" ? "rslave" : "rprivate");
    out.set("BindOptions", value(std::move(bind)));
  }
  return value(std::move(out));
}

result<value> make_mount(const task_spec& task, const mount& m, const options& o) {
  value::object out;
  out.set("Type", m.type);
  out.set("Target", m.target);
  out.set("ReadOnly", m.read_only);
  if (m.type == "bind") {
    auto source = clean_path(task.dir.root, m.source);
    TRY(check_host_path(task, o, source, m.source));
    out.set("Source", source);
    if (!m.propagation.empty()) {
      value::object bind;
      bind.set("Propagation", m.propagation);
      out.set("BindOptions", value(std::move(bind)));
    }
  } else if (m.type == "tmpfs") {
    value::object tmpfs;
    if (m.tmpfs_size > 0) tmpfs.set("SizeBytes", m.tmpfs_size);
    if (m.tmpfs_mode > 0) tmpfs.set("Mode", m.tmpfs_mode);
    out.set("TmpfsOptions", value(std::move(tmpfs)));
  } else {
    if (!o.volumes) return fail(errc::permission_denied, "volumes are not enabled; cannot mount volume: \"{}\"", m.source);
    out.set("Source", m.source);
    value::object volume;
    volume.set("NoCopy", m.no_copy);
    volume.set("Labels", map_of(m.labels));
    if (!m.driver.empty() || !m.driver_options.empty()) {
      value::object driver;
      driver.set("Name", m.driver);
      driver.set("Options", map_of(m.driver_options));
      volume.set("DriverConfig", value(std::move(driver)));
    }
    out.set("VolumeOptions", value(std::move(volume)));
  }
  return value(std::move(out));
}

result<value> make_mounts(const task_spec& task, const config& c, const options& o) {
  value::list out;
  for (auto& m : c.mounts) {
    TRY_ASSIGN(auto one, make_mount(task, m, o));
    out.push_back(std::move(one));
  }
  for (auto& volume : task.mounts) out.push_back(bind_mount(volume.host_path, volume.task_path, volume.read_only, volume.propagation));
  // With a network of docker's own (network_mode) its names are docker's too.
  if (c.network_mode.empty() && !task.network.hosts_file.empty()) out.push_back(bind_mount(task.network.hosts_file, "/etc/hosts", false));
  if (task.network.dns && !task.network.resolv_file.empty()) out.push_back(bind_mount(task.network.resolv_file, "/etc/resolv.conf", false));
  return value(std::move(out));
}

// "soft" or "soft:hard".
result<value> make_ulimits(const config& c) {
  value::list out;
  for (auto& [name, text] : c.ulimit) {
    auto parts = split(text, ':');
    auto soft = parse_int(trim(parts[0])), hard = parts.size() > 1 ? parse_int(trim(parts[1])) : soft;
    if (name.empty() || parts.size() > 2 || !soft || !hard)
      return fail(errc::invalid, "ulimit of the docker driver: \"{}\" for \"{}\" must be \"SOFT\" or \"SOFT:HARD\" in numbers, such as \"2048:4096\"", text,
                  name);
    value::object one;
    one.set("Name", name);
    one.set("Soft", *soft);
    one.set("Hard", *hard);
    out.emplace_back(std::move(one));
  }
  return value(std::move(out));
}

result<> check_modes(const config& c, const options& o) {
  if (o.allow_privileged) return {};
  struct row {
    const char* key;
    const std::string& mode;
    const std::vector<std::string>& allowed;
  } const rows[] = {{"pid_mode", c.pid_mode, o.allowed_pid},
                    {"ipc_mode", c.ipc_mode, o.allowed_ipc},
                    {"userns_mode", c.userns_mode, o.allowed_userns},
                    {"uts_mode", c.uts_mode, o.allowed_uts}};
  for (auto& [key, mode, allowed] : rows) {
    if (mode.empty() || std::any_of(allowed.begin(), allowed.end(), [&](auto& pattern) { return matches_glob(pattern, mode); })) continue;
    return fail(errc::permission_denied, "cannot apply \"{}\" configuration: \"{}\" is not among allowed_modes of this client's docker plugin", key, mode);
  }
  return {};
}

bool asks_for_all(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [](auto& n) { return equals_ignoring_case(n, "all"); });
}

std::string plain_capability(std::string_view name) {
  auto lower = to_lower(name);
  return lower.starts_with("cap_") ? lower.substr(4) : lower;
}

result<> add_capabilities(value::object& host, const config& c, const options& o) {
  TRY(exec::resolve_capabilities(o.allow_caps, c.cap_add, c.cap_drop));
  std::vector<std::string> allowed, drop, add;
  for (auto& name : o.allow_caps.empty() ? exec::default_allowed_capabilities() : o.allow_caps) allowed.push_back(plain_capability(name));
  if (!asks_for_all(allowed))
    for (auto* name : docker_capabilities)
      if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) drop.emplace_back(name);
  for (auto& name : c.cap_drop) drop.push_back(plain_capability(name));
  for (auto& name : c.cap_add) add.push_back(plain_capability(name));
  if (asks_for_all(drop)) drop = {"all"};
  if (asks_for_all(add)) add = asks_for_all(allowed) ? std::vector<std::string>{"all"} : allowed;
  host.set("CapAdd", list_of(add));
  host.set("CapDrop", list_of(drop));
  return {};
}

// ---- ports ----

struct port_bindings {
  std::map<std::string, value::list> bound;
  void add(const std::string& ip, int64_t host, int64_t inside) {
    for (const char* protocol : {"tcp", "udp"}) {
      value::object one;
      one.set("HostIp", ip);
      one.set("HostPort", std::to_string(host));
      bound[fmt::format("{}/{}", inside, protocol)].emplace_back(std::move(one));
    }
  }
};

result<port_bindings> make_ports(const task_spec& task, const config& c, const std::string& network_mode) {
  port_bindings out;
  if (!c.ports.empty() && !task.network.ports.empty()) {
    // In the allocation's own network the ports are opened already.
    if (network_mode.starts_with("container:")) return out;
    for (auto& label : c.ports) {
      auto found = std::find_if(task.network.ports.begin(), task.network.ports.end(), [&](auto& p) { return p.label == label; });
      if (found == task.network.ports.end()) return fail(errc::invalid, "Port \"{}\" not found, check network block", label);
      out.add(found->host_ip, found->value, found->to > 0 ? found->to : found->value);
    }
    return out;
  }
  if (!c.ports.empty()) return fail(errc::invalid, "Port \"{}\" not found, check network block", c.ports[0]);
  if (!task.resources.networks.empty()) {
    auto& network = task.resources.networks[0];
    for (auto* list : {&network.reserved_ports, &network.dynamic_ports})
      for (auto& p : *list) {
        auto mapped = c.port_map.find(p.label);
        out.add(network.ip, p.value, mapped == c.port_map.end() ? p.value : mapped->second);
      }
    return out;
  }
  if (c.port_map.empty()) return out;
  if (!task.network.ports.empty()) return fail(errc::invalid, "'port_map' cannot map group network ports, use 'ports' instead");
  return fail(errc::invalid, "Trying to map ports but no network interface is available");
}

void add_ports(value::object& body, value::object& host, port_bindings ports) {
  value::object exposed, bindings;
  for (auto& [key, list] : ports.bound) {
    exposed.append(key, value(value::object()));
    bindings.append(key, value(std::move(list)));
  }
  body.set("ExposedPorts", value(std::move(exposed)));
  host.set("PortBindings", value(std::move(bindings)));
}

result<std::string> network_mode_of(const task_spec& task, const config& c) {
  if (!c.network_mode.empty()) return c.network_mode;
  if (task.network.namespace_path.empty()) return std::string("default");
  auto made = task.network.labels.find("docker_sandbox_container_id");
  if (made != task.network.labels.end()) return "container:" + made->second;
  return fail(errc::unsupported,
              "a docker container cannot join the network of its group, which another driver made: set network_mode, or give it a group of its own");
}

// ---- resources and the rest ----

result<> add_resources(value::object& host, const task_spec& task, const config& c, const options& o) {
  auto memory = memory_of(task.resources, c);
  if (memory.hard > 0 && memory.reservation > memory.hard)
    return fail(errc::invalid, "task memory requirements exceed driver hard limit of {} MB", c.memory_hard_limit);
  host.set("Memory", memory.hard);
  host.set("MemoryReservation", memory.reservation);
  host.set("MemorySwap", memory.hard);  // together with memory: no swap
  host.set("CpuShares", task.resources.cpu.cpu_shares);
  if (!task.resources.cpu.reserved_cores.empty()) {
    std::vector<std::string> cores;
    for (auto core : task.resources.cpu.reserved_cores) cores.push_back(std::to_string(core));
    host.set("CpusetCpus", join(cores, ","));
  }
  if (c.cpu_hard_limit) {
    auto period = c.cpu_cfs_period == 0 ? default_cfs_period : c.cpu_cfs_period;
    if (period < 1000 || period > 1'000'000)
      return fail(errc::invalid, "cpu_cfs_period of the docker driver must be between 1000 and 1000000 microseconds, not {}", period);
    if (task.node_cpu_mhz <= 0) return fail(errc::unavailable, "this node does not know its CPU's speed, which cpu_hard_limit needs");
    host.set("CpuPeriod", period);
    auto share = static_cast<double>(task.resources.cpu.cpu_shares) / static_cast<double>(task.node_cpu_mhz);
    host.set("CpuQuota", std::max<int64_t>(1000, static_cast<int64_t>(share * static_cast<double>(period * task.node_cpu_cores))));
  }
  if (o.pids_limit > 0 && c.pids_limit > o.pids_limit)
    return fail(errc::invalid, "pids_limit cannot be greater than nomad plugin config pids_limit: {}", o.pids_limit);
  host.set("PidsLimit", c.pids_limit > 0 ? c.pids_limit : o.pids_limit > 0 ? o.pids_limit : int64_t{-1});
  host.set("OomScoreAdj", c.oom_score_adj != 0 ? c.oom_score_adj : o.oom_score_adj);
  if (c.shm_size > 0) host.set("ShmSize", c.shm_size);
  return {};
}

value make_log_config(const config& c, const options& o) {
  auto& chosen = c.logging && (!c.logging->type.empty() || !c.logging->options.empty()) ? *c.logging : o.logging;
  value::object out;
  out.set("Type", chosen.type);
  out.set("Config", map_of(chosen.options));
  return value(std::move(out));
}

value make_labels(const task_spec& task, const config& c, const options& o, const std::string& agent) {
  auto labels = c.labels;
  std::pair<const char*, const std::string&> extra[] = {
      {"job_name", task.job_name},   {"job_id", task.job_id},        {"parent_job_id", task.parent_job_id}, {"task_group_name", task.group_name},
      {"task_name", task.task_name}, {"namespace", task.namespace_}, {"node_name", task.node_name},         {"node_id", task.node_id}};
  for (auto& pattern : o.extra_labels)
    for (auto& [name, text] : extra)
      if (matches_glob(pattern, name) && !text.empty()) labels[fmt::format("com.hashicorp.nomad.{}", name)] = text;
  labels[std::string(label_alloc_id)] = task.alloc_id;
  labels[std::string(label_agent)] = agent;
  return map_of(labels);
}

void add_network_settings(value::object& body, const config& c, const std::string& mode) {
  if (c.network_aliases.empty() && c.ipv4_address.empty() && c.ipv6_address.empty() && c.mac_address.empty()) return;
  value::object endpoint, ipam, endpoints, config;
  if (!c.network_aliases.empty()) endpoint.set("Aliases", list_of(c.network_aliases));
  if (!c.ipv4_address.empty()) ipam.set("IPv4Address", c.ipv4_address);
  if (!c.ipv6_address.empty()) ipam.set("IPv6Address", c.ipv6_address);
  if (!ipam.empty()) endpoint.set("IPAMConfig", value(std::move(ipam)));
  if (!c.mac_address.empty()) {
    endpoint.set("MacAddress", c.mac_address);
    body.set("MacAddress", c.mac_address);  // where older ones look
  }
  endpoints.set(mode, value(std::move(endpoint)));
  config.set("EndpointsConfig", value(std::move(endpoints)));
  body.set("NetworkingConfig", value(std::move(config)));
}

value make_devices(const task_spec& task, const config& c) {
  value::list out;
  auto add = [&](const std::string& host, const std::string& inside, const std::string& permissions) {
    value::object one;
    one.set("PathOnHost", host);
    one.set("PathInContainer", inside);
    one.set("CgroupPermissions", permissions);
    out.emplace_back(std::move(one));
  };
  for (auto& d : c.devices) add(d.host_path, d.container_path, d.permissions);
  for (auto& d : task.devices) add(d.host_path, d.task_path, d.permissions);
  return value(std::move(out));
}

result<value> make_host_config(const task_spec& task, const config& c, const options& o, const std::string& network_mode) {
  if (c.privileged && !o.allow_privileged) return fail(errc::permission_denied, "Docker privileged mode is disabled on this Nomad agent");
  if (!c.runtime.empty() && std::find(o.allow_runtimes.begin(), o.allow_runtimes.end(), c.runtime) == o.allow_runtimes.end())
    return fail(errc::permission_denied, "requested runtime \"{}\" is not allowed", c.runtime);
  TRY(check_modes(c, o));
  value::object host;
  TRY_ASSIGN(auto binds, make_binds(task, c, o));
  host.set("Binds", std::move(binds));
  TRY_ASSIGN(auto mounts, make_mounts(task, c, o));
  host.set("Mounts", std::move(mounts));
  TRY_ASSIGN(auto ulimits, make_ulimits(c));
  host.set("Ulimits", std::move(ulimits));
  TRY(add_resources(host, task, c, o));
  TRY(add_capabilities(host, c, o));
  host.set("LogConfig", make_log_config(c, o));
  host.set("Devices", make_devices(task, c));
  host.set("Privileged", c.privileged);
  host.set("ReadonlyRootfs", c.readonly_rootfs);
  host.set("NetworkMode", network_mode);
  std::pair<const char*, const std::string&> texts[] = {{"Runtime", c.runtime},           {"PidMode", c.pid_mode},       {"IpcMode", c.ipc_mode},
                                                        {"UTSMode", c.uts_mode},          {"UsernsMode", c.userns_mode}, {"CgroupnsMode", c.cgroupns},
                                                        {"VolumeDriver", c.volume_driver}};
  for (auto& [key, text] : texts)
    if (!text.empty()) host.set(key, text);
  std::pair<const char*, const std::vector<std::string>&> lists[] = {{"GroupAdd", c.group_add}, {"SecurityOpt", c.security_opt}};
  for (auto& [key, list] : lists)
    if (!list.empty()) host.set(key, list_of(list));
  if (!c.extra_hosts.empty() && (task.network.hosts_file.empty() || !c.network_mode.empty())) host.set("ExtraHosts", list_of(c.extra_hosts));
  if (!task.network.dns) {
    host.set("Dns", list_of(c.dns_servers));
    host.set("DnsSearch", list_of(c.dns_search_domains));
    host.set("DnsOptions", list_of(c.dns_options));
  }
  if (!c.sysctl.empty()) host.set("Sysctls", map_of(c.sysctl));
  if (!c.storage_opt.empty()) host.set("StorageOpt", map_of(c.storage_opt));
  if (c.init) host.set("Init", true);
  return value(std::move(host));
}
}  // namespace

std::string container_name(const task_spec& task) { return replace_all(task.task_name, "/", "_") + "-" + task.alloc_id; }

memory_limits memory_of(const schema::allocated_task_resources& resources, const config& c) {
  auto& memory = resources.memory;
  if (memory.memory_max_mb == no_memory_limit) return {0, bytes_of(memory.memory_mb)};
  auto high = std::max(c.memory_hard_limit, memory.memory_max_mb);
  if (high == 0) return {bytes_of(memory.memory_mb), 0};
  return {bytes_of(high), bytes_of(memory.memory_mb)};
}

value make_update(const schema::allocated_task_resources& resources, const config& c) {
  auto memory = memory_of(resources, c);
  value::object out;
  out.set("CpuShares", resources.cpu.cpu_shares);
  out.set("Memory", memory.hard);
  out.set("MemorySwap", memory.hard);
  out.set("MemoryReservation", memory.reservation);
  return value(std::move(out));
}

result<value> make_container(const task_spec& task, const config& c, const options& o, const std::string& agent) {
  TRY_ASSIGN(auto network_mode, network_mode_of(task, c));
  TRY_ASSIGN(auto host_value, make_host_config(task, c, o, network_mode));
  auto& host = *host_value.as_object();
  value::object body;
  body.set("Image", c.image);
  if (c.has_entrypoint) body.set("Entrypoint", list_of(c.entrypoint));
  std::vector<std::string> command;
  if (!c.command.empty()) command.push_back(c.command);
  command.insert(command.end(), c.args.begin(), c.args.end());
  if (!command.empty()) body.set("Cmd", list_of(command));
  std::vector<std::string> env;
  for (auto& [key, text] : task.env) env.push_back(key + "=" + text);
  // What the task sees of a mapped port is its number inside.
  if (!task.resources.networks.empty())
    for (auto& [label, port] : c.port_map)
      std::erase_if(env, [&](auto& e) { return e.starts_with(fmt::format("NOMAD_PORT_{}=", label)); }),
          env.push_back(fmt::format("NOMAD_PORT_{}={}", label, port));
  body.set("Env", list_of(env));
  // In another container's network the name is that one's.
  if (!network_mode.starts_with("container:") && network_mode != "host") {
    auto& hostname = c.hostname.empty() ? task.network.hostname : c.hostname;
    if (!hostname.empty()) body.set("Hostname", hostname);
  }
  if (!task.user.empty()) body.set("User", task.user);
  if (!c.work_dir.empty()) body.set("WorkingDir", c.work_dir);
  body.set("Tty", c.tty);
  body.set("OpenStdin", c.interactive);
  body.set("Labels", make_labels(task, c, o, agent));
  if (c.healthchecks_disabled) {
    value::object none;
    none.set("Test", list_of({"NONE"}));
    body.set("Healthcheck", value(std::move(none)));
  }
  TRY_ASSIGN(auto ports, make_ports(task, c, network_mode));
  add_ports(body, host, std::move(ports));
  add_network_settings(body, c, network_mode);
  body.set("HostConfig", std::move(host_value));
  return value(std::move(body));
}

}  // namespace drover::client::docker

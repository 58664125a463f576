#include "client/task_env.h"

#include "base/text.h"

namespace drover::client {

namespace {
using env_map = std::map<std::string, std::string, std::less<>>;

bool is_word(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

std::string clean(std::string_view text, bool dots) {
  std::string out(text);
  for (char& c : out)
    if (!is_word(c) && !(dots && c == '.')) c = '_';
  return out;
}

// Under the name as written and, if that differs, under the one that shells can read.
void put(env_map& env, std::string_view prefix, std::string_view label, const std::string& text) {
  env[std::string(prefix).append(label)] = text;
  env[std::string(prefix).append(clean(label, false))] = text;
}

void add_identity(env_map& env, const task_env_input& in) {
  auto& alloc = *in.alloc;
  env["NOMAD_ALLOC_DIR"] = in.paths.alloc_dir;
  env["NOMAD_TASK_DIR"] = in.paths.task_dir;
  env["NOMAD_SECRETS_DIR"] = in.paths.secrets_dir;
  env["NOMAD_ALLOC_ID"] = alloc.id;
  env["NOMAD_SHORT_ALLOC_ID"] = short_id(alloc.id);
  env["NOMAD_ALLOC_NAME"] = alloc.name;
  bool system = alloc.job->type == "system" || alloc.job->type == "sysbatch";
  env["NOMAD_ALLOC_INDEX"] = system ? "0" : alloc_index(alloc.name);
  if (in.task) env["NOMAD_TASK_NAME"] = in.task->name;
  env["NOMAD_GROUP_NAME"] = in.group->name;
  env["NOMAD_JOB_ID"] = alloc.job->id;
  env["NOMAD_JOB_NAME"] = alloc.job->name;
  if (!alloc.job->parent_id.empty()) env["NOMAD_JOB_PARENT_ID"] = alloc.job->parent_id;
  env["NOMAD_DC"] = in.node->datacenter;
  env["NOMAD_REGION"] = in.region;
  env["NOMAD_NAMESPACE"] = alloc.namespace_;
  if (!in.cgroup_parent.empty()) env["NOMAD_PARENT_CGROUP"] = in.cgroup_parent;
}

void add_limits(env_map& env, const schema::allocated_task_resources& r) {
  if (r.memory.memory_mb > 0) env["NOMAD_MEMORY_LIMIT"] = std::to_string(r.memory.memory_mb);
  if (r.memory.memory_max_mb > 0) env["NOMAD_MEMORY_MAX_LIMIT"] = std::to_string(r.memory.memory_max_mb);
  if (r.cpu.cpu_shares > 0) env["NOMAD_CPU_LIMIT"] = std::to_string(r.cpu.cpu_shares);
  if (r.cpu.reserved_cores.empty()) return;
  std::string cores;
  for (size_t i = 0; i < r.cpu.reserved_cores.size();) {
    size_t last = i;
    while (last + 1 < r.cpu.reserved_cores.size() && r.cpu.reserved_cores[last + 1] == r.cpu.reserved_cores[last] + 1) ++last;
    if (!cores.empty()) cores += ',';
    cores += std::to_string(r.cpu.reserved_cores[i]);
    if (last > i) cores += "-" + std::to_string(r.cpu.reserved_cores[last]);
    i = last + 1;
  }
  env["NOMAD_CPU_CORES"] = cores;
}

void add_group_port(env_map& env, const schema::allocated_port_mapping& p, const schema::allocation& alloc) {
  auto inside = p.to > 0 ? p.to : p.value;
  put(env, "NOMAD_IP_", p.label, p.host_ip);
  put(env, "NOMAD_PORT_", p.label, std::to_string(inside));
  put(env, "NOMAD_ADDR_", p.label, join_host_port(p.host_ip, p.value));
  put(env, "NOMAD_HOST_IP_", p.label, p.host_ip);
  put(env, "NOMAD_HOST_PORT_", p.label, std::to_string(p.value));
  put(env, "NOMAD_HOST_ADDR_", p.label, join_host_port(p.host_ip, p.value));
  put(env, "NOMAD_ALLOC_PORT_", p.label, std::to_string(inside));
  if (!alloc.network_status || alloc.network_status->address.empty()) return;
  put(env, "NOMAD_ALLOC_INTERFACE_", p.label, alloc.network_status->interface_name);
  put(env, "NOMAD_ALLOC_IP_", p.label, alloc.network_status->address);
  put(env, "NOMAD_ALLOC_ADDR_", p.label, join_host_port(alloc.network_status->address, inside));
}

void add_task_network(env_map& env, const schema::network_resource& network, const std::string& sibling) {
  auto add = [&](const schema::port& p) {
    auto label = sibling.empty() ? p.label : sibling + "_" + p.label;
    put(env, "NOMAD_IP_", label, network.ip);
    put(env, "NOMAD_PORT_", label, std::to_string(p.value));
    put(env, "NOMAD_ADDR_", label, join_host_port(network.ip, p.value));
    if (!sibling.empty()) return;
    put(env, "NOMAD_HOST_PORT_", label, std::to_string(p.value));
    put(env, network.ip.find(':') == std::string::npos ? "NOMAD_IPv4_" : "NOMAD_IPv6_", label, network.ip);
  };
  for (auto& p : network.reserved_ports) add(p);
  for (auto& p : network.dynamic_ports) add(p);
}

void add_networks(env_map& env, const task_env_input& in) {
  if (!in.alloc->allocated_resources) return;
  auto& allocated = *in.alloc->allocated_resources;
  for (auto& [name, resources] : allocated.tasks) {
    bool own = in.task && name == in.task->name;
    if (own) add_limits(env, resources);
    for (auto& network : resources.networks) add_task_network(env, network, own ? "" : name);
  }
  for (auto& p : allocated.shared.ports) add_group_port(env, p, *in.alloc);
}
}  // namespace

task_env task_env::build(const task_env_input& in) {
  task_env out;
  auto& node = *in.node;
  out.node_["node.unique.id"] = node.id;
  out.node_["node.unique.name"] = node.name;
  out.node_["node.datacenter"] = node.datacenter;
  out.node_["node.class"] = node.node_class;
  out.node_["node.pool"] = node.node_pool;
  out.node_["node.region"] = in.region;
  for (auto& [key, text] : node.attributes) out.node_["attr." + key] = text;
  for (auto& [key, text] : node.meta) out.node_["meta." + key] = text;

  auto& env = out.env_;
  add_identity(env, in);
  add_networks(env, in);
  std::map<std::string, std::string> meta = in.alloc->job->meta;
  for (auto& [key, text] : in.group->meta) meta[key] = text;
  if (in.task)
    for (auto& [key, text] : in.task->meta) meta[key] = text;
  for (auto& [key, text] : meta) {
    auto replaced = out.replace(text);
    env["NOMAD_META_" + clean(to_upper(key), true)] = replaced;
    env["NOMAD_META_" + clean(key, true)] = replaced;
  }
  for (auto& [key, text] : in.host) env.try_emplace(key, text);
  if (in.task)
    for (auto& [key, text] : in.task->env) env[key] = out.replace(text);
  for (auto& [key, text] : in.hooks) env[key] = text;
  for (auto& [key, text] : in.templates) env[key] = text;
  return out;
}

std::map<std::string, std::string> task_env::all() const {
  std::map<std::string, std::string> out;
  for (auto& [key, text] : env_) out[sanitize_env_key(key)] = text;
  return out;
}

const std::string* task_env::find(std::string_view name) const {
  if (name.starts_with("env[\"") && name.ends_with("\"]")) name = name.substr(5, name.size() - 7);
  else if (auto it = node_.find(name); it != node_.end()) return &it->second;
  if (auto it = env_.find(name); it != env_.end()) return &it->second;
  return nullptr;
}

std::string task_env::replace(std::string_view text) const {
  std::string out;
  for (;;) {
    auto open = text.find("${");
    auto close = open == std::string_view::npos ? open : text.find('}', open);
    if (close == std::string_view::npos) break;
    out.append(text.substr(0, open));
    if (auto* found = find(trim(text.substr(open + 2, close - open - 2)))) out.append(*found);
    else out.append(text.substr(open, close + 1 - open));
    text.remove_prefix(close + 1);
  }
  return out.append(text);
}

value task_env::replace_value(const value& v) const {
  if (auto* text = v.as_string()) return value(replace(std::string_view(*text)));
  if (auto* list = v.as_list()) {
    value::list out;
    out.reserve(list->size());
    for (auto& element : *list) out.push_back(replace_value(element));
    return value(std::move(out));
  }
  if (auto* object = v.as_object()) {
    value::object out;
    for (auto& [key, element] : *object) out.set(replace(std::string_view(key)), replace_value(element));
    return value(std::move(out));
  }
  return v;
}

std::string sanitize_env_key(std::string_view key) { return clean(key, true); }

std::string alloc_index(std::string_view alloc_name) {
  auto open = alloc_name.rfind('[');
  auto close = alloc_name.rfind(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return "0";
  return std::string(alloc_name.substr(open + 1, close - open - 1));
}

std::string join_host_port(std::string_view host, int64_t port) {
  if (host.find(':') != std::string_view::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

const std::vector<std::string>& default_env_denylist() {
  static const std::vector<std::string> names = {
      "CONSUL_TOKEN",          "CONSUL_HTTP_TOKEN", "CONSUL_HTTP_TOKEN_FILE",         "VAULT_TOKEN",   "NOMAD_LICENSE", "NOMAD_TOKEN", "AWS_ACCESS_KEY_ID",
      "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS", "NOTIFY_SOCKET", "LISTEN_FDS",    "LISTEN_PID"};
  return names;
}

}  // namespace drover::client

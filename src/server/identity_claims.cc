#include <algorithm>

#include "base/text.h"
#include "server/identities.h"

namespace drover::server {
namespace {

int64_t seconds_of(timestamp t) { return t.unix_seconds(); }

value common_claims(std::string subject, const std::vector<std::string>& audiences, duration ttl, const token_stamp& stamp) {
  value::object out;
  out.set("sub", std::move(subject));
  value::list aud;
  for (const auto& each : audiences) aud.emplace_back(each);
  out.set("aud", std::move(aud));
  if (ttl.ns > 0) out.set("exp", seconds_of(stamp.now + ttl));
  out.set("nbf", seconds_of(stamp.now));
  out.set("iat", seconds_of(stamp.now));
  out.set("jti", stamp.id);
  return out;
}

// Children of periodic and parameterized jobs are known by their parent.
const std::string& identity_job_id(const schema::job& job) { return job.parent_id.empty() ? job.id : job.parent_id; }

const schema::workload_identity& default_identity() {
  static const schema::workload_identity identity = [] {
    schema::workload_identity out;
    out.name = "default";
    out.audience = {std::string(default_audience)};
    return out;
  }();
  return identity;
}

std::vector<std::string> audiences_of(const schema::workload_identity& identity) {
  if (identity.audience.empty() && (identity.name.empty() || identity.name == "default")) return {std::string(default_audience)};
  return identity.audience;
}

// ${job.id} and its like in the namespace's extra claims; what is unknown stays as it is.
std::string fill_in(std::string text, const workload& of, const schema::task* task) {
  if (text.find("${") == std::string::npos) return text;
  std::vector<std::pair<std::string, std::string>> values = {{"job.region", of.job.region},
                                                             {"job.namespace", of.job.namespace_},
                                                             {"job.id", identity_job_id(of.job)},
                                                             {"job.node_pool", of.job.node_pool},
                                                             {"group.name", of.alloc.task_group},
                                                             {"alloc.id", of.alloc.id},
                                                             {"node.id", of.node ? of.node->id : ""},
                                                             {"node.datacenter", of.node ? of.node->datacenter : ""},
                                                             {"node.pool", of.node ? of.node->node_pool : ""},
                                                             {"node.class", of.node ? of.node->node_class : ""},
                                                             {"task.name", task ? task->name : ""}};
  for (const auto& [key, meta] : of.job.meta) values.emplace_back("job.meta." + key, meta);
  std::string out;
  size_t at = 0;
  for (;;) {
    auto begin = text.find("${", at);
    auto end = begin == std::string::npos ? begin : text.find('}', begin);
    if (end == std::string::npos) return out + text.substr(at);
    auto found = std::ranges::find(values, text.substr(begin + 2, end - begin - 2), &std::pair<std::string, std::string>::first);
    out += text.substr(at, begin - at);
    out += found == values.end() ? text.substr(begin, end + 1 - begin) : found->second;
    at = end + 1;
  }
}

void add_extra_claims(value::object& out, const workload& of, const schema::task* task, const schema::workload_identity& identity) {
  if (of.definition == nullptr) return;
  auto extra = of.definition->required_extra_claims;
  for (const auto& name : identity.extra_claims)
    if (auto found = of.definition->optional_extra_claims.find(name); found != of.definition->optional_extra_claims.end()) extra[name] = found->second;
  if (extra.empty()) return;
  value::object shown;
  for (const auto& [name, text] : extra) shown.set(name, fill_in(text, of, task));
  out.set("extra_claims", std::move(shown));
}

value workload_claims(const workload& of, std::string_view workload_name, const schema::workload_identity& identity, const token_stamp& stamp) {
  auto name = identity.name.empty() ? std::string("default") : identity.name;
  auto subject = join(
      {of.job.region.empty() ? "global" : of.job.region, of.alloc.namespace_, identity_job_id(of.job), of.alloc.task_group, std::string(workload_name), name},
      ":");
  auto out = common_claims(std::move(subject), audiences_of(identity), identity.ttl, stamp);
  auto& claims = *out.as_object();
  claims.set("nomad_namespace", of.alloc.namespace_.str());
  claims.set("nomad_job_id", identity_job_id(of.job));
  claims.set("nomad_allocation_id", of.alloc.id);
  return out;
}

void add_consul_and_vault(value::object& out, const workload& of, const schema::task* task, const schema::workload_identity& identity) {
  if (identity.name.starts_with("consul_") || identity.name.starts_with("consul-service_")) {
    const schema::task_group* group = nullptr;
    for (const auto& each : of.job.task_groups)
      if (each.name == of.alloc.task_group) group = &each;
    const auto* consul = task && task->consul ? &*task->consul : group && group->consul ? &*group->consul : nullptr;
    if (consul && !consul->namespace_.empty()) out.set("consul_namespace", consul->namespace_);
  }
  if (identity.name.starts_with("vault_") && task && task->vault) {
    if (!task->vault->namespace_.empty()) out.set("vault_namespace", task->vault->namespace_);
    if (!task->vault->role.empty()) out.set("vault_role", task->vault->role);
  }
}

}  // namespace

value task_claims(const workload& of, const schema::task& task, const schema::workload_identity* given, const token_stamp& stamp) {
  const auto& identity = given == nullptr ? default_identity() : *given;
  auto out = workload_claims(of, task.name, identity, stamp);
  auto& claims = *out.as_object();
  claims.set("nomad_task", task.name);
  add_consul_and_vault(claims, of, &task, identity);
  add_extra_claims(claims, of, &task, identity);
  return out;
}

value service_claims(const workload& of, const schema::service& service, const schema::task* task, std::string_view shown_name, const token_stamp& stamp) {
  const auto& identity = service.identity ? *service.identity : default_identity();
  auto out = workload_claims(of, service.name, identity, stamp);
  auto& claims = *out.as_object();
  claims.set("nomad_service", std::string(shown_name.empty() ? std::string_view(service.name) : shown_name));
  add_consul_and_vault(claims, of, task, identity);
  add_extra_claims(claims, of, task, identity);
  return out;
}

value node_claims(const schema::node& node, std::string_view region, duration ttl, const token_stamp& stamp) {
  auto subject = join({"node", std::string(region), node.node_pool, node.id, "default"}, ":");
  auto out = common_claims(std::move(subject), {std::string(default_audience)}, ttl, stamp);
  auto& claims = *out.as_object();
  claims.set("nomad_node_id", node.id);
  claims.set("nomad_node_pool", node.node_pool);
  if (!node.node_class.empty()) claims.set("nomad_node_class", node.node_class);
  claims.set("nomad_node_datacenter", node.datacenter);
  return out;
}

value introduction_claims(std::string_view name, std::string_view pool, std::string_view region, duration ttl, const token_stamp& stamp) {
  auto subject = join({"node-introduction", std::string(region), std::string(pool), std::string(name), "default"}, ":");
  auto out = common_claims(std::move(subject), {std::string(default_audience)}, ttl, stamp);
  auto& claims = *out.as_object();
  claims.set("nomad_node_pool", std::string(pool));
  claims.set("nomad_node_name", std::string(name));
  return out;
}

}  // namespace drover::server

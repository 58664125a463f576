#include "client/service/workload.h"

#include <algorithm>

#include "base/bytes.h"
#include "client/service/address.h"
#include "crypto/digest.h"

namespace drover::client {

namespace {
void replace_all_in(std::vector<std::string>& texts, const task_env& env) {
  for (auto& text : texts) text = env.replace(text);
}

std::map<std::string, std::string> replaced(const std::map<std::string, std::string>& map, const task_env& env) {
  std::map<std::string, std::string> out;
  for (auto& [key, text] : map) out[env.replace(key)] = env.replace(text);
  return out;
}

void interpolate(schema::service_check& check, const task_env& env) {
  for (auto* text : {&check.name, &check.type, &check.command, &check.path, &check.protocol, &check.port_label, &check.initial_status, &check.notes,
                     &check.method, &check.grpc_service, &check.body, &check.tls_server_name})
    *text = env.replace(*text);
  replace_all_in(check.args, env);
  std::map<std::string, std::vector<std::string>> headers;
  for (auto& [name, texts] : check.header) {
    auto& into = headers[env.replace(name)];
    for (auto& text : texts) into.push_back(env.replace(text));
  }
  check.header = std::move(headers);
}

// The same inputs in the same order as Nomad's, so that ids of checks agree with those that its tools know.
std::string check_id(const workload& w, const schema::service_check& c) {
  std::string text = w.alloc.id + w.alloc.task_group + c.task_name + c.name + c.type + c.port_label + c.on_update + c.address_mode;
  for (auto d : {c.interval, c.timeout})
    for (int shift = 0; shift < 64; shift += 8) text += static_cast<char>(static_cast<uint64_t>(d.ns) >> shift);
  text += c.protocol + c.path + c.method + (c.tls_skip_verify ? "true" : "false");
  return hex_encode(crypto::sha256(text));
}
}  // namespace

schema::service interpolate(const schema::service& service, const task_env& env) {
  auto out = service;
  for (auto* text : {&out.name, &out.port_label, &out.address}) *text = env.replace(*text);
  replace_all_in(out.tags, env);
  replace_all_in(out.canary_tags, env);
  out.meta = replaced(out.meta, env);
  out.canary_meta = replaced(out.canary_meta, env);
  out.tagged_addresses = replaced(out.tagged_addresses, env);
  for (auto& check : out.checks) interpolate(check, env);
  return out;
}

std::string registration_id(const workload& w, const schema::service& service) {
  auto name = w.task ? w.task->name : "group-" + w.group.name;
  return fmt::format("_nomad-task-{}-{}-{}-{}", w.alloc.id, name, service.name, service.port_label);
}

result<schema::service_registration> make_registration(const workload& w, const schema::service& service, const schema::node& node) {
  auto where = find_address({.custom = service.address, .mode = service.address_mode, .port_label = service.port_label}, w.alloc, w.task ? w.task->name : "");
  if (!where) return wrap(where.error(), fmt::format("unable to get address for service \"{}\"", service.name));
  bool canary = w.alloc.deployment_status && w.alloc.deployment_status->canary;
  schema::service_registration out;
  out.id = registration_id(w, service);
  out.service_name = service.name;
  out.namespace_ = w.alloc.namespace_;
  out.node_id = node.id;
  out.datacenter = node.datacenter;
  out.job_id = w.alloc.job_id;
  out.alloc_id = w.alloc.id;
  out.tags = canary && !service.canary_tags.empty() ? service.canary_tags : service.tags;
  out.address = where->host;
  if (out.address.empty())
    if (auto own = node.attributes.find("unique.network.ip-address"); own != node.attributes.end()) out.address = own->second;
  out.port = where->port;
  return out;
}

std::vector<planned_check> plan_checks(const workload& w, const schema::service& service) {
  std::vector<planned_check> out;
  for (auto& check : service.checks)
    out.push_back({.id = check_id(w, check),
                   .check = check,
                   .service = service.name,
                   .task = w.task ? w.task->name : "",
                   .custom_address = service.address,
                   .service_port_label = service.port_label,
                   .mode = check.on_update == "ignore" ? "readiness" : "healthiness"});
  return out;
}

schema::alloc_check_status first_status(const planned_check& planned, const std::string& alloc_name, timestamp now) {
  schema::alloc_check_status out;
  out.id = planned.id;
  out.check = planned.check.name;
  out.group = alloc_name;
  out.mode = planned.mode;
  out.service = planned.service;
  out.task = planned.task;
  bool passing = planned.check.initial_status == "passing";
  out.status = passing ? "success" : "pending";
  out.output = passing ? "nomad: initial status" : "nomad: waiting to run";
  out.timestamp = now.unix_seconds();
  return out;
}

bool has_native_services(const schema::task_group& group) {
  auto native = [](const schema::service& s) { return s.provider == "nomad"; };
  return std::ranges::any_of(group.services, native) ||
         std::ranges::any_of(group.tasks, [&](auto& task) { return std::ranges::any_of(task.services, native); });
}

}  // namespace drover::client

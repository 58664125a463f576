#include "server/permission.h"

#include <algorithm>

#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"
#include "schema/volume.h"

namespace drover::server {
namespace {

using enum acl::capability;
using acl::level;
using oc = acl::operator_capability;
using pc = acl::pool_capability;

template <class Request>
const Request& as(schema::record_view request) {
  return *static_cast<const Request*>(request.data);
}

constexpr uint8_t bit_of(auto c) { return static_cast<uint8_t>(c); }

// Volumes that a job mounts are the node's or the namespace's own.
bool may_mount(const acl::acl& may, const schema::job& job, std::string_view ns) {
  for (const auto& group : job.task_groups) {
    for (const auto& task : group.tasks)
      if (task.csi_plugin_config && !may.allows(ns, csi_register_plugin)) return false;
    for (const auto& [name, volume] : group.volumes) {
      if (volume.type == "csi" && !(may.allows(ns, csi_mount_volume) && may.allows_plugin(level::read))) return false;
      auto wanted = volume.read_only ? acl::volume_capability::mount_readonly : acl::volume_capability::mount_readwrite;
      if (volume.type == "host" && !may.allows_volume(volume.source, wanted)) return false;
    }
  }
  return true;
}

bool may_register(const acl::acl& may, const state::snapshot&, schema::record_view request, std::string_view ns) {
  const auto& job = as<schema::job_register_request>(request).job;
  return job == nullptr || may_mount(may, *job, ns);
}

bool may_deregister(const acl::acl& may, const state::snapshot&, schema::record_view request, std::string_view ns) {
  bool purges = as<schema::job_deregister_request>(request).purge;
  return may.allows_any(ns, {submit_job, purges ? purge_job : deregister_job});
}

// A task without a file system of its own gives whoever is in it the whole node.
bool may_exec(const acl::acl& may, const state::snapshot& state, schema::record_view request, std::string_view ns) {
  const auto& exec = as<schema::alloc_exec_request>(request);
  auto alloc = state.alloc(exec.alloc_id);
  if (!alloc || !alloc->job) return true;
  for (const auto& group : alloc->job->task_groups)
    for (const auto& task : group.tasks)
      if (group.name == alloc->task_group && task.name == exec.task && task.driver == "raw_exec") return may.allows(ns, alloc_node_exec);
  return true;
}

// A volume says its namespace itself.
template <class Request, acl::capability c>
bool may_make_volume(const acl::acl& may, const state::snapshot&, schema::record_view request, std::string_view) {
  const auto& made = as<Request>(request).volume;
  return made == nullptr || made->namespace_.empty() || may.allows(made->namespace_, c);
}

// What asks a plugin for something needs to know of it, and a volume says its namespace itself.
bool may_use_plugins(const acl::acl& may, const state::snapshot&, schema::record_view, std::string_view) { return may.allows_plugin(level::read); }
template <class Request>
bool may_write_csi_volumes(const acl::acl& may, const state::snapshot&, schema::record_view request, std::string_view) {
  return may.allows_plugin(level::read) && std::ranges::all_of(as<Request>(request).volumes, [&](const auto& each) {
           return each == nullptr || each->namespace_.empty() || may.allows(each->namespace_, csi_write_volume);
         });
}

bool may_see_pool_nodes(const acl::acl& may, const state::snapshot&, schema::record_view, std::string_view) { return may.allows_node(level::read); }

bool may_stream(const acl::acl& may, const state::snapshot& state, schema::record_view request, std::string_view ns) {
  constexpr std::string_view of_namespace[] = {"Deployment", "Evaluation", "Allocation", "Job", "Service", "CSIPlugin"};
  const auto& topics = as<schema::event_stream_request>(request).topics;
  if (topics.empty()) return false;
  // In "*" whoever may in some namespace may subscribe, and is shown that.
  auto in_some = [&](auto&& allowed) {
    if (ns != "*") return bool(allowed(ns));
    bool found = false;
    state.visit_namespaces("", [&](const auto& each) { return found = allowed(each->name), !found; });
    return found;
  };
  auto with = [&](acl::capability c) { return in_some([&](std::string_view name) { return may.allows(name, c); }); };
  return std::ranges::all_of(topics, [&](const auto& each) {
    const std::string& topic = each.first;
    if (std::ranges::find(of_namespace, topic) != std::end(of_namespace)) return with(read_job);
    if (topic == "Node") return may.allows_node(level::read);
    if (topic == "HostVolume") return with(host_volume_read);
    if (topic == "CSIVolume") return with(csi_read_volume);
    if (topic == "Variable") return in_some([&](std::string_view name) { return may.sees_variables(name); });
    if (topic == "Operator") return may.allows_operator(level::read);
    return false;  // management, which is not asked
  });
}

// One letter less to read: p("Job.List", list_jobs)...
struct row : permission {
  constexpr explicit row(std::string_view name, need n) { method = name, what = n; }
  template <class... Each>
  constexpr row(std::string_view name, acl::capability first, Each... rest) {
    method = name;
    what = need::namespace_;
    acl::capability given[] = {first, rest...};
    for (size_t i = 0; i < sizeof...(rest) + 1; ++i) any[i] = given[i];
  }
  constexpr row(std::string_view name, need n, acl::level at_least) {
    method = name;
    what = n;
    level = at_least;
  }
  constexpr row(std::string_view name, oc c) {
    method = name;
    what = need::operator_capability;
    bit = bit_of(c);
  }
  constexpr row(std::string_view name, pc c) {
    method = name;
    what = need::pool;
    bit = bit_of(c);
  }
  constexpr row or_both(acl::capability a, acl::capability b) const {
    auto out = *this;
    out.or_all[0] = a;
    out.or_all[1] = b;
    return out;
  }
  constexpr row in(of o) const {
    auto out = *this;
    out.whose = o;
    return out;
  }
  constexpr row filtered(acl::capability c = acl::capability::count_) const {
    auto out = *this;
    out.filters = true;
    if (c != acl::capability::count_) out.any[0] = c;
    return out;
  }
  constexpr row for_nodes_too() const {
    auto out = *this;
    out.nodes_too = true;
    return out;
  }
  constexpr row for_workloads_too() const {
    auto out = *this;
    out.workloads_too = true;
    return out;
  }
  constexpr row if_also(decltype(permission::also) f) const {
    auto out = *this;
    out.also = f;
    return out;
  }
};

constexpr permission acl_rows[] = {
    row("ACL.UpsertPolicies", need::management),
    row("ACL.DeletePolicies", need::management),
    row("ACL.ListPolicies", need::own),
    row("ACL.GetPolicy", need::own),
    row("ACL.GetPolicies", need::own).for_nodes_too(),
    row("ACL.GetClaimPolicies", need::own),
    row("ACL.Bootstrap", need::nothing),
    row("ACL.UpsertTokens", need::management),
    row("ACL.DeleteTokens", need::management),
    row("ACL.ListTokens", need::management),
    row("ACL.GetToken", need::own),
    row("ACL.GetTokens", need::management),
    row("ACL.ResolveToken", need::nothing),
    row("ACL.UpsertOneTimeToken", need::any_token),
    row("ACL.ExchangeOneTimeToken", need::nothing),
    row("ACL.ExpireOneTimeTokens", need::management),
    row("ACL.UpsertRoles", need::management),
    row("ACL.DeleteRolesByID", need::management),
    row("ACL.ListRoles", need::own),
    row("ACL.GetRolesByID", need::own),
    row("ACL.GetRoleByID", need::own),
    row("ACL.GetRoleByName", need::own),
    row("ACL.UpsertAuthMethods", need::management),
    row("ACL.DeleteAuthMethods", need::management),
    row("ACL.ListAuthMethods", need::nothing),
    row("ACL.GetAuthMethod", need::management),
    row("ACL.GetAuthMethods", need::management),
    row("ACL.WhoAmI", need::any_token),
    row("ACL.UpsertBindingRules", need::management),
    row("ACL.DeleteBindingRules", need::management),
    row("ACL.ListBindingRules", need::management),
    row("ACL.GetBindingRules", need::management),
    row("ACL.GetBindingRule", need::management),
    row("ACL.OIDCAuthURL", need::nothing),
    row("ACL.OIDCCompleteAuth", need::nothing),
    row("ACL.Login", need::nothing),
    row("ACL.CreateClientIntroductionToken", need::node, level::write),
    row("Namespace.UpsertNamespaces", need::management),
    row("Namespace.DeleteNamespaces", need::management),
    row("Namespace.ListNamespaces", need::own),
    row("Namespace.GetNamespace", need::sees),
    row("Namespace.GetNamespaces", need::management),
    row("Quota.ListQuotaSpecs", need::quota, level::read),
    row("Quota.GetQuotaSpec", need::quota, level::read),
    row("Quota.UpsertQuotaSpecs", need::quota, level::write),
    row("Quota.DeleteQuotaSpecs", need::quota, level::write),
    row("Quota.ListQuotaUsages", need::quota, level::read),
    row("Quota.GetQuotaUsage", need::quota, level::read),
    row("Variables.Apply", need::variables),
    row("Variables.Read", need::variables),
    row("Variables.List", need::variables),
    row("Variables.RenewLock", need::variables),
    row("Keyring.Rotate", oc::keyring_rotate),
    row("Keyring.List", oc::keyring_read),
    row("Keyring.Update", need::management),
    row("Keyring.Get", need::server_only),
    row("Keyring.Delete", oc::keyring_delete),
    row("Keyring.ListPublic", need::nothing),
    row("Keyring.GetConfig", need::nothing),
};

constexpr permission work_rows[] = {
    row("Job.Register", submit_job, register_job).in(of::job).if_also(&may_register),
    row("Job.Summary", read_job),
    row("Job.Validate", read_job).in(of::job),
    row("Job.Revert", submit_job, revert_job),
    row("Job.Stable", submit_job, stable_job),
    row("Job.Evaluate", submit_job, evaluate_job),
    row("Job.Deregister", submit_job, deregister_job, purge_job).if_also(&may_deregister),
    row("Job.BatchDeregister", need::management),
    row("Job.Scale", scale_job, submit_job),
    row("Job.GetJobSubmission", read_job),
    row("Job.GetJob", read_job),
    row("Job.GetJobVersions", read_job),
    row("Job.List", list_jobs).filtered(),
    row("Job.Allocations", read_job),
    row("Job.Evaluations", read_job),
    row("Job.Deployments", read_job),
    row("Job.LatestDeployment", read_job),
    row("Job.GetActions", read_job),
    row("Job.Plan", submit_job, plan_job).in(of::job),
    row("Job.Dispatch", dispatch_job),
    row("Job.ScaleStatus", read_job, read_job_scaling),
    row("Job.GetServiceRegistrations", read_job),
    row("Job.TagVersion", submit_job, tag_job_version),
    row("Job.Statuses", read_job).filtered(),
    row("Job.Explain", read_job),
    row("Periodic.Force", dispatch_job, submit_job, force_periodic_job),
    row("Alloc.List", read_job).filtered(),
    row("Alloc.GetAlloc", read_job).in(of::alloc).for_nodes_too(),
    row("Alloc.GetAllocs", need::node_only),
    row("Alloc.Stop", alloc_lifecycle).in(of::alloc),
    row("Alloc.UpdateDesiredTransition", need::management),
    row("Alloc.GetServiceRegistrations", read_job).in(of::alloc),
    row("Alloc.SignIdentities", need::node_only),
    row("Alloc.RestartTurn", need::node_only),
    row("Eval.GetEval", read_job).in(of::eval),
    row("Eval.Dequeue", need::server_only),
    row("Eval.Ack", need::server_only),
    row("Eval.Nack", need::server_only),
    row("Eval.Update", need::server_only),
    row("Eval.Create", need::server_only),
    row("Eval.Reblock", need::server_only),
    row("Eval.Reap", need::server_only),
    row("Eval.Delete", need::management),
    row("Eval.List", read_job).filtered(),
    row("Eval.Count", read_job).filtered(),
    row("Eval.Allocations", read_job).in(of::eval),
    row("Plan.Submit", need::server_only),
    row("Deployment.List", read_job).filtered(),
    row("Deployment.GetDeployment", read_job).in(of::deployment),
    row("Deployment.Allocations", read_job).in(of::deployment),
    row("Deployment.Fail", submit_job, fail_deployment).in(of::deployment),
    row("Deployment.Pause", submit_job, pause_deployment).in(of::deployment),
    row("Deployment.Promote", submit_job, promote_deployment).in(of::deployment),
    row("Deployment.Run", submit_job, register_job).in(of::deployment),
    row("Deployment.Unblock", submit_job, unblock_deployment).in(of::deployment),
    row("Deployment.Cancel", submit_job, cancel_deployment).in(of::deployment),
    row("Deployment.SetAllocHealth", submit_job, set_alloc_health_deployment).in(of::deployment),
    row("Deployment.Reap", need::server_only),
    row("Scaling.ListPolicies", list_scaling_policies).or_both(list_jobs, read_job).filtered(),
    row("Scaling.GetPolicy", read_scaling_policy).or_both(list_jobs, read_job),
    row("ServiceRegistration.Upsert", need::node_only),
    row("ServiceRegistration.DeleteByID", submit_job, delete_service_registration).for_nodes_too(),
    row("ServiceRegistration.List", read_job).filtered().for_nodes_too().for_workloads_too(),
    row("ServiceRegistration.GetService", read_job).for_nodes_too().for_workloads_too(),
    row("Search.PrefixSearch", need::own),
    row("Search.FuzzySearch", need::own),
    row("Event.Stream", need::own).if_also(&may_stream),
    row("CSIVolume.List", csi_list_volume, csi_read_volume, csi_mount_volume, list_jobs).filtered().for_nodes_too(),
    row("CSIVolume.Get", csi_read_volume, csi_mount_volume, read_job).for_nodes_too(),
    row("CSIVolume.Register", csi_write_volume).if_also(&may_write_csi_volumes<schema::csi_volume_register_request>),
    row("CSIVolume.Deregister", csi_write_volume),
    row("CSIVolume.Claim", need::node_only),
    row("CSIVolume.Unpublish", csi_mount_volume).for_nodes_too(),
    row("CSIVolume.Create", csi_write_volume).if_also(&may_write_csi_volumes<schema::csi_volume_create_request>),
    row("CSIVolume.Delete", csi_write_volume).if_also(&may_use_plugins),
    row("CSIVolume.ListExternal", csi_list_volume, csi_read_volume, csi_mount_volume, list_jobs).if_also(&may_use_plugins),
    row("CSIVolume.CreateSnapshot", csi_write_volume).if_also(&may_use_plugins),
    row("CSIVolume.DeleteSnapshot", csi_write_volume).if_also(&may_use_plugins),
    row("CSIVolume.ListSnapshots", csi_list_volume, csi_read_volume, csi_mount_volume, list_jobs).if_also(&may_use_plugins),
    row("CSIPlugin.List", need::plugin, level::list),
    row("CSIPlugin.Get", need::plugin, level::read),
    row("CSIPlugin.Delete", need::management),
    row("HostVolume.Get", host_volume_read),
    row("HostVolume.List", host_volume_read).filtered(),
    row("HostVolume.Create", host_volume_create).if_also(&may_make_volume<schema::host_volume_create_request, host_volume_create>),
    row("HostVolume.Register", host_volume_register).if_also(&may_make_volume<schema::host_volume_register_request, host_volume_register>),
    row("HostVolume.Delete", host_volume_delete),
    // From the server that was asked to the one that has the node's session.
    row("ClientCSI.ControllerAttachVolume", need::server_only),
    row("ClientCSI.ControllerDetachVolume", need::server_only),
    row("ClientCSI.ControllerValidateVolume", need::server_only),
    row("ClientCSI.ControllerCreateVolume", need::server_only),
    row("ClientCSI.ControllerDeleteVolume", need::server_only),
    row("ClientCSI.ControllerExpandVolume", need::server_only),
    row("ClientCSI.ControllerListVolumes", need::server_only),
    row("ClientCSI.ControllerCreateSnapshot", need::server_only),
    row("ClientCSI.ControllerDeleteSnapshot", need::server_only),
    row("ClientCSI.ControllerListSnapshots", need::server_only),
    row("ClientCSI.NodeDetachVolume", need::server_only),
    row("ClientCSI.NodeExpandVolume", need::server_only),
    row("ClientHostVolume.Create", need::server_only),
    row("ClientHostVolume.Register", need::server_only),
    row("ClientHostVolume.Delete", need::server_only),
    row("TaskGroupHostVolumeClaim.List", host_volume_read).filtered(),
    row("TaskGroupHostVolumeClaim.Delete", host_volume_delete),
};

constexpr permission fleet_rows[] = {
    // The handler compares the node's secret with the one that it came with first.
    row("Node.Register", need::nothing),
    row("Node.Deregister", need::node, level::write),
    row("Node.BatchDeregister", need::node, level::write),
    row("Node.UpdateStatus", need::node_only),
    row("Node.UpdateDrain", need::node, level::write).for_nodes_too(),
    row("Node.UpdateEligibility", need::node, level::write).for_nodes_too(),
    row("Node.Evaluate", need::node, level::write),
    row("Node.GetNode", need::node, level::read).for_nodes_too(),
    row("Node.GetAllocs", need::node, level::read).filtered(read_job),
    row("Node.GetClientAllocs", need::node_only),
    row("Node.UpdateAlloc", need::node_only),
    row("Node.List", need::node, level::read),
    row("Node.EmitEvents", need::node_only),
    row("NodePool.List", need::own),
    row("NodePool.GetNodePool", pc::read),
    row("NodePool.UpsertNodePools", pc::write),
    row("NodePool.DeleteNodePools", pc::delete_),
    row("NodePool.ListJobs", pc::read).filtered(list_jobs),
    row("NodePool.ListNodes", pc::read).if_also(&may_see_pool_nodes),
    row("NodeIdentity.Get", need::node, level::read),
    row("NodeIdentity.Renew", need::node, level::write),
    row("NodeMeta.Apply", need::node, level::write),
    row("NodeMeta.Read", need::node, level::read),
    row("ClientStats.Stats", need::node, level::read),
    row("ClientAllocations.GarbageCollectAll", need::node, level::write),
    row("ClientAllocations.Signal", alloc_lifecycle).in(of::alloc),
    row("ClientAllocations.SetPauseState", submit_job, pause_allocation).in(of::alloc),
    row("ClientAllocations.GetPauseState", read_job).in(of::alloc),
    row("ClientAllocations.GarbageCollect", submit_job, gc_allocation).in(of::alloc),
    row("ClientAllocations.Restart", alloc_lifecycle).in(of::alloc),
    row("ClientAllocations.Stats", read_job).in(of::alloc),
    row("ClientAllocations.Checks", read_job).in(of::alloc),
    row("FileSystem.List", read_fs).in(of::alloc),
    row("FileSystem.Stat", read_fs).in(of::alloc),
    row("FileSystem.Stream", read_fs).in(of::alloc),
    row("FileSystem.Logs", read_logs, read_fs).in(of::alloc),
    row("Allocations.Exec", alloc_exec).in(of::alloc).if_also(&may_exec),
    row("Agent.Monitor", need::agent, level::read),
    row("Agent.MonitorExport", need::agent, level::read),
    row("Agent.Profile", need::agent, level::write),
    row("Agent.Host", need::agent, level::read),
    row("Operator.RaftGetConfiguration", need::management),
    row("Operator.RaftRemovePeerByAddress", need::management),
    row("Operator.RaftRemovePeerByID", need::management),
    row("Operator.TransferLeadershipToPeer", need::management),
    row("Operator.AutopilotGetConfiguration", need::operator_, level::read),
    row("Operator.AutopilotSetConfiguration", need::operator_, level::write),
    row("Operator.ServerHealth", need::operator_, level::read),
    row("Operator.SchedulerSetConfiguration", need::operator_, level::write),
    row("Operator.SchedulerGetConfiguration", need::operator_, level::read),
    row("Operator.UpgradeCheckVaultWorkloadIdentity", need::operator_, level::read),
    row("Operator.SnapshotSave", oc::snapshot_save),
    row("Operator.SnapshotRestore", need::management),
    row("System.GarbageCollect", need::management),
    row("System.ReconcileJobSummaries", need::management),
    row("Status.Ping", need::nothing),
    row("Status.Leader", need::nothing),
    row("Status.Peers", need::nothing),
    row("Status.Members", need::node, level::read),
    row("Status.RaftStats", need::nothing),
    row("Status.HasNodeConn", need::nothing),
    row("Status.CheckLeader", need::server_only),
    row("Region.List", need::nothing),
    row("Cluster.Report", need::server_only),
    row("Cluster.Prepare", need::server_only),
    row("Cluster.Bootstrap", need::server_only),
};

}  // namespace

bool permission::in_namespace(const acl::acl& may, std::string_view namespace_) const {
  for (auto c : any)
    if (c != count_ && may.allows(namespace_, c)) return true;
  if (or_all[0] == count_) return false;
  return may.allows(namespace_, or_all[0]) && may.allows(namespace_, or_all[1]);
}

std::span<const permission> permissions() {
  static const std::vector<permission> all = [] {
    std::vector<permission> out;
    for (auto part : {std::span<const permission>(acl_rows), std::span<const permission>(work_rows), std::span<const permission>(fleet_rows)})
      out.insert(out.end(), part.begin(), part.end());
    std::ranges::sort(out, {}, &permission::method);
    return out;
  }();
  return all;
}

const permission& permission_of(std::string_view method) {
  static const permission unlisted{.method = "(unlisted)"};
  auto all = permissions();
  auto it = std::ranges::lower_bound(all, method, {}, &permission::method);
  return it == all.end() || it->method != method ? unlisted : *it;
}

}  // namespace drover::server

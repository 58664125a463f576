#include "cli/registry.h"

#include <algorithm>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/command/all_acl.h"
#include "cli/command/all_more.h"

namespace drover::cli {
namespace {

using namespace commands;

constexpr const command* table[] = {
    &acl_auth_method_create,
    &acl_auth_method_delete,
    &acl_auth_method_info,
    &acl_auth_method_list,
    &acl_auth_method_update,
    &acl_binding_rule_create,
    &acl_binding_rule_delete,
    &acl_binding_rule_info,
    &acl_binding_rule_list,
    &acl_binding_rule_update,
    &acl_bootstrap,
    &acl_policy_apply,
    &acl_policy_delete,
    &acl_policy_info,
    &acl_policy_list,
    &acl_policy_self,
    &acl_role_create,
    &acl_role_delete,
    &acl_role_info,
    &acl_role_list,
    &acl_role_update,
    &acl_token_create,
    &acl_token_delete,
    &acl_token_info,
    &acl_token_list,
    &acl_token_self,
    &acl_token_update,
    &agent_doctor,
    &agent_info,
    &alloc_checks,
    &alloc_exec,
    &alloc_fs,
    &alloc_logs,
    &alloc_pause,
    &alloc_restart,
    &alloc_signal,
    &alloc_status,
    &alloc_stop,
    &check,
    &config_validate,
    &deployment_fail,
    &deployment_list,
    &deployment_pause,
    &deployment_promote,
    &deployment_resume,
    &deployment_status,
    &deployment_unblock,
    &eval_delete,
    &eval_list,
    &eval_status,
    &fmt_command,
    &job_action,
    &job_allocs,
    &job_deployments,
    &job_dispatch,
    &job_eval,
    &job_explain,
    &job_history,
    &job_init,
    &job_inspect,
    &job_periodic_force,
    &job_plan,
    &job_promote,
    &job_restart,
    &job_revert,
    &job_run,
    &job_scale,
    &job_scaling_events,
    &job_start,
    &job_status,
    &job_stop,
    &job_tag_apply,
    &job_tag_unset,
    &job_validate,
    &license_get,
    &login,
    &man,
    &monitor,
    &monitor_export,
    &namespace_apply,
    &namespace_delete,
    &namespace_inspect,
    &namespace_list,
    &namespace_status,
    &node_config,
    &node_drain,
    &node_eligibility,
    &node_identity_get,
    &node_identity_renew,
    &node_intro_create,
    &node_meta_apply,
    &node_meta_read,
    &node_pool_apply,
    &node_pool_delete,
    &node_pool_info,
    &node_pool_init,
    &node_pool_jobs,
    &node_pool_list,
    &node_pool_nodes,
    &node_status,
    &operator_api,
    &operator_autopilot_get_config,
    &operator_autopilot_health,
    &operator_autopilot_set_config,
    &operator_client_state,
    &operator_debug,
    &operator_gossip_keyring_generate,
    &operator_gossip_keyring_install,
    &operator_gossip_keyring_list,
    &operator_gossip_keyring_remove,
    &operator_gossip_keyring_use,
    &operator_metrics,
    &operator_raft_info,
    &operator_raft_list_peers,
    &operator_raft_logs,
    &operator_raft_remove_peer,
    &operator_raft_state,
    &operator_raft_transfer_leadership,
    &operator_recover,
    &operator_root_keyring_list,
    &operator_root_keyring_remove,
    &operator_root_keyring_rotate,
    &operator_scheduler_get_config,
    &operator_scheduler_set_config,
    &operator_snapshot_inspect,
    &operator_snapshot_redact,
    &operator_snapshot_restore,
    &operator_snapshot_save,
    &operator_snapshot_state,
    &operator_utilization,
    &quota_apply,
    &quota_delete,
    &quota_init,
    &quota_inspect,
    &quota_list,
    &quota_status,
    &plugin_status,
    &recommendation_apply,
    &recommendation_dismiss,
    &recommendation_info,
    &recommendation_list,
    &scaling_policy_info,
    &scaling_policy_list,
    &sentinel_apply,
    &sentinel_delete,
    &sentinel_list,
    &sentinel_read,
    &server_force_leave,
    &server_join,
    &server_members,
    &service_delete,
    &service_info,
    &service_list,
    &setup_consul,
    &setup_vault,
    &status,
    &system_gc,
    &system_reconcile_summaries,
    &tls_ca_create,
    &tls_ca_info,
    &tls_cert_create,
    &tls_cert_info,
    &ui,
    &var_get,
    &var_init,
    &var_list,
    &var_lock,
    &var_purge,
    &var_put,
    &version,
    &volume_claim_delete,
    &volume_claim_list,
    &volume_create,
    &volume_delete,
    &volume_deregister,
    &volume_detach,
    &volume_init,
    &volume_register,
    &volume_snapshot_create,
    &volume_snapshot_delete,
    &volume_snapshot_list,
    &volume_status,
};

// Another name for a command.
struct alias {
  std::string_view name, means;
};
constexpr alias aliases[] = {
    {"action", "job action"},
    {"alloc-status", "alloc status"},
    {"client-config", "node config"},
    {"debug", "operator debug"},
    {"deployment-status", "deployment status"},
    {"eval-status", "eval status"},
    {"exec", "alloc exec"},
    {"fs", "alloc fs"},
    {"init", "job init"},
    {"inspect", "job inspect"},
    {"logs", "alloc logs"},
    {"node-drain", "node drain"},
    {"node-status", "node status"},
    {"plan", "job plan"},
    {"run", "job run"},
    {"server-force-leave", "server force-leave"},
    {"server-join", "server join"},
    {"server-members", "server members"},
    {"start", "job start"},
    {"stop", "job stop"},
    {"validate", "job validate"},
};

const command* by_name(std::string_view name) {
  for (const auto* c : table)
    if (c->name == name) return c;
  for (const auto& a : aliases)
    if (a.name == name) return by_name(a.means);
  return nullptr;
}

constexpr size_t name_words_max = 4;

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

}  // namespace

std::span<const command* const> all_commands() { return table; }

std::vector<std::string> command_names() {
  std::vector<std::string> out{"agent"};
  for (const auto* c : table) out.emplace_back(c->name);
  for (const auto& a : aliases)
    if (by_name(a.means) != nullptr) out.emplace_back(a.name);
  return out;
}

std::optional<found_command> find_command(std::span<const std::string> words) {
  std::optional<found_command> found;
  std::string name;
  for (size_t i = 0; i < std::min(words.size(), name_words_max); i++) {
    name += (i == 0 ? "" : " ") + words[i];
    if (const auto* c = by_name(name)) found = found_command{c, i + 1};
  }
  return found;
}

std::string did_you_mean(std::span<const std::string> words) {
  std::vector<std::string> names;
  for (const auto* c : table) names.emplace_back(c->name);
  for (const auto& a : aliases)
    if (by_name(a.means) != nullptr) names.emplace_back(a.name);
  std::string typed;
  std::string best;
  for (size_t i = 0; i < std::min(words.size(), name_words_max); i++) {
    if (words[i].starts_with('-')) break;
    typed += (i == 0 ? "" : " ") + words[i];
    if (auto near = nearest(typed, names)) best = *near;
  }
  return best;
}

std::vector<const command*> members_of(std::string_view group) {
  std::vector<const command*> out;
  auto prefix = std::string(group) + " ";
  for (const auto* c : table)
    if (c->name.starts_with(prefix)) out.push_back(c);
  return out;
}

std::string overview(std::string_view program) {
  auto out = fmt::format("Usage: {} [-version] [-help] <command> [<args>]\n", program);
  auto line = [&](std::string_view name, std::string_view synopsis) { out += fmt::format("    {:<16}{}\n", name, synopsis); };
  out += "\nOften used:\n";
  for (const auto& a : aliases)
    if (const auto* c = by_name(a.means); c != nullptr && a.name.find('-') == std::string_view::npos) line(a.name, c->synopsis);
  out += "\nAll commands:\n";
  line("agent", "Run a server, a client or both");
  std::string_view last;
  for (const auto* c : table) {
    auto word = first_word(c->name);
    if (word == last) continue;
    last = word;
    auto members = members_of(word);
    std::vector<std::string> names;
    for (const auto* m : members)
      if (std::string rest(first_word(m->name.substr(word.size() + 1))); std::ranges::find(names, rest) == names.end()) names.push_back(std::move(rest));
    line(word, members.empty() ? std::string(c->synopsis) : join(names, ", "));
  }
  out.pop_back();
  return out;
}

std::string group_overview(std::string_view program, std::string_view group) {
  auto out = fmt::format("Usage: {} {} <subcommand> [options] [args]\n\nSubcommands:\n", program, group);
  for (const auto* c : members_of(group)) out += fmt::format("    {:<22}{}\n", c->name.substr(group.size() + 1), c->synopsis);
  out += fmt::format("\nFor help on one of them: {} {} <subcommand> -h", program, group);
  return out;
}

}  // namespace drover::cli

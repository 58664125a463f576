// acl policy apply, delete, info, list, self; acl role create, update, delete, info, list.
#include <algorithm>

#include "base/text.h"
#include "cli/command/acl_show.h"
#include "cli/command/all_acl.h"
#include "cli/format/table.h"
#include "cli/job_file.h"

namespace drover::cli::commands {
namespace {

using schema::acl_policy;
using schema::acl_role;

constexpr flag_spec show_flags[] = {json_flag, template_flag};

constexpr flag_spec apply_flags[] = {{"description", flag_kind::text, "What the policy is for."},
                                     {"job", flag_kind::text, "Attach the policy to the identity of this job's tasks (in -namespace)."},
                                     {"group", flag_kind::text, "Only to tasks of this group."},
                                     {"task", flag_kind::text, "Only to this task."}};

result<int> run_apply(context& c) {
  if (c.arguments.size() != 2) return c.misused("This command takes two arguments: <name> and <path>");
  acl_policy policy;
  policy.name = c.arguments[0];
  policy.description = c.flags.text("description");
  auto rules = read_input(c.arguments[1]);
  if (!rules) return context::failed("reading policy file", rules.error());
  policy.rules = *std::move(rules);
  if (c.flags.has("job")) {
    auto& job = policy.job_acl.emplace();
    job.namespace_ = c.api.options().namespace_.empty() ? "default" : c.api.options().namespace_;
    job.job_id = c.flags.text("job");
    job.group = c.flags.text("group");
    job.task = c.flags.text("task");
  } else if (c.flags.has("group") || c.flags.has("task")) {
    return c.misused("-job is required with -group and -task");
  }
  auto done = c.api.send({.method = "PUT", .path = "/v1/acl/policy/" + path_word(policy.name), .body = codec::to_json(policy)});
  if (!done) return context::failed("writing ACL policy", done.error());
  c.say(fmt::format("Successfully wrote \"{}\" ACL policy!", policy.name));
  return 0;
}

result<int> run_delete(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <policy_name>");
  auto done = c.api.send({.method = "DELETE", .path = "/v1/acl/policy/" + path_word(c.arguments[0])});
  if (!done) return context::failed("deleting ACL policy", done.error());
  c.say(fmt::format("Successfully deleted {} policy!", c.arguments[0]));
  return 0;
}

result<int> run_info(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <policy_name>");
  auto answer = c.api.send({.path = "/v1/acl/policy/" + path_word(c.arguments[0])});
  if (!answer) return context::failed("fetching info on ACL policy", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto policy, api_client::decode<acl_policy>(answer->body));
  format::pairs p;
  p.add("Name", policy.name);
  p.add("Description", policy.description);
  p.add("CreateIndex", std::to_string(policy.create_index));
  p.add("ModifyIndex", std::to_string(policy.modify_index));
  auto text = p.text();
  if (policy.job_acl) {
    format::pairs job;
    job.add("Namespace", policy.job_acl->namespace_);
    job.add("JobID", policy.job_acl->job_id);
    job.add("Group", policy.job_acl->group);
    job.add("Task", policy.job_acl->task);
    text += "\n\nAssociated Workload\n" + job.text();
  }
  c.say(text + "\n\nRules\n\n" + policy.rules);
  return 0;
}

result<int> run_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/acl/policies"});
  if (!answer) return context::failed("listing ACL policies", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::acl_policy_list_stub>>(answer->body));
  format::table t({"Name", "Description"});
  for (const auto& each : list) t.add({each.name, each.description});
  c.say(t.empty() ? "No policies found" : t.text());
  return 0;
}

result<int> run_self(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto token = c.api.get<schema::acl_token>("/v1/acl/token/self");
  if (token && token->type == "management") {
    c.say("This is a management token. No individual policies are assigned.");
    return 0;
  }
  auto answer = c.api.send({.path = "/v1/acl/policy/self"});
  if (!answer) return context::failed("fetching WI policies", answer.error());
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::acl_policy_list_stub>>(answer->body));
  if (c.wants_raw() && !list.empty()) return c.raw(answer->body);
  format::table t({"Name", "Job ID", "Group Name", "Task Name"});
  t.when_empty("<unavailable>");
  for (const auto& each : list) {
    auto job = each.job_acl.value_or(schema::job_acl{});
    t.add({each.name, job.job_id, job.group, job.task});
  }
  // An identity of a task has policies and is no token.
  if (t.empty() && !token) return context::failed("fetching token", token.error());
  c.say(t.empty() ? "No policies found." : t.text());
  return 0;
}

// ---- roles

constexpr flag_spec create_role_flags[] = {{"name", flag_kind::text, "What the role is called."},
                                           {"description", flag_kind::text, "What the role is for."},
                                           {"policy", flag_kind::list, "A policy of the role; may be given several times."},
                                           json_flag,
                                           template_flag};
constexpr flag_spec update_role_flags[] = {{"name", flag_kind::text, "What the role is called."},
                                           {"description", flag_kind::text, "What the role is for."},
                                           {"policy", flag_kind::list, "The role's policies from now on; may be given several times."},
                                           {"no-merge", flag_kind::boolean, "What is not given is emptied instead of kept."},
                                           json_flag,
                                           template_flag};
constexpr flag_spec role_info_flags[] = {{"by-name", flag_kind::boolean, "The argument is the role's name."}, json_flag, template_flag};

result<int> show_role(context& c, const api_answer& answer) {
  if (c.wants_raw()) return c.raw(answer.body);
  TRY_ASSIGN(auto role, api_client::decode<acl_role>(answer.body));
  c.say(role_text(role));
  return 0;
}

std::vector<schema::acl_role_policy_link> links_of(const context& c) {
  std::vector<schema::acl_role_policy_link> out;
  for (auto& name : c.flags.list("policy")) out.push_back({.name = name});
  return out;
}

result<int> run_create_role(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  acl_role role;
  role.name = c.flags.text("name");
  role.description = c.flags.text("description");
  role.policies = links_of(c);
  if (role.name.empty()) return c.misused("ACL role name must be specified using the -name flag");
  if (role.policies.empty()) return c.misused("At least one policy name must be specified using the -policy flag");
  auto answer = c.api.send({.method = "PUT", .path = "/v1/acl/role", .body = codec::to_json(role)});
  if (!answer) return context::failed("creating ACL role", answer.error());
  return show_role(c, *answer);
}

result<int> run_update_role(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <acl_role_id>");
  auto path = "/v1/acl/role/" + path_word(c.arguments[0]);
  auto known = c.api.get<acl_role>(path);
  if (!known) return context::failed("reading ACL role", known.error());
  acl_role role;
  if (!c.flags.on("no-merge")) role = *known;
  role.id = known->id;
  if (c.flags.has("name")) role.name = c.flags.text("name");
  if (c.flags.has("description")) role.description = c.flags.text("description");
  if (c.flags.has("policy")) role.policies = links_of(c);
  auto answer = c.api.send({.method = "PUT", .path = path, .body = codec::to_json(role)});
  if (!answer) return context::failed("updating ACL role", answer.error());
  return show_role(c, *answer);
}

result<int> run_delete_role(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <acl_role_id>");
  auto done = c.api.send({.method = "DELETE", .path = "/v1/acl/role/" + path_word(c.arguments[0])});
  if (!done) return context::failed("deleting ACL role", done.error());
  c.say(fmt::format("ACL role {} successfully deleted", c.arguments[0]));
  return 0;
}

result<int> run_role_info(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <acl_role_id>");
  auto answer = c.api.send({.path = (c.flags.on("by-name") ? "/v1/acl/role/name/" : "/v1/acl/role/") + path_word(c.arguments[0])});
  if (!answer) return context::failed("reading ACL role", answer.error());
  return show_role(c, *answer);
}

result<int> run_role_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/acl/roles"});
  if (!answer) return context::failed("listing ACL roles", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::acl_role_list_stub>>(answer->body));
  format::table t({"ID", "Name", "Description", "Policies"});
  for (const auto& each : list) t.add({each.id, each.name, each.description, names_of(each.policies)});
  c.say(t.empty() ? "No ACL roles found" : t.text());
  return 0;
}

}  // namespace

const command acl_policy_apply = {.name = "acl policy apply",
                                  .synopsis = "Create or change a policy",
                                  .usage = "[options] <name> <path>",
                                  .help = "The file holds the rules as HCL or JSON; \"-\" is standard input.",
                                  .flags = apply_flags,
                                  .run = &run_apply};
const command acl_policy_delete = {.name = "acl policy delete",
                                   .synopsis = "Delete a policy",
                                   .usage = "<name>",
                                   .help = "Tokens and roles that name it lose what it allowed.",
                                   .flags = {},
                                   .run = &run_delete};
const command acl_policy_info = {.name = "acl policy info",
                                 .synopsis = "Show a policy",
                                 .usage = "[options] <name>",
                                 .help = "A policy with its rules.",
                                 .flags = show_flags,
                                 .run = &run_info};
const command acl_policy_list = {.name = "acl policy list",
                                 .synopsis = "List policies",
                                 .usage = "[options]",
                                 .help = "Every policy; without a management token those of the token in use.",
                                 .flags = show_flags,
                                 .run = &run_list};
const command acl_policy_self = {.name = "acl policy self",
                                 .synopsis = "List the policies in use",
                                 .usage = "[options]",
                                 .help = "The policies of the token or identity in use.",
                                 .flags = show_flags,
                                 .run = &run_self};
const command acl_role_create = {.name = "acl role create",
                                 .synopsis = "Create a role",
                                 .usage = "[options]",
                                 .help = "A role is a name for several policies.",
                                 .flags = create_role_flags,
                                 .run = &run_create_role};
const command acl_role_update = {.name = "acl role update",
                                 .synopsis = "Change a role",
                                 .usage = "[options] <role>",
                                 .help = "Changes what is given and leaves the rest.",
                                 .flags = update_role_flags,
                                 .run = &run_update_role};
const command acl_role_delete = {.name = "acl role delete",
                                 .synopsis = "Delete a role",
                                 .usage = "<role>",
                                 .help = "Tokens that have it lose what it allowed.",
                                 .flags = {},
                                 .run = &run_delete_role};
const command acl_role_info = {.name = "acl role info",
                               .synopsis = "Show a role",
                               .usage = "[options] <role>",
                               .help = "By id, or by name with -by-name.",
                               .flags = role_info_flags,
                               .run = &run_role_info};
const command acl_role_list = {.name = "acl role list",
                               .synopsis = "List roles",
                               .usage = "[options]",
                               .help = "Every role; without a management token those of the token in use.",
                               .flags = show_flags,
                               .run = &run_role_list};

}  // namespace drover::cli::commands

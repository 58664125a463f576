// acl auth-method, acl binding-rule.
#include <algorithm>

#include "base/text.h"
#include "cli/command/acl_show.h"
#include "cli/command/all_acl.h"
#include "cli/format/table.h"
#include "cli/job_file.h"

namespace drover::cli::commands {
namespace {

using schema::acl_auth_method;
using schema::acl_binding_rule;
using texts = std::vector<std::string>;

constexpr flag_spec show_flags[] = {json_flag, template_flag};

std::string joined(const texts& list) { return join(list, ","); }
std::string mappings(const std::map<std::string, std::string>& all) {
  texts out;
  for (const auto& [from, to] : all) out.push_back(fmt::format("{{{}: {}}}", from, to));
  return join(out, "; ");
}

std::string method_text(const acl_auth_method& method) {
  format::pairs p;
  p.add("Name", method.name);
  p.add("Type", method.type);
  p.add("Locality", method.token_locality);
  p.add("Max Token TTL", to_string(method.max_token_ttl));
  p.add("Token Name Format", method.token_name_format);
  p.add("Default", method.default_ ? "true" : "false");
  p.add("Create Index", std::to_string(method.create_index));
  p.add("Modify Index", std::to_string(method.modify_index));
  if (!method.config) return p.text();
  const auto& config = *method.config;
  format::pairs c;
  c.add("JWT Validation Public Keys", joined(config.jwt_validation_pub_keys));
  c.add("JWKS URL", config.jwks_url);
  c.add("OIDC Discovery URL", config.oidc_discovery_url);
  c.add("OIDC Client ID", config.oidc_client_id);
  c.add("OIDC Client Secret", config.oidc_client_secret);
  c.add("OIDC Enable PKCE", config.oidc_enable_pkce ? "true" : "false");
  c.add("OIDC Disable UserInfo", config.oidc_disable_user_info ? "true" : "false");
  c.add("OIDC Scopes", joined(config.oidc_scopes));
  c.add("Bound audiences", joined(config.bound_audiences));
  c.add("Bound issuer", joined(config.bound_issuer));
  c.add("Allowed redirects URIs", joined(config.allowed_redirect_ur_is));
  c.add("Discovery CA pem", joined(config.discovery_ca_pem));
  c.add("JWKS CA cert", config.jwks_ca_cert);
  c.add("Signing algorithms", joined(config.signing_algs));
  c.add("Expiration Leeway", to_string(config.expiration_leeway));
  c.add("NotBefore Leeway", to_string(config.not_before_leeway));
  c.add("ClockSkew Leeway", to_string(config.clock_skew_leeway));
  c.add("Claim mappings", mappings(config.claim_mappings));
  c.add("List claim mappings", mappings(config.list_claim_mappings));
  return p.text() + "\n\nAuth Method Config\n\n" + c.text();
}

std::string rule_text(const acl_binding_rule& rule) {
  format::pairs p;
  p.add("ID", rule.id);
  p.add("Description", rule.description);
  p.add("Auth Method", rule.auth_method);
  p.add("Selector", fmt::format("\"{}\"", rule.selector));
  p.add("Bind Type", rule.bind_type);
  p.add("Bind Name", rule.bind_name);
  p.add("Create Time", go_time(rule.create_time));
  p.add("Modify Time", go_time(rule.modify_time));
  p.add("Create Index", std::to_string(rule.create_index));
  p.add("Modify Index", std::to_string(rule.modify_index));
  return p.text();
}

result<int> show_method(context& c, const api_answer& answer) {
  if (c.wants_raw()) return c.raw(answer.body);
  TRY_ASSIGN(auto method, api_client::decode<acl_auth_method>(answer.body));
  c.say(method_text(method));
  return 0;
}

result<int> show_rule(context& c, const api_answer& answer) {
  if (c.wants_raw()) return c.raw(answer.body);
  TRY_ASSIGN(auto rule, api_client::decode<acl_binding_rule>(answer.body));
  c.say(rule_text(rule));
  return 0;
}

// ---- auth methods

constexpr flag_spec method_flags[] = {
    {"name", flag_kind::text, "What the method is called."},
    {"type", flag_kind::text, "JWT or OIDC."},
    {"token-locality", flag_kind::text, "local or global: where the tokens of a login are valid."},
    {"token-name-format", flag_kind::text, "Name of the tokens; ${auth_method_type}, ${auth_method_name} and ${value.NAME} are filled in."},
    {"max-token-ttl", flag_kind::text, "How long the tokens are valid, such as 8h."},
    {"default", flag_kind::boolean, "Used by logins that name no method."},
    {"config", flag_kind::text, "The configuration as JSON: the text itself, @FILE, or \"-\" for standard input."},
    json_flag,
    template_flag};

// What the flags say goes over what there was.
result<> apply_flags(context& c, acl_auth_method& method) {
  if (c.flags.has("type")) method.type = c.flags.text("type");
  if (c.flags.has("token-locality")) method.token_locality = c.flags.text("token-locality");
  if (c.flags.has("token-name-format")) method.token_name_format = c.flags.text("token-name-format");
  if (c.flags.has("default")) method.default_ = c.flags.on("default");
  if (c.flags.has("max-token-ttl")) {
    auto ttl = parse_duration(c.flags.text("max-token-ttl"));
    if (!ttl) return fail(errc::invalid, "Error parsing max token TTL: \"{}\"; write it as 30m or 8h", c.flags.text("max-token-ttl"));
    method.max_token_ttl = *ttl;
  }
  if (!c.flags.has("config")) return {};
  auto text = c.flags.text("config");
  if (text == "-" || text.starts_with('@')) {
    TRY_ASSIGN(text, read_input(text == "-" ? text : text.substr(1)));
  }
  auto config = codec::from_json<schema::acl_auth_method_config>(text);
  if (!config) return fail(errc::invalid, "Error parsing config: {}", config.error().text());
  method.config = *std::move(config);
  return {};
}

result<int> run_create_method(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  if (c.flags.text("name").empty()) return c.misused("ACL auth method name must be specified using the -name flag");
  acl_auth_method method;
  method.name = c.flags.text("name");
  TRY(apply_flags(c, method));
  auto answer = c.api.send({.method = "PUT", .path = "/v1/acl/auth-method", .body = codec::to_json(method)});
  if (!answer) return context::failed("creating ACL auth method", answer.error());
  return show_method(c, *answer);
}

result<int> run_update_method(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <acl_auth_method_name>");
  auto path = "/v1/acl/auth-method/" + path_word(c.arguments[0]);
  auto method = c.api.get<acl_auth_method>(path);
  if (!method) return context::failed("retrieving ACL auth method", method.error());
  TRY(apply_flags(c, *method));
  auto answer = c.api.send({.method = "PUT", .path = path, .body = codec::to_json(*method)});
  if (!answer) return context::failed("updating ACL auth method", answer.error());
  return show_method(c, *answer);
}

result<int> run_method_info(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <acl_auth_method_name>");
  auto answer = c.api.send({.path = "/v1/acl/auth-method/" + path_word(c.arguments[0])});
  if (!answer) return context::failed("reading ACL auth method", answer.error());
  return show_method(c, *answer);
}

result<int> run_delete_method(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <acl_auth_method_name>");
  auto done = c.api.send({.method = "DELETE", .path = "/v1/acl/auth-method/" + path_word(c.arguments[0])});
  if (!done) return context::failed("deleting ACL auth method", done.error());
  c.say(fmt::format("ACL auth method {} successfully deleted", c.arguments[0]));
  return 0;
}

result<int> run_list_methods(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/acl/auth-methods"});
  if (!answer) return context::failed("listing ACL auth methods", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::acl_auth_method_list_stub>>(answer->body));
  format::table t({"Name", "Type", "Default"});
  for (const auto& each : list) t.add({each.name, each.type, each.default_ ? "true" : "false"});
  c.say(t.empty() ? "No ACL auth methods found" : t.text());
  return 0;
}

// ---- binding rules

constexpr flag_spec create_rule_flags[] = {
    {"description", flag_kind::text, "What the rule is for."},
    {"auth-method", flag_kind::text, "The method whose logins it is about."},
    {"selector", flag_kind::text, "Only logins that this is true of, such as 'value.team == \"ops\"' or '\"ops\" in list.groups'."},
    {"bind-type", flag_kind::text, "role, policy or management."},
    {"bind-name", flag_kind::text, "The role or policy; ${value.NAME} is filled in."},
    json_flag,
    template_flag};
constexpr flag_spec update_rule_flags[] = {{"description", flag_kind::text, "What the rule is for."},
                                           {"selector", flag_kind::text, "Only logins that this is true of."},
                                           {"bind-type", flag_kind::text, "role, policy or management."},
                                           {"bind-name", flag_kind::text, "The role or policy; ${value.NAME} is filled in."},
                                           {"no-merge", flag_kind::boolean, "What is not given is emptied instead of kept."},
                                           json_flag,
                                           template_flag};

void apply_flags(const context& c, acl_binding_rule& rule) {
  if (c.flags.has("description")) rule.description = c.flags.text("description");
  if (c.flags.has("selector")) rule.selector = c.flags.text("selector");
  if (c.flags.has("bind-type")) rule.bind_type = c.flags.text("bind-type");
  if (c.flags.has("bind-name")) rule.bind_name = c.flags.text("bind-name");
}

result<int> run_create_rule(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  acl_binding_rule rule;
  rule.auth_method = c.flags.text("auth-method");
  if (rule.auth_method.empty()) return c.misused("ACL binding rule auth method must be specified using the -auth-method flag");
  if (c.flags.text("bind-type").empty()) return c.misused("ACL binding rule bind type must be specified using the -bind-type flag");
  apply_flags(c, rule);
  auto answer = c.api.send({.method = "PUT", .path = "/v1/acl/binding-rule", .body = codec::to_json(rule)});
  if (!answer) return context::failed("creating ACL binding rule", answer.error());
  return show_rule(c, *answer);
}

result<int> run_update_rule(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <acl_binding_rule_id>");
  auto path = "/v1/acl/binding-rule/" + path_word(c.arguments[0]);
  auto known = c.api.get<acl_binding_rule>(path);
  if (!known) return context::failed("retrieving ACL binding rule", known.error());
  acl_binding_rule rule;
  if (!c.flags.on("no-merge")) rule = *known;
  rule.id = known->id;
  rule.auth_method = known->auth_method;
  apply_flags(c, rule);
  auto answer = c.api.send({.method = "PUT", .path = path, .body = codec::to_json(rule)});
  if (!answer) return context::failed("updating ACL binding rule", answer.error());
  return show_rule(c, *answer);
}

result<int> run_rule_info(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <acl_binding_rule_id>");
  auto answer = c.api.send({.path = "/v1/acl/binding-rule/" + path_word(c.arguments[0])});
  if (!answer) return context::failed("reading ACL binding rule", answer.error());
  return show_rule(c, *answer);
}

result<int> run_delete_rule(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <acl_binding_rule_id>");
  auto done = c.api.send({.method = "DELETE", .path = "/v1/acl/binding-rule/" + path_word(c.arguments[0])});
  if (!done) return context::failed("deleting ACL binding rule", done.error());
  c.say(fmt::format("ACL binding rule {} successfully deleted", c.arguments[0]));
  return 0;
}

result<int> run_list_rules(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/acl/binding-rules"});
  if (!answer) return context::failed("listing ACL binding rules", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::acl_binding_rule_list_stub>>(answer->body));
  format::table t({"ID", "Description", "Auth Method"});
  for (const auto& each : list) t.add({each.id, each.description, each.auth_method});
  c.say(t.empty() ? "No ACL binding rules found" : t.text());
  return 0;
}

}  // namespace

const command acl_auth_method_create = {.name = "acl auth-method create",
                                        .synopsis = "Create an auth method",
                                        .usage = "[options]",
                                        .help = "How people log in with the tokens of an identity provider.",
                                        .flags = method_flags,
                                        .run = &run_create_method};
const command acl_auth_method_update = {.name = "acl auth-method update",
                                        .synopsis = "Change an auth method",
                                        .usage = "[options] <name>",
                                        .help = "Changes what is given and leaves the rest.",
                                        .flags = method_flags,
                                        .run = &run_update_method};
const command acl_auth_method_delete = {.name = "acl auth-method delete",
                                        .synopsis = "Delete an auth method",
                                        .usage = "<name>",
                                        .help = "Tokens of earlier logins stay until they expire.",
                                        .flags = {},
                                        .run = &run_delete_method};
const command acl_auth_method_info = {.name = "acl auth-method info",
                                      .synopsis = "Show an auth method",
                                      .usage = "[options] <name>",
                                      .help = "All of it.",
                                      .flags = show_flags,
                                      .run = &run_method_info};
const command acl_auth_method_list = {.name = "acl auth-method list",
                                      .synopsis = "List auth methods",
                                      .usage = "[options]",
                                      .help = "Every auth method.",
                                      .flags = show_flags,
                                      .run = &run_list_methods};
const command acl_binding_rule_create = {.name = "acl binding-rule create",
                                         .synopsis = "Create a binding rule",
                                         .usage = "[options]",
                                         .help = "What a login by an auth method gets.",
                                         .flags = create_rule_flags,
                                         .run = &run_create_rule};
const command acl_binding_rule_update = {.name = "acl binding-rule update",
                                         .synopsis = "Change a binding rule",
                                         .usage = "[options] <id>",
                                         .help = "Changes what is given and leaves the rest.",
                                         .flags = update_rule_flags,
                                         .run = &run_update_rule};
const command acl_binding_rule_delete = {.name = "acl binding-rule delete",
                                         .synopsis = "Delete a binding rule",
                                         .usage = "<id>",
                                         .help = "Later logins do without it.",
                                         .flags = {},
                                         .run = &run_delete_rule};
const command acl_binding_rule_info = {.name = "acl binding-rule info",
                                       .synopsis = "Show a binding rule",
                                       .usage = "[options] <id>",
                                       .help = "All of it.",
                                       .flags = show_flags,
                                       .run = &run_rule_info};
const command acl_binding_rule_list = {.name = "acl binding-rule list",
                                       .synopsis = "List binding rules",
                                       .usage = "[options]",
                                       .help = "Every binding rule.",
                                       .flags = show_flags,
                                       .run = &run_list_rules};
}  // namespace drover::cli::commands

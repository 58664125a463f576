// setup consul: what Consul needs so that workloads log in with the identities that this cluster signs.
#include <algorithm>
#include <fstream>

#include "base/text.h"
#include "cli/command/all_more.h"
#include "cli/command/setup.h"
#include "codec/json.h"

namespace drover::cli::commands {
namespace {

constexpr std::string_view method_name = "nomad-workloads", role_name = "nomad-default-tasks", policy_name = "policy-nomad-tasks", audience = "consul.io";

std::string text_at(const value& of, std::string_view name) {
  const auto* found = of.find(name);
  const auto* text = found == nullptr ? nullptr : found->as_string();
  return text == nullptr ? std::string() : *text;
}

std::string pretty(value::object object) { return codec::value_to_json(value(std::move(object)), {.pretty = true}); }

result<std::unique_ptr<other_api>> connect(const context& c, std::string& address) {
  address = flag_or_environment(c.flags, "", "CONSUL_HTTP_ADDR");
  if (address.empty()) address = "127.0.0.1:8500";
  if (address.find("://") == address.npos && flag_or_environment(c.flags, "", "CONSUL_HTTP_SSL") == "true") address = "https://" + address;
  other_api_options options{.address = address,
                            .ca_file = flag_or_environment(c.flags, "", "CONSUL_CACERT"),
                            .ca_directory = flag_or_environment(c.flags, "", "CONSUL_CAPATH"),
                            .certificate_file = flag_or_environment(c.flags, "", "CONSUL_CLIENT_CERT"),
                            .key_file = flag_or_environment(c.flags, "", "CONSUL_CLIENT_KEY")};
  auto token = flag_or_environment(c.flags, "", "CONSUL_HTTP_TOKEN");
  if (auto path = flag_or_environment(c.flags, "", "CONSUL_HTTP_TOKEN_FILE"); token.empty() && !path.empty()) {
    std::ifstream file(path);
    if (!std::getline(file, token)) return fail(errc::invalid, "the token cannot be read from {} (CONSUL_HTTP_TOKEN_FILE)", path);
  }
  if (!token.empty()) options.headers.emplace_back("X-Consul-Token", std::string(trim(token)));
  return other_api::create(std::move(options));
}

// The one of a list of Consul's whose members are these; null: none.
result<value> find_in(other_api& api, std::string path, std::vector<std::pair<std::string_view, std::string>> wanted) {
  TRY_ASSIGN(auto list, read_other(api, std::move(path)));
  if (const auto* items = list.as_list())
    for (const auto& each : *items)
      if (std::ranges::all_of(wanted, [&](const auto& one) { return text_at(each, one.first) == one.second; })) return each;
  return value();
}

// A part that is one record, found in a list of all and removed by its id.
struct consul_record {
  std::string kind, name, list, put, remove_at, id_member;
  std::vector<std::pair<std::string_view, std::string>> known_by;
  value::object body;
  std::string shown{};  // instead of the body
};

setup_part part_of(other_api& api, consul_record of) {
  auto find = [&api, of] { return find_in(api, of.list, of.known_by); };
  setup_part out{.kind = of.kind, .name = of.name, .exists = {}, .shown = {}, .make = {}, .remove = {}};
  out.exists = [find]() -> result<bool> {
    TRY_ASSIGN(auto found, find());
    return !found.is_null();
  };
  out.shown = [of]() -> result<std::string> { return of.shown.empty() ? pretty(of.body) : of.shown; };
  out.make = [&api, of](const std::string&) -> result<> {
    auto made = ask_other(api, {.method = "PUT", .path = of.put, .body = codec::value_to_json(value(of.body))});
    if (made) return {};
    if (made.error().text().find("error checking JWKSURL") == std::string::npos) return fail(std::move(made).error());
    return fail(errc::unavailable, "Consul does not reach the signing keys of this cluster; is an agent running there, and is -jwks-url right? {}",
                made.error().text());
  };
  out.remove = [&api, of, find]() -> result<> {
    TRY_ASSIGN(auto found, find());
    TRY(ask_other(api, {.method = "DELETE", .path = of.remove_at + path_word(text_at(found, of.id_member))}));
    return {};
  };
  return out;
}

result<value::object> method_body(const context& c) {
  TRY_ASSIGN(auto keys, jwks_of(c));
  value::object claims, config, out;
  for (auto name : {"consul_namespace", "nomad_namespace", "nomad_job_id", "nomad_task", "nomad_service"}) claims.append(name, value(name));
  config.append("JWKSURL", value(keys.url));
  config.append("JWTSupportedAlgs", value(value::list{value("RS256")}));
  config.append("BoundAudiences", value(value::list{value(std::string(audience))}));
  config.append("ClaimMappings", value(std::move(claims)));
  if (!keys.ca.empty()) config.append("JWKSCACert", value(keys.ca));
  out.append("Name", value(std::string(method_name)));
  out.append("Type", value("jwt"));
  out.append("DisplayName", value(std::string(method_name)));
  out.append("Description", value("Workloads of the cluster, by their identities"));
  out.append("TokenLocality", value("local"));
  out.append("Config", value(std::move(config)));
  return out;
}

setup_part rule_part(other_api& api, std::string whom, std::string type, std::string bind, std::string selector) {
  value::object body;
  body.append("Description", value(fmt::format("{} of the cluster, by their identities", whom)));
  body.append("AuthMethod", value(std::string(method_name)));
  body.append("BindType", value(type));
  body.append("BindName", value(bind));
  body.append("Selector", value(selector));
  return part_of(api, {.kind = "binding rule",
                       .name = whom,
                       .list = "/v1/acl/binding-rules?authmethod=" + std::string(method_name),
                       .put = "/v1/acl/binding-rule",
                       .remove_at = "/v1/acl/binding-rule/",
                       .id_member = "ID",
                       .known_by = {{"AuthMethod", std::string(method_name)}, {"BindType", type}, {"BindName", bind}, {"Selector", selector}},
                       .body = std::move(body)});
}

result<std::vector<setup_part>> parts_of(const context& c, other_api& api) {
  std::vector<setup_part> out;
  TRY_ASSIGN(auto method, method_body(c));
  out.push_back(part_of(api, {.kind = "auth method",
                              .name = std::string(method_name),
                              .list = "/v1/acl/auth-methods",
                              .put = "/v1/acl/auth-method",
                              .remove_at = "/v1/acl/auth-method/",
                              .id_member = "Name",
                              .known_by = {{"Name", std::string(method_name)}},
                              .body = std::move(method)}));
  out.push_back(rule_part(api, "Services", "service", "${value.nomad_service}", "\"nomad_service\" in value"));
  out.push_back(rule_part(api, "Tasks", "role", "nomad-${value.nomad_namespace}-tasks", "\"nomad_service\" not in value"));
  std::string rules;
  for (auto what : {"node_prefix", "service_prefix", "key_prefix"}) rules += fmt::format("{} \"\" {{\n  policy = \"read\"\n}}\n", what);
  value::object policy;
  policy.append("Name", value(std::string(policy_name)));
  policy.append("Rules", value(rules));
  out.push_back(part_of(api, {.kind = "policy",
                              .name = std::string(policy_name),
                              .list = "/v1/acl/policies",
                              .put = "/v1/acl/policy",
                              .remove_at = "/v1/acl/policy/",
                              .id_member = "ID",
                              .known_by = {{"Name", std::string(policy_name)}},
                              .body = std::move(policy),
                              .shown = rules}));
  value::object link, role;
  link.append("Name", value(std::string(policy_name)));
  role.append("Name", value(std::string(role_name)));
  role.append("Description", value("Tasks of the cluster, by their identities"));
  role.append("Policies", value(value::list{value(std::move(link))}));
  out.push_back(part_of(api, {.kind = "role",
                              .name = std::string(role_name),
                              .list = "/v1/acl/roles",
                              .put = "/v1/acl/role",
                              .remove_at = "/v1/acl/role/",
                              .id_member = "ID",
                              .known_by = {{"Name", std::string(role_name)}},
                              .body = std::move(role)}));
  return out;
}

result<int> run_setup_consul(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  TRY(check_interactive(c));
  std::string address;
  TRY_ASSIGN(auto api, connect(c, address));
  if (!says_yes(c, fmt::format("Is \"{}\" the correct address of your Consul cluster? [Y/n]", address))) {
    c.out.complain("Set CONSUL_HTTP_ADDR to the address of your Consul cluster and run the command again.");
    return 0;
  }
  TRY_ASSIGN(auto parts, parts_of(c, *api));
  if (c.flags.on("destroy")) return take_away(c, "Consul", parts);
  TRY_ASSIGN(int code, set_up(c, "Consul", parts));
  c.say(
      fmt::format("\nWorkloads can log in to Consul when their identities are for it:\n\n"
                  "identity {{\n  name = \"consul_default\"\n  aud  = [\"{0}\"]\n  ttl  = \"1h\"\n}}",
                  audience));
  return code;
}

}  // namespace

const command setup_consul = {
    .name = "setup consul",
    .synopsis = "Let workloads log in to Consul with their identities",
    .usage = "[options]",
    .help =
        "Makes an auth method, binding rules, a policy and a role in Consul, which is found by CONSUL_HTTP_ADDR and its other variables. "
        "The token must have acl:write. Namespaces of Consul Enterprise are not used.",
    .flags = setup_flags,
    .run = &run_setup_consul,
    .local = true};

}  // namespace drover::cli::commands

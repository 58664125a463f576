// setup vault: what Vault needs so that workloads log in with the identities that this cluster signs; -check: which jobs and nodes are not ready.
#include <array>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/command/all_more.h"
#include "cli/command/setup.h"
#include "cli/format/table.h"
#include "codec/json.h"
#include "schema/job.h"
#include "schema/node.h"
#include "schema/operator_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr std::string_view mount = "jwt-nomad", role_name = "nomad-workloads", policy_name = "nomad-workloads", audience = "vault.io";

constexpr flag_spec own_flags[] = {
    {"kv-path", flag_kind::text, "Mount of the secrets that workloads may read: \"secret\" by default."},
    {"check", flag_kind::boolean, "Only look whether jobs and nodes of this cluster are ready."},
    json_flag,
    template_flag,
    verbose_flag,
};
constexpr auto vault_flags = [] {
  std::array<flag_spec, std::size(own_flags) + std::size(setup_flags)> out{};
  std::ranges::copy(own_flags, std::ranges::copy(setup_flags, out.begin()).out);
  return out;
}();

std::string mount_of_secrets(const context& c) {
  std::string out = c.flags.has("kv-path") ? c.flags.text("kv-path") : "secret";
  while (out.starts_with('/')) out.erase(0, 1);
  while (out.ends_with('/')) out.pop_back();
  return out;
}

result<std::unique_ptr<other_api>> connect(const context& c, std::string& address) {
  address = flag_or_environment(c.flags, "", "VAULT_ADDR");
  if (address.empty()) address = "https://127.0.0.1:8200";
  other_api_options options{.address = address,
                            .headers = {{"X-Vault-Request", "true"}},
                            .ca_file = flag_or_environment(c.flags, "", "VAULT_CACERT"),
                            .ca_directory = flag_or_environment(c.flags, "", "VAULT_CAPATH"),
                            .certificate_file = flag_or_environment(c.flags, "", "VAULT_CLIENT_CERT"),
                            .key_file = flag_or_environment(c.flags, "", "VAULT_CLIENT_KEY")};
  if (auto token = flag_or_environment(c.flags, "", "VAULT_TOKEN"); !token.empty()) options.headers.emplace_back("X-Vault-Token", std::move(token));
  if (auto name = flag_or_environment(c.flags, "", "VAULT_NAMESPACE"); !name.empty()) options.headers.emplace_back("X-Vault-Namespace", std::move(name));
  return other_api::create(std::move(options));
}

std::string pretty(value::object object) { return codec::value_to_json(value(std::move(object)), {.pretty = true}); }

result<> put(other_api& api, std::string path, std::string body) {
  TRY(ask_other(api, {.method = "PUT", .path = std::move(path), .body = std::move(body)}));
  return {};
}
result<> remove(other_api& api, std::string path) {
  TRY(ask_other(api, {.method = "DELETE", .path = std::move(path)}));
  return {};
}
// Whether a name is among the "keys" of a list.
result<bool> is_listed(other_api& api, std::string path, std::string_view name) {
  TRY_ASSIGN(auto answer, read_other(api, path + "?list=true"));
  const auto* data = answer.find("data");
  return has_text(data == nullptr ? nullptr : data->find("keys"), name);
}

setup_part method_part(context& c, other_api& api) {
  std::string config_path = fmt::format("/v1/auth/{}/config", mount), mount_path = fmt::format("/v1/sys/auth/{}", mount);
  setup_part out{.kind = "JWT auth method", .name = std::string(mount), .exists = {}, .shown = {}, .make = {}, .remove = {}};
  // A mount that is not there is an error of the one who asks, to Vault.
  out.exists = [&api, config_path]() -> result<bool> {
    auto answer = api.send({.path = config_path});
    if (!answer) return fail(std::move(answer).error());
    if (answer->status == 200) return true;
    if (answer->status == 404 || answer->status == 400) return false;
    return fail(errc::unknown, "Unexpected response code: {} ({})", answer->status, trim(answer->body));
  };
  out.shown = [&c]() -> result<std::string> {
    TRY_ASSIGN(auto keys, jwks_of(c));
    value::object config;
    config.append("jwks_url", value(keys.url));
    config.append("jwt_supported_algs", value(value::list{value("EdDSA"), value("RS256")}));
    config.append("default_role", value(std::string(role_name)));
    if (!keys.ca.empty()) config.append("jwks_ca_pem", value(keys.ca));
    return pretty(std::move(config));
  };
  out.make = [&api, config_path, mount_path](const std::string& config) -> result<> {
    // A method whose configuration failed before is there, without one.
    auto enabled = api.send({.method = "POST", .path = mount_path, .body = R"({"type":"jwt"})"});
    if (!enabled) return fail(std::move(enabled).error());
    if (enabled->status >= 400 && enabled->body.find("path is already in use") == std::string::npos)
      return fail(errc::unknown, "Unexpected response code: {} ({})", enabled->status, trim(enabled->body));
    auto made = put(api, config_path, config);
    if (made || made.error().text().find("error checking jwks URL") == std::string::npos) return made;
    return fail(errc::unavailable, "Vault does not reach the signing keys of this cluster; is an agent running there, and is -jwks-url right? {}",
                made.error().text());
  };
  out.remove = [&api, mount_path] { return remove(api, mount_path); };
  return out;
}

// Each job reads what lies below its own name.
setup_part policy_part(context& c, other_api& api) {
  std::string path = fmt::format("/v1/sys/policies/acl/{}", policy_name);
  setup_part out{.kind = "policy", .name = std::string(policy_name), .exists = {}, .shown = {}, .make = {}, .remove = {}};
  out.exists = [&api] { return is_listed(api, "/v1/sys/policies/acl", policy_name); };
  out.shown = [&c, &api]() -> result<std::string> {
    TRY_ASSIGN(auto method, read_other(api, fmt::format("/v1/sys/auth/{}", mount)));
    const auto* data = method.find("data");
    const auto* accessor = data == nullptr ? method.find("accessor") : data->find("accessor");
    if (accessor == nullptr || accessor->as_string() == nullptr) return fail(errc::invalid, "Vault does not say the accessor of the auth method \"{}\"", mount);
    auto secrets = mount_of_secrets(c);
    auto metadata = [&](std::string_view name) { return fmt::format("{{{{identity.entity.aliases.{}.metadata.{}}}}}", *accessor->as_string(), name); };
    auto own = fmt::format("{}/data/{}/{}", secrets, metadata("nomad_namespace"), metadata("nomad_job_id"));
    std::string text;
    auto allow = [&](std::string_view where, std::string_view what) { text += fmt::format("path \"{}\" {{\n  capabilities = [\"{}\"]\n}}\n\n", where, what); };
    allow(own + "/*", "read");
    allow(own, "read");
    allow(fmt::format("{}/metadata/{}/*", secrets, metadata("nomad_namespace")), "list");
    allow(fmt::format("{}/metadata/*", secrets), "list");
    return text;
  };
  out.make = [&api, path](const std::string& text) {
    value::object body;
    body.append("policy", value(base64_encode(text)));
    return put(api, path, codec::value_to_json(value(std::move(body))));
  };
  out.remove = [&api, path] { return remove(api, path); };
  return out;
}

setup_part role_part(other_api& api) {
  std::string list = fmt::format("/v1/auth/{}/role", mount);
  setup_part out{.kind = "role", .name = std::string(role_name), .exists = {}, .shown = {}, .make = {}, .remove = {}};
  // Without the method there is no list of its roles.
  out.exists = [&api, list]() -> result<bool> {
    auto found = is_listed(api, list, role_name);
    if (!found && found.error().text().find("no handler for route") != std::string::npos) return false;
    return found;
  };
  out.shown = []() -> result<std::string> {
    value::object role, claims;
    for (auto name : {"nomad_namespace", "nomad_job_id", "nomad_task"}) claims.append(name, value(name));
    role.append("role_type", value("jwt"));
    role.append("bound_audiences", value(std::string(audience)));
    role.append("user_claim", value("/nomad_job_id"));
    role.append("user_claim_json_pointer", value(true));
    role.append("claim_mappings", value(std::move(claims)));
    role.append("token_type", value("service"));
    role.append("token_period", value("30m"));
    role.append("token_policies", value(value::list{value(std::string(policy_name))}));
    return pretty(std::move(role));
  };
  out.make = [&api, list](const std::string& body) { return put(api, fmt::format("{}/{}", list, role_name), body); };
  out.remove = [&api, list] { return remove(api, fmt::format("{}/{}", list, role_name)); };
  return out;
}

result<int> check(context& c) {
  auto answer = c.api.send({.path = "/v1/operator/upgrade-check/vault-workload-identity"});
  if (!answer) return context::failed("querying whether the cluster is ready", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto found, codec::from_json<schema::upgrade_check_vault_workload_identity_response>(answer->body));
  const auto style = c.style();
  if (found.jobs_without_vault_identity.empty() && found.outdated_nodes.empty()) {
    c.say("Nomad cluster is ready to use workload identities with Vault.");
    return 0;
  }
  if (!found.jobs_without_vault_identity.empty()) {
    format::table jobs({"ID", "Namespace", "Type", "Status"});
    for (const auto& each : found.jobs_without_vault_identity) jobs.add({each.id, each.namespace_, each.type, each.status});
    c.say("\n[bold]Jobs Without Workload Identity for Vault[reset]\nThey use Vault and have no identity whose name begins with vault_: give them one.\n\n" +
          jobs.text());
  }
  if (!found.outdated_nodes.empty()) {
    format::table nodes({"ID", "Name", "Address", "Version", "Drain", "Eligibility", "Status"});
    for (const auto& each : found.outdated_nodes)
      nodes.add({style.id(each.id), each.name, each.address, each.version, format::yes_no(each.drain), each.scheduling_eligibility, each.status});
    c.say("\n[bold]Outdated Nodes[reset]\nTheir release has no identities for Vault, which came with 1.7: upgrade them.\n\n" + nodes.text());
  }
  return 0;
}

result<int> run_setup_vault(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  if (mount_of_secrets(c).empty()) return c.misused("The -kv-path option must specify a non-empty mount path");
  if (c.flags.on("check")) return check(c);
  for (auto flag : {"json", "verbose", "t"})
    if (c.flags.has(flag)) return c.misused(fmt::format("The -{} option can only be used with -check", flag));
  TRY(check_interactive(c));
  std::string address;
  TRY_ASSIGN(auto api, connect(c, address));
  if (!says_yes(c, fmt::format("Is \"{}\" the correct address of your Vault cluster? [Y/n]", address))) {
    c.out.complain("Set VAULT_ADDR to the address of your Vault cluster and run the command again.");
    return 0;
  }
  std::vector<setup_part> parts{method_part(c, *api), policy_part(c, *api), role_part(*api)};
  if (c.flags.on("destroy")) return take_away(c, "Vault", parts);
  TRY_ASSIGN(int code, set_up(c, "Vault", parts));
  c.say(
      fmt::format("\nWorkloads can log in to Vault when their identities are for it:\n\n"
                  "identity {{\n  name = \"vault_default\"\n  aud  = [\"{}\"]\n  ttl  = \"1h\"\n}}",
                  audience));
  return code;
}

}  // namespace

const command setup_vault = {
    .name = "setup vault",
    .synopsis = "Let workloads log in to Vault with their identities",
    .usage = "[options]",
    .help =
        "Makes an auth method, a policy and a role in Vault, which is found by VAULT_ADDR and its other variables. The token must be allowed "
        "to do that. -check asks this cluster instead, which jobs and nodes are not ready.",
    .flags = vault_flags,
    .run = &run_setup_vault};

}  // namespace drover::cli::commands

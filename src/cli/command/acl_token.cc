// acl bootstrap; acl token create, update, delete, info, list, self.
#include <algorithm>

#include "base/text.h"
#include "cli/command/acl_show.h"
#include "cli/command/all_acl.h"
#include "cli/format/table.h"
#include "cli/job_file.h"

namespace drover::cli::commands {
namespace {

using schema::acl_token;

constexpr flag_spec show_flags[] = {json_flag, template_flag};

result<int> show(context& c, const api_answer& answer) {
  if (c.wants_raw()) return c.raw(answer.body);
  TRY_ASSIGN(auto token, api_client::decode<acl_token>(answer.body));
  c.say(token_text(token));
  return 0;
}

result<int> run_bootstrap(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes up to one argument");
  schema::acl_token_bootstrap_request request;
  if (!c.arguments.empty()) {
    TRY_ASSIGN(auto text, read_input(c.arguments[0]));
    request.bootstrap_secret = trim(text);
  }
  value::object body;
  if (!request.bootstrap_secret.empty()) body.set("BootstrapSecret", value(request.bootstrap_secret));
  auto answer = c.api.send({.method = "PUT", .path = "/v1/acl/bootstrap", .body = codec::value_to_json(value(std::move(body)))});
  if (!answer) return context::failed("bootstrapping", answer.error());
  return show(c, *answer);
}

std::vector<schema::acl_token_role_link> roles_of(const context& c) {
  std::vector<schema::acl_token_role_link> out;
  for (auto& id : c.flags.list("role-id")) out.push_back({.id = id, .name = {}});
  for (auto& name : c.flags.list("role-name")) out.push_back({.id = {}, .name = name});
  return out;
}

constexpr flag_spec create_flags[] = {{"name", flag_kind::text, "What the token is called."},
                                      {"type", flag_kind::text, "client (the default) or management."},
                                      {"global", flag_kind::boolean, "Valid in every region."},
                                      {"policy", flag_kind::list, "A policy of the token; may be given several times."},
                                      {"role-id", flag_kind::list, "A role of the token, by id; may be given several times."},
                                      {"role-name", flag_kind::list, "A role of the token, by name; may be given several times."},
                                      {"ttl", flag_kind::text, "How long the token is valid, such as 8h."},
                                      {"accessor", flag_kind::text, "The accessor id, a UUID; otherwise the servers choose one."},
                                      json_flag,
                                      template_flag};

result<int> run_create(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  acl_token token;
  token.name = c.flags.text("name");
  token.type = c.flags.has("type") ? c.flags.text("type") : "client";
  token.global = c.flags.on("global");
  token.policies = c.flags.list("policy");
  token.roles = roles_of(c);
  token.accessor_id = c.flags.text("accessor");
  if (auto ttl = c.flags.text("ttl"); !ttl.empty()) {
    auto parsed = parse_duration(ttl);
    if (!parsed) return fail(errc::invalid, "Failed to parse TTL as time duration: \"{}\"; write it as 30m or 8h", ttl);
    token.expiration_ttl = *parsed;
  }
  // A token may be made before its policies are; a misspelt one would never mean anything.
  for (const auto& name : token.policies)
    if (auto known = c.api.send({.path = "/v1/acl/policy/" + path_word(name)}); !known && known.error().code() == errc::not_found)
      c.out.complain(fmt::format("There is no policy \"{}\" yet: it gives this token nothing until it is written", name));
  auto answer = c.api.send({.method = "PUT", .path = "/v1/acl/token", .body = codec::to_json(token)});
  if (!answer) return context::failed("creating token", answer.error());
  return show(c, *answer);
}

constexpr flag_spec update_flags[] = {{"name", flag_kind::text, "What the token is called."},
                                      {"type", flag_kind::text, "client or management."},
                                      {"global", flag_kind::boolean, "Kept for old scripts: a token stays global or local."},
                                      {"policy", flag_kind::list, "The token's policies from now on; may be given several times."},
                                      {"role-id", flag_kind::list, "The token's roles from now on, by id."},
                                      {"role-name", flag_kind::list, "The token's roles from now on, by name."},
                                      json_flag,
                                      template_flag};

result<int> run_update(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <token_accessor_id>");
  auto path = "/v1/acl/token/" + path_word(c.arguments[0]);
  auto known = c.api.get<acl_token>(path);
  if (!known) return context::failed("fetching token", known.error());
  auto token = *std::move(known);
  if (c.flags.has("name")) token.name = c.flags.text("name");
  if (c.flags.has("type")) token.type = c.flags.text("type");
  if (c.flags.has("policy")) token.policies = c.flags.list("policy");
  if (c.flags.has("role-id") || c.flags.has("role-name")) token.roles = roles_of(c);
  auto answer = c.api.send({.method = "PUT", .path = path, .body = codec::to_json(token)});
  if (!answer) return context::failed("updating token", answer.error());
  return show(c, *answer);
}

result<int> run_delete(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <token_accessor_id>");
  auto done = c.api.send({.method = "DELETE", .path = "/v1/acl/token/" + path_word(c.arguments[0])});
  if (!done) return context::failed("deleting token", done.error());
  c.say(fmt::format("Token {} successfully deleted", c.arguments[0]));
  return 0;
}

result<int> run_info(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <token_accessor_id>");
  auto answer = c.api.send({.path = "/v1/acl/token/" + path_word(c.arguments[0])});
  if (!answer) return context::failed("fetching token", answer.error());
  return show(c, *answer);
}

result<int> run_self(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  if (c.api.options().token.empty()) return fail(errc::invalid, "No token present in the environment or set via the CLI flag");
  auto answer = c.api.send({.path = "/v1/acl/token/self"});
  if (!answer) return context::failed("fetching self token", answer.error());
  return show(c, *answer);
}

result<int> run_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/acl/tokens"});
  if (!answer) return context::failed("listing ACL tokens", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::acl_token_list_stub>>(answer->body));
  std::ranges::sort(list, {}, &schema::acl_token_list_stub::create_index);
  format::table t({"Name", "Type", "Global", "Accessor ID", "Expired"});
  for (const auto& each : list) {
    bool expired = each.expiration_time && *each.expiration_time <= now();
    t.add({each.name, each.type, each.global ? "true" : "false", each.accessor_id, expired ? "true" : "false"});
  }
  c.say(t.empty() ? "No tokens found" : t.text());
  return 0;
}

}  // namespace

const command acl_bootstrap = {.name = "acl bootstrap",
                               .synopsis = "Create the first management token",
                               .usage = "[options] [<file>]",
                               .help =
                                   "Works once. A file (\"-\": standard input) may hold the secret, a UUID; otherwise the servers choose one. Whoever "
                                   "loses every management token writes the reset index of the refusal into the file acl-bootstrap-reset of the leader's "
                                   "server directory and bootstraps again.",
                               .flags = show_flags,
                               .run = &run_bootstrap};
const command acl_token_create = {.name = "acl token create",
                                  .synopsis = "Create a token",
                                  .usage = "[options]",
                                  .help = "A client token needs at least one policy or role.",
                                  .flags = create_flags,
                                  .run = &run_create};
const command acl_token_update = {.name = "acl token update",
                                  .synopsis = "Change a token",
                                  .usage = "[options] <accessor>",
                                  .help = "Changes what is given and leaves the rest.",
                                  .flags = update_flags,
                                  .run = &run_update};
const command acl_token_delete = {.name = "acl token delete",
                                  .synopsis = "Delete a token",
                                  .usage = "<accessor>",
                                  .help = "The token is refused from then on.",
                                  .flags = {},
                                  .run = &run_delete};
const command acl_token_info = {.name = "acl token info",
                                .synopsis = "Show a token",
                                .usage = "[options] <accessor>",
                                .help = "A token with its secret.",
                                .flags = show_flags,
                                .run = &run_info};
const command acl_token_list = {
    .name = "acl token list", .synopsis = "List tokens", .usage = "[options]", .help = "Every token, without secrets.", .flags = show_flags, .run = &run_list};
const command acl_token_self = {.name = "acl token self",
                                .synopsis = "Show the token in use",
                                .usage = "[options]",
                                .help = "What -token or NOMAD_TOKEN holds.",
                                .flags = show_flags,
                                .run = &run_self};

}  // namespace drover::cli::commands

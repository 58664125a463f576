// ACL tokens: bootstrap, tokens, one-time tokens, who am I.
#include <algorithm>

#include "base/text.h"
#include "jwt/jwt.h"
#include "server/endpoint/acl_common.h"
#include "server/endpoint/acl_token_write.h"
#include "server/endpoint/endpoints.h"
#include "server/file.h"
#include "server/keyring.h"
#include "server/limits.h"
#include "server/secret_lookup.h"

namespace drover::server {
namespace {

using schema::acl_token;
using state::table;

// Roles are known by id; what they are called may have changed since.
ref<acl_token> with_role_names(const state::snapshot& state, ref<acl_token> token) {
  if (!token || token->roles.empty()) return token;
  auto out = *token;
  std::vector<schema::acl_token_role_link> links;
  for (auto& link : out.roles)
    if (auto role = state::find<table::acl_roles>(state, {link.id, {}, {}})) links.push_back({.id = role->id, .name = role->name});
  out.roles = std::move(links);
  return schema::share(std::move(out));
}

result<> list_tokens(const read& r, const schema::acl_token_list_request& request, schema::acl_token_list_response& out) {
  r.watch(state::watch_table(table::acl_tokens));
  page on(request);
  state::visit<table::acl_tokens>(r.state, state::starting(request.prefix), [&](const ref<acl_token>& each) {
    if ((request.global_only && !each->global) || !on.takes(each->accessor_id, *each)) return !on.full();
    auto token = with_role_names(r.state, each);
    out.tokens.push_back({.accessor_id = token->accessor_id,
                          .name = token->name,
                          .type = token->type,
                          .policies = token->policies,
                          .roles = token->roles,
                          .global = token->global,
                          .hash = token->hash,
                          .create_time = token->create_time,
                          .expiration_time = token->expiration_time,
                          .create_index = token->create_index,
                          .modify_index = token->modify_index});
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::acl_tokens);
  return {};
}

result<> get_token(const read& r, const schema::acl_token_specific_request& request, schema::single_acl_token_response& out) {
  r.watch(state::watch_record(table::acl_tokens, request.accessor_id));
  bool is_own = r.by != nullptr && r.by->token && r.by->token->accessor_id == request.accessor_id;
  if (!r.is_management() && !is_own) return std::unexpected(denied());
  out.token = with_role_names(r.state, state::find<table::acl_tokens>(r.state, {request.accessor_id, {}, {}}));
  out.index = out.token ? out.token->modify_index : r.state.index(table::acl_tokens);
  return {};
}

result<> get_tokens(const read& r, const schema::acl_token_set_request& request, schema::acl_token_set_response& out) {
  r.watch(state::watch_table(table::acl_tokens));
  for (const auto& id : request.accessor_ids)
    if (auto found = state::find<table::acl_tokens>(r.state, {id, {}, {}})) out.tokens[id] = std::move(found);
  out.index = r.state.index(table::acl_tokens);
  return {};
}

// Whoever has the secret may see the token.
result<> resolve_token(const read& r, const schema::resolve_acl_token_request& request, schema::resolve_acl_token_response& out) {
  r.watch(state::watch_table(table::acl_tokens));
  out.token = with_role_names(r.state, token_of_secret(r.state, request.secret_id));
  out.index = r.state.index(table::acl_tokens);
  return {};
}

// What a token says that this cluster signed. Null: it signed none such. "aud" is a list for whoever decodes it.
value claims_of(const read& r, const std::string& token) {
  if (r.keyring == nullptr || std::ranges::count(token, '.') != 2) return {};
  auto claims = r.keyring->verify(r.state, token);
  if (!claims || claims->as_object() == nullptr) return {};
  auto out = *claims->as_object();
  value::list audiences;
  for (auto& each : jwt::audiences(*claims)) audiences.push_back(value(std::move(each)));
  out.set("aud", value(std::move(audiences)));
  return value(std::move(out));
}

// With ACLs off too: agents ask what a task's identity says.
result<> who_am_i(const read& r, const schema::generic_request& request, schema::acl_who_am_i_response& out) {
  out.index = r.state.index(table::acl_tokens);
  auto claims = claims_of(r, request.auth_token);
  if (r.by == nullptr && claims.is_null()) return {};
  auto& identity = out.identity.emplace();
  identity.claims = std::move(claims);
  if (r.by == nullptr) return {};
  identity.client_id = r.by->node_id;
  identity.acl_token = with_role_names(r.state, r.by->token);
  return {};
}

// ---- the first token

// An operator who lost every management token writes the index that a refused bootstrap named into this file.
uint64_t reset_index_of(const server_context& context) {
  auto path = context.options.data_dir + "/server/acl-bootstrap-reset";
  auto text = read_small_file(path, bootstrap_file_bytes_max);
  if (!text) return 0;
  auto index = parse_uint(trim(*text));
  if (!index) context.logger.error("the file with which an ACL bootstrap is reset holds no index", {{"path", path}});
  return index.value_or(0);
}

awaitable<result<schema::acl_token_upsert_response>> bootstrap(server_context& context, schema::acl_token_bootstrap_request request) {
  CO_TRY(need_acl(context));
  if (!request.bootstrap_secret.empty() && !is_uuid(request.bootstrap_secret))
    co_return fail(errc::invalid, "invalid bootstrap token: it must be a UUID such as uuidgen prints");
  acl_token token;
  token.accessor_id = context.random.uuid();
  token.secret_id = request.bootstrap_secret.empty() ? context.random.uuid() : request.bootstrap_secret;
  token.name = "Bootstrap Token";
  token.type = "management";
  token.global = true;
  token.create_time = context.clock.now();
  token.hash = hash_of_token(token);
  request.reset_index = reset_index_of(context);
  request.bootstrap_secret.clear();
  request.token = schema::share(token);
  request.auth_token.clear();
  schema::acl_token_upsert_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_token_bootstrap>(request));
  out.tokens.push_back(state::find<table::acl_tokens>(context.state(), {token.accessor_id, {}, {}}));
  context.logger.info("ACL bootstrapped", {{"accessor_id", token.accessor_id}});
  co_return out;
}

// ---- changes

awaitable<result<schema::acl_token_upsert_response>> upsert_tokens(server_context& context, schema::acl_token_upsert_request request) {
  CO_TRY(need_acl(context));
  if (request.tokens.empty()) co_return fail(errc::invalid, "must specify as least one token");
  auto state = context.state();
  for (auto& each : request.tokens) {
    if (!each) co_return fail(errc::invalid, "a token is null: send Type, and Policies or Roles");
    auto token = completed_token(context, state, *each);
    if (!token) co_return fail(token.error().code(), "token {} invalid: {}", &each - request.tokens.data(), token.error().text());
    each = schema::share(*std::move(token));
  }
  request.auth_token.clear();
  schema::acl_token_upsert_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_token_upsert>(request));
  auto after = context.state();
  for (const auto& each : request.tokens)
    if (auto stored = state::find<table::acl_tokens>(after, {each->accessor_id, {}, {}})) out.tokens.push_back(with_role_names(after, std::move(stored)));
  co_return out;
}

awaitable<result<schema::generic_response>> delete_tokens(server_context& context, schema::acl_token_delete_request request) {
  CO_TRY(need_acl(context));
  if (request.accessor_ids.empty()) co_return fail(errc::invalid, "must specify as least one token");
  size_t global = 0;
  for (const auto& id : request.accessor_ids) {
    auto token = state::find<table::acl_tokens>(context.state(), {id, {}, {}});
    if (!token) co_return fail(errc::invalid, "Cannot delete nonexistent tokens: {}", id);
    global += token->global ? 1 : 0;
  }
  const auto& home = context.options.acl.authoritative_region;
  if (global != 0 && !home.empty() && home != context.options.region) {
    if (global != request.accessor_ids.size()) co_return fail(errc::invalid, "Cannot delete mixed global and non-global tokens");
    // They would come back from there.
    request.region = home;
    co_return co_await context.call<schema::generic_response>("ACL.DeleteTokens", std::move(request));
  }
  request.auth_token.clear();
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_token_delete>(request));
  co_return out;
}

// ---- one-time tokens

awaitable<result<schema::one_time_token_upsert_response>> make_one_time(server_context& context, schema::one_time_token_upsert_request request) {
  CO_TRY(need_acl(context));
  CO_TRY_ASSIGN(auto by, context.authority->authenticate(request.auth_token, context.state()));
  if (!by->token || by->is_anonymous) co_return std::unexpected(denied());
  fsm::one_time_token_put_request command;
  command.token.one_time_secret_id = context.random.uuid();
  command.token.accessor_id = by->token->accessor_id;
  command.token.expires_at = context.clock.now() + one_time_token_lifetime;
  schema::one_time_token_upsert_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::one_time_token_upsert>(command));
  command.token.create_index = command.token.modify_index = out.index;
  out.one_time_token = std::move(command.token);
  co_return out;
}

awaitable<result<schema::one_time_token_exchange_response>> exchange(server_context& context, schema::one_time_token_exchange_request request) {
  CO_TRY(need_acl(context));
  auto state = context.state();
  auto once = request.one_time_secret_id.empty() ? nullptr : state::find<table::one_time_tokens>(state, {request.one_time_secret_id, {}, {}});
  auto token = once ? state::find<table::acl_tokens>(state, {once->accessor_id, {}, {}}) : nullptr;
  if (!token || once->expires_at <= context.clock.now()) co_return std::unexpected(denied());
  fsm::one_time_token_delete_request command;
  command.secret_ids = {once->one_time_secret_id};
  schema::one_time_token_exchange_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::one_time_token_delete>(command));
  out.token = with_role_names(state, std::move(token));
  co_return out;
}

awaitable<result<schema::generic_response>> expire(server_context& context, schema::one_time_token_expire_request request) {
  CO_TRY(need_acl(context));
  request.auth_token.clear();
  if (request.timestamp.is_zero() || request.timestamp.ns == 0) request.timestamp = context.clock.now();
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::one_time_token_expire>(request));
  co_return out;
}

// A request that has a global token goes to the authoritative region, any other stays.
void add_token_upsert(rpc::method_table& methods, server_context& context) {
  auto method = method_of<schema::acl_token_upsert_request>(context, "ACL.UpsertTokens");
  methods.add<schema::acl_token_upsert_request, schema::acl_token_upsert_response>(
      "ACL.UpsertTokens", [&context, method](rpc::call_context call, schema::acl_token_upsert_request request) {
        if (std::ranges::any_of(request.tokens, [](const auto& each) { return each && each->global; })) to_authoritative_region(context, request);
        return finish_write<schema::acl_token_upsert_request, schema::acl_token_upsert_response>(context, as_called(method, call), &upsert_tokens,
                                                                                                 std::move(request));
      });
}

}  // namespace

void add_acl_token_methods(rpc::method_table& table, server_context& context) {
  add_acl_read<&list_tokens>(table, context, "ACL.ListTokens");
  add_acl_read<&get_token>(table, context, "ACL.GetToken");
  add_acl_read<&get_tokens>(table, context, "ACL.GetTokens");
  add_acl_read<&resolve_token>(table, context, "ACL.ResolveToken");
  add_read(table, context, "ACL.WhoAmI", &who_am_i);
  add_authoritative_write(table, context, "ACL.Bootstrap", &bootstrap);
  add_token_upsert(table, context);
  add_write(table, context, "ACL.DeleteTokens", &delete_tokens);
  add_write(table, context, "ACL.UpsertOneTimeToken", &make_one_time);
  add_write(table, context, "ACL.ExchangeOneTimeToken", &exchange);
  add_write(table, context, "ACL.ExpireOneTimeTokens", &expire);
}

}  // namespace drover::server

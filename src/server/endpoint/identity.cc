// Alloc.SignIdentities, Alloc.GetAllocs (with the identities that go along), ACL.CreateClientIntroductionToken.
#include <algorithm>

#include "jwt/jwt.h"
#include "schema/acl.h"
#include "schema/alloc_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/identities.h"
#include "server/keyring.h"
#include "server/limits.h"
#include "server/reads.h"

namespace drover::server {
namespace {

constexpr int64_t type_task = 0, type_service = 1;

const schema::service* service_with(const std::vector<schema::service>& services, const schema::workload_identity_request& wanted) {
  for (const auto& each : services)
    if (each.identity && each.identity->name == wanted.identity_name && each.name == wanted.workload_identifier) return &each;
  return nullptr;
}

// The claims, or why there are none.
result<value> claims_for(const workload& of, const schema::workload_identity_request& wanted, const token_stamp& stamp) {
  if (wanted.workload_type == type_service) {
    for (const auto& group : of.job.task_groups) {
      if (const auto* service = service_with(group.services, wanted))
        return service_claims(of, *service, nullptr, wanted.interpolated_workload_identifier, stamp);
      for (const auto& task : group.tasks)
        if (const auto* service = service_with(task.services, wanted))
          return service_claims(of, *service, &task, wanted.interpolated_workload_identifier, stamp);
    }
    return fail(errc::not_found, "identity not found");
  }
  if (wanted.workload_type != type_task) return fail(errc::invalid, "identity not found");
  auto group = std::ranges::find(of.job.task_groups, of.alloc.task_group.str(), &schema::task_group::name);
  if (group == of.job.task_groups.end()) return fail(errc::not_found, "task not found");
  auto task = std::ranges::find(group->tasks, wanted.workload_identifier, &schema::task::name);
  if (task == group->tasks.end()) return fail(errc::not_found, "task not found");
  auto identity = std::ranges::find(task->identities, wanted.identity_name, &schema::workload_identity::name);
  if (identity == task->identities.end()) return fail(errc::not_found, "identity not found");
  return task_claims(of, *task, &*identity, stamp);
}

// Fills index and nothing else: it waits until this server has the allocations that the caller speaks of.
result<> await_allocs(const read& r, const schema::alloc_identities_request& request, schema::alloc_identities_response& out) {
  for (const auto& each : request.identities) {
    r.watch(state::watch_alloc(each.alloc_id));
    if (auto alloc = r.state.alloc(each.alloc_id)) out.index = std::max(out.index, alloc->create_index);
  }
  if (out.index <= request.min_query_index) out.index = r.state.index(state::table::allocs);
  return {};
}

awaitable<result<>> sign_identities(server_context& context, called_method method, const schema::alloc_identities_request& request,
                                    schema::alloc_identities_response& out) {
  CO_TRY(co_await check_here(context, method, request.auth_token, request.namespace_, schema::view(request)));
  if (request.identities.empty()) co_return fail(errc::invalid, "no identities requested");
  if (request.identities.size() > signed_identities_max)
    co_return fail(errc::too_large, "{} identities requested; the limit is {}", request.identities.size(), signed_identities_max);
  CO_TRY(co_await run_read(context, attempt_of(method, &await_allocs, request, out)));
  auto state = context.state();
  auto node_id = node_of_token(context, state, request.auth_token);
  if (!node_id) co_return fail(errc::permission_denied, "Permission denied");
  std::vector<value> claims;
  for (const auto& each : request.identities) {
    auto refuse = [&](std::string_view reason) {
      auto& rejection = out.rejections.emplace_back();
      static_cast<schema::workload_identity_request&>(rejection) = each;
      rejection.reason = reason;
    };
    auto alloc = state.alloc(each.alloc_id);
    if (!alloc || !alloc->job) {
      refuse("allocation not found");
      continue;
    }
    if (alloc->node_id != *node_id) co_return fail(errc::permission_denied, "Permission denied");
    auto definition = state.namespace_named(alloc->namespace_);
    auto node = state.node(alloc->node_id);
    auto made = claims_for({.job = *alloc->job, .alloc = *alloc, .definition = definition.get(), .node = node.get()}, each,
                           {context.clock.now(), context.random.uuid()});
    if (!made) {
      refuse(made.error().message());
      continue;
    }
    auto& token = out.signed_identities.emplace_back();
    static_cast<schema::workload_identity_request&>(token) = each;
    if (auto expires = jwt::time_claim(*made, "exp")) token.expiration = *expires;
    claims.push_back(*std::move(made));
  }
  CO_TRY_ASSIGN(auto tokens, co_await context.keyring->sign(std::move(claims)));
  for (size_t i = 0; i < tokens.size(); ++i) out.signed_identities[i].jwt = std::move(tokens[i].jwt);
  co_return result<>{};
}

result<> get_allocs(const read& r, const schema::allocs_get_request& request, schema::allocs_get_response& out) {
  constexpr size_t watched_max = 64;
  if (request.alloc_ids.size() > watched_max) r.watch(state::watch_table(state::table::allocs));
  for (const auto& id : request.alloc_ids) {
    if (request.alloc_ids.size() <= watched_max) r.watch(state::watch_alloc(id));
    auto alloc = r.state.alloc(id);
    if (!alloc) continue;
    out.index = std::max(out.index, alloc->modify_index);
    out.allocs.push_back(std::move(alloc));
  }
  if (out.index == 0) out.index = r.state.index(state::table::allocs);
  return {};
}

awaitable<result<>> get_allocs_with_identities(server_context& context, called_method method, const schema::allocs_get_request& request,
                                               schema::allocs_get_response& out) {
  CO_TRY(co_await run_read(context, attempt_of(method, &get_allocs, request, out)));
  // Another server has done it, or it is not a node that asks.
  bool has_identities = std::ranges::any_of(out.allocs, [](const auto& alloc) { return alloc && !alloc->signed_identities.empty(); });
  auto node_id = has_identities ? std::nullopt : node_of_token(context, context.state(), request.auth_token);
  if (node_id) CO_TRY(co_await add_default_identities(context, *node_id, out.allocs));
  co_return result<>{};
}

awaitable<result<schema::acl_create_client_introduction_token_response>> introduce(server_context& context,
                                                                                   schema::acl_create_client_introduction_token_request request) {
  const auto& options = context.options.client_introduction;
  if (request.ttl.ns < 0) co_return fail(errc::invalid, "the TTL is negative");
  if (request.node_pool.empty()) request.node_pool = "default";
  auto ttl = request.ttl.ns == 0 ? options.default_identity_ttl : std::min(request.ttl, options.max_identity_ttl);
  std::vector<value> claims;
  claims.push_back(introduction_claims(request.node_name, request.node_pool, context.options.region, ttl, {context.clock.now(), context.random.uuid()}));
  schema::acl_create_client_introduction_token_response out;
  CO_TRY_ASSIGN(auto tokens, co_await context.keyring->sign(std::move(claims)));
  out.jwt = std::move(tokens.front().jwt);
  co_return out;
}

}  // namespace

void add_identity_methods(rpc::method_table& table, server_context& context) {
  auto getting = method_of<schema::allocs_get_request>(context, "Alloc.GetAllocs");
  table.add_in_place<schema::allocs_get_request, schema::allocs_get_response>(
      "Alloc.GetAllocs", [&context, getting](rpc::call_context call, const schema::allocs_get_request& request, schema::allocs_get_response& response) {
        return get_allocs_with_identities(context, as_called(getting, call), request, response);
      });
  auto signing = method_of<schema::alloc_identities_request>(context, "Alloc.SignIdentities");
  table.add_in_place<schema::alloc_identities_request, schema::alloc_identities_response>(
      "Alloc.SignIdentities",
      [&context, signing](rpc::call_context call, const schema::alloc_identities_request& request, schema::alloc_identities_response& response) {
        return sign_identities(context, as_called(signing, call), request, response);
      });
  add_write(table, context, "ACL.CreateClientIntroductionToken", &introduce);
}

}  // namespace drover::server

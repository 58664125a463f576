// Namespace.* methods.
#include <algorithm>

#include "schema/operator_rpc.h"
#include "server/endpoint/acl_common.h"
#include "server/endpoint/endpoints.h"
#include "server/reads.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

using state::table;

result<> list_namespaces(const read& r, const schema::namespace_list_request& request, schema::namespace_list_response& out) {
  r.watch(state::watch_table(table::namespaces));
  page on(request);
  r.state.visit_namespaces(request.prefix, [&](const ref<schema::namespace_definition>& each) {
    if (r.by != nullptr && !r.by->may->sees_namespace(each->name)) return true;
    if (on.takes(each->name, *each)) out.namespaces.push_back(each);
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::namespaces);
  return {};
}

result<> get_namespace(const read& r, const schema::namespace_specific_request& request, schema::single_namespace_response& out) {
  r.watch(state::watch_record(table::namespaces, request.name));
  out.namespace_ = r.state.namespace_named(request.name);
  out.index = out.namespace_ ? out.namespace_->modify_index : r.state.index(table::namespaces);
  return {};
}

bool is_namespace_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '-'; });
}

awaitable<result<schema::generic_response>> upsert_namespaces(server_context& context, schema::namespace_upsert_request request) {
  if (request.namespaces.empty()) co_return fail(errc::invalid, "must specify at least one namespace");
  for (const auto& each : request.namespaces)
    if (!is_namespace_name(each->name)) co_return fail(errc::invalid, "invalid namespace name \"{}\": use 1 to 128 letters, digits and dashes", each->name);
  request.auth_token.clear();
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::namespace_upsert>(request));
  co_return out;
}

awaitable<result<schema::generic_response>> delete_namespaces(server_context& context, schema::namespace_delete_request request) {
  if (request.namespaces.empty()) co_return fail(errc::invalid, "must specify at least one namespace to delete");
  if (std::ranges::find(request.namespaces, "default") != request.namespaces.end()) co_return fail(errc::invalid, "can not delete default namespace");
  request.auth_token.clear();
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::namespace_delete>(request));
  co_return out;
}

}  // namespace

void add_namespace_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Namespace.ListNamespaces", &list_namespaces);
  add_read(table, context, "Namespace.GetNamespace", &get_namespace);
  add_authoritative_write(table, context, "Namespace.UpsertNamespaces", &upsert_namespaces);
  add_authoritative_write(table, context, "Namespace.DeleteNamespaces", &delete_namespaces);
}

}  // namespace drover::server

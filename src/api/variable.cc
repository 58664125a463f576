// Variables: /v1/vars and /v1/var/:path.
#include <array>

#include "api/call.h"
#include "api/http_api.h"
#include "base/text.h"
#include "schema/acl.h"

namespace drover::api {
namespace {

using net::awaitable;

// Nothing: the request does not say.
result<std::optional<uint64_t>> check_index(const call& c) {
  auto text = c.query("cas");
  if (text.empty()) return std::nullopt;
  auto index = parse_uint(text);
  if (!index)
    return fail(errc::invalid, "can not parse cas: \"{}\" is no number; give the ModifyIndex of the variable that you read, or 0 for a new one", text);
  return index;
}

// "lock-acquire", "lock-renew", "lock-release" or "".
result<std::string_view> lock_operation(const call& c) {
  std::string_view found;
  for (std::string_view name : std::array<std::string_view, 3>{"lock-acquire", "lock-renew", "lock-release"}) {
    if (!c.request.query.has(name)) continue;
    if (!found.empty()) return fail(errc::invalid, "multiple lock operations");
    found = name;
  }
  if (!found.empty() && !c.query("cas").empty()) return fail(errc::invalid, "CAS can't be used with lock operations");
  return found;
}

reply conflict_reply(const call& c, const schema::variables_apply_response& response) {
  auto out = json_reply(c, schema::view(*response.conflict));
  out.status = 409;
  out.meta = answer_meta{.index = response.index, .is_query = false};
  return out;
}

awaitable<result<schema::variables_apply_response>> apply(call& c, std::string op, schema::variable v) {
  schema::variables_apply_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.op = std::move(op);
  v.path = c.path_value("path");
  request.var = std::move(v);
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  co_return co_await rpc::call<schema::variables_apply_response>(*servers, "Variables.Apply", std::move(request));
}

awaitable<result<reply>> renew_lock(call& c, schema::variable v) {
  schema::variables_renew_lock_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.path = c.path_value("path");
  if (v.lock) request.lock_id = v.lock->id;
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::variables_renew_lock_response>(*servers, "Variables.RenewLock", std::move(request)));
  if (!response.var_meta) co_return fail(errc::unknown, "the server did not say which variable it renewed");
  auto out = json_reply(c, schema::view(*response.var_meta));
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

awaitable<result<reply>> put_variable(call& c) {
  CO_TRY_ASSIGN(auto operation, lock_operation(c));
  CO_TRY_ASSIGN(auto index, check_index(c));
  schema::variable v;
  CO_TRY(decode_body(c, schema::slot(v)));
  if (operation == "lock-renew") co_return co_await renew_lock(c, std::move(v));
  if (operation.empty() && v.items.empty()) co_return fail(errc::invalid, "variable missing required Items object");
  std::string op(operation.empty() ? std::string_view(index ? "cas" : "set") : operation);
  // What the body says about its index counts only with ?cas.
  v.modify_index = index.value_or(0);
  CO_TRY_ASSIGN(auto response, co_await apply(c, std::move(op), std::move(v)));
  if (response.conflict) co_return conflict_reply(c, response);
  if (!response.output) co_return fail(errc::unknown, "the server did not say what it stored");
  auto out = json_reply(c, schema::view(*response.output));
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

awaitable<result<reply>> delete_variable(call& c) {
  CO_TRY_ASSIGN(auto index, check_index(c));
  schema::variable v;
  v.modify_index = index.value_or(0);
  CO_TRY_ASSIGN(auto response, co_await apply(c, index ? "delete-cas" : "delete", std::move(v)));
  if (response.conflict) co_return conflict_reply(c, response);
  auto out = empty_reply();
  out.status = 204;
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

}  // namespace

void add_variable_routes(std::vector<route>& t) {
  using namespace schema;
  t.insert(t.end(), {
                        {.methods = "GET",
                         .path = "/v1/vars",
                         .acl = "variables:list",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<variables_list_request, variables_list_response>("Variables.List"),
                         .answer = "data"},
                        {.methods = "GET",
                         .path = "/v1/var/:path+",
                         .acl = "variables:read",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<variables_read_request, variables_read_response>("Variables.Read"),
                         .answer = "data",
                         .absent = "variable not found"},
                        {.methods = "PUT POST", .path = "/v1/var/:path+", .acl = "variables:write", .flags = body_required, .handle = &put_variable},
                        {.methods = "DELETE", .path = "/v1/var/:path+", .acl = "variables:destroy", .handle = &delete_variable},
                    });
}

}  // namespace drover::api

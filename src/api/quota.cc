// Quotas.
#include "api/call.h"
#include "api/http_api.h"
#include "schema/quota_rpc.h"

namespace drover::api {
namespace {

using net::awaitable;

template <class Request>
awaitable<result<reply>> write(call& c, std::string method, Request request) {
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::generic_response>(*servers, std::move(method), std::move(request)));
  auto out = empty_reply();
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

awaitable<result<reply>> put_quota(call& c) {
  auto quota = std::make_shared<schema::quota_spec>();
  CO_TRY(decode_body(c, schema::slot(*quota)));
  if (!c.path_values.empty()) {
    if (quota->name.empty()) quota->name = c.path_value("name");
    if (quota->name != c.path_value("name")) co_return fail(errc::invalid, "Quota name does not match request path");
  }
  schema::quota_spec_upsert_request request;
  request.quotas.push_back(std::move(quota));
  co_return co_await write(c, "Quota.UpsertQuotaSpecs", std::move(request));
}

awaitable<result<reply>> delete_quota(call& c) {
  schema::quota_spec_delete_request request;
  request.names = {c.path_value("name")};
  co_return co_await write(c, "Quota.DeleteQuotaSpecs", std::move(request));
}

}  // namespace

void add_quota_routes(std::vector<route>& t) {
  using namespace schema;
  t.insert(t.end(), {
                        {.methods = "GET",
                         .path = "/v1/quotas",
                         .acl = "quota:read",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<quota_spec_list_request, quota_spec_list_response>("Quota.ListQuotaSpecs"),
                         .answer = "quotas"},
                        {.methods = "GET",
                         .path = "/v1/quota-usages",
                         .acl = "quota:read",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<quota_spec_list_request, quota_usage_list_response>("Quota.ListQuotaUsages"),
                         .answer = "usages"},
                        {.methods = "GET",
                         .path = "/v1/quota/usage/:name",
                         .acl = "quota:read",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<quota_spec_specific_request, single_quota_usage_response>("Quota.GetQuotaUsage"),
                         .answer = "usage",
                         .absent = "Quota usage not found"},
                        {.methods = "GET",
                         .path = "/v1/quota/:name",
                         .acl = "quota:read",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<quota_spec_specific_request, single_quota_spec_response>("Quota.GetQuotaSpec"),
                         .answer = "quota",
                         .absent = "Quota not found"},
                        {.methods = "POST PUT",
                         .path = "/v1/quota",
                         .acl = "quota:write",
                         .flags = body_required,
                         .handle = &put_quota,
                         .rpc = rpc_of<quota_spec_upsert_request, generic_response>("Quota.UpsertQuotaSpecs")},
                        {.methods = "POST PUT",
                         .path = "/v1/quota/:name",
                         .acl = "quota:write",
                         .flags = body_required,
                         .handle = &put_quota,
                         .rpc = rpc_of<quota_spec_upsert_request, generic_response>("Quota.UpsertQuotaSpecs")},
                        {.methods = "DELETE",
                         .path = "/v1/quota/:name",
                         .acl = "quota:write",
                         .handle = &delete_quota,
                         .rpc = rpc_of<quota_spec_delete_request, generic_response>("Quota.DeleteQuotaSpecs")},
                    });
}

}  // namespace drover::api

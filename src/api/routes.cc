#include "api/call.h"
#include "api/route.h"

namespace drover::api {

std::span<const route> routes() {
  static const std::vector<route> table = [] {
    std::vector<route> t;
    t.reserve(256);
    add_job_routes(t);
    add_allocation_routes(t);
    add_node_routes(t);
    add_operator_routes(t);
    add_autopilot_routes(t);
    add_snapshot_routes(t);
    add_agent_routes(t);
    add_gossip_routes(t);
    add_variable_routes(t);
    add_keyring_routes(t);
    add_identity_routes(t);
    add_client_routes(t);
    add_volume_routes(t);
    add_csi_routes(t);
    add_event_routes(t);
    add_diagnosis_routes(t);
    add_openapi_routes(t);
    add_acl_routes(t);
    add_quota_routes(t);
    add_login_routes(t);
    add_enterprise_routes(t);
    return t;
  }();
  return table;
}

void add_enterprise_routes(std::vector<route>& t) {
  struct row {
    std::string_view methods, path, acl;
  };
  static constexpr row rows[] = {
      {"GET PUT", "/v1/operator/license", "operator:license-read"},
      {"POST", "/v1/operator/utilization", "operator:write"},
      {"GET", "/v1/sentinel/policies", "sentinel:read"},
      {"GET", "/v1/sentinel/policy/:name", "sentinel:read"},
      {"POST PUT", "/v1/sentinel/policy/:name", "sentinel:submit"},
      {"DELETE", "/v1/sentinel/policy/:name", "sentinel:delete"},
      {"POST PUT", "/v1/recommendation", "ns:submit-recommendation"},
      {"GET", "/v1/recommendations", "ns:read-job"},
      {"POST PUT", "/v1/recommendations/apply", "ns:submit-job"},
      {"GET", "/v1/recommendation/:id", "ns:read-job"},
      {"DELETE", "/v1/recommendation/:id", "ns:submit-job"},
  };
  for (const auto& r : rows) t.push_back({.methods = r.methods, .path = r.path, .acl = r.acl, .handle = &enterprise_only});
}

}  // namespace drover::api

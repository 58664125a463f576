// Who asks, and whether they may: turns a request's token into a caller and compares it with the method's row (permission.h). Every place that
// answers a request asks here after it has found that the request is to be answered on this server, so that a follower that is behind refuses nobody.
//
// Loop thread only. Life: as the server_context it is of. With ACLs off nothing is looked at.
//
// Callers are kept from one request to the next until a token, a policy or a role changes (any change of those tables forgets all), or the token
// expires. Parsed policies are kept by their modify index.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "acl/acl.h"
#include "rpc/channel.h"
#include "schema/acl.h"
#include "server/context.h"
#include "server/permission.h"

namespace drover::server {

// What a secret stands for. Immutable.
struct caller {
  std::shared_ptr<const acl::acl> may = acl::acl::nobody();
  schema::ref<schema::acl_token> token;  // null: a node, a workload
  std::string node_id;                   // a client node
  std::string workload_namespace;        // a task by its identity, as long as its allocation is not over
  std::string alloc_id;
  bool is_anonymous = false;
  timestamp expires{};  // zero: never

  bool is_known() const { return !is_anonymous; }
  bool is_management() const { return may->is_management(); }
  bool has_policy(std::string_view name) const;
  // By the token itself and by its roles.
  std::vector<std::string> policies;
};
// Null: nothing is checked.
using caller_ref = std::shared_ptr<const caller>;

// A method's row, with the members of its request that the row is about. Made once when the method is registered.
struct guard {
  std::string name;
  const permission* row = nullptr;
  const schema::field_info* object = nullptr;   // the id that permission::whose names
  const schema::field_info* node_id = nullptr;  // of need::node_only
};

// What a request says about its caller. Views: for one expression.
struct asked {
  const guard& by;
  bool internal;
  const std::string& token;
  const std::string& namespace_;
  schema::record_view request;
};

class authority {
 public:
  explicit authority(server_context& context) : context_(context) {}

  bool enabled() const { return context_.options.acl.enabled; }
  // Stays where it is for the server's life.
  const guard* guard_of(std::string_view method, const schema::type_info& request);

  // errc::permission_denied: "Permission denied", "ACL token not found", "ACL token expired".
  result<caller_ref> check(const asked& a, const state::snapshot& state);
  result<caller_ref> authenticate(const std::string& token, const state::snapshot& state);
  // What only servers may call comes from a server, where TLS tells.
  result<> check_peer(const guard& by, const rpc::call_context& call) const;

  // Of several policies by name; unknown names allow nothing.
  std::shared_ptr<const acl::acl> merged(const std::vector<std::string>& names, const state::snapshot& state);

 private:
  result<caller_ref> look_up(const std::string& token, const state::snapshot& state);
  caller_ref caller_of(schema::ref<schema::acl_token> token, const state::snapshot& state);
  caller_ref anonymous(const state::snapshot& state);
  caller_ref workload_of(const value& claims, const state::snapshot& state);
  std::shared_ptr<const acl::policy> parsed(const std::string& name, const state::snapshot& state);
  result<> allow(const asked& a, const caller& by, const state::snapshot& state);

  struct parsed_policy {
    uint64_t modify_index = 0;
    std::shared_ptr<const acl::policy> policy;
  };
  server_context& context_;
  std::unordered_map<std::string, std::unique_ptr<guard>> guards_;
  uint64_t callers_at_ = 0;  // the index of the ACL tables that callers_ are of
  std::unordered_map<std::string, caller_ref> callers_;
  std::unordered_map<std::string, parsed_policy> policies_;
};

// May who is asking (null: nothing is checked) see what is secret in a namespace's jobs? Nodes run them.
inline bool reveals_jobs(const caller* by, std::string_view namespace_, const server_acl_options& options) {
  return by == nullptr || !options.redact_job_values || !by->node_id.empty() || by->may->allows(namespace_, acl::capability::read_job_secrets);
}

// Every token's policies, and those of its roles.
std::vector<std::string> policies_of(const schema::acl_token& token, const state::snapshot& state);

// The namespace of a request that says none.
inline std::string_view or_default(std::string_view namespace_) { return namespace_.empty() ? "default" : namespace_; }

error denied();

}  // namespace drover::server

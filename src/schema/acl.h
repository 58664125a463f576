// Tokens, policies, roles, auth methods, variables, keys and signed identities, with their requests.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/common.h"
#include "schema/describe.h"
#include "schema/fwd.h"

namespace drover::schema {

struct acl_auth_method_delete_request : write_request {
  std::vector<std::string> names;
  DROVER_RECORD(acl_auth_method_delete_request);
};

struct acl_auth_method_delete_response : write_meta {
  DROVER_RECORD(acl_auth_method_delete_response);
};

struct acl_auth_method_get_request : query_options {
  std::string method_name;
  DROVER_RECORD(acl_auth_method_get_request);
};

struct acl_auth_method_get_response : query_meta {
  ref<schema::acl_auth_method> auth_method;
  DROVER_RECORD(acl_auth_method_get_response);
};

struct acl_auth_method_list_request : query_options {
  DROVER_RECORD(acl_auth_method_list_request);
};

struct acl_auth_method_list_stub {
  std::string name;
  std::string type;
  bool default_ = false;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(acl_auth_method_list_stub);
};

struct acl_auth_method_list_response : query_meta {
  std::vector<schema::acl_auth_method_list_stub> auth_methods;
  DROVER_RECORD(acl_auth_method_list_response);
};

struct acl_auth_method_upsert_request : write_request {
  std::vector<ref<schema::acl_auth_method>> auth_methods;
  DROVER_RECORD(acl_auth_method_upsert_request);
};

struct acl_auth_method_upsert_response : write_meta {
  std::vector<ref<schema::acl_auth_method>> auth_methods;
  DROVER_RECORD(acl_auth_method_upsert_response);
};

struct acl_auth_methods_get_request : query_options {
  std::vector<std::string> names;
  DROVER_RECORD(acl_auth_methods_get_request);
};

struct acl_auth_methods_get_response : query_meta {
  std::map<std::string, ref<schema::acl_auth_method>> auth_methods;
  DROVER_RECORD(acl_auth_methods_get_response);
};

struct acl_binding_rule_request : query_options {
  std::string acl_binding_rule_id;
  DROVER_RECORD(acl_binding_rule_request);
};

struct acl_binding_rule_response : query_meta {
  ref<schema::acl_binding_rule> acl_binding_rule;
  DROVER_RECORD(acl_binding_rule_response);
};

struct acl_binding_rules_delete_request : write_request {
  std::vector<std::string> acl_binding_rule_ids;
  DROVER_RECORD(acl_binding_rules_delete_request);
};

struct acl_binding_rules_delete_response : write_meta {
  DROVER_RECORD(acl_binding_rules_delete_response);
};

struct acl_binding_rules_list_request : query_options {
  DROVER_RECORD(acl_binding_rules_list_request);
};

struct acl_binding_rule_list_stub {
  std::string id;
  std::string description;
  std::string auth_method;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(acl_binding_rule_list_stub);
};

struct acl_binding_rules_list_response : query_meta {
  std::vector<schema::acl_binding_rule_list_stub> acl_binding_rules;
  DROVER_RECORD(acl_binding_rules_list_response);
};

struct acl_binding_rules_request : query_options {
  std::vector<std::string> acl_binding_rule_ids;
  DROVER_RECORD(acl_binding_rules_request);
};

struct acl_binding_rules_response : query_meta {
  std::map<std::string, ref<schema::acl_binding_rule>> acl_binding_rules;
  DROVER_RECORD(acl_binding_rules_response);
};

struct acl_binding_rules_upsert_request : write_request {
  std::vector<ref<schema::acl_binding_rule>> acl_binding_rules;
  bool allow_missing_auth_methods = false;
  DROVER_RECORD(acl_binding_rules_upsert_request);
};

struct acl_binding_rules_upsert_response : write_meta {
  std::vector<ref<schema::acl_binding_rule>> acl_binding_rules;
  DROVER_RECORD(acl_binding_rules_upsert_response);
};

struct acl_create_client_introduction_token_request : write_request {
  duration ttl;
  std::string node_name;
  std::string node_pool;
  DROVER_RECORD(acl_create_client_introduction_token_request);
};

struct acl_create_client_introduction_token_response {
  std::string jwt;
  DROVER_RECORD(acl_create_client_introduction_token_response);
};

struct acl_login_request : write_request {
  std::string auth_method_name;
  std::string login_token;
  DROVER_RECORD(acl_login_request);
};

struct acl_login_response : write_meta {
  ref<schema::acl_token> acl_token;
  DROVER_RECORD(acl_login_response);
};

struct acloidc_auth_url_request : write_request {
  std::string auth_method_name;
  std::string redirect_uri;
  std::string client_nonce;
  DROVER_RECORD(acloidc_auth_url_request);
};

struct acloidc_auth_url_response {
  std::string auth_url;
  DROVER_RECORD(acloidc_auth_url_response);
};

struct acloidc_complete_auth_request : write_request {
  std::string auth_method_name;
  std::string client_nonce;
  std::string state;
  std::string code;
  std::string iss;
  std::string redirect_uri;
  DROVER_RECORD(acloidc_complete_auth_request);
};

struct job_acl {
  std::string namespace_;
  std::string job_id;
  std::string group;
  std::string task;
  DROVER_RECORD(job_acl);
};

struct acl_policy {
  std::string name;
  std::string description;
  std::string rules;
  value rules_json;
  std::optional<schema::job_acl> job_acl;
  bytes hash;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(acl_policy);
};

struct acl_policy_delete_request : write_request {
  std::vector<std::string> names;
  DROVER_RECORD(acl_policy_delete_request);
};

struct acl_policy_list_request : query_options {
  DROVER_RECORD(acl_policy_list_request);
};

struct acl_policy_list_stub {
  std::string name;
  std::string description;
  std::optional<schema::job_acl> job_acl;
  bytes hash;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(acl_policy_list_stub);
};

struct acl_policy_list_response : query_meta {
  std::vector<schema::acl_policy_list_stub> policies;
  DROVER_RECORD(acl_policy_list_response);
};

struct acl_policy_set_request : query_options {
  std::vector<std::string> names;
  DROVER_RECORD(acl_policy_set_request);
};

struct acl_policy_set_response : query_meta {
  std::map<std::string, ref<schema::acl_policy>> policies;
  DROVER_RECORD(acl_policy_set_response);
};

struct acl_policy_specific_request : query_options {
  std::string name;
  DROVER_RECORD(acl_policy_specific_request);
};

struct acl_policy_upsert_request : write_request {
  std::vector<ref<schema::acl_policy>> policies;
  DROVER_RECORD(acl_policy_upsert_request);
};

struct acl_role_policy_link {
  std::string name;
  DROVER_RECORD(acl_role_policy_link);
};

struct acl_role {
  std::string id;
  std::string name;
  std::string description;
  std::vector<schema::acl_role_policy_link> policies;
  bytes hash;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(acl_role);
};

struct acl_role_by_id_request : query_options {
  std::string role_id;
  DROVER_RECORD(acl_role_by_id_request);
};

struct acl_role_by_id_response : query_meta {
  ref<schema::acl_role> acl_role;
  DROVER_RECORD(acl_role_by_id_response);
};

struct acl_role_by_name_request : query_options {
  std::string role_name;
  DROVER_RECORD(acl_role_by_name_request);
};

struct acl_role_by_name_response : query_meta {
  ref<schema::acl_role> acl_role;
  DROVER_RECORD(acl_role_by_name_response);
};

struct acl_roles_by_id_request : query_options {
  std::vector<std::string> acl_role_ids;
  DROVER_RECORD(acl_roles_by_id_request);
};

struct acl_roles_by_id_response : query_meta {
  std::map<std::string, ref<schema::acl_role>> acl_roles;
  DROVER_RECORD(acl_roles_by_id_response);
};

struct acl_roles_delete_by_id_request : write_request {
  std::vector<std::string> acl_role_ids;
  DROVER_RECORD(acl_roles_delete_by_id_request);
};

struct acl_roles_delete_by_id_response : write_meta {
  DROVER_RECORD(acl_roles_delete_by_id_response);
};

struct acl_roles_list_request : query_options {
  DROVER_RECORD(acl_roles_list_request);
};

struct acl_role_list_stub {
  std::string id;
  std::string name;
  std::string description;
  std::vector<schema::acl_role_policy_link> policies;
  bytes hash;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(acl_role_list_stub);
};

struct acl_roles_list_response : query_meta {
  std::vector<schema::acl_role_list_stub> acl_roles;
  DROVER_RECORD(acl_roles_list_response);
};

struct acl_roles_upsert_request : write_request {
  std::vector<ref<schema::acl_role>> acl_roles;
  bool allow_missing_policies = false;
  DROVER_RECORD(acl_roles_upsert_request);
};

struct acl_roles_upsert_response : write_meta {
  std::vector<ref<schema::acl_role>> acl_roles;
  DROVER_RECORD(acl_roles_upsert_response);
};

struct acl_token_role_link {
  std::string id;
  std::string name;
  DROVER_RECORD(acl_token_role_link);
};

struct acl_token {
  std::string accessor_id;
  std::string secret_id;
  std::string name;
  std::string type;
  std::vector<std::string> policies;
  std::vector<schema::acl_token_role_link> roles;
  bool global = false;
  bytes hash;
  timestamp create_time;
  std::optional<timestamp> expiration_time;
  duration expiration_ttl;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(acl_token);
};

struct acl_token_bootstrap_request : write_request {
  ref<schema::acl_token> token;
  uint64_t reset_index = 0;
  std::string bootstrap_secret;
  DROVER_RECORD(acl_token_bootstrap_request);
};

struct acl_token_delete_request : write_request {
  std::vector<std::string> accessor_ids;
  DROVER_RECORD(acl_token_delete_request);
};

struct acl_token_list_request : query_options {
  bool global_only = false;
  DROVER_RECORD(acl_token_list_request);
};

struct acl_token_list_stub {
  std::string accessor_id;
  std::string name;
  std::string type;
  std::vector<std::string> policies;
  std::vector<schema::acl_token_role_link> roles;
  bool global = false;
  bytes hash;
  timestamp create_time;
  std::optional<timestamp> expiration_time;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(acl_token_list_stub);
};

struct acl_token_list_response : query_meta {
  std::vector<schema::acl_token_list_stub> tokens;
  DROVER_RECORD(acl_token_list_response);
};

struct acl_token_set_request : query_options {
  std::vector<std::string> accessor_ids;
  DROVER_RECORD(acl_token_set_request);
};

struct acl_token_set_response : query_meta {
  std::map<std::string, ref<schema::acl_token>> tokens;
  DROVER_RECORD(acl_token_set_response);
};

struct acl_token_specific_request : query_options {
  std::string accessor_id;
  DROVER_RECORD(acl_token_specific_request);
};

struct acl_token_upsert_request : write_request {
  std::vector<ref<schema::acl_token>> tokens;
  DROVER_RECORD(acl_token_upsert_request);
};

struct acl_token_upsert_response : write_meta {
  std::vector<ref<schema::acl_token>> tokens;
  DROVER_RECORD(acl_token_upsert_response);
};

struct authenticated_identity {
  ref<schema::acl_token> acl_token;
  value claims;
  std::string client_id;
  std::string tls_name;
  std::string remote_ip;
  DROVER_RECORD(authenticated_identity);
};

struct acl_who_am_i_response : query_meta {
  std::optional<schema::authenticated_identity> identity;
  DROVER_RECORD(acl_who_am_i_response);
};

struct wi_handle {
  std::string identity_name;
  std::string workload_identifier;
  int64_t workload_type = 0;  // 0: a task, 1: a service
  std::string interpolated_workload_identifier;
  DROVER_RECORD(wi_handle);
};

struct workload_identity_request : wi_handle {
  std::string alloc_id;
  DROVER_RECORD(workload_identity_request);
};

struct alloc_identities_request : query_options {
  std::vector<schema::workload_identity_request> identities;
  DROVER_RECORD(alloc_identities_request);
};

struct signed_workload_identity : workload_identity_request {
  std::string jwt;
  timestamp expiration;
  DROVER_RECORD(signed_workload_identity);
};

struct workload_identity_rejection : workload_identity_request {
  std::string reason;
  DROVER_RECORD(workload_identity_rejection);
};

struct alloc_identities_response : query_meta {
  std::vector<schema::signed_workload_identity> signed_identities;
  std::vector<schema::workload_identity_rejection> rejections;
  DROVER_RECORD(alloc_identities_response);
};

struct keyring_delete_root_key_request : write_request {
  std::string key_id;
  bool force = false;
  DROVER_RECORD(keyring_delete_root_key_request);
};

struct keyring_delete_root_key_response : write_meta {
  DROVER_RECORD(keyring_delete_root_key_response);
};

struct oidc_discovery_config {
  std::string issuer;
  std::string jwks;
  std::vector<std::string> id_token_algs;
  std::vector<std::string> response_types;
  std::vector<std::string> subjects;
  DROVER_RECORD(oidc_discovery_config);
};

struct keyring_get_config_response {
  std::optional<schema::oidc_discovery_config> oidc_discovery;
  DROVER_RECORD(keyring_get_config_response);
};

struct keyring_get_root_key_request : query_options {
  std::string key_id;
  DROVER_RECORD(keyring_get_root_key_request);
};

struct root_key_meta {
  std::string key_id;
  std::string algorithm;
  int64_t create_time = 0;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  std::string state;
  int64_t publish_time = 0;
  DROVER_RECORD(root_key_meta);
};

struct unwrapped_root_key {
  std::optional<schema::root_key_meta> meta;
  bytes key;
  bytes rsa_key;
  DROVER_RECORD(unwrapped_root_key);
};

struct keyring_get_root_key_response : query_meta {
  std::optional<schema::unwrapped_root_key> key;
  DROVER_RECORD(keyring_get_root_key_response);
};

struct keyring_public_key {
  std::string key_id;
  bytes public_key;
  std::string algorithm;
  std::string use;
  int64_t create_time = 0;
  DROVER_RECORD(keyring_public_key);
};

struct keyring_list_public_response : query_meta {
  std::vector<schema::keyring_public_key> public_keys;
  duration rotation_threshold;
  DROVER_RECORD(keyring_list_public_response);
};

struct keyring_list_root_key_meta_request : query_options {
  DROVER_RECORD(keyring_list_root_key_meta_request);
};

struct keyring_list_root_key_meta_response : query_meta {
  std::vector<schema::root_key_meta> keys;
  DROVER_RECORD(keyring_list_root_key_meta_response);
};

struct keyring_rotate_root_key_request : write_request {
  std::string algorithm;
  bool full = false;
  int64_t publish_time = 0;
  DROVER_RECORD(keyring_rotate_root_key_request);
};

struct keyring_rotate_root_key_response : write_meta {
  std::optional<schema::root_key_meta> key;
  DROVER_RECORD(keyring_rotate_root_key_response);
};

struct keyring_update_root_key_request : write_request {
  std::optional<schema::unwrapped_root_key> root_key;
  bool rekey = false;
  DROVER_RECORD(keyring_update_root_key_request);
};

struct keyring_update_root_key_response : write_meta {
  DROVER_RECORD(keyring_update_root_key_response);
};

struct node_identity_get_req : query_options {
  std::string node_id;
  DROVER_RECORD(node_identity_get_req);
};

struct node_identity_get_resp {
  std::map<std::string, value> claims;
  DROVER_RECORD(node_identity_get_resp);
};

struct node_identity_renew_req : query_options {
  std::string node_id;
  DROVER_RECORD(node_identity_renew_req);
};

struct node_identity_renew_resp {
  DROVER_RECORD(node_identity_renew_resp);
};

struct one_time_token_exchange_request : write_request {
  std::string one_time_secret_id;
  DROVER_RECORD(one_time_token_exchange_request);
};

struct one_time_token_exchange_response : write_meta {
  ref<schema::acl_token> token;
  DROVER_RECORD(one_time_token_exchange_response);
};

struct one_time_token_expire_request : write_request {
  timestamp timestamp;
  DROVER_RECORD(one_time_token_expire_request);
};

struct one_time_token_upsert_request : write_request {
  DROVER_RECORD(one_time_token_upsert_request);
};

struct one_time_token {
  std::string one_time_secret_id;
  std::string accessor_id;
  timestamp expires_at;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(one_time_token);
};

struct one_time_token_upsert_response : write_meta {
  std::optional<schema::one_time_token> one_time_token;
  DROVER_RECORD(one_time_token_upsert_response);
};

struct resolve_acl_token_request : query_options {
  std::string secret_id;
  DROVER_RECORD(resolve_acl_token_request);
};

struct resolve_acl_token_response : query_meta {
  ref<schema::acl_token> token;
  DROVER_RECORD(resolve_acl_token_response);
};

struct single_acl_policy_response : query_meta {
  ref<schema::acl_policy> policy;
  DROVER_RECORD(single_acl_policy_response);
};

struct single_acl_token_response : query_meta {
  ref<schema::acl_token> token;
  DROVER_RECORD(single_acl_token_response);
};

struct variable_lock {
  std::string id;
  duration ttl;
  duration lock_delay;
  DROVER_RECORD(variable_lock);
};

struct variable {
  std::string namespace_;
  std::string path;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  std::map<std::string, std::string> items;
  std::optional<schema::variable_lock> lock;
  DROVER_RECORD(variable);
};

struct variables_apply_request : write_request {
  std::string op;
  std::optional<schema::variable> var;
  DROVER_RECORD(variables_apply_request);
};

struct variables_apply_response : write_meta {
  std::string op;
  std::optional<schema::variable> input;
  std::string result;
  std::string error;
  std::optional<schema::variable> conflict;
  std::optional<schema::variable> output;
  DROVER_RECORD(variables_apply_response);
};

struct variables_list_request : query_options {
  DROVER_RECORD(variables_list_request);
};

struct variable_metadata {
  std::string namespace_;
  std::string path;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  std::optional<schema::variable_lock> lock;
  DROVER_RECORD(variable_metadata);
};

struct variables_list_response : query_meta {
  std::vector<schema::variable_metadata> data;
  DROVER_RECORD(variables_list_response);
};

struct variables_read_request : query_options {
  std::string path;
  DROVER_RECORD(variables_read_request);
};

struct variables_read_response : query_meta {
  std::optional<schema::variable> data;
  DROVER_RECORD(variables_read_response);
};

struct variables_renew_lock_request : write_request {
  std::string path;
  std::string lock_id;
  DROVER_RECORD(variables_renew_lock_request);
};

struct variables_renew_lock_response : write_meta {
  std::optional<schema::variable_metadata> var_meta;
  DROVER_RECORD(variables_renew_lock_response);
};

struct oidc_client_assertion_key {
  std::string pem_key;
  std::string pem_key_file;
  std::string key_id_header;
  std::string key_id;
  std::string pem_cert;
  std::string pem_cert_file;
  DROVER_RECORD(oidc_client_assertion_key);
};

struct oidc_client_assertion {
  std::vector<std::string> audience;
  std::string key_source;
  std::string key_algorithm;
  std::optional<schema::oidc_client_assertion_key> private_key;
  std::map<std::string, std::string> extra_headers;
  DROVER_RECORD(oidc_client_assertion);
};

struct acl_auth_method_config {
  std::vector<std::string> jwt_validation_pub_keys;
  std::string jwks_url;
  std::string oidc_discovery_url;
  std::string oidc_client_id;
  std::string oidc_client_secret;
  std::optional<schema::oidc_client_assertion> oidc_client_assertion;
  bool oidc_enable_pkce = false;
  bool oidc_disable_user_info = false;
  std::vector<std::string> oidc_scopes;
  std::vector<std::string> bound_audiences;
  std::vector<std::string> bound_issuer;
  std::vector<std::string> allowed_redirect_ur_is;
  std::vector<std::string> discovery_ca_pem;
  std::string jwks_ca_cert;
  std::vector<std::string> signing_algs;
  duration expiration_leeway;
  duration not_before_leeway;
  duration clock_skew_leeway;
  std::map<std::string, std::string> claim_mappings;
  std::map<std::string, std::string> list_claim_mappings;
  bool verbose_logging = false;
  DROVER_RECORD(acl_auth_method_config);
};

struct acl_auth_method {
  std::string name;
  std::string type;
  std::string token_locality;
  std::string token_name_format;
  duration max_token_ttl;
  bool default_ = false;
  std::optional<schema::acl_auth_method_config> config;
  timestamp create_time;
  timestamp modify_time;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(acl_auth_method);
};

struct acl_binding_rule {
  std::string id;
  std::string description;
  std::string auth_method;
  std::string selector;
  std::string bind_type;
  std::string bind_name;
  timestamp create_time;
  timestamp modify_time;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(acl_binding_rule);
};

struct keyring_request {
  std::string key;
  DROVER_RECORD(keyring_request);
};

struct keyring_response {
  std::map<std::string, std::string> messages;
  std::map<std::string, int64_t> keys;
  int64_t num_nodes = 0;
  DROVER_RECORD(keyring_response);
};

}  // namespace drover::schema

#include "schema/acl.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF acl_auth_method_delete_request
DESCRIBE(acl_auth_method_delete_request, "ACLAuthMethodDeleteRequest", BASES(write_request), FIELD(names))
#undef SELF

#define SELF acl_auth_method_delete_response
DESCRIBE_EMPTY(acl_auth_method_delete_response, "ACLAuthMethodDeleteResponse", BASES(write_meta))
#undef SELF

#define SELF acl_auth_method_get_request
DESCRIBE(acl_auth_method_get_request, "ACLAuthMethodGetRequest", BASES(query_options), FIELD(method_name))
#undef SELF

#define SELF acl_auth_method_get_response
DESCRIBE(acl_auth_method_get_response, "ACLAuthMethodGetResponse", BASES(query_meta), FIELD(auth_method))
#undef SELF

#define SELF acl_auth_method_list_request
DESCRIBE_EMPTY(acl_auth_method_list_request, "ACLAuthMethodListRequest", BASES(query_options))
#undef SELF

#define SELF acl_auth_method_list_stub
DESCRIBE(acl_auth_method_list_stub, "ACLAuthMethodListStub", BASES(), FIELD(name), FIELD(type), FIELD(default_), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF acl_auth_method_list_response
DESCRIBE(acl_auth_method_list_response, "ACLAuthMethodListResponse", BASES(query_meta), FIELD(auth_methods))
#undef SELF

#define SELF acl_auth_method_upsert_request
DESCRIBE(acl_auth_method_upsert_request, "ACLAuthMethodUpsertRequest", BASES(write_request), FIELD(auth_methods))
#undef SELF

#define SELF acl_auth_method_upsert_response
DESCRIBE(acl_auth_method_upsert_response, "ACLAuthMethodUpsertResponse", BASES(write_meta), FIELD(auth_methods))
#undef SELF

#define SELF acl_auth_methods_get_request
DESCRIBE(acl_auth_methods_get_request, "ACLAuthMethodsGetRequest", BASES(query_options), FIELD(names))
#undef SELF

#define SELF acl_auth_methods_get_response
DESCRIBE(acl_auth_methods_get_response, "ACLAuthMethodsGetResponse", BASES(query_meta), FIELD(auth_methods))
#undef SELF

#define SELF acl_binding_rule_request
DESCRIBE(acl_binding_rule_request, "ACLBindingRuleRequest", BASES(query_options), FIELD(acl_binding_rule_id))
#undef SELF

#define SELF acl_binding_rule_response
DESCRIBE(acl_binding_rule_response, "ACLBindingRuleResponse", BASES(query_meta), FIELD(acl_binding_rule))
#undef SELF

#define SELF acl_binding_rules_delete_request
DESCRIBE(acl_binding_rules_delete_request, "ACLBindingRulesDeleteRequest", BASES(write_request), FIELD(acl_binding_rule_ids))
#undef SELF

#define SELF acl_binding_rules_delete_response
DESCRIBE_EMPTY(acl_binding_rules_delete_response, "ACLBindingRulesDeleteResponse", BASES(write_meta))
#undef SELF

#define SELF acl_binding_rules_list_request
DESCRIBE_EMPTY(acl_binding_rules_list_request, "ACLBindingRulesListRequest", BASES(query_options))
#undef SELF

#define SELF acl_binding_rule_list_stub
DESCRIBE(acl_binding_rule_list_stub, "ACLBindingRuleListStub", BASES(), FIELD(id), FIELD(description), FIELD(auth_method), FIELD(create_index),
         FIELD(modify_index))
#undef SELF

#define SELF acl_binding_rules_list_response
DESCRIBE(acl_binding_rules_list_response, "ACLBindingRulesListResponse", BASES(query_meta), FIELD(acl_binding_rules))
#undef SELF

#define SELF acl_binding_rules_request
DESCRIBE(acl_binding_rules_request, "ACLBindingRulesRequest", BASES(query_options), FIELD(acl_binding_rule_ids))
#undef SELF

#define SELF acl_binding_rules_response
DESCRIBE(acl_binding_rules_response, "ACLBindingRulesResponse", BASES(query_meta), FIELD(acl_binding_rules))
#undef SELF

#define SELF acl_binding_rules_upsert_request
DESCRIBE(acl_binding_rules_upsert_request, "ACLBindingRulesUpsertRequest", BASES(write_request), FIELD(acl_binding_rules), FIELD(allow_missing_auth_methods))
#undef SELF

#define SELF acl_binding_rules_upsert_response
DESCRIBE(acl_binding_rules_upsert_response, "ACLBindingRulesUpsertResponse", BASES(write_meta), FIELD(acl_binding_rules))
#undef SELF

#define SELF acl_create_client_introduction_token_request
DESCRIBE(acl_create_client_introduction_token_request, "ACLCreateClientIntroductionTokenRequest", BASES(write_request), FIELD(ttl), FIELD(node_name),
         FIELD(node_pool))
#undef SELF

#define SELF acl_create_client_introduction_token_response
DESCRIBE(acl_create_client_introduction_token_response, "ACLCreateClientIntroductionTokenResponse", BASES(), FIELD(jwt))
#undef SELF

#define SELF acl_login_request
DESCRIBE(acl_login_request, "ACLLoginRequest", BASES(write_request), FIELD(auth_method_name), FIELD_FLAGS(login_token, redacted))
#undef SELF

#define SELF acl_login_response
DESCRIBE(acl_login_response, "ACLLoginResponse", BASES(write_meta), FIELD(acl_token))
#undef SELF

#define SELF acloidc_auth_url_request
DESCRIBE(acloidc_auth_url_request, "ACLOIDCAuthURLRequest", BASES(write_request), FIELD(auth_method_name), FIELD_AS(redirect_uri, "RedirectURI"),
         FIELD(client_nonce))
#undef SELF

#define SELF acloidc_auth_url_response
DESCRIBE(acloidc_auth_url_response, "ACLOIDCAuthURLResponse", BASES(), FIELD(auth_url))
#undef SELF

#define SELF acloidc_complete_auth_request
DESCRIBE(acloidc_complete_auth_request, "ACLOIDCCompleteAuthRequest", BASES(write_request), FIELD(auth_method_name), FIELD(client_nonce), FIELD(state),
         FIELD(code), FIELD(iss), FIELD_AS(redirect_uri, "RedirectURI"))
#undef SELF

#define SELF job_acl
DESCRIBE(job_acl, "JobACL", BASES(), FIELD(namespace_), FIELD(job_id), FIELD(group), FIELD(task))
#undef SELF

#define SELF acl_policy
DESCRIBE(acl_policy, "ACLPolicy", BASES(), FIELD(name), FIELD(description), FIELD(rules), FIELD_AS(rules_json, "RulesJSON"), FIELD(job_acl), FIELD(hash),
         FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF acl_policy_delete_request
DESCRIBE(acl_policy_delete_request, "ACLPolicyDeleteRequest", BASES(write_request), FIELD(names))
#undef SELF

#define SELF acl_policy_list_request
DESCRIBE_EMPTY(acl_policy_list_request, "ACLPolicyListRequest", BASES(query_options))
#undef SELF

#define SELF acl_policy_list_stub
DESCRIBE(acl_policy_list_stub, "ACLPolicyListStub", BASES(), FIELD(name), FIELD(description), FIELD(job_acl), FIELD(hash), FIELD(create_index),
         FIELD(modify_index))
#undef SELF

#define SELF acl_policy_list_response
DESCRIBE(acl_policy_list_response, "ACLPolicyListResponse", BASES(query_meta), FIELD(policies))
#undef SELF

#define SELF acl_policy_set_request
DESCRIBE(acl_policy_set_request, "ACLPolicySetRequest", BASES(query_options), FIELD(names))
#undef SELF

#define SELF acl_policy_set_response
DESCRIBE(acl_policy_set_response, "ACLPolicySetResponse", BASES(query_meta), FIELD(policies))
#undef SELF

#define SELF acl_policy_specific_request
DESCRIBE(acl_policy_specific_request, "ACLPolicySpecificRequest", BASES(query_options), FIELD(name))
#undef SELF

#define SELF acl_policy_upsert_request
DESCRIBE(acl_policy_upsert_request, "ACLPolicyUpsertRequest", BASES(write_request), FIELD(policies))
#undef SELF

#define SELF acl_role_policy_link
DESCRIBE(acl_role_policy_link, "ACLRolePolicyLink", BASES(), FIELD(name))
#undef SELF

#define SELF acl_role
DESCRIBE(acl_role, "ACLRole", BASES(), FIELD(id), FIELD(name), FIELD(description), FIELD(policies), FIELD(hash), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF acl_role_by_id_request
DESCRIBE(acl_role_by_id_request, "ACLRoleByIDRequest", BASES(query_options), FIELD(role_id))
#undef SELF

#define SELF acl_role_by_id_response
DESCRIBE(acl_role_by_id_response, "ACLRoleByIDResponse", BASES(query_meta), FIELD(acl_role))
#undef SELF

#define SELF acl_role_by_name_request
DESCRIBE(acl_role_by_name_request, "ACLRoleByNameRequest", BASES(query_options), FIELD(role_name))
#undef SELF

#define SELF acl_role_by_name_response
DESCRIBE(acl_role_by_name_response, "ACLRoleByNameResponse", BASES(query_meta), FIELD(acl_role))
#undef SELF

#define SELF acl_roles_by_id_request
DESCRIBE(acl_roles_by_id_request, "ACLRolesByIDRequest", BASES(query_options), FIELD(acl_role_ids))
#undef SELF

#define SELF acl_roles_by_id_response
DESCRIBE(acl_roles_by_id_response, "ACLRolesByIDResponse", BASES(query_meta), FIELD(acl_roles))
#undef SELF

#define SELF acl_roles_delete_by_id_request
DESCRIBE(acl_roles_delete_by_id_request, "ACLRolesDeleteByIDRequest", BASES(write_request), FIELD(acl_role_ids))
#undef SELF

#define SELF acl_roles_delete_by_id_response
DESCRIBE_EMPTY(acl_roles_delete_by_id_response, "ACLRolesDeleteByIDResponse", BASES(write_meta))
#undef SELF

#define SELF acl_roles_list_request
DESCRIBE_EMPTY(acl_roles_list_request, "ACLRolesListRequest", BASES(query_options))
#undef SELF

#define SELF acl_role_list_stub
DESCRIBE(acl_role_list_stub, "ACLRoleListStub", BASES(), FIELD(id), FIELD(name), FIELD(description), FIELD(policies), FIELD(hash), FIELD(create_index),
         FIELD(modify_index))
#undef SELF

#define SELF acl_roles_list_response
DESCRIBE(acl_roles_list_response, "ACLRolesListResponse", BASES(query_meta), FIELD(acl_roles))
#undef SELF

#define SELF acl_roles_upsert_request
DESCRIBE(acl_roles_upsert_request, "ACLRolesUpsertRequest", BASES(write_request), FIELD(acl_roles), FIELD(allow_missing_policies))
#undef SELF

#define SELF acl_roles_upsert_response
DESCRIBE(acl_roles_upsert_response, "ACLRolesUpsertResponse", BASES(write_meta), FIELD(acl_roles))
#undef SELF

#define SELF acl_token_role_link
DESCRIBE(acl_token_role_link, "ACLTokenRoleLink", BASES(), FIELD(id), FIELD(name))
#undef SELF

#define SELF acl_token
DESCRIBE(acl_token, "ACLToken", BASES(), FIELD(accessor_id), FIELD_FLAGS(secret_id, redacted), FIELD(name), FIELD(type), FIELD(policies), FIELD(roles),
         FIELD(global), FIELD(hash), FIELD(create_time), FIELD_FLAGS(expiration_time, json_omit_empty),
         FIELD_FLAGS(expiration_ttl, json_omit_empty | duration_text), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF acl_token_bootstrap_request
DESCRIBE(acl_token_bootstrap_request, "ACLTokenBootstrapRequest", BASES(write_request), FIELD(token), FIELD(reset_index), FIELD(bootstrap_secret))
#undef SELF

#define SELF acl_token_delete_request
DESCRIBE(acl_token_delete_request, "ACLTokenDeleteRequest", BASES(write_request), FIELD(accessor_ids))
#undef SELF

#define SELF acl_token_list_request
DESCRIBE(acl_token_list_request, "ACLTokenListRequest", BASES(query_options), FIELD(global_only))
#undef SELF

#define SELF acl_token_list_stub
DESCRIBE(acl_token_list_stub, "ACLTokenListStub", BASES(), FIELD(accessor_id), FIELD(name), FIELD(type), FIELD(policies), FIELD(roles), FIELD(global),
         FIELD(hash), FIELD(create_time), FIELD_FLAGS(expiration_time, json_omit_empty), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF acl_token_list_response
DESCRIBE(acl_token_list_response, "ACLTokenListResponse", BASES(query_meta), FIELD(tokens))
#undef SELF

#define SELF acl_token_set_request
DESCRIBE(acl_token_set_request, "ACLTokenSetRequest", BASES(query_options), FIELD_AS(accessor_ids, "AccessorIDS"))
#undef SELF

#define SELF acl_token_set_response
DESCRIBE(acl_token_set_response, "ACLTokenSetResponse", BASES(query_meta), FIELD(tokens))
#undef SELF

#define SELF acl_token_specific_request
DESCRIBE(acl_token_specific_request, "ACLTokenSpecificRequest", BASES(query_options), FIELD(accessor_id))
#undef SELF

#define SELF acl_token_upsert_request
DESCRIBE(acl_token_upsert_request, "ACLTokenUpsertRequest", BASES(write_request), FIELD(tokens))
#undef SELF

#define SELF acl_token_upsert_response
DESCRIBE(acl_token_upsert_response, "ACLTokenUpsertResponse", BASES(write_meta), FIELD(tokens))
#undef SELF

#define SELF authenticated_identity
DESCRIBE(authenticated_identity, "AuthenticatedIdentity", BASES(), FIELD(acl_token), FIELD(claims), FIELD(client_id), FIELD(tls_name), FIELD(remote_ip))
#undef SELF

#define SELF acl_who_am_i_response
DESCRIBE(acl_who_am_i_response, "ACLWhoAmIResponse", BASES(query_meta), FIELD(identity))
#undef SELF

#define SELF wi_handle
DESCRIBE(wi_handle, "WIHandle", BASES(), FIELD(identity_name), FIELD(workload_identifier), FIELD(workload_type), FIELD(interpolated_workload_identifier))
#undef SELF

#define SELF workload_identity_request
DESCRIBE(workload_identity_request, "WorkloadIdentityRequest", BASES(wi_handle), FIELD(alloc_id))
#undef SELF

#define SELF alloc_identities_request
DESCRIBE(alloc_identities_request, "AllocIdentitiesRequest", BASES(query_options), FIELD(identities))
#undef SELF

#define SELF signed_workload_identity
DESCRIBE(signed_workload_identity, "SignedWorkloadIdentity", BASES(workload_identity_request), FIELD_FLAGS(jwt, redacted), FIELD(expiration))
#undef SELF

#define SELF workload_identity_rejection
DESCRIBE(workload_identity_rejection, "WorkloadIdentityRejection", BASES(workload_identity_request), FIELD(reason))
#undef SELF

#define SELF alloc_identities_response
DESCRIBE(alloc_identities_response, "AllocIdentitiesResponse", BASES(query_meta), FIELD(signed_identities), FIELD(rejections))
#undef SELF

#define SELF keyring_delete_root_key_request
DESCRIBE(keyring_delete_root_key_request, "KeyringDeleteRootKeyRequest", BASES(write_request), FIELD(key_id), FIELD(force))
#undef SELF

#define SELF keyring_delete_root_key_response
DESCRIBE_EMPTY(keyring_delete_root_key_response, "KeyringDeleteRootKeyResponse", BASES(write_meta))
#undef SELF

#define SELF oidc_discovery_config
DESCRIBE(oidc_discovery_config, "OIDCDiscoveryConfig", BASES(), FIELD(issuer), FIELD_AS(jwks, "JWKS"), FIELD(id_token_algs), FIELD(response_types),
         FIELD(subjects))
#undef SELF

#define SELF keyring_get_config_response
DESCRIBE(keyring_get_config_response, "KeyringGetConfigResponse", BASES(), FIELD(oidc_discovery))
#undef SELF

#define SELF keyring_get_root_key_request
DESCRIBE(keyring_get_root_key_request, "KeyringGetRootKeyRequest", BASES(query_options), FIELD(key_id))
#undef SELF

#define SELF root_key_meta
DESCRIBE(root_key_meta, "RootKeyMeta", BASES(), FIELD(key_id), FIELD(algorithm), FIELD(create_time), FIELD(create_index), FIELD(modify_index), FIELD(state),
         FIELD(publish_time))
#undef SELF

#define SELF unwrapped_root_key
DESCRIBE(unwrapped_root_key, "UnwrappedRootKey", BASES(), FIELD(meta), FIELD_FLAGS(key, redacted), FIELD_AS(rsa_key, "RSAKey", redacted))
#undef SELF

#define SELF keyring_get_root_key_response
DESCRIBE(keyring_get_root_key_response, "KeyringGetRootKeyResponse", BASES(query_meta), FIELD(key))
#undef SELF

#define SELF keyring_public_key
DESCRIBE(keyring_public_key, "KeyringPublicKey", BASES(), FIELD(key_id), FIELD(public_key), FIELD(algorithm), FIELD(use), FIELD(create_time))
#undef SELF

#define SELF keyring_list_public_response
DESCRIBE(keyring_list_public_response, "KeyringListPublicResponse", BASES(query_meta), FIELD(public_keys), FIELD(rotation_threshold))
#undef SELF

#define SELF keyring_list_root_key_meta_request
DESCRIBE_EMPTY(keyring_list_root_key_meta_request, "KeyringListRootKeyMetaRequest", BASES(query_options))
#undef SELF

#define SELF keyring_list_root_key_meta_response
DESCRIBE(keyring_list_root_key_meta_response, "KeyringListRootKeyMetaResponse", BASES(query_meta), FIELD(keys))
#undef SELF

#define SELF keyring_rotate_root_key_request
DESCRIBE(keyring_rotate_root_key_request, "KeyringRotateRootKeyRequest", BASES(write_request), FIELD(algorithm), FIELD(full), FIELD(publish_time))
#undef SELF

#define SELF keyring_rotate_root_key_response
DESCRIBE(keyring_rotate_root_key_response, "KeyringRotateRootKeyResponse", BASES(write_meta), FIELD(key))
#undef SELF

#define SELF keyring_update_root_key_request
DESCRIBE(keyring_update_root_key_request, "KeyringUpdateRootKeyRequest", BASES(write_request), FIELD(root_key), FIELD(rekey))
#undef SELF

#define SELF keyring_update_root_key_response
DESCRIBE_EMPTY(keyring_update_root_key_response, "KeyringUpdateRootKeyResponse", BASES(write_meta))
#undef SELF

#define SELF node_identity_get_req
DESCRIBE(node_identity_get_req, "NodeIdentityGetReq", BASES(query_options), FIELD(node_id))
#undef SELF

#define SELF node_identity_get_resp
DESCRIBE(node_identity_get_resp, "NodeIdentityGetResp", BASES(), FIELD(claims))
#undef SELF

#define SELF node_identity_renew_req
DESCRIBE(node_identity_renew_req, "NodeIdentityRenewReq", BASES(query_options), FIELD(node_id))
#undef SELF

#define SELF node_identity_renew_resp
DESCRIBE_EMPTY(node_identity_renew_resp, "NodeIdentityRenewResp", BASES())
#undef SELF

#define SELF one_time_token_exchange_request
DESCRIBE(one_time_token_exchange_request, "OneTimeTokenExchangeRequest", BASES(write_request), FIELD(one_time_secret_id))
#undef SELF

#define SELF one_time_token_exchange_response
DESCRIBE(one_time_token_exchange_response, "OneTimeTokenExchangeResponse", BASES(write_meta), FIELD(token))
#undef SELF

#define SELF one_time_token_expire_request
DESCRIBE(one_time_token_expire_request, "OneTimeTokenExpireRequest", BASES(write_request), FIELD(timestamp))
#undef SELF

#define SELF one_time_token_upsert_request
DESCRIBE_EMPTY(one_time_token_upsert_request, "OneTimeTokenUpsertRequest", BASES(write_request))
#undef SELF

#define SELF one_time_token
DESCRIBE(one_time_token, "OneTimeToken", BASES(), FIELD_FLAGS(one_time_secret_id, redacted), FIELD(accessor_id), FIELD(expires_at), FIELD(create_index),
         FIELD(modify_index))
#undef SELF

#define SELF one_time_token_upsert_response
DESCRIBE(one_time_token_upsert_response, "OneTimeTokenUpsertResponse", BASES(write_meta), FIELD(one_time_token))
#undef SELF

#define SELF resolve_acl_token_request
DESCRIBE(resolve_acl_token_request, "ResolveACLTokenRequest", BASES(query_options), FIELD_FLAGS(secret_id, redacted))
#undef SELF

#define SELF resolve_acl_token_response
DESCRIBE(resolve_acl_token_response, "ResolveACLTokenResponse", BASES(query_meta), FIELD(token))
#undef SELF

#define SELF single_acl_policy_response
DESCRIBE(single_acl_policy_response, "SingleACLPolicyResponse", BASES(query_meta), FIELD(policy))
#undef SELF

#define SELF single_acl_token_response
DESCRIBE(single_acl_token_response, "SingleACLTokenResponse", BASES(query_meta), FIELD(token))
#undef SELF

#define SELF variable_lock
DESCRIBE(variable_lock, "VariableLock", BASES(), FIELD(id), FIELD_FLAGS(ttl, duration_text), FIELD_FLAGS(lock_delay, duration_text))
#undef SELF

#define SELF variable
DESCRIBE(variable, "Variable", BASES(), FIELD(namespace_), FIELD(path), FIELD(create_index), FIELD(modify_index), FIELD(create_time), FIELD(modify_time),
         FIELD_FLAGS(items, redacted | json_omit_empty), FIELD_FLAGS(lock, json_omit_empty))
#undef SELF

#define SELF variables_apply_request
DESCRIBE(variables_apply_request, "VariablesApplyRequest", BASES(write_request), FIELD(op), FIELD(var))
#undef SELF

#define SELF variables_apply_response
DESCRIBE(variables_apply_response, "VariablesApplyResponse", BASES(write_meta), FIELD(op), FIELD(input), FIELD(result), FIELD(error), FIELD(conflict),
         FIELD(output))
#undef SELF

#define SELF variables_list_request
DESCRIBE_EMPTY(variables_list_request, "VariablesListRequest", BASES(query_options))
#undef SELF

#define SELF variable_metadata
DESCRIBE(variable_metadata, "VariableMetadata", BASES(), FIELD(namespace_), FIELD(path), FIELD(create_index), FIELD(modify_index), FIELD(create_time),
         FIELD(modify_time), FIELD_FLAGS(lock, json_omit_empty))
#undef SELF

#define SELF variables_list_response
DESCRIBE(variables_list_response, "VariablesListResponse", BASES(query_meta), FIELD(data))
#undef SELF

#define SELF variables_read_request
DESCRIBE(variables_read_request, "VariablesReadRequest", BASES(query_options), FIELD(path))
#undef SELF

#define SELF variables_read_response
DESCRIBE(variables_read_response, "VariablesReadResponse", BASES(query_meta), FIELD(data))
#undef SELF

#define SELF variables_renew_lock_request
DESCRIBE(variables_renew_lock_request, "VariablesRenewLockRequest", BASES(write_request), FIELD(path), FIELD(lock_id))
#undef SELF

#define SELF variables_renew_lock_response
DESCRIBE(variables_renew_lock_response, "VariablesRenewLockResponse", BASES(write_meta), FIELD(var_meta))
#undef SELF

#define SELF oidc_client_assertion_key
DESCRIBE(oidc_client_assertion_key, "OIDCClientAssertionKey", BASES(), FIELD(pem_key), FIELD(pem_key_file), FIELD(key_id_header), FIELD(key_id),
         FIELD(pem_cert), FIELD(pem_cert_file))
#undef SELF

#define SELF oidc_client_assertion
DESCRIBE(oidc_client_assertion, "OIDCClientAssertion", BASES(), FIELD(audience), FIELD(key_source), FIELD(key_algorithm), FIELD(private_key),
         FIELD(extra_headers))
#undef SELF

#define SELF acl_auth_method_config
DESCRIBE(acl_auth_method_config, "ACLAuthMethodConfig", BASES(), FIELD(jwt_validation_pub_keys), FIELD_AS(jwks_url, "JWKSURL"), FIELD(oidc_discovery_url),
         FIELD(oidc_client_id), FIELD_FLAGS(oidc_client_secret, redacted), FIELD(oidc_client_assertion), FIELD_AS(oidc_enable_pkce, "OIDCEnablePKCE"),
         FIELD(oidc_disable_user_info), FIELD(oidc_scopes), FIELD(bound_audiences), FIELD(bound_issuer),
         FIELD_AS(allowed_redirect_ur_is, "AllowedRedirectURIs"), FIELD(discovery_ca_pem), FIELD_AS(jwks_ca_cert, "JWKSCACert"), FIELD(signing_algs),
         FIELD_FLAGS(expiration_leeway, duration_text), FIELD_FLAGS(not_before_leeway, duration_text), FIELD_FLAGS(clock_skew_leeway, duration_text),
         FIELD(claim_mappings), FIELD(list_claim_mappings), FIELD(verbose_logging))
#undef SELF

#define SELF acl_auth_method
DESCRIBE(acl_auth_method, "ACLAuthMethod", BASES(), FIELD(name), FIELD(type), FIELD(token_locality), FIELD(token_name_format),
         FIELD_FLAGS(max_token_ttl, duration_text), FIELD(default_), FIELD(config), FIELD(create_time), FIELD(modify_time), FIELD(create_index),
         FIELD(modify_index))
#undef SELF

#define SELF acl_binding_rule
DESCRIBE(acl_binding_rule, "ACLBindingRule", BASES(), FIELD(id), FIELD(description), FIELD(auth_method), FIELD(selector), FIELD(bind_type), FIELD(bind_name),
         FIELD(create_time), FIELD(modify_time), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF keyring_request
DESCRIBE(keyring_request, "KeyringRequest", BASES(), FIELD(key))
#undef SELF

#define SELF keyring_response
DESCRIBE(keyring_response, "KeyringResponse", BASES(), FIELD(messages), FIELD(keys), FIELD(num_nodes))
#undef SELF

}  // namespace drover::schema

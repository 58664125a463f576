#include "fsm/apply.h"
#include "fsm/upsert.h"

namespace drover::fsm {

namespace {

// Unknown names are no error: what should be gone is gone.
template <table T>
result<std::any> erase_all(context& c, const std::vector<std::string>& keys) {
  for (const auto& key : keys) c.erase<T>({key, {}, {}});
  return std::any();
}

}  // namespace

result<std::any> apply_acl_policy_upsert(context& c, const schema::acl_policy_upsert_request& request) {
  for (const auto& policy : request.policies) upsert<table::acl_policies>(c, *policy, {policy->name, {}, {}});
  return std::any();
}
result<std::any> apply_acl_policy_delete(context& c, const schema::acl_policy_delete_request& request) {
  return erase_all<table::acl_policies>(c, request.names);
}

result<std::any> apply_acl_token_upsert(context& c, const schema::acl_token_upsert_request& request) {
  for (const auto& wanted : request.tokens) {
    auto token = *wanted;
    if (const auto stored = state::find<table::acl_tokens>(c.state(), {token.accessor_id, {}, {}})) {
      token.create_time = stored->create_time;
      // The secret is given once; an update that leaves it out keeps it.
      if (token.secret_id.empty()) token.secret_id = stored->secret_id;
    }
    upsert<table::acl_tokens>(c, token, {token.accessor_id, {}, {}});
  }
  return std::any();
}
result<std::any> apply_acl_token_delete(context& c, const schema::acl_token_delete_request& request) {
  return erase_all<table::acl_tokens>(c, request.accessor_ids);
}

// The first management token. Later only with the index of the last token change, which an operator puts on a server's disk.
result<std::any> apply_acl_token_bootstrap(context& c, const schema::acl_token_bootstrap_request& request) {
  if (!request.token) return fail(errc::invalid, "an ACL bootstrap without a token");
  bool has_management = false;
  state::visit<table::acl_tokens>(c.state(), state::starting({}), [&](const auto& token) {
    has_management = token->type == "management";
    return !has_management;
  });
  const auto reset_index = c.state().index(table::acl_tokens);
  if (has_management && request.reset_index != reset_index) {
    return fail(errc::invalid, "ACL bootstrap already done (reset index: {})", reset_index);
  }
  upsert<table::acl_tokens>(c, *request.token, {request.token->accessor_id, {}, {}});
  return std::any();
}

result<std::any> apply_acl_role_upsert(context& c, const schema::acl_roles_upsert_request& request) {
  for (const auto& role : request.acl_roles) upsert<table::acl_roles>(c, *role, {role->id, {}, {}});
  return std::any();
}
result<std::any> apply_acl_role_delete(context& c, const schema::acl_roles_delete_by_id_request& request) {
  return erase_all<table::acl_roles>(c, request.acl_role_ids);
}

result<std::any> apply_acl_auth_method_upsert(context& c, const schema::acl_auth_method_upsert_request& request) {
  for (const auto& method : request.auth_methods) upsert<table::acl_auth_methods>(c, *method, {method->name, {}, {}});
  return std::any();
}
result<std::any> apply_acl_auth_method_delete(context& c, const schema::acl_auth_method_delete_request& request) {
  return erase_all<table::acl_auth_methods>(c, request.names);
}

result<std::any> apply_acl_binding_rule_upsert(context& c, const schema::acl_binding_rules_upsert_request& request) {
  for (const auto& rule : request.acl_binding_rules) upsert<table::acl_binding_rules>(c, *rule, {rule->id, {}, {}});
  return std::any();
}
result<std::any> apply_acl_binding_rule_delete(context& c, const schema::acl_binding_rules_delete_request& request) {
  return erase_all<table::acl_binding_rules>(c, request.acl_binding_rule_ids);
}

result<std::any> apply_one_time_token_upsert(context& c, const one_time_token_put_request& request) {
  upsert<table::one_time_tokens>(c, request.token, {request.token.one_time_secret_id, {}, {}});
  return std::any();
}
result<std::any> apply_one_time_token_delete(context& c, const one_time_token_delete_request& request) {
  return erase_all<table::one_time_tokens>(c, request.secret_ids);
}
result<std::any> apply_one_time_token_expire(context& c, const schema::one_time_token_expire_request& request) {
  std::vector<std::string> expired;
  state::visit<table::one_time_tokens>(c.state(), state::starting({}), [&](const auto& token) {
    if (token->expires_at <= request.timestamp) expired.push_back(token->one_time_secret_id);
    return true;
  });
  return erase_all<table::one_time_tokens>(c, expired);
}

}  // namespace drover::fsm

// The commands about access control; registry.cc lists them.
#pragma once

#include "cli/command.h"

namespace drover::cli::commands {

extern const command acl_bootstrap;
extern const command acl_policy_apply;
extern const command acl_policy_delete;
extern const command acl_policy_info;
extern const command acl_policy_list;
extern const command acl_policy_self;
extern const command acl_role_create;
extern const command acl_role_delete;
extern const command acl_role_info;
extern const command acl_role_list;
extern const command acl_role_update;
extern const command acl_token_create;
extern const command acl_token_delete;
extern const command acl_token_info;
extern const command acl_token_list;
extern const command acl_token_self;
extern const command acl_token_update;
extern const command quota_apply;
extern const command quota_delete;
extern const command quota_init;
extern const command quota_inspect;
extern const command quota_list;
extern const command quota_status;
extern const command acl_auth_method_create;
extern const command acl_auth_method_delete;
extern const command acl_auth_method_info;
extern const command acl_auth_method_list;
extern const command acl_auth_method_update;
extern const command acl_binding_rule_create;
extern const command acl_binding_rule_delete;
extern const command acl_binding_rule_info;
extern const command acl_binding_rule_list;
extern const command acl_binding_rule_update;
extern const command login;

}  // namespace drover::cli::commands

// How tokens, policies and roles are shown. Pure.
#pragma once

#include <string>
#include <vector>

#include "schema/acl.h"

namespace drover::cli::commands {

std::string token_text(const schema::acl_token& token);
std::string role_text(const schema::acl_role& role);
// As Go prints a time.
std::string go_time(timestamp at);
std::string names_of(const std::vector<schema::acl_role_policy_link>& links);

}  // namespace drover::cli::commands

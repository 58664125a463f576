// What a variable may be: its path, its size, its lock. Pure. The sentences are Nomad's where tools look for them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "schema/acl.h"

namespace drover::server {

result<> check_variable_path(std::string_view path);
// Before set, cas and lock-acquire: namespace, path, items and size. `for_lock`: there need be no items.
result<> check_variable(const schema::variable& v, bool for_lock);
// Fills the times that are zero; the id is the caller's.
void complete_lock(schema::variable_lock& lock);
result<> check_lock(const schema::variable_lock& lock);

}  // namespace drover::server

#include "schema/describe_macros.h"
#include "server/login.h"

namespace drover::server {

using namespace schema;

#define SELF login_claims
DESCRIBE(login_claims, "LoginClaims", BASES(), FIELD_AS(value, "value"), FIELD_AS(list, "list"))
#undef SELF

}  // namespace drover::server

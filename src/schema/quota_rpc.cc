#include "schema/quota_rpc.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF quota_spec_list_request
DESCRIBE_EMPTY(quota_spec_list_request, "QuotaSpecListRequest", BASES(query_options))
#undef SELF

#define SELF quota_spec_list_response
DESCRIBE(quota_spec_list_response, "QuotaSpecListResponse", BASES(query_meta), FIELD(quotas))
#undef SELF

#define SELF quota_spec_specific_request
DESCRIBE(quota_spec_specific_request, "QuotaSpecSpecificRequest", BASES(query_options), FIELD(name))
#undef SELF

#define SELF single_quota_spec_response
DESCRIBE(single_quota_spec_response, "SingleQuotaSpecResponse", BASES(query_meta), FIELD(quota))
#undef SELF

#define SELF quota_usage_list_response
DESCRIBE(quota_usage_list_response, "QuotaUsageListResponse", BASES(query_meta), FIELD(usages))
#undef SELF

#define SELF single_quota_usage_response
DESCRIBE(single_quota_usage_response, "SingleQuotaUsageResponse", BASES(query_meta), FIELD(usage))
#undef SELF

#define SELF quota_spec_upsert_request
DESCRIBE(quota_spec_upsert_request, "QuotaSpecUpsertRequest", BASES(write_request), FIELD(quotas))
#undef SELF

#define SELF quota_spec_delete_request
DESCRIBE(quota_spec_delete_request, "QuotaSpecDeleteRequest", BASES(write_request), FIELD(names))
#undef SELF

}  // namespace drover::schema

#include "state/records.h"

#include "schema/describe_macros.h"

namespace drover::state {

using namespace schema;

#define SELF periodic_launch
DESCRIBE(periodic_launch, "PeriodicLaunch", BASES(), FIELD(id), FIELD(namespace_), FIELD(launch), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF job_scaling_events
DESCRIBE(job_scaling_events, "JobScalingEvents", BASES(), FIELD(namespace_), FIELD(job_id), FIELD(scaling_events), FIELD(modify_index))
#undef SELF

#define SELF cluster_metadata
DESCRIBE(cluster_metadata, "ClusterMetadata", BASES(), FIELD(cluster_id), FIELD(create_time), FIELD(create_index), FIELD(index_offset))
#undef SELF

#define SELF sealed_variable
DESCRIBE(sealed_variable, "VariableEncrypted", BASES(), FIELD(namespace_), FIELD(path), FIELD_FLAGS(data, redacted), FIELD(key_id), FIELD(lock),
         FIELD(create_index), FIELD(modify_index), FIELD(create_time), FIELD(modify_time))
#undef SELF

#define SELF wrapped_key
DESCRIBE(wrapped_key, "WrappedKey", BASES(), FIELD(provider), FIELD(provider_id), FIELD_FLAGS(wrapped_data_key, redacted),
         FIELD_FLAGS(wrapped_rsa_key, redacted), FIELD_FLAGS(key_encryption_key, redacted))
#undef SELF

#define SELF root_key
DESCRIBE(root_key, "RootKey", BASES(root_key_meta), FIELD(wrapped_keys))
#undef SELF

}  // namespace drover::state

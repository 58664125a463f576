#include "schema/snapshot_rpc.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF snapshot_save_response
DESCRIBE(snapshot_save_response, "SnapshotSaveResponse", BASES(query_meta), FIELD(snapshot_checksum), FIELD(error_code), FIELD(error_msg))
#undef SELF

#define SELF snapshot_restore_response
DESCRIBE(snapshot_restore_response, "SnapshotRestoreResponse", BASES(query_meta), FIELD(error_code), FIELD(error_msg))
#undef SELF

#define SELF snapshot_server
DESCRIBE(snapshot_server, "SnapshotServer", BASES(), FIELD(suffrage), FIELD(id), FIELD(address))
#undef SELF

#define SELF snapshot_configuration
DESCRIBE(snapshot_configuration, "SnapshotConfiguration", BASES(), FIELD(servers))
#undef SELF

#define SELF snapshot_meta
DESCRIBE(snapshot_meta, "SnapshotMeta", BASES(), FIELD(version), FIELD(id), FIELD(index), FIELD(term), FIELD(configuration), FIELD(configuration_index),
         FIELD(size))
#undef SELF

}  // namespace drover::schema

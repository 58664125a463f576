// Saving and restoring a whole cluster (Operator.SnapshotSave, Operator.SnapshotRestore: streams), and what a snapshot file says of itself.
//
// Save: the first message of the answer is snapshot_save_response; unless it has an error_msg, the file follows as stream_err_wrapper payloads.
// Restore: the caller sends the file as stream_err_wrapper payloads, ended by one whose error is "EOF" or by the end of its side; the answer is
// one snapshot_restore_response.
#pragma once

#include <string>
#include <vector>

#include "schema/common.h"

namespace drover::schema {

struct snapshot_save_response : query_meta {
  std::string snapshot_checksum;  // "sha-256=<base64>", of the file
  int64_t error_code = 0;         // an HTTP status
  std::string error_msg;
  DROVER_RECORD(snapshot_save_response);
};

struct snapshot_restore_response : query_meta {
  int64_t error_code = 0;
  std::string error_msg;
  DROVER_RECORD(snapshot_restore_response);
};

struct snapshot_server {
  int64_t suffrage = 0;  // 0: it votes, 1: it does not
  std::string id;
  std::string address;
  DROVER_RECORD(snapshot_server);
};

struct snapshot_configuration {
  std::vector<schema::snapshot_server> servers;
  DROVER_RECORD(snapshot_configuration);
};

// meta.json of a snapshot file.
struct snapshot_meta {
  int64_t version = 1;
  std::string id;  // TERM-INDEX-MILLISECONDS
  uint64_t index = 0;
  uint64_t term = 0;
  schema::snapshot_configuration configuration;
  uint64_t configuration_index = 0;
  int64_t size = 0;  // of state.bin
  DROVER_RECORD(snapshot_meta);
};

}  // namespace drover::schema

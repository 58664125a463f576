// What every request and answer carries, and the frames of streaming calls.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/describe.h"
#include "schema/fwd.h"

namespace drover::schema {

struct internal_rpc_info {
  bool forwarded = false;
  DROVER_RECORD(internal_rpc_info);
};

struct query_options : internal_rpc_info {
  std::string region;
  std::string namespace_;
  uint64_t min_query_index = 0;
  duration max_query_time;
  bool allow_stale = false;
  std::string prefix;
  std::string auth_token;
  std::string filter;
  int32_t per_page = 0;
  std::string next_token;
  bool reverse = false;
  DROVER_RECORD(query_options);
};

struct generic_request : query_options {
  DROVER_RECORD(generic_request);
};

struct write_meta {
  uint64_t index = 0;
  DROVER_RECORD(write_meta);
};

struct generic_response : write_meta {
  DROVER_RECORD(generic_response);
};

struct namespaced_id {
  std::string id;
  std::string namespace_;
  DROVER_RECORD(namespaced_id);
};

struct query_meta {
  uint64_t index = 0;
  duration last_contact;
  bool known_leader = false;
  std::string next_token;
  DROVER_RECORD(query_meta);
};

struct rpc_error {
  std::string message;
  std::optional<int64_t> code;
  DROVER_RECORD(rpc_error);
};

struct stream_err_wrapper {
  std::optional<schema::rpc_error> error;
  bytes payload;
  DROVER_RECORD(stream_err_wrapper);
};

struct streaming_rpc_ack {
  std::string error;
  DROVER_RECORD(streaming_rpc_ack);
};

struct streaming_rpc_header {
  std::string method;
  DROVER_RECORD(streaming_rpc_header);
};

struct write_request : internal_rpc_info {
  std::string region;
  std::string namespace_;
  std::string auth_token;
  std::string idempotency_token;
  DROVER_RECORD(write_request);
};

}  // namespace drover::schema

// Quotas: what is asked about them and answered (the records themselves are in operator_rpc.h).
// Plain values; wire names and kinds are in the .cc beside this file.
#pragma once

#include "schema/operator_rpc.h"

namespace drover::schema {

struct quota_spec_list_request : query_options {
  DROVER_RECORD(quota_spec_list_request);
};

struct quota_spec_list_response : query_meta {
  std::vector<ref<schema::quota_spec>> quotas;
  DROVER_RECORD(quota_spec_list_response);
};

struct quota_spec_specific_request : query_options {
  std::string name;
  DROVER_RECORD(quota_spec_specific_request);
};

struct single_quota_spec_response : query_meta {
  ref<schema::quota_spec> quota;
  DROVER_RECORD(single_quota_spec_response);
};

struct quota_usage_list_response : query_meta {
  std::vector<schema::quota_usage> usages;
  DROVER_RECORD(quota_usage_list_response);
};

struct single_quota_usage_response : query_meta {
  std::optional<schema::quota_usage> usage;
  DROVER_RECORD(single_quota_usage_response);
};

struct quota_spec_upsert_request : write_request {
  std::vector<ref<schema::quota_spec>> quotas;
  DROVER_RECORD(quota_spec_upsert_request);
};

struct quota_spec_delete_request : write_request {
  std::vector<std::string> names;
  DROVER_RECORD(quota_spec_delete_request);
};

}  // namespace drover::schema

#include "server/cluster_messages.h"

#include "schema/describe_macros.h"

namespace drover::server {

using namespace schema;

#define SELF cluster_report_request
DESCRIBE(cluster_report_request, "ClusterReportRequest", BASES(), FIELD(region))
#undef SELF

#define SELF cluster_report
DESCRIBE(cluster_report, "ClusterReport", BASES(), FIELD(server_id), FIELD(cluster_id), FIELD(term), FIELD(last_index), FIELD(members), FIELD(leader_id))
#undef SELF

#define SELF first_configuration_request
DESCRIBE(first_configuration_request, "FirstConfigurationRequest", BASES(), FIELD(proposer), FIELD(members))
#undef SELF

#define SELF first_configuration_answer
DESCRIBE(first_configuration_answer, "FirstConfigurationAnswer", BASES(), FIELD(refusal))
#undef SELF

}  // namespace drover::server

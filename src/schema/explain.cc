#include "schema/explain.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF explained_group
DESCRIBE(explained_group, "ExplainedGroup", BASES(), FIELD(name), FIELD(waiting), FIELD(sentences))
#undef SELF

#define SELF job_explanation
DESCRIBE(job_explanation, "JobExplanation", BASES(), FIELD(job_id), FIELD(namespace_), FIELD(status), FIELD(sentences), FIELD(groups))
#undef SELF

#define SELF job_explain_response
DESCRIBE(job_explain_response, "JobExplainResponse", BASES(query_meta), FIELD(explanation))
#undef SELF

}  // namespace drover::schema

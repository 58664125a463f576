#include "schema/event.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF event_stream_wrapper
DESCRIBE(event_stream_wrapper, "EventStreamWrapper", BASES(), FIELD(error), FIELD(event))
#undef SELF

}  // namespace drover::schema

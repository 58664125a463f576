// What many records say in the same words is kept once: for records that are about to be stored.
// Pure but for the table of shared texts (schema/shared_text.h); any thread.
#pragma once

#include "schema/fwd.h"

namespace drover::fsm {

void share_texts(schema::allocation& alloc);
void share_texts(schema::node& node);

}  // namespace drover::fsm

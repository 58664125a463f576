// An allocation as readers get it. Pure; any thread.
#pragma once

#include "schema/alloc.h"

namespace drover::server {

// With the sum of what it was given under "Resources", which is not stored: Nomad's commands add these up for a node. Scores that are stored under
// no node's name are those of its own node: many allocations share one record of them.
schema::ref<schema::allocation> shown_alloc(const schema::ref<schema::allocation>& stored);

}  // namespace drover::server

// An allocation as readers get it. Pure; any thread.
#pragma once

#include "schema/alloc.h"

namespace drover::server {

// With the sum of what it was given under "Resources", which is not stored: Nomad's commands add these up for a node. Scores that are stored under
// no node's name are those of its own node: many allocations share one record of them.
schema::ref<schema::allocation> shown_alloc(const schema::ref<schema::allocation>& stored);
// With its job as those see it who may not see what is secret in it.
schema::ref<schema::allocation> without_secrets(const schema::allocation& alloc);

}  // namespace drover::server

// What a node's record says about the dynamic host volumes on it. Pure; part of applying.
#pragma once

#include <string>

#include "fsm/context.h"
#include "schema/node.h"
#include "schema/volume.h"

namespace drover::fsm {

// "ready" while the node is up and shows the volume; "pending" until it first did; "unavailable" after that.
std::string host_volume_state(const schema::node* node, const schema::host_volume& volume);
// After a node changed: stores those of its volumes whose state is another now.
void update_host_volumes(context& c, const schema::node& node);

}  // namespace drover::fsm

// CSI plugins and the claims on CSI volumes. Pure; part of applying.
//
// A plugin's record is what the nodes say of it, kept in one place; a volume knows by it whether it can be used. A claim goes through states
// that are each stored before the next step begins, so that whoever goes on after a crash begins where the last one stopped:
//   taken -> unpublishing -> node detached -> controller detached -> ready to free (gone)
#pragma once

#include <string>

#include "fsm/context.h"
#include "schema/node.h"
#include "schema/volume.h"

namespace drover::fsm {

// The numbers are those of the wire.
namespace claim_state {
constexpr int64_t taken = 0, node_detached = 1, controller_detached = 2, ready_to_free = 3, unpublishing = 4;
}
namespace claim_mode {
constexpr int64_t read = 0, write = 1, release = 2;
}

// After a node was stored or erased; either is null if there is none. A node that is down has no healthy plugins.
void update_csi_plugins(context& c, const schema::node* before, const schema::node* now);
// What its plugin says of a volume, in the volume: provider, health, whether it can be scheduled.
void take_plugin(const state::snapshot& state, schema::csi_volume& volume);

}  // namespace drover::fsm

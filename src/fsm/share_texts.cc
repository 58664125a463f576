#include "fsm/share_texts.h"

#include "schema/alloc.h"
#include "schema/node.h"

namespace drover::fsm {

// Not what one allocation alone says: its predecessor, its successor, who evicted it.
void share_texts(schema::allocation& a) {
  for (auto* text : {&a.namespace_, &a.eval_id, &a.node_id, &a.node_name, &a.job_id, &a.task_group, &a.desired_status, &a.desired_description, &a.client_status,
                     &a.client_description, &a.deployment_id, &a.followup_eval_id, &a.signing_key_id})
    text->intern();
}

void share_texts(schema::node& node) {
  node.attributes.intern();
  for (auto& [name, driver] : node.drivers) driver.attributes.intern();
}

}  // namespace drover::fsm

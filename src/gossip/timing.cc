#include "gossip/timing.h"

namespace drover::gossip {

timing timing::fast() {
  timing t;
  t.probe_interval = milliseconds(300);
  t.probe_timeout = milliseconds(120);
  t.suspicion_mult = 3;
  t.suspicion_max_timeout_mult = 2;
  t.gossip_interval = milliseconds(100);
  t.gossip_to_the_dead = seconds(15);
  t.push_pull_interval = seconds(15);
  t.stream_timeout = seconds(5);
  t.broadcast_timeout = seconds(2);
  t.leave_propagate_delay = milliseconds(100);
  t.reap_interval = seconds(5);
  t.reconnect_interval = seconds(4);
  return t;
}

}  // namespace drover::gossip

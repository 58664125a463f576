// Every interval and multiplier of the protocol. The defaults are what a Nomad server runs with (memberlist's WAN profile and Serf's own
// values), so that mixed pools behave alike. Tests and machines on one switch may take fast().
#pragma once

#include "base/time.h"

namespace drover::gossip {

struct timing {
  duration probe_interval = seconds(5);  // one member is probed each
  duration probe_timeout = seconds(3);   // direct probe unanswered: ask others, and TCP
  int indirect_checks = 3;               // so many others
  int suspicion_mult = 6;                // suspect -> failed after suspicion_mult * max(1, log10(n)) * probe_interval, when others agree
  int suspicion_max_timeout_mult = 6;    // and after so many times that when nobody does
  int awareness_max = 8;                 // our own ill health stretches probe times up to so many times
  duration gossip_interval = milliseconds(500);
  int gossip_nodes = 4;
  duration gossip_to_the_dead = seconds(60);
  int retransmit_mult = 4;                    // each message goes out retransmit_mult * ceil(log10(n + 1)) times
  duration push_pull_interval = seconds(60);  // longer in pools above 32
  duration stream_timeout = seconds(30);      // dial, and each read and write of a push/pull
  duration broadcast_timeout = seconds(5);    // how long leave() waits until its message has gone out
  duration leave_propagate_delay = seconds(1);
  duration reap_interval = seconds(15);
  duration reconnect_interval = seconds(30);
  duration reconnect_timeout = hours(72);  // failed members are forgotten
  duration tombstone_timeout = hours(24);  // left members are forgotten
  duration flap_timeout = seconds(60);     // a quick failed -> alive is counted as a flap
  duration recent_intent_timeout = minutes(5);
  int query_timeout_mult = 16;  // a query waits gossip_interval * query_timeout_mult * ceil(log10(n + 1))
  // A failed server's name may come back from another address at once: names carry no identity here, the id tag does (a cold boot on new
  // addresses must not wait). memberlist's default is never.
  duration dead_node_reclaim = nanoseconds(1);

  // A failure is seen within a second or so. Not for links with more than 100 ms of delay.
  static timing fast();
};

}  // namespace drover::gossip

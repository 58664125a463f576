#!/usr/bin/env python3
"""The leader is killed in the middle of 50 registrations."""
import outage


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep, writers=4) as o:
        o.start()
        o.wait_writes(o.random.randrange(2, 10))
        leader = o.cluster.wait_leader()
        o.cluster.kill([leader])
        say(f"the leader {leader.name} is dead; next write after {o.wait_writes(1):.2f} s")
        o.wait_writes(12)
        leader.start()
        return o.finish()


if __name__ == "__main__":
    outage.main(run)

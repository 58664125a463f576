#!/usr/bin/env python3
"""A server's link becomes slow and loses packets: the cluster stays up."""
import outage


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep) as o:
        o.start()
        server = o.random.choice(o.servers)
        server.machine.slow(delay=0.04, jitter=0.02, loss=0.03, seed=seed)
        say(f"{server.name} is 40 ms away and loses 3 % of its packets")
        o.wait_writes(20)
        server.machine.fast()
        return o.finish()


if __name__ == "__main__":
    outage.main(run)

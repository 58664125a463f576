#!/usr/bin/env python3
"""One server after the other is killed and started again: there is always a majority."""
import outage


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep) as o:
        o.start()
        for server in o.random.sample(o.servers, len(o.servers)):
            o.cluster.kill([server])
            say(f"{server.name} is dead; next write after {o.wait_writes(1):.2f} s")
            server.start()
            o.cluster.wait_leader()
            o.wait_writes(3)
        return o.finish()


if __name__ == "__main__":
    outage.main(run)

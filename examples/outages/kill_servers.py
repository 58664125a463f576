#!/usr/bin/env python3
"""Every server is killed at the same time (SIGKILL) and started again, in any order."""
import outage


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep) as o:
        o.start()
        o.cluster.kill(o.servers)
        say("all servers are dead")
        order = o.random.sample(o.servers, len(o.servers))
        for server in order:
            server.launch()
        first = o.wait_writes(1)
        say(f"first write after the restart: {first:.2f} s")
        return {"first_write_s": first, **o.finish()}


if __name__ == "__main__":
    outage.main(run)

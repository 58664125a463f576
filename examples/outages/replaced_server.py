#!/usr/bin/env python3
"""A server dies for good; an empty machine takes its place."""
import shutil

import outage


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep) as o:
        o.start()
        server = o.random.choice(o.servers)
        o.cluster.kill([server])
        shutil.rmtree(server.data_dir)
        say(f"{server.name} is dead and its disk is empty")
        o.wait_writes(3)
        server.start()
        o.cluster.any().wait_peers(len(o.servers))
        say(f"{server.name} is a voter again")
        return o.finish()


if __name__ == "__main__":
    outage.main(run)

#!/usr/bin/env python3
"""Every client agent is killed and started again: tasks run on and keep their connections."""
import outage


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep) as o:
        o.start()
        o.cluster.kill(o.clients)
        say("all client agents are dead")
        for client in o.random.sample(o.clients, len(o.clients)):
            client.launch()
        return o.finish()


if __name__ == "__main__":
    outage.main(run)

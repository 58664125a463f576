#!/usr/bin/env python3
"""All servers stop and come back with other addresses, known by their ids."""
import outage


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep) as o:
        o.start()
        o.cluster.kill(o.servers)
        o.cluster.readdress([f"10.66.1.{10 + number}" for number in range(len(o.servers))])
        say(f"the servers are dead and get new addresses: {', '.join(s.address for s in o.servers)}")
        for server in o.random.sample(o.servers, len(o.servers)):
            server.launch()
        o.cluster.wait_leader()
        say("the servers found each other")
        # Clients know old addresses only: they are told as an operator would tell them.
        for client in o.clients:
            client.ok("node", "config", "-update-servers", *[f"{s.address}:4647" for s in o.servers])
        return o.finish()


if __name__ == "__main__":
    outage.main(run)

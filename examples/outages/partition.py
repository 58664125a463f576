#!/usr/bin/env python3
"""The network cuts off the leader, then a follower, then a client, each for a while."""
import outage


def run(seed=1, say=print, keep=None):
    # A client that is away for so long would be lost; its task must run on, and be the same one afterwards.
    with outage.Outage(seed, say=say, keep=keep, server='  heartbeat_grace = "30s"\n') as o:
        o.start()
        leader = o.cluster.wait_leader()
        o.cluster.network.cut(leader.machine)
        rest = [s for s in o.servers if s is not leader]
        o.cluster.wait_leader(among=rest)
        say(f"{leader.name} was the leader and is cut off; next write after {o.wait_writes(1):.2f} s")
        answer = leader.http("PUT", "/v1/jobs", {"Job": outage.small_job("on-the-island")}, timeout=15)
        assert answer.status != 200, "a leader without a majority accepted a write"
        o.cluster.network.heal()
        o.wait_writes(5)
        follower = o.random.choice([s for s in o.servers if s is not o.cluster.wait_leader()])
        o.cluster.network.cut(follower.machine)
        say(f"{follower.name}, a follower, is cut off")
        o.wait_writes(5)
        o.cluster.network.heal()
        client = o.random.choice(o.clients)
        o.cluster.network.cut(client.machine)
        say(f"{client.name}, a client, is cut off")
        o.wait_writes(20)
        o.cluster.network.heal()
        return o.finish()


if __name__ == "__main__":
    outage.main(run)

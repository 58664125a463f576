#!/usr/bin/env python3
"""Under load, the key of the gossip is replaced; then one server restarts and must find the others with the new key."""
import outage


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep) as o:
        o.start()
        server = o.servers[0]
        old = next(iter(server.get("/v1/agent/keyring/list")["Keys"]))
        new = server.ok("operator", "gossip", "keyring", "generate").out.strip()
        for verb, key in (("install", new), ("use", new), ("remove", old)):
            server.ok("operator", "gossip", "keyring", verb, key)
            o.wait_writes(2)
            say(f"{verb} is done on all servers")
        assert list(server.get("/v1/agent/keyring/list")["Keys"]) == [new]
        restarted = o.random.choice(o.servers)
        o.cluster.kill([restarted])
        restarted.start()
        o.cluster.wait_leader()
        restarted.wait_json("/v1/agent/members", lambda m: [s["Status"] for s in m["Members"]] == ["alive"] * 3, "all servers are alive")
        return o.finish()


if __name__ == "__main__":
    outage.main(run)

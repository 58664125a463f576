#!/usr/bin/env python3
"""Benchmarks of the HTTP API: what an answer costs the server. bench/api.py [NAME ...] runs some; each prints one line of JSON.

Figures are CPU of the agent (agent.py says why), divided by the requests; rates stand beside them for what they are worth on a busy machine.
"""
import http.client
import json
import os
import resource
import selectors
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent import Site, cpu_ns, job, pss_kib, report, settle  # noqa: E402

ALLOCS = int(os.environ.get("BENCH_ALLOCS", "5000"))
LARGE = int(os.environ.get("BENCH_LARGE", "100000"))
SUBSCRIBERS = int(os.environ.get("BENCH_SUBSCRIBERS", "1000"))


def measure(agent, path, count, method="GET", body=None, token=None):
    """CPU microseconds and rate of one request, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=120)

    def once():
        connection.request(method, path, body=body, headers={"X-Nomad-Token": token} if token else {})
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 200, (path, answer.status, data[:200])
        return len(data)

    once()
    # The server may settle for longer than it keeps an idle connection.
    connection.close()
    settle(agent)
    connection.connect()
    before, began = cpu_ns(agent.process.pid), time.monotonic()
    size = 0
    for _ in range(count):
        size = once()
    took = time.monotonic() - began
    connection.close()
    return {"cpu_us": (cpu_ns(agent.process.pid) - before) / 1000 / count, "per_second": count / took, "bytes": size}


def fill(agent, allocs):
    """Allocations that have ended."""
    done = 0
    while done < allocs:
        count = min(500, allocs - done)
        name = f"many-{done}"
        agent.register(job(name, count=count, command="/bin/true", args=[], Type="batch"))
        agent.wait_allocs(name, lambda a, n=count: sum(x["ClientStatus"] == "complete" for x in a) >= n, f"{name} has ended", timeout=600)
        done += count


def bench_lists():
    with Site("lists") as agent:
        fill(agent, ALLOCS)
        for label, path, count in (("allocations", "/v1/allocations", 10), ("allocations_page", "/v1/allocations?per_page=100", 30),
                                   ("allocations_page_reverse", "/v1/allocations?per_page=100&reverse=true", 30),
                                   ("allocations_filter", "/v1/allocations?filter=ClientStatus+%3D%3D+%22failed%22", 20),
                                   ("evaluations", "/v1/evaluations", 50), ("jobs", "/v1/jobs", 200), ("statuses_page", "/v1/jobs/statuses?per_page=10", 20),
                                   ("job", "/v1/job/many-0", 500), ("fuzzy", None, 100), ("metrics", "/v1/metrics", 50)):
            if path is None:
                figures = measure(agent, "/v1/search/fuzzy", count, "POST", json.dumps({"Text": "many", "Context": "all"}))
            else:
                figures = measure(agent, path, count)
            report("api_" + label, allocations=ALLOCS, **figures)


def bench_large():
    """Lists, single reads, filters and pages over many allocations, which placement_bench's nodes run."""
    import placement
    with placement.Site(1000) as site:
        agent = site.agent
        site.do("place", "large", LARGE // 1000, 1000, "plain")
        job = agent.get("/v1/jobs?per_page=1")[0]["ID"]
        alloc = agent.get("/v1/allocations?per_page=1")[0]["ID"]
        for label, path, count in (("allocations", "/v1/allocations", 2), ("allocations_page", "/v1/allocations?per_page=100", 5),
                                   ("allocations_filter", "/v1/allocations?filter=ClientStatus+%3D%3D+%22failed%22", 3),
                                   ("allocations_of_job", f"/v1/job/{job}/allocations", 20), ("allocation", f"/v1/allocation/{alloc}", 300),
                                   ("job", f"/v1/job/{job}", 300), ("jobs", "/v1/jobs", 50), ("nodes", "/v1/nodes", 10)):
            report("api_large_" + label, allocations=LARGE, **measure(agent, path, count))


def bench_changes():
    """Durable writes, one after the other over one connection."""
    with Site("changes") as agent:
        agent.wait_json("/v1/operator/keyring/keys", lambda keys: keys, "there is a root key")
        body = json.dumps({"Job": {**job("written"), "Datacenters": ["nowhere"]}})
        report("api_write_job", **measure(agent, "/v1/jobs", 300, "PUT", body))
        body = json.dumps({"Path": "bench/one", "Items": {"a": "x" * 100}})
        report("api_write_variable", **measure(agent, "/v1/var/bench/one", 300, "PUT", body))


def bench_queries():
    """Held blocking queries: 2,000, and 100,000 or as many as this machine's limit of open files lets an agent hold."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    most = min(100_000, limit[1] - 500, 27_000)  # both ends are of this machine, which has so many ports
    for wanted in (2000, 100_000):
        with Site("queries") as agent:
            index = agent.http("GET", "/v1/nodes").index
            ask = f"GET /v1/nodes?index={index}&wait=300s HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            held = []

            def hold(count):
                for _ in range(count):
                    held.append(socket.create_connection(("127.0.0.1", agent.port)))
                    held[-1].sendall(ask)
                settle(agent)

            hold(100)
            memory, cpu = pss_kib(agent.process.pid), cpu_ns(agent.process.pid)
            count = min(wanted, most)
            hold(count - 100)
            added = count - 100
            report("api_held", wanted=wanted, held=count, open_files_limit=limit[1], bytes_each=(pss_kib(agent.process.pid) - memory) * 1024 / added,
                   cpu_us_each=(cpu_ns(agent.process.pid) - cpu) / 1000 / added)
            for made in held:
                made.close()


def guarded(agent):
    agent.launch().wait_started()
    agent.wait_json("/v1/status/leader", lambda leader: leader, "somebody leads")
    agent.token = agent.ok("acl", "bootstrap").field("Secret ID")
    agent.wait("/v1/nodes", lambda nodes: any(n["Status"] == "ready" for n in nodes), "the node is ready")


def bench_acl():
    """What a check costs: the same small read without access control, and with it by a token of twenty policies, in turns."""
    with Site("acl-off") as off, Site("acl-on", "acl {\n  enabled = true\n}\n", guarded) as on:
        for agent in (off, on):
            agent.register({**job("one"), "Datacenters": ["nowhere"]})
        for number in range(20):
            on.ok("acl", "policy", "apply", f"p{number}", "-", stdin=f'namespace "team-{number}-*" {{ policy = "write" }}\nnamespace "default" {{ policy = "read" }}\n')
        token = on.ok("acl", "token", "create", *[f"-policy=p{number}" for number in range(20)]).field("Secret ID")
        rounds = [(measure(off, "/v1/job/one/summary", 4000)["cpu_us"], measure(on, "/v1/job/one/summary", 4000, token=token)["cpu_us"]) for _ in range(7)]
        without, by_token = (sorted(each)[len(rounds) // 2] for each in zip(*rounds))
        report("api_acl", cpu_us_without=without, cpu_us_with=by_token, cpu_us_check=sorted(b - a for a, b in rounds)[len(rounds) // 2])


def bench_events():
    """One change, told to many subscribers: CPU of the server for each of them."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with Site("events") as agent:
        memory = pss_kib(agent.process.pid)
        readers = selectors.DefaultSelector()
        for _ in range(SUBSCRIBERS):
            reader = socket.create_connection(("127.0.0.1", agent.port))
            reader.sendall(b"GET /v1/event/stream?topic=Job HTTP/1.1\r\nHost: x\r\n\r\n")
            reader.setblocking(False)
            readers.register(reader, selectors.EVENT_READ, bytearray())

        def read_until(mark):
            waiting = SUBSCRIBERS
            while waiting:
                for key, _ in readers.select():
                    had = key.data.count(mark)
                    key.data.extend(key.fileobj.recv(1 << 20))
                    if not had and key.data.count(mark):
                        waiting -= 1

        read_until(b"{}")
        settle(agent)
        held = (pss_kib(agent.process.pid) - memory) / SUBSCRIBERS
        before, began, rounds = cpu_ns(agent.process.pid), time.monotonic(), 20
        for number in range(rounds):
            agent.register({**job(f"told-{number}"), "Datacenters": ["nowhere"]})
            read_until(f"told-{number}".encode())
            for key in readers.get_map().values():
                key.data.clear()
        cpu, took = cpu_ns(agent.process.pid) - before, time.monotonic() - began
        report("api_events", subscribers=SUBSCRIBERS, cpu_us_per_delivery=cpu / 1000 / rounds / SUBSCRIBERS, deliveries_per_second=rounds * SUBSCRIBERS / took,
               kb_per_subscriber=held)
        for key in list(readers.get_map().values()):
            key.fileobj.close()


if __name__ == "__main__":
    every = {name.removeprefix("bench_"): f for name, f in list(globals().items()) if name.startswith("bench_") and callable(f)}
    for wanted in sys.argv[1:] or every:
        every[wanted]()

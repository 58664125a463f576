#!/usr/bin/env python3
"""Benchmarks of clusters in network namespaces: each prints one line of JSON. bench/cluster.py [NAME ...] runs some. Needs root.

  form      three servers from exec to the first accepted write, and what an already formed pair needs for the third
  failover  the leader is killed: seconds until the next write, ten trials
  outage    all servers, then everything is killed: seconds until the next write and until everything is healthy
  writes    registrations per second with three servers and fsync, 1 and 64 writers at the leader
  nodes     registrations and heartbeats per second of one server, and its memory with 5,000 and 50,000 nodes (COUNTS=5000,50000)

TLS and gossip encryption are on, as in the examples.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests"))
sys.path.insert(0, os.path.join(HERE, "..", "examples", "outages"))
import cluster  # noqa: E402
import harness  # noqa: E402
import kill_everything  # noqa: E402
import kill_servers  # noqa: E402
import outage  # noqa: E402


def report(bench, **figures):
    print(json.dumps({"bench": bench, **{k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()}}), flush=True)


def quiet(_):
    pass


def first_write(where, among=None):
    """Seconds until some server acknowledges a registration."""
    began = time.monotonic()
    while True:
        for server in among or where.alive():
            try:
                if server.http("PUT", "/v1/jobs", {"Job": outage.small_job("first")}, timeout=2).status == 200:
                    return time.monotonic() - began
            except OSError:
                pass


def form(trials=5):
    figures = []
    for _ in range(trials):
        with tempfile.TemporaryDirectory() as folder:
            where = cluster.Cluster(folder, clients=0, tls=True)
            try:
                cluster.each(where.servers, lambda m: m.launch())
                figures.append(first_write(where))
            finally:
                where.close()
    report("form", seconds_median=statistics.median(figures), seconds_worst=max(figures), trials=trials)


def failover(trials=10):
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        where = cluster.Cluster(folder, clients=0, tls=True)
        try:
            where.start()
            for _ in range(trials):
                leader = where.wait_leader()
                where.any().wait_peers(3)
                where.kill([leader])
                figures.append(first_write(where))
                leader.start()
                where.wait_leader()
        finally:
            where.close()
    report("failover", seconds_median=statistics.median(figures), seconds_worst=max(figures), trials=trials)


def outages(trials=3):
    everything, servers = [], []
    for seed in range(1, trials + 1):
        servers.append(kill_servers.run(seed, quiet))
        everything.append(kill_everything.run(seed, quiet))
    report("outage", servers_first_write_s=statistics.median(f["first_write_s"] for f in servers),
           servers_first_write_worst_s=max(f["first_write_s"] for f in servers),
           everything_first_write_s=statistics.median(f["first_write_s"] for f in everything),
           everything_healthy_s=statistics.median(f["everything_s"] for f in everything),
           everything_healthy_worst_s=max(f["everything_s"] for f in everything), trials=trials)


def rate(where, writers, seconds=5):
    leader = where.wait_leader()
    counts = [0] * writers
    end = time.monotonic() + seconds

    def write(number):
        connection = leader.connect(10)
        connection.connect()
        while time.monotonic() < end:
            body = json.dumps({"Job": outage.small_job(f"r{writers}-{number}-{counts[number]}")})
            connection.request("PUT", "/v1/jobs", body=body)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                counts[number] += 1
        connection.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def writes():
    with tempfile.TemporaryDirectory() as folder:
        where = cluster.Cluster(folder, clients=0, tls=True, config="limits {\n  http_max_conns_per_client = 0\n}\n")
        try:
            where.start()
            report("writes", one_writer_per_s=rate(where, 1), many_writers_per_s=rate(where, 64), writers=64)
        finally:
            where.close()


def nodes():
    program = os.environ.get("NODES_BENCH", os.path.join(HERE, "..", "build", "bench", "nodes_bench"))
    for count in (int(n) for n in os.environ.get("COUNTS", "5000,50000").split(",")):
        with tempfile.TemporaryDirectory() as folder:
            agent = harness.Agent(folder, log_level="WARN", config="limits {\n  rpc_max_conns_per_client = 0\n}\n",
                                  server="  max_heartbeats_per_second = 100000\n", with_client=False)
            try:
                agent.launch().wait_started()
                before = pss_kib(agent.process.pid)
                crowd = subprocess.Popen([program, f"127.0.0.1:{agent.port + 1}", str(count), "5"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                figures = json.loads(crowd.stdout.readline())
                after = pss_kib(agent.process.pid)
                report("nodes", **figures, server_mb=after / 1024, kib_per_node=(after - before) / count)
                crowd.stdin.close()
                crowd.wait(120)
            finally:
                agent.close()


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def main():
    known = {"form": form, "failover": failover, "outage": outages, "writes": writes, "nodes": nodes}
    names = sys.argv[1:] or list(known)
    for name in names:
        if name not in known:
            sys.exit(f"no benchmark is called {name}: use {', '.join(known)}")
        known[name]()


if __name__ == "__main__":
    main()

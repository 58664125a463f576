#!/usr/bin/env python3
"""Placements through a real server: RPC, Raft with fsync, one process that plays the nodes. One line of JSON for each figure.

bench/placement.py [NAME ...] runs some of
  nodes        500, 5,000 and 50,000 nodes, one job of 20,000
  counts       1,000 to 100,000 allocations on 5,000 nodes
  shapes       spread, affinity, both, constraints on 5,000 nodes
  jobs         many jobs on 5,000 nodes
  churn        registrations of one allocation at a steady rate, alone and while 10,000 batch jobs wait for room
  lost         a tenth of the nodes goes away
  plan         job plan of 10,000 allocations on one node
  million      1,000,000 allocations on 5,000 nodes, by 100,000: CPU for each, bytes of the server for each

Rates bear a busy machine badly: cpu_s (the kernel's count for the server) tells what the work costs. NODES and COUNT change the sizes.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests"))
sys.path.insert(0, HERE)
import harness  # noqa: E402
from agent import cpu_ns, pss_kib, report  # noqa: E402

PROGRAM = os.environ.get("PLACEMENT_BENCH", os.path.join(HERE, "..", "build", "bench", "placement_bench"))
NODES = int(os.environ.get("NODES", "5000"))
COUNT = int(os.environ.get("COUNT", "20000"))
SESSIONS = int(os.environ.get("SESSIONS", "16"))


def peak_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


class Site:
    """A server, and nodes that are ready."""

    def __init__(self, nodes):
        self.folder = tempfile.TemporaryDirectory()
        self.agent = harness.Agent(self.folder.name, log_level="WARN", config="limits {\n  rpc_max_conns_per_client = 0\n}\n",
                                   server="  max_heartbeats_per_second = 100000\n  job_max_count = 2000000\n", with_client=False)
        try:
            self.agent.launch().wait_started()
            self.pid = self.agent.process.pid
            self.nodes = nodes
            self.actor = subprocess.Popen([PROGRAM, f"127.0.0.1:{self.agent.port + 1}", str(nodes), str(SESSIONS)], stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, text=True)
            self.enrolled = self.answer()
        except BaseException:
            self.agent.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.actor.stdin.close()
        self.actor.wait(120)
        self.agent.close()
        self.folder.cleanup()

    def answer(self):
        line = self.actor.stdout.readline()
        if not line:
            raise RuntimeError("placement_bench ended")
        return json.loads(line)

    def do(self, *words):
        """The answer, with what it cost the server."""
        before = cpu_ns(self.pid)
        self.actor.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.actor.stdin.flush()
        figures = self.answer()
        return {**figures, "cpu_s": (cpu_ns(self.pid) - before) / 1e9, "mb": pss_kib(self.pid) / 1024, "peak_mb": peak_kib(self.pid) / 1024}

    def place(self, bench, name, jobs, count, shape):
        report(bench, nodes=self.nodes, shape=shape, jobs=jobs, **self.do("place", name, jobs, count, shape))


def by_nodes():
    for nodes in (500, 5000, 50000):
        with Site(nodes) as site:
            site.place("placement-nodes", "first", 1, COUNT, "plain")


def by_count():
    with Site(NODES) as site:
        for count in (1000, 10000, 20000, 100000):
            site.place("placement-counts", f"c{count}", 1, count, "plain")


def by_shape():
    for shape in ("plain", "spread", "affinity", "both", "constraint"):
        with Site(NODES) as site:
            site.place("placement-shapes", shape, 1, COUNT, shape)


def many_jobs():
    with Site(NODES) as site:
        site.place("placement-jobs", "thousands", 100, 1000, "plain")
        site.place("placement-jobs", "ones", 5000, 1, "plain")


def churn():
    with Site(NODES) as site:
        report("placement-churn", nodes=NODES, **site.do("churn", "alone", 100, 10))
        site.place("placement-churn", "waits", 10000, 1, "huge")
        report("placement-churn-while-10000-wait", nodes=NODES, **site.do("churn", "beside", 100, 10))


def lost():
    with Site(NODES) as site:
        site.place("placement-lost", "first", 20, COUNT // 20, "plain")
        report("placement-lost", nodes=NODES, allocations=COUNT, **site.do("down", 10))


def plan():
    with Site(1) as site:
        report("placement-plan", nodes=1, **site.do("plan", 10000, 20))


def million():
    """What each further 100,000 cost, less what the nodes' heartbeats did, and how much memory an allocation takes by then."""
    step, jobs = 100_000, 100
    with Site(NODES) as site:
        before = pss_kib(site.pid)
        began, spent = time.monotonic(), cpu_ns(site.pid)
        time.sleep(5)
        idle = (cpu_ns(site.pid) - spent) / 1e9 / (time.monotonic() - began)
        placed = 0
        for part in range(int(os.environ.get("MILLION", "1000000")) // step):
            figures = site.do("place", f"part{part}", jobs, step // jobs, "plain")
            placed += figures["placed"]
            own_cpu = figures["cpu_s"] - idle * figures["seconds"]
            report("placement-million", nodes=NODES, allocations=placed, idle_cpu=idle, cpu_us_each=own_cpu * 1e6 / max(1, figures["placed"]),
                   bytes_each=(figures["mb"] * 1024 - before) * 1024 / max(1, placed), **figures)


def main():
    known = {"nodes": by_nodes, "counts": by_count, "shapes": by_shape, "jobs": many_jobs, "churn": churn, "lost": lost, "plan": plan,
             "million": million}
    names = sys.argv[1:] or list(known)
    for name in names:
        if name not in known:
            sys.exit(f"no benchmark is called {name}: use {', '.join(known)}")
        known[name]()


if __name__ == "__main__":
    main()

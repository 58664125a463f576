"""What every outage has in common: a cluster with real tasks and busy writers before, the promises that are checked after.

A cluster of three servers and three clients is built, each agent in a network namespace of its own, with TLS, gossip encryption and one
redis on every client. Writers register jobs all the time and remember what was acknowledged. Then the outage happens. At the end:

  - no acknowledged write is lost,
  - no client ever saw an index go backwards,
  - no term had two leaders,
  - no task restarted on a machine that was not hurt, and redis kept its data.

Needs root (namespaces), redis-server, iproute2 and a built drover (DROVER, or build/drover).
"""
import argparse
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests"))
import cluster  # noqa: E402
import harness  # noqa: E402

REDIS_JOB = {
    "ID": "redis", "Name": "redis", "Type": "service", "Datacenters": ["dc1"],
    "TaskGroups": [{
        "Name": "cache", "Count": 3,
        "Constraints": [{"Operand": "distinct_hosts", "RTarget": "true"}],
        "RestartPolicy": {"Attempts": 10, "Interval": 600_000_000_000, "Delay": 100_000_000, "Mode": "delay"},
        "Networks": [{"DynamicPorts": [{"Label": "db"}]}],
        "EphemeralDisk": {"SizeMB": 10},
        "Tasks": [{
            "Name": "redis", "Driver": "raw_exec",
            "Config": {"command": shutil.which("redis-server") or "/usr/bin/redis-server",
                       "args": ["--port", "${NOMAD_PORT_db}", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--dir", "${NOMAD_TASK_DIR}"]},
            "Env": {"LD_PRELOAD": ""},  # clock_jump.py gives the agents another clock, not their tasks
            "Resources": {"CPU": 50, "MemoryMB": 32},
            "LogConfig": {"MaxFiles": 1, "MaxFileSizeMB": 1},
        }],
    }],
}


def small_job(name):
    """A job that is stored and asks for nothing, so that thousands can be written."""
    return {"ID": name, "Name": name, "Type": "service", "Datacenters": ["dc1"],
            "TaskGroups": [{"Name": "g", "Count": 0, "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/true"}}]}]}


class Writer(threading.Thread):
    """Registers jobs one after the other at whatever server answers; keeps what was acknowledged and checks that indexes only grow."""

    def __init__(self, where, name, seed, interval=0.02):
        super().__init__(daemon=True)
        self.where, self.label, self.random = where, name, random.Random(seed)
        self.interval = interval
        self.acknowledged = {}  # job id: JobModifyIndex
        self.problems = []
        self.gap = 0.0  # the longest time between two acknowledged writes, seconds
        self.last = None
        self.index = 0
        self.stopping = threading.Event()

    def run(self):
        number = 0
        avoided = {}  # who did not answer lately, and until when it is left alone
        while not self.stopping.is_set():
            usable = [s for s in self.where.servers if avoided.get(s.name, 0) < time.monotonic()]
            server = self.random.choice(usable or self.where.servers)
            name = f"{self.label}-{number}"
            try:
                answer = server.http("PUT", "/v1/jobs", {"Job": small_job(name)}, timeout=4)
                if answer.status == 200:
                    self.note(name, answer.json["JobModifyIndex"])
                    number += 1
                    self.read_back(server, name)
                else:
                    avoided[server.name] = time.monotonic() + 1
            except (OSError, harness.http.client.HTTPException):
                avoided[server.name] = time.monotonic() + 1
            self.stopping.wait(self.interval)

    def note(self, name, index):
        now = time.monotonic()
        if self.last is not None:
            self.gap = max(self.gap, now - self.last)
        self.last = now
        self.acknowledged[name] = index
        self.grown(index, f"write of {name}")

    def read_back(self, server, name):
        answer = server.http("GET", f"/v1/job/{name}", timeout=4)
        if answer.status == 404:
            self.problems.append(f"{name} was acknowledged, but {server.name} answered 404 to a consistent read right after")
        elif answer.status == 200 and answer.index < self.acknowledged[name]:
            self.problems.append(f"{server.name} answered with index {answer.index} after a write at {self.acknowledged[name]}")

    def grown(self, index, what):
        if index < self.index:
            self.problems.append(f"{what}: index {index} after {self.index} was seen")
        self.index = max(self.index, index)

    def stop(self):
        self.stopping.set()
        self.join(60)


class Outage:
    """with Outage(seed) as o: o.start(); ...hurt it...; o.finish()"""

    def __init__(self, seed=1, *, servers=3, clients=3, writers=2, tls=True, say=print, keep=None, **options):
        self.random = random.Random(seed)
        self.seed = seed
        self.say = say
        self.folder = keep or tempfile.mkdtemp(prefix="drover-outage-")
        self.keep = keep is not None
        self.cluster = cluster.Cluster(self.folder, servers=servers, clients=clients, tls=tls, **options)
        self.writers = [Writer(self.cluster, f"w{i}-{seed}", seed * 100 + i) for i in range(writers)]
        self.tasks = {}
        self.began = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for writer in self.writers:
            writer.stopping.set()
        self.cluster.close()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def servers(self):
        return self.cluster.servers

    @property
    def clients(self):
        return self.cluster.clients

    def start(self, tasks=True):
        began = time.monotonic()
        self.cluster.start()
        self.say(f"{len(self.servers)} servers and {len(self.clients)} clients are up after {time.monotonic() - began:.1f} s")
        if tasks and self.clients:
            self.run_redis()
        for writer in self.writers:
            writer.start()
        self.wait_writes(5)
        return self

    def run_redis(self):
        job = dict(REDIS_JOB, TaskGroups=[dict(REDIS_JOB["TaskGroups"][0], Count=len(self.clients))])
        self.cluster.any().register(job)
        self.cluster.any().wait_running("redis", len(self.clients))
        for client, port in self.redis_ports().items():
            redis = self.redis(client, port)
            redis.command("SET", "home", client)
            self.tasks[client] = (port, redis.pid())
            redis.close()
        self.say(f"redis runs on {', '.join(sorted(self.tasks))}")

    def redis_ports(self):
        """Which client runs redis on which port, as the cluster says."""
        found = {}
        server = self.cluster.any()
        for stub in server.allocs("redis"):
            if stub["ClientStatus"] == "running" and stub["DesiredStatus"] == "run":
                alloc = server.get(f"/v1/allocation/{stub['ID']}")
                found[alloc["NodeName"]] = harness.alloc_port(alloc)
        return found

    def redis(self, client, port):
        machine = next(c.machine for c in self.clients if c.name == client)
        return harness.Redis(port, connect=lambda: machine.connect("127.0.0.1", port, harness.DEADLINE))

    def wait_writes(self, count, timeout=harness.DEADLINE):
        """Until every writer has had that many more writes acknowledged; returns the seconds until the first of all."""
        began = time.monotonic()
        marks = [len(w.acknowledged) for w in self.writers]
        first = None
        while time.monotonic() - began < timeout:
            now = [len(w.acknowledged) for w in self.writers]
            if first is None and any(a > b for a, b in zip(now, marks)):
                first = time.monotonic() - began
            if all(a >= b + count for a, b in zip(now, marks)):
                return first
            harness.ask_again_soon()
        raise AssertionError(f"writers got no acknowledgement for {timeout} s\n{self.cluster.logs()}")

    # -- the promises

    def finish(self, *, hurt=(), timeout=harness.DEADLINE):
        """Waits until everything is healthy and checks the promises. `hurt`: clients whose tasks may have restarted."""
        began = time.monotonic()
        self.cluster.wait_leader(timeout=timeout)
        if self.clients:
            self.cluster.wait_nodes({c.name for c in self.clients}, timeout=timeout)
        if self.tasks:
            self.cluster.any().wait_running("redis", len(self.clients))
        healthy = time.monotonic() - began
        self.wait_writes(3, timeout)
        for writer in self.writers:
            writer.stop()
        problems = [p for w in self.writers for p in w.problems]
        problems += self.lost_writes()
        problems += self.double_leaders()
        problems += self.restarted_tasks(set(hurt))
        assert not problems, "\n".join(problems[:20]) + "\n" + self.cluster.logs()
        total = sum(len(w.acknowledged) for w in self.writers)
        worst = max((w.gap for w in self.writers), default=0)
        self.say(f"healthy again: {total} acknowledged writes are all there, the longest pause between two was {worst:.2f} s")
        return {"healthy_s": healthy, "writes": total, "pause_s": worst}

    def lost_writes(self):
        lost = []
        for server in self.cluster.alive():
            have = {j["ID"]: j["JobModifyIndex"] for j in server.get("/v1/jobs")}
            for writer in self.writers:
                for name, index in writer.acknowledged.items():
                    if have.get(name, -1) < index:
                        lost.append(f"{server.name} lost the acknowledged {name} of index {index}: it has {have.get(name)}")
        return lost

    def double_leaders(self):
        terms = {}
        for server in self.servers:
            for term in re.findall(r"cluster leadership acquired: term=(\d+)", server.log()):
                terms.setdefault(term, set()).add(server.name)
        assert terms, "no server said that it leads: the check of leaders sees nothing"
        return [f"term {term} had the leaders {sorted(names)}" for term, names in terms.items() if len(names) > 1]

    def restarted_tasks(self, hurt):
        problems = []
        for client, (port, pid) in self.tasks.items():
            if client in hurt:
                continue
            try:
                redis = self.redis(client, port)
                if redis.pid() != pid:
                    problems.append(f"redis on {client} was restarted: pid {pid} became {redis.pid()}")
                elif redis.command("GET", "home") != client:
                    problems.append(f"redis on {client} lost its data")
                redis.close()
            except (OSError, AssertionError) as problem:
                problems.append(f"redis on {client} does not answer: {problem}")
        return problems


def main(scenario):
    """The command line of a scenario file: `scenario(outage)` hurts a running cluster and returns what finish() returned."""
    parser = argparse.ArgumentParser(description=(scenario.__doc__ or sys.modules["__main__"].__doc__))
    parser.add_argument("--seed", type=int, default=1, help="the random choices of this run")
    parser.add_argument("--keep", metavar="DIR", help="put data and logs there and leave them")
    args = parser.parse_args()
    say = lambda text: print(f"[{time.monotonic() - start:6.1f} s] {text}", flush=True)  # noqa: E731
    start = time.monotonic()
    scenario(args.seed, say, args.keep)

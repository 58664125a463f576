#!/usr/bin/env python3
"""Benchmarks of a whole agent: each prints one line of JSON. bench/agent.py [NAME ...] runs some.

Reads what the kernel counted (CPU nanoseconds of every thread, proportional set size), so that other programs on the machine disturb little.
Latencies are medians and are disturbed; compare them with a run on the same machine.
"""
import http.client
import json
import os
import resource
import selectors
import socket
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
import harness  # noqa: E402

MARKER = "86413"  # seconds that the tasks sleep: how their processes are recognised


def report(bench, **figures):
    print(json.dumps({"bench": bench, **{k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()}}), flush=True)


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def cpu_ns(pid):
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
        except FileNotFoundError:
            pass
    return total


def job(name, count=1, command="/bin/sleep", args=(MARKER,), **more):
    task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": command, "args": list(args)}, "Resources": {"CPU": 1, "MemoryMB": 10},
            "LogConfig": {"MaxFiles": 1, "MaxFileSizeMB": 1}}
    group = {"Name": "g", "Count": count, "Tasks": [task], "EphemeralDisk": {"SizeMB": 10}}
    if more.get("Type", "service") == "service":
        group["Update"] = {"MaxParallel": 0}
    return {"ID": name, "Name": name, "Datacenters": ["dc1"], "TaskGroups": [group], **more}


class Site:
    """An agent of its own with no limit on connections."""

    def __init__(self, label, config="", start=lambda agent: agent.start()):
        self.folder = tempfile.mkdtemp(prefix=f"drover-bench-{label}-")
        self.agent = harness.Agent(self.folder, config="limits {\n  http_max_conns_per_client = 0\n}\n" + config, log_level="WARN")
        start(self.agent)

    def __enter__(self):
        return self.agent

    def __exit__(self, *_):
        self.agent.close()
        harness.remove_folder(self.folder)


def settle(agent):
    """Until the agent has done what is left to do: its CPU time stands still."""
    for _ in range(50):
        before = cpu_ns(agent.process.pid)
        index = agent.http("GET", "/v1/nodes").index
        agent.http("GET", f"/v1/nodes?index={index}&wait=300ms")
        if cpu_ns(agent.process.pid) - before < 5_000_000:
            return


def settled_pss_kib(pid):
    """After the agent gave back what only its start needed, which it does once the first rush is over."""
    last, quiet_since = pss_kib(pid), time.monotonic()
    while time.monotonic() - quiet_since < 2:
        time.sleep(0.1)
        now = pss_kib(pid)
        if abs(now - last) > 256:
            last, quiet_since = now, time.monotonic()
    return last


def bench_start():
    """From exec to a ready node, and what an idle agent holds."""
    times, sizes, counts = [], [], []
    for _ in range(5):
        folder = tempfile.mkdtemp(prefix="drover-bench-start-")
        agent = harness.Agent(folder)
        began = time.monotonic()
        agent.start()
        times.append((time.monotonic() - began) * 1000)
        settle(agent)
        sizes.append(settled_pss_kib(agent.process.pid) / 1024)
        counts.append(threads(agent.process.pid))
        agent.close()
        harness.remove_folder(folder)
    report("start", node_ready_ms=statistics.median(times), idle_pss_mb=statistics.median(sizes), threads=max(counts),
           binary_mb=os.path.getsize(harness.BINARY) / 1e6)


def bench_latency():
    """From the register request to the task's start, and to its end being visible to a watcher."""
    started, visible = [], []
    with Site("latency") as agent:
        for number in range(25):
            name = f"sleep-{number}"
            began = time.time_ns()
            agent.register(job(name))
            allocs = agent.wait_allocs(name, lambda a: a and "t" in (a[0]["TaskStates"] or {}) and a[0]["TaskStates"]["t"]["State"] == "running", "it runs")
            detail = agent.get(f"/v1/allocation/{allocs[0]['ID']}")
            event = next(e for e in detail["TaskStates"]["t"]["Events"] if e["Type"] == "Started")
            started.append((event["Time"] - began) / 1e6)
            agent.http("DELETE", f"/v1/job/{name}?purge=true")
        for number in range(25):
            name = f"true-{number}"
            began = time.monotonic()
            agent.register(job(name, command="/bin/true", args=[], Type="batch"))
            agent.wait_allocs(name, lambda a: a and a[0]["ClientStatus"] == "complete", "it is complete")
            visible.append((time.monotonic() - began) * 1000)
    report("latency", register_to_started_ms=statistics.median(started), register_to_started_min_ms=min(started),
           register_to_complete_visible_ms=statistics.median(visible), register_to_complete_visible_min_ms=min(visible))


def task_processes(agent):
    """The tasks that this agent runs: {pid: parent}."""
    found = {}
    mine = set(harness.processes_below(agent.folder))
    for pid in mine:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            if len(words) > 1 and words[1] == MARKER.encode():
                found[pid] = harness.parent_of(pid)
        except (OSError, TypeError):
            pass
    return found


def bench_overhead():
    """What a running task costs beside itself: helper processes, their threads and size, the agent's growth."""
    for count in (20, 100):
        with Site("overhead") as agent:
            settle(agent)
            before, before_threads = pss_kib(agent.process.pid), threads(agent.process.pid)
            began = time.monotonic()
            agent.register(job("many", count=count))
            agent.wait_running("many", count)
            took = time.monotonic() - began
            settle(agent)
            tasks = task_processes(agent)
            helpers = set(tasks.values()) - {agent.process.pid}
            size = sum(pss_kib(pid) for pid in helpers)
            growth = pss_kib(agent.process.pid) - before
            report("overhead", tasks=len(tasks), helper_processes=len(helpers) / count, helper_threads=sum(threads(p) for p in helpers) / count,
                   helper_pss_kib=size / count, agent_growth_kib=growth / count, total_kib=(size + growth) / count,
                   agent_threads_growth=threads(agent.process.pid) - before_threads, all_running_s=took)


class Many:
    """Plain HTTP/1.1 over many kept connections from one thread: requests that were encoded before."""

    def __init__(self, port, connections):
        self.selector = selectors.DefaultSelector()
        for _ in range(connections):
            made = socket.create_connection(("127.0.0.1", port))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(made, selectors.EVENT_READ, [b""])

    def run(self, requests):
        """Sends all, one at a time on each connection; returns the seconds it took."""
        requests = iter(requests)
        busy = 0
        began = time.monotonic()
        for key in list(self.selector.get_map().values()):
            request = next(requests, None)
            if request is None:
                break
            key.fileobj.sendall(request)
            busy += 1
        while busy:
            for key, _ in self.selector.select():
                state = key.data
                state[0] += key.fileobj.recv(262144)
                head, found, body = state[0].partition(b"\r\n\r\n")
                if not found:
                    continue
                length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
                if len(body) < length:
                    continue
                if b" 200 " not in head[:16]:
                    raise RuntimeError(state[0][:500].decode(errors="replace"))
                state[0] = b""
                busy -= 1
                request = next(requests, None)
                if request is not None:
                    key.fileobj.sendall(request)
                    busy += 1
        return time.monotonic() - began

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def encoded(method, path, body=None):
    text = json.dumps(body).encode() if body is not None else b""
    return f"{method} {path} HTTP/1.1\r\nHost: drover\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


def pause_evaluations(agent, paused):
    configuration = agent.http("GET", "/v1/operator/scheduler/configuration").json["SchedulerConfig"]
    agent.http("PUT", "/v1/operator/scheduler/configuration", {**configuration, "PauseEvalBroker": paused})


def registrations(agent, name, total):
    """Registers, and returns what it cost the agent until all were answered, until it was quiet again (both us of CPU), and registrations a second."""
    pid = agent.process.pid
    many = Many(agent.port, 32)
    many.run(encoded("PUT", "/v1/jobs", {"Job": job(f"warm-{name}-{n}", count=0)}) for n in range(200))
    settle(agent)
    requests = [encoded("PUT", "/v1/jobs", {"Job": job(f"{name}-{n}", count=0)}) for n in range(total)]
    before = cpu_ns(pid)
    took = many.run(requests)
    answered = cpu_ns(pid) - before
    settle(agent)
    whole = cpu_ns(pid) - before
    many.close()
    return answered / total / 1000, whole / total / 1000, total / took


def bench_register():
    """Durable registrations of jobs that place nothing: with the evaluations paused it is the write alone that counts (HTTP, JSON, validation,
    the log with its fsync, the state), otherwise evaluations run beside it."""
    with Site("register") as agent:
        pause_evaluations(agent, True)
        write, _, write_rate = registrations(agent, "paused", 3000)
    with Site("register") as agent:
        answered, whole, rate = registrations(agent, "job", 3000)
        alone = Many(agent.port, 1)
        seconds = alone.run([encoded("PUT", "/v1/jobs", {"Job": job(f"alone-{n}", count=0)}) for n in range(300)])
        alone.close()
    report("register", write_alone_cpu_us=write, write_alone_per_second=write_rate, cpu_us_until_answered=answered, cpu_us_with_evaluation=whole, per_second=rate,
           one_by_one_us=seconds / 300 * 1e6)


def bench_read():
    """Server CPU of the two reads that everybody makes."""
    with Site("read") as agent:
        pid = agent.process.pid
        many = Many(agent.port, 8)
        many.run(encoded("PUT", "/v1/jobs", {"Job": job(f"job-{n}", count=0)}) for n in range(200))
        settle(agent)
        figures = {}
        for name, path, total in (("jobs_200", "/v1/jobs", 500), ("job", "/v1/job/job-7", 5000), ("leader", "/v1/status/leader", 5000)):
            many.run(encoded("GET", path) for _ in range(total // 10))
            before = cpu_ns(pid)
            took = many.run(encoded("GET", path) for _ in range(total))
            figures[f"{name}_cpu_us"] = (cpu_ns(pid) - before) / total / 1000
            figures[f"{name}_per_second"] = total / took
        many.close()
    report("read", **figures)


def bench_held():
    """Memory of the agent for each held blocking query."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    with Site("held") as agent:
        index = agent.http("GET", "/v1/nodes").index
        pid = agent.process.pid
        # The first ones make room that the later ones share.
        held = []

        def hold(count):
            for _ in range(count):
                made = http.client.HTTPConnection("127.0.0.1", agent.port)
                made.request("GET", f"/v1/nodes?index={index}&wait=300s")
                held.append(made)
            settle(agent)

        hold(100)
        before = pss_kib(pid)
        count = min(5000, limit[1] // 2 - 200)
        hold(count)
        report("held_query", held=count, kib_each=(pss_kib(pid) - before) / count)
        for made in held:
            made.close()


BENCHES = {"start": bench_start, "latency": bench_latency, "overhead": bench_overhead, "register": bench_register, "read": bench_read, "held": bench_held}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or BENCHES:
        BENCHES[wanted]()

#!/usr/bin/env python3
"""Benchmarks of a node: each prints one line of JSON. bench/node.py [NAME ...] runs some; needs root.

Memory is proportional set size, CPU what the kernel counted for the processes: both bear a busy machine. Latencies and rates do not.
"""
import os
import shutil
import statistics
import sys
import tempfile
import time

import agent as whole_agent
from agent import Site, cpu_ns, job, pss_kib, report, settle, task_processes, threads

import dockerd  # noqa: E402 (agent.py puts tests/ into the path)
import harness  # noqa: E402
import java_class  # noqa: E402


def stop(agent, *names):
    for name in names:
        agent.http("DELETE", f"/v1/job/{name}?purge=true")
    agent.wait("/v1/allocations", lambda allocs: all(a["ClientStatus"] not in ("running", "pending") for a in allocs), "all have ended", timeout=300)


def many(name, count, **more):
    made = job(name, count=count, **more)
    made["TaskGroups"][0]["Tasks"][0]["Resources"] = {"CPU": 1, "MemoryMB": 10}
    return made


def wait_count(agent, name, count, status):
    agent.wait(f"/v1/job/{name}/summary", lambda s: s["Summary"]["g"][status] == count, f"{count} are {status}", timeout=300)


def bench_tasks():
    """What a running task costs beside itself at 20, 100 and 1,000 of them: helper processes, their threads and size, the agent's growth."""
    for count in (20, 100, 1000):
        with Site("tasks") as agent:
            settle(agent)
            pid = agent.process.pid
            before = pss_kib(pid)
            began, cpu = time.monotonic(), cpu_ns(pid)
            agent.register(many("many", count))
            wait_count(agent, "many", count, "Running")
            took = time.monotonic() - began
            settle(agent)
            started_cpu = cpu_ns(pid) - cpu
            tasks = task_processes(agent)
            helpers = set(tasks.values()) - {pid}
            size = sum(pss_kib(each) for each in helpers)
            growth = pss_kib(pid) - before
            idle = cpu_ns(pid)
            time.sleep(5)
            report("node_tasks", tasks=len(tasks), helper_processes=len(helpers) / count, helper_threads=sum(threads(p) for p in helpers) / count,
                   helper_pss_kib=size / count, agent_growth_kib=growth / count, total_kib=(size + growth) / count, agent_pss_mb=pss_kib(pid) / 1024,
                   all_running_s=took, agent_cpu_ms_each_start=started_cpu / count / 1e6, agent_idle_cpu_percent=(cpu_ns(pid) - idle) / 5e7)
            stop(agent, "many")


def start_latency(agent, name, task):
    """Milliseconds from the register request to the start of the task, as its event says."""
    began = time.time_ns()
    made = job(name)
    made["TaskGroups"][0]["Tasks"][0].update(task)
    agent.register(made)
    allocs = agent.wait_allocs(name, lambda a: a and ((a[0]["TaskStates"] or {}).get("t") or {}).get("State") == "running", "it runs")
    started = next(e for e in agent.get(f"/v1/allocation/{allocs[0]['ID']}")["TaskStates"]["t"]["Events"] if e["Type"] == "Started")
    agent.http("DELETE", f"/v1/job/{name}?purge=true")
    return (started["Time"] - began) / 1e6


STARTS = 9
SLEEP = {"Config": {"command": "/bin/sleep", "args": ["3600"]}}


def start_tasks(folder):
    """By driver: a task that stays, and what it needs."""
    out = {"raw_exec": SLEEP, "exec": SLEEP}
    if dockerd.usable():
        # Less memory than runc itself needs makes a start hang.
        out["docker"] = {"Config": {"image": "busybox:1", "command": "sleep", "args": ["3600"]}, "Resources": {"CPU": 10, "MemoryMB": 64}}
    if shutil.which("java"):
        with open(f"{folder}/Sleeper.class", "wb") as file:
            file.write(java_class.sleeper())
        out["java"] = {"Config": {"class": "Sleeper", "class_path": "/local", "args": ["3600000"], "jvm_options": ["-Xmx32m"]}, "Resources": {"CPU": 10, "MemoryMB": 300},
                       "Artifacts": [{"GetterSource": f"{folder}/Sleeper.class", "RelativeDest": "local/"}]}
    if shutil.which("qemu-system-x86_64"):
        with open(f"{folder}/disk.img", "wb") as file:
            file.write(bytes.fromhex("ebfe").ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
        out["qemu"] = {"Config": {"image_path": f"{folder}/disk.img", "args": ["-nodefaults", "-snapshot"]}, "Resources": {"CPU": 10, "MemoryMB": 128}}
    return out


def dockerd_alone(docker):
    """What dockerd itself takes for the same: made and started, nobody else involved."""
    taken = []
    for number in range(STARTS):
        began = time.monotonic()
        docker.call("POST", f"/containers/create?name=alone{number}", body='{"Image":"busybox:1","Cmd":["sleep","3600"]}', headers={"Content-Type": "application/json"})
        docker.call("POST", f"/containers/alone{number}/start")
        taken.append((time.monotonic() - began) * 1000)
        docker.call("DELETE", f"/containers/alone{number}?force=1")
    return statistics.median(taken)


def bench_starts():
    """From register to the running task, the median of some, a line for each driver; and the CPU time of the agent for each, its end included."""
    folder = tempfile.mkdtemp(prefix="db")
    docker = dockerd.Dockerd(f"{folder}/d") if dockerd.usable() else None
    try:
        if docker:
            docker.start()
            docker.busybox()
        config = f'plugin "qemu" {{ config {{ image_paths = ["{folder}"] }} }}\n' + (dockerd.agent_config(docker, "gc { image = false }") if docker else "")
        with Site("starts", config) as agent:
            for driver, task in start_tasks(folder).items():
                node = agent.get("/v1/nodes")[0]["ID"]
                agent.wait(f"/v1/node/{node}", lambda n: n["Drivers"][driver]["Healthy"], f"{driver} is healthy")
                cpu = cpu_ns(agent.process.pid)
                taken = [start_latency(agent, f"{driver}-{n}", {"Driver": driver, "KillTimeout": 100_000_000, **task}) for n in range(STARTS)]
                stop(agent)
                more = {"dockerd_alone_ms": dockerd_alone(docker)} if driver == "docker" else {}
                report("node_starts", driver=driver, ms=statistics.median(taken), worst_ms=max(taken), agent_cpu_ms_each=(cpu_ns(agent.process.pid) - cpu) / STARTS / 1e6, **more)
    finally:
        if docker:
            docker.close()
        harness.remove_folder(folder)


def bench_batch():
    """1,000 short batch tasks of one job on one node: from register until all are complete."""
    count = 1000
    with Site("batch") as agent:
        pid = agent.process.pid
        settle(agent)
        began, cpu = time.monotonic(), cpu_ns(pid)
        agent.register(many("short", count, command="/bin/true", args=[], Type="batch"))
        wait_count(agent, "short", count, "Complete")
        took = time.monotonic() - began
        report("node_batch", tasks=count, seconds=took, tasks_per_second=count / took, agent_cpu_ms_each=(cpu_ns(pid) - cpu) / count / 1e6)


def bench_logs():
    """One task that writes as fast as it can: through its supervisor into rotated files."""
    size = 1 << 30
    with Site("logs") as agent:
        made = job("talks", command="/bin/sh", args=["-c", f"head -c {size} /dev/zero; exec sleep {whole_agent.MARKER}"])
        made["TaskGroups"][0]["EphemeralDisk"] = {"SizeMB": 50}
        made["TaskGroups"][0]["Tasks"][0]["LogConfig"] = {"MaxFiles": 2, "MaxFileSizeMB": 10}
        pid, cpu = agent.process.pid, cpu_ns(agent.process.pid)
        began = time.monotonic()
        agent.register(made)
        while not task_processes(agent):
            harness.ask_again_soon()
        (task, mover), = task_processes(agent).items()
        took = time.monotonic() - began
        report("node_logs", megabytes=size >> 20, megabytes_per_second=(size >> 20) / took, mover_cpu_ms_each_gigabyte=cpu_ns(mover) / 1e6 / (size / (1 << 30)),
               mover_pss_kib=pss_kib(mover), agent_cpu_ms=(cpu_ns(pid) - cpu) / 1e6)
        stop(agent, "talks")


BENCHES = {"tasks": bench_tasks, "starts": bench_starts, "batch": bench_batch, "logs": bench_logs}

if __name__ == "__main__":
    assert os.geteuid() == 0 and shutil.which("head"), "the node's benchmarks need root"
    for wanted in sys.argv[1:] or BENCHES:
        BENCHES[wanted]()

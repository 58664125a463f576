"""Tasks that misbehave: they do not heed signals, fork away, take too much memory, say too much at once."""
import os
import re
import time

import pytest

import harness

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the exec driver does")


def job(ident, script, driver="exec", kind="service", **task):
    return {"ID": ident, "Name": ident, "Type": kind, "Datacenters": ["dc1"], "TaskGroups": [
        {"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 300}, "Update": {"MaxParallel": 0} if kind == "service" else None,
         "RestartPolicy": {"Attempts": 0, "Mode": "fail", "Interval": 60_000_000_000, "Delay": 1}, "ReschedulePolicy": {"Attempts": 0, "Unlimited": False},
         "Tasks": [{"Name": "t", "Driver": driver, "Config": {"command": "/bin/sh", "args": ["-c", script]}, "Resources": {"CPU": 10, "MemoryMB": 32}, **task}]}]}


def wait_dead(agent, ident):
    (alloc,) = agent.wait_allocs(ident, lambda allocs: allocs and all(a["ClientStatus"] in ("complete", "failed") for a in allocs), f"{ident} has ended")
    return agent.get(f"/v1/allocation/{alloc['ID']}")


def ended(alloc):
    return [e for e in alloc["TaskStates"]["t"]["Events"] if e["Type"] == "Terminated"][-1]


def group_of(alloc):
    return [d for d, _, _ in os.walk("/sys/fs/cgroup") if alloc["ID"] in os.path.basename(d)]


def wait_line(agent, alloc, line):
    with agent.follow("alloc", "logs", "-f", alloc["ID"], "t") as follower:
        follower.read_until(line)


@pytest.mark.parametrize("driver", ["raw_exec", "exec"])
def test_a_task_that_does_not_heed_its_signal_is_killed_after_kill_timeout(shared_agent, driver):
    shared_agent.register(job(f"deaf-{driver}", "trap '' TERM INT HUP; echo up; while :; do sleep 1; done", driver, KillTimeout=2_000_000_000))
    (alloc,) = shared_agent.wait_running(f"deaf-{driver}")
    wait_line(shared_agent, alloc, "up\n")
    began = time.monotonic()
    shared_agent.ok("job", "stop", "-detach", f"deaf-{driver}")
    alloc = wait_dead(shared_agent, f"deaf-{driver}")
    assert time.monotonic() - began >= 2 and alloc["ClientStatus"] == "complete"
    assert ended(alloc)["Signal"] == 9
    assert [e["Type"] for e in alloc["TaskStates"]["t"]["Events"]][-3:] == ["Killing", "Terminated", "Killed"]


@pytest.mark.parametrize("driver", ["raw_exec", "exec"])
def test_what_forks_away_ends_with_its_task(shared_agent, driver):
    """A daemon with a session and a parent of its own, and another below that."""
    away = "setsid sh -c 'trap \"\" TERM HUP; setsid sh -c \"trap \\\"\\\" TERM HUP; while [ forked-twice ]; do sleep 1; done\" & while [ forked-once ]; do sleep 1; done' &"
    shared_agent.register(job(f"forks-{driver}", f"{away} echo up; exec sleep 3600", driver))
    (alloc,) = shared_agent.wait_running(f"forks-{driver}")
    wait_line(shared_agent, alloc, "up\n")

    def away_pids():
        return [pid for pid in harness.all_processes() if re.search(r"while \[ forked-", harness.command_line(pid)) and "drover-shim" not in harness.command_line(pid)]

    for _ in range(500):
        if len(away_pids()) >= 2:
            break
        harness.ask_again_soon()
    pids = away_pids()
    assert len(pids) >= 2
    shared_agent.ok("job", "stop", "-detach", f"forks-{driver}")
    wait_dead(shared_agent, f"forks-{driver}")
    for pid in pids:
        harness.wait_process_end(pid)
    for _ in range(500):
        if not group_of(alloc):
            break
        harness.ask_again_soon()
    assert group_of(alloc) == []


def test_a_task_that_fills_its_memory_is_said_to_have_been_killed_for_it(shared_agent):
    shared_agent.register(job("hungry", "x=a; while :; do x=$x$x; done", kind="batch"))
    alloc = wait_dead(shared_agent, "hungry")
    assert alloc["ClientStatus"] == "failed"
    assert ended(alloc)["Details"]["oom_killed"] == "true" and "OOM Killed" in ended(alloc)["DisplayMessage"]


def test_a_child_of_a_task_that_fills_its_memory(shared_agent):
    """The shell lives on, its child was killed: the task itself decides how it ends."""
    shared_agent.register(job("parent", "sh -c 'x=a; while :; do x=$x$x; done'; echo child $?; exit 3", kind="batch"))
    alloc = wait_dead(shared_agent, "parent")
    assert shared_agent.http("GET", f"/v1/client/fs/logs/{alloc['ID']}?task=t&type=stdout&plain=true").text == "child 137\n"
    assert ended(alloc)["ExitCode"] == 3 and ended(alloc)["Details"]["oom_killed"] == "true"


def test_a_hundred_megabytes_of_log_at_once(shared_agent):
    """All of it goes through; what is kept is the end of it, without a gap, in files of the size and number that the job says."""
    lines = 100 * 1024 * 1024 // 64
    shared_agent.register(job("talks", f"seq -f 'line %058.0f' 1 {lines}; echo the end >&2", kind="batch", LogConfig={"MaxFiles": 3, "MaxFileSizeMB": 10},
                              Resources={"CPU": 10, "MemoryMB": 64}))
    alloc = wait_dead(shared_agent, "talks")
    assert alloc["ClientStatus"] == "complete", alloc["TaskStates"]["t"]["Events"]
    folder = os.path.join(shared_agent.data_dir, "alloc", alloc["ID"], "alloc", "logs")
    files = sorted((f for f in os.listdir(folder) if f.startswith("t.stdout.")), key=lambda f: int(f.rsplit(".", 1)[1]))
    assert len(files) == 3 and all(os.path.getsize(os.path.join(folder, f)) == 10 * 1024 * 1024 for f in files[:-1])
    kept = b"".join(open(os.path.join(folder, f), "rb").read() for f in files).split(b"\n")
    numbers = [int(line.split()[1]) for line in kept[1:-1]]
    assert numbers == list(range(lines - len(numbers) + 1, lines + 1))
    assert shared_agent.http("GET", f"/v1/client/fs/logs/{alloc['ID']}?task=t&type=stderr&plain=true").text == "the end\n"
    assert shared_agent.http("GET", f"/v1/client/fs/logs/{alloc['ID']}?task=t&type=stdout&plain=true&origin=end&offset=64").text == f"line {lines:058d}\n"

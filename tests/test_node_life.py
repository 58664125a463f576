"""The life of an allocation and of its node, through the whole program: the order of a group's tasks, how they are told to end, what the node keeps of those that
ended, and what it does when it is told to leave or to read its configuration again."""
import os
import signal
import time

import pytest

import fleet
import harness

SECOND = 1_000_000_000


def job(ident, tasks, kind="service", **group):
    return {"ID": ident, "Name": ident, "Type": kind, "Datacenters": ["dc1"], "TaskGroups": [
        {"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 150}, "RestartPolicy": {"Attempts": 0, "Mode": "fail", "Interval": 60 * SECOND, "Delay": 1},
         **({} if kind == "system" else {"ReschedulePolicy": {"Attempts": 0, "Unlimited": False}}), **({"Update": {"MaxParallel": 0}} if kind == "service" else {}),
         "Tasks": tasks, **group}]}


def task(name, script, **more):
    return {"Name": name, "Driver": "raw_exec", "Config": {"command": "/bin/sh", "args": ["-c", script]}, "Resources": {"CPU": 10, "MemoryMB": 32},
            "KillTimeout": 20 * SECOND, **more}


def says(word, then=""):
    return f'echo {word} >> "$NOMAD_ALLOC_DIR/data/order"; {then}'


# Until its signal, which it notes.
def stays(word):
    return says(word, f"trap '{says(word + '-ended', 'exit 0')}' INT TERM; " + says(word + "-ready", "while true; do sleep 1 & wait $!; done"))


def order(agent, alloc):
    try:
        with open(os.path.join(agent.data_dir, "alloc", alloc["ID"], "alloc", "data", "order")) as file:
            return file.read().split()
    except OSError:
        return []


def wait_order(agent, alloc, *words):
    for _ in range(3000):
        seen = order(agent, alloc)
        if set(words) <= set(seen):
            return seen
        harness.ask_again_soon()
    raise AssertionError(f"{words} never came: {order(agent, alloc)}\n{agent.log()[-3000:]}")


def events(alloc, name="t"):
    return [e["DisplayMessage"] for e in alloc["TaskStates"][name]["Events"]]


def wait_ended(agent, ident):
    (alloc,) = agent.wait_allocs(ident, lambda allocs: allocs and allocs[0]["ClientStatus"] in ("complete", "failed"), f"{ident} has ended")
    return agent.get(f"/v1/allocation/{alloc['ID']}")


def placed(agent, ident):
    (alloc,) = agent.wait_allocs(ident, lambda allocs: allocs, f"{ident} is placed")
    return alloc


def test_tasks_begin_and_end_in_their_order(shared_agent):
    hook = lambda when, sidecar=False: {"Hook": when, "Sidecar": sidecar}  # noqa: E731
    shared_agent.register(job("hooks", [
        task("poststop", says("poststop"), Lifecycle=hook("poststop")),
        task("main", stays("main"), Leader=True),
        task("second", stays("second")),
        task("after", says("after"), Lifecycle=hook("poststart")),
        task("side", stays("side"), Lifecycle=hook("prestart", True)),
        task("first", says("first"), Lifecycle=hook("prestart")),
    ]))
    alloc = placed(shared_agent, "hooks")
    seen = wait_order(shared_agent, alloc, "main-ready", "second-ready", "side-ready", "after")
    assert "poststop" not in seen
    alloc = shared_agent.wait(f"/v1/allocation/{alloc['ID']}", lambda a: a["ClientStatus"] == "running" and all(
        a["TaskStates"][t]["State"] == "dead" and not a["TaskStates"][t]["Failed"] for t in ("first", "after")), "what goes before and after is done")
    times = {name: {e["Type"]: e["Time"] for e in state["Events"]} for name, state in alloc["TaskStates"].items()}
    for main in ("main", "second"):
        assert max(times["first"]["Terminated"], times["side"]["Started"]) <= times[main]["Started"] <= times["after"]["Started"], times
    shared_agent.ok("job", "stop", "-detach", "hooks")
    alloc = wait_ended(shared_agent, "hooks")
    assert alloc["ClientStatus"] == "complete"
    # The leader ends before the others are told to, and what comes after all comes last.
    seen = order(shared_agent, alloc)
    assert seen.index("main-ended") < seen.index("second-ended") and seen[-1] == "poststop" and "side-ended" in seen


def test_the_end_of_a_leader_ends_the_others(shared_agent):
    shared_agent.register(job("led", [task("main", says("main") + f"while ! grep -q helper-ready {'$NOMAD_ALLOC_DIR'}/data/order; do sleep 0.1; done", Leader=True),
                                      task("helper", stays("helper"))], kind="batch"))
    alloc = wait_ended(shared_agent, "led")
    assert alloc["ClientStatus"] == "complete" and order(shared_agent, alloc)[-1] == "helper-ended"
    assert "Leader Task in Group dead" in events(alloc, "helper")


def test_what_goes_before_fails(shared_agent):
    shared_agent.register(job("unready", [task("first", says("first", "exit 3"), Lifecycle={"Hook": "prestart", "Sidecar": False}), task("main", says("main"))], kind="batch"))
    alloc = wait_ended(shared_agent, "unready")
    assert alloc["ClientStatus"] == "failed" and order(shared_agent, alloc) == ["first"]
    assert any("Exit Code: 3" in text for text in events(alloc, "first"))


def test_a_delay_before_the_signal_of_its_choice(shared_agent):
    script = "trap 'echo usr1; exit 0' USR1; trap 'echo wrong; exit 1' INT TERM; " + says("ready", "while true; do sleep 1 & wait $!; done")
    shared_agent.register(job("polite", [task("t", script, KillSignal="SIGUSR1", ShutdownDelay=1 * SECOND)]))
    alloc = placed(shared_agent, "polite")
    wait_order(shared_agent, alloc, "ready")
    shared_agent.ok("job", "stop", "-detach", "polite")
    alloc = wait_ended(shared_agent, "polite")
    said = events(alloc)
    assert "Waiting for shutdown_delay of 1s before killing the task." in said and "Exit Code: 0" in said, said
    times = {e["Type"]: e["Time"] for e in alloc["TaskStates"]["t"]["Events"]}
    assert times["Terminated"] - times["Waiting for shutdown delay"] >= SECOND
    assert shared_agent.http("GET", f"/v1/client/fs/logs/{alloc['ID']}?task=t&type=stdout&plain=true").text == "usr1\n"


def with_client(agent, old, new):
    """Another value in the client block that the harness writes."""
    with open(agent.config_path) as file:
        text = file.read()
    assert old in text
    with open(agent.config_path, "w") as file:
        file.write(text.replace(old, new))
    return agent


def kept(agent):
    folder = os.path.join(agent.data_dir, "alloc")
    return set(os.listdir(folder)) if os.path.isdir(folder) else set()


def wait_kept(agent, wanted):
    for _ in range(3000):
        if kept(agent) == wanted:
            return
        harness.ask_again_soon()
    raise AssertionError(f"kept are {kept(agent)}, not {wanted}\n{agent.log()[-3000:]}")


def run_brief(agent, *idents):
    """Ended allocations, in this order."""
    out = []
    for ident in idents:
        agent.register(job(ident, [task("t", "true")], kind="batch"))
        out.append(wait_ended(agent, ident)["ID"])
    return out


def test_the_newest_are_kept(make_agent):
    agent = make_agent(client="  gc_max_allocs = 2\n  gc_interval   = \"1s\"\n").start()
    brief = run_brief(agent, "one", "two", "three", "four")
    wait_kept(agent, set(brief[2:]))
    # One that runs is none of those that go, however many there are.
    agent.register(job("runs", [task("t", "exec sleep 3600")]))
    (alloc,) = agent.wait_running("runs")
    more = run_brief(agent, "five", "six")
    wait_kept(agent, {alloc["ID"], more[-1]})
    agent.kill()
    agent.start()
    wait_kept(agent, {alloc["ID"], more[-1]})
    assert agent.wait_running("runs")[0]["ID"] == alloc["ID"]


@pytest.mark.parametrize("limit", ["gc_disk_usage_threshold", "gc_inode_usage_threshold"])
def test_a_full_disk_keeps_nothing(make_agent, limit):
    agent = make_agent(client='  gc_interval = "1s"\n')
    old = next(line for line in open(agent.config_path) if line.strip().startswith(limit))
    with_client(agent, old, f"  {limit} = 0.001\n").start()
    agent.register(job("runs", [task("t", "exec sleep 3600")]))
    (alloc,) = agent.wait_running("runs")
    run_brief(agent, "one", "two")
    wait_kept(agent, {alloc["ID"]})


@pytest.mark.parametrize("how, key, drain", [(signal.SIGTERM, "leave_on_terminate", 'deadline = "30s"'), (signal.SIGINT, "leave_on_interrupt", "force = true\n    ignore_system_jobs = true")],
                         ids=["terminate", "interrupt"])
def test_an_agent_that_leaves_moves_its_work_first(request, tmp_path, how, key, drain):
    site = fleet.Fleet(str(tmp_path), {"leaves": f"  drain_on_shutdown {{\n    {drain}\n  }}\n", "stays": ""})
    request.node.agents = site.agents
    leaves, stays_here = site.nodes["leaves"], site.nodes["stays"]
    with open(leaves.config_path, "a") as file:
        file.write(f"{key} = true\n")
    try:
        site.start()
        site.server.ok("node", "eligibility", "-disable", stays_here.id)
        site.server.register(job("moves", [task("t", stays("moves"))]))
        site.server.register(job("everywhere", [task("t", stays("everywhere"))], kind="system"))
        (alloc,) = site.server.wait_running("moves")
        (beside,) = site.server.wait_running("everywhere")
        assert alloc["NodeName"] == beside["NodeName"] == "leaves"
        wait_order(leaves, alloc, "moves-ready")
        wait_order(leaves, beside, "everywhere-ready")
        site.server.ok("node", "eligibility", "-enable", stays_here.id)
        # It ends by itself once its work has ended, and has said so.
        leaves.process.send_signal(how)
        assert leaves.process.wait(harness.DEADLINE) == 0
        assert site.server.get(f"/v1/allocation/{alloc['ID']}")["ClientStatus"] == "complete"
        assert order(leaves, alloc)[-1] == "moves-ended"
        ignored = "ignore_system_jobs" in drain
        assert ("everywhere-ended" not in order(leaves, beside)) == ignored
        (fresh,) = site.server.wait_running("moves")
        assert fresh["NodeName"] == "stays"
        # Without the block an agent only goes away, and its tasks run on.
        wait_order(stays_here, fresh, "moves-ready")
        stays_here.stop()
        assert "moves-ended" not in order(stays_here, fresh)
        stays_here.start()
        assert site.server.wait_running("moves")[0]["ID"] == fresh["ID"]
        # What was left to run ends with the rest.
        leaves.start()
    finally:
        site.close()


def test_hangup_reads_the_configuration_again(make_agent):
    agent = make_agent(log_level="WARN").start()
    assert "[DEBUG]" not in agent.log()
    with_client(agent, 'log_level = "WARN"', 'log_level = "DEBUG"')
    agent.process.send_signal(signal.SIGHUP)
    agent.register(job("seen", [task("t", "true")], kind="batch"))
    wait_ended(agent, "seen")
    end = time.monotonic() + harness.DEADLINE
    while "[DEBUG]" not in agent.log() and time.monotonic() < end:
        agent.get("/v1/jobs")
        harness.ask_again_soon()
    assert "[DEBUG]" in agent.log()
    assert agent.get("/v1/agent/self")["config"]["LogLevel"] == "DEBUG"
    # What is wrong is said, and changes nothing.
    with open(agent.config_path, "a") as file:
        file.write("log_level = \n")
    agent.process.send_signal(signal.SIGHUP)
    agent.wait_log(r"\[ERROR\].*(reload|configuration)")


def test_a_task_gets_the_memory_and_the_processors_it_asked_for(shared_agent):
    if os.geteuid() != 0 or not shared_agent.get(f"/v1/node/{shared_agent.get('/v1/nodes')[0]['ID']}")["Drivers"]["exec"]["Healthy"]:
        pytest.skip("needs the exec driver")
    shared_agent.http("PUT", "/v1/operator/scheduler/configuration", {"MemoryOversubscriptionEnabled": True})
    work = task("t", "exec sleep 3600", Driver="exec", Config={"command": "/bin/sleep", "args": ["3600"]}, Resources={"Cores": 1, "MemoryMB": 32, "MemoryMaxMB": 48})
    shared_agent.register(job("sized", [work]))
    (alloc,) = shared_agent.wait_running("sized")
    cores = shared_agent.get(f"/v1/allocation/{alloc['ID']}")["AllocatedResources"]["Tasks"]["t"]["Cpu"]["ReservedCores"]
    groups = [d for d, _, _ in os.walk("/sys/fs/cgroup") if alloc["ID"] in os.path.basename(d)]

    def values(*names):
        out = []
        for group in groups:
            for name in names:
                if os.path.exists(os.path.join(group, name)):
                    with open(os.path.join(group, name)) as file:
                        out.append(file.read().strip())
        return out

    assert str(48 << 20) in values("memory.max", "memory.limit_in_bytes"), groups
    assert str(cores[0]) in values("cpuset.cpus"), groups


def test_limits_of_the_node(make_agent):
    parent = f"dparent{os.getpid()}.slice"
    agent = make_agent(client=f'  max_kill_timeout = "1s"\n  cgroup_parent    = "{parent}"\n').start()
    agent.register(job("stubborn", [task("t", "trap : INT TERM; " + says("ready", "while true; do sleep 1 & wait $!; done"), KillTimeout=3600 * SECOND)]))
    alloc = placed(agent, "stubborn")
    wait_order(agent, alloc, "ready")
    if os.geteuid() == 0:
        groups = [d for d, _, _ in os.walk("/sys/fs/cgroup") if alloc["ID"] in os.path.basename(d)]
        assert groups and all(f"/{parent}/" in d or f"/{parent.removesuffix('.slice')}" in d for d in groups), groups
    agent.ok("job", "stop", "-detach", "stubborn")
    alloc = wait_ended(agent, "stubborn")
    assert any("Signal: 9" in text for text in events(alloc)), events(alloc)
    assert "Sent interrupt. Waiting 1s before force killing" in events(alloc)

"""The agent dies at every step of a task's start and end (docs/internals/kill_points.md): the next one carries on, the task runs once, its log is whole."""
import contextlib
import http.client
import os
import subprocess

import pytest

import fleet
import harness

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the exec driver does")

# What the task writes down: one line a start.
SCRIPT = ('echo start >> "$NOMAD_ALLOC_DIR/data/starts"; echo begun; trap "%s" INT TERM; echo ready >> "$NOMAD_ALLOC_DIR/data/starts";'
          ' while [ kill-point ]; do sleep 1 & wait $!; done')
POLITE, STUBBORN = SCRIPT % "echo ended; exit 0", SCRIPT % ":"

STARTS = ["alloc_stored", "alloc_hook_done:alloc_dir", "alloc_hook_done:network", "task_received", "hook_begins:validate", "hook_done:validate",
          "hook_begins:task_dir", "hook_done:task_dir", "hook_done:template", "driver_starts", "cgroup_made", "driver_started", "start_stored"]
ENDS = ["stop_told", "stop_signalled", "exit_seen", "exit_stored", "task_ends", "end_stored", "supervisor_gone", "tasks_done", "network_released"]
REMOVALS = ["alloc_destroying", "alloc_destroyed"]


@pytest.fixture(scope="module")
def agent(request, tmp_path_factory):
    made = harness.Agent(tmp_path_factory.mktemp("points"))
    request.module.agents_of_module = [made]
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def ended(agent):
    """Each test starts the agent as it wants it."""
    yield
    agent.environment = {}
    if agent.process.poll() is not None:
        agent.start()
    agent.stop_jobs()
    agent.stop()


def start_until(agent, point):
    agent.environment = {"DROVER_KILL_POINT": point}
    agent.start()


def restart_after_death(agent, point):
    """It must die by itself, at that point."""
    try:
        assert agent.process.wait(harness.DEADLINE) == -9
    except subprocess.TimeoutExpired:
        raise AssertionError(f"the agent never came to {point}\n{agent.log()[-3000:]}") from None
    agent.environment = {}
    agent.start()


def job(ident, driver, script=POLITE, kill_timeout=20):
    return {"ID": ident, "Name": ident, "Type": "service", "Datacenters": ["dc1"], "TaskGroups": [
        {"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 150}, "Update": {"MaxParallel": 0}, "Networks": [{"Mode": "none"}] if driver == "exec" else [],
         "RestartPolicy": {"Attempts": 0, "Mode": "fail", "Interval": 60_000_000_000, "Delay": 1}, "ReschedulePolicy": {"Attempts": 0, "Unlimited": False},
         "Tasks": [{"Name": "t", "Driver": driver, "Config": {"command": "/bin/sh", "args": ["-c", script]}, "Resources": {"CPU": 10, "MemoryMB": 32},
                    "KillTimeout": kill_timeout * 1_000_000_000}]}]}


def data(agent, alloc):
    return os.path.join(agent.data_dir, "alloc", alloc["ID"], "alloc", "data", "starts")


def wait_ready(agent, alloc):
    """Until the task has said that it is there, and heeds signals."""
    for _ in range(3000):
        if os.path.exists(data(agent, alloc)) and open(data(agent, alloc)).read().endswith("ready\n"):
            return
        harness.ask_again_soon()
    raise AssertionError(f"the task never came up\n{agent.log()[-3000:]}")


def log_of(agent, alloc):
    return agent.http("GET", f"/v1/client/fs/logs/{alloc['ID']}?task=t&type=stdout&plain=true").text


def supervisors(agent):
    return [pid for pid in harness.processes_below(agent.folder) if harness.command_line(pid).startswith("drover-shim")]


def shells(agent):
    """The tasks' own processes: with a root of their own they are found by who started them."""
    mine = set(supervisors(agent))
    return [pid for pid in harness.all_processes() if "kill-point" in harness.command_line(pid) and (harness.status_of(pid) or {}).get("PPid", "").isdigit() and
            harness.parent_of(pid) in mine]


def runs_once(agent, alloc):
    wait_ready(agent, alloc)
    assert open(data(agent, alloc)).read() == "start\nready\n"
    assert log_of(agent, alloc) == "begun\n"
    assert len(supervisors(agent)) == 1 and len(shells(agent)) == 1
    state = agent.get(f"/v1/allocation/{alloc['ID']}")["TaskStates"]["t"]
    assert state["State"] == "running" and state["Restarts"] == 0 and not state["Failed"]


def nothing_is_left(agent, alloc):
    agent.http("PUT", "/v1/system/gc")
    path = os.path.join(agent.data_dir, "alloc", alloc["ID"])
    for _ in range(3000):
        if not os.path.exists(path) and not supervisors(agent):
            break
        harness.ask_again_soon()
    assert not os.path.exists(path) and not shells(agent) and not supervisors(agent), agent.log()[-3000:]
    assert [m for m in harness.mounts_below(agent.folder) if alloc["ID"] in m] == []
    assert [d for d, _, _ in os.walk("/sys/fs/cgroup") if alloc["ID"] in d] == []


@pytest.mark.parametrize("driver, point", [*(("exec", p) for p in STARTS), ("raw_exec", "cgroup_made"), ("raw_exec", "driver_started")])
def test_killed_while_a_task_starts(agent, driver, point):
    ident = f"start-{driver}-{point.replace(':', '-')}"
    start_until(agent, point)
    agent.register(job(ident, driver))
    restart_after_death(agent, point)
    (alloc,) = agent.wait_running(ident)
    runs_once(agent, alloc)
    agent.ok("job", "stop", "-detach", "-purge", ident)
    agent.wait(f"/v1/allocation/{alloc['ID']}", lambda a: a["ClientStatus"] == "complete", "it has ended")
    nothing_is_left(agent, alloc)


def test_a_task_that_ended_before_anybody_knew_that_it_ran(agent, tmp_path):
    start_until(agent, "driver_started")
    wanted = job("brief", "raw_exec", f'echo begun; echo once >> {tmp_path}/runs; exit 0')
    wanted["Type"] = "batch"
    wanted["TaskGroups"][0].pop("Update")
    agent.register(wanted)
    restart_after_death(agent, "driver_started")
    (alloc,) = agent.wait_allocs("brief", lambda allocs: allocs and allocs[0]["ClientStatus"] == "complete", "it is complete")
    assert (tmp_path / "runs").read_text() == "once\n" and log_of(agent, alloc) == "begun\n"
    agent.ok("job", "stop", "-detach", "-purge", "brief")
    nothing_is_left(agent, alloc)


def test_a_task_that_nobody_knew_and_nobody_wants_any_more(request, tmp_path):
    """The servers stop it while its node is away: the node ends what it finds."""
    site = fleet.Fleet(str(tmp_path), {"away": ""})
    request.node.agents = site.agents
    try:
        site.server.launch().wait_started()
        node = site.nodes["away"]
        node.environment = {"DROVER_KILL_POINT": "driver_started"}
        node.start()
        site.server.register(job("unwanted", "raw_exec"))
        (alloc,) = site.server.wait_allocs("unwanted", lambda allocs: allocs, "it is placed")
        assert node.process.wait(harness.DEADLINE) == -9
        wait_ready(node, alloc)
        site.server.ok("job", "stop", "-detach", "unwanted")
        site.server.wait_allocs("unwanted", lambda allocs: allocs[0]["DesiredStatus"] == "stop", "it is to stop")
        assert len(shells(node)) == 1
        node.environment = {}
        node.start()
        site.server.wait_allocs("unwanted", lambda allocs: allocs[0]["ClientStatus"] in ("complete", "failed"), "it has ended")
        assert open(data(node, alloc)).read() == "start\nready\n"
        for _ in range(3000):
            if not supervisors(node):
                break
            harness.ask_again_soon()
        assert not supervisors(node) and not shells(node), node.log()[-3000:]
    finally:
        site.close()


def end(agent, point, driver, script, kill_timeout=20):
    ident = f"end-{driver}-{point}"
    start_until(agent, point)
    agent.register(job(ident, driver, script, kill_timeout))
    (alloc,) = agent.wait_running(ident)
    wait_ready(agent, alloc)
    agent.ok("job", "stop", "-detach", ident)
    restart_after_death(agent, point)
    agent.wait(f"/v1/allocation/{alloc['ID']}", lambda a: a["ClientStatus"] == "complete" and a["TaskStates"]["t"]["State"] == "dead", "it has ended")
    assert open(data(agent, alloc)).read() == "start\nready\n", "it was started again"
    text = log_of(agent, alloc)
    agent.ok("job", "stop", "-detach", "-purge", ident)
    nothing_is_left(agent, alloc)
    return text


@pytest.mark.parametrize("driver, point", [*(("exec", p) for p in ENDS), ("raw_exec", "stop_signalled"), ("raw_exec", "exit_seen")])
def test_killed_while_a_task_ends(agent, driver, point):
    assert end(agent, point, driver, POLITE) == "begun\nended\n"


def test_killed_when_a_task_did_not_heed_its_signal(agent):
    assert end(agent, "killed", "exec", STUBBORN, kill_timeout=1) == "begun\n"


@pytest.mark.parametrize("point", REMOVALS)
def test_killed_while_an_allocation_is_removed(agent, point):
    ident = f"removed-{point}"
    start_until(agent, point)
    agent.register(job(ident, "exec"))
    (alloc,) = agent.wait_running(ident)
    wait_ready(agent, alloc)
    agent.ok("job", "stop", "-detach", "-purge", ident)
    agent.wait(f"/v1/allocation/{alloc['ID']}", lambda a: a["ClientStatus"] == "complete", "it has ended")
    # The agent that is to die is the one that answers.
    with contextlib.suppress(OSError, http.client.HTTPException):
        agent.http("PUT", "/v1/system/gc")
    restart_after_death(agent, point)
    nothing_is_left(agent, alloc)

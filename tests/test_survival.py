"""What must survive: a killed agent, a killed supervisor, a torn log, a full disk, a directory that cannot be read."""
import glob
import os
import shutil
import signal
import struct
import subprocess

import pytest

import harness
from harness import Redis, all_processes, alloc_port, command_line, idle_job, parent_of, status_of, wait_process_end

REDIS = os.path.join(harness.JOBS, "redis.nomad.hcl")


def start_redis(agent, driver="raw_exec"):
    agent.ok("job", "run", "-var", f"driver={driver}", REDIS)
    (alloc,) = agent.wait_running("cache")
    redis = Redis(alloc_port(agent.get(f"/v1/allocation/{alloc['ID']}")))
    # In a namespace of its own (exec) a process knows another number of itself.
    redis.host_pid = next(pid for pid in all_processes() if f"redis-server 127.0.0.1:{redis.port}" in command_line(pid))
    return alloc["ID"], redis


def ids(agent, path):
    return {row["ID"]: (row["CreateIndex"], row.get("Version"), row.get("JobVersion")) for row in agent.get(path)}


@pytest.mark.parametrize("driver", ["raw_exec", "exec"])
def test_agent_killed(make_agent, driver):
    agent = make_agent().start()
    ident, redis = start_redis(agent, driver)
    redis.command("SET", "survives", "yes")
    pid = redis.pid()
    before = {path: ids(agent, path) for path in ("/v1/jobs", "/v1/allocations", "/v1/evaluations", "/v1/deployments", "/v1/nodes")}
    started = agent.get(f"/v1/allocation/{ident}")["TaskStates"]["redis"]

    agent.kill()
    # While nobody watches: the same process, the same connection, and its output is written down.
    assert redis.command("GET", "survives") == "yes"
    redis.command("EVAL", "redis.log(redis.LOG_WARNING, 'said-while-the-agent-was-dead')", 0)

    agent.start()
    (alloc,) = agent.wait_running("cache")
    assert alloc["ID"] == ident
    after = agent.get(f"/v1/allocation/{ident}")["TaskStates"]["redis"]
    assert after["State"] == "running" and after["Restarts"] == 0
    assert after["StartedAt"] == started["StartedAt"]
    assert [e["Type"] for e in after["Events"]].count("Started") == 1
    for path, rows in before.items():
        missing = {i for i in rows if i not in ids(agent, path)}
        assert not missing, f"{path} lost {missing}"
    assert ids(agent, "/v1/allocations") == before["/v1/allocations"], "nothing new was placed"

    assert redis.pid() == pid
    assert redis.command("GET", "survives") == "yes"
    with agent.follow("alloc", "logs", "-f", ident) as logs:
        logs.read_until("said-while-the-agent-was-dead")
        redis.command("EVAL", "redis.log(redis.LOG_WARNING, 'said-to-the-next-agent')", 0)
        logs.read_until("said-to-the-next-agent")
    # The agent that found it can also end it.
    agent.ok("job", "stop", "cache")
    wait_process_end(redis.host_pid)


def test_killed_again_and_again(make_agent):
    agent = make_agent().start()
    ident, redis = start_redis(agent)
    pid = redis.pid()
    for _ in range(3):
        agent.kill()
        agent.start()
    (alloc,) = agent.wait_running("cache")
    assert alloc["ID"] == ident and redis.pid() == pid


def test_task_that_ended_while_the_agent_was_dead(make_agent):
    agent = make_agent().start()
    ident, redis = start_redis(agent)
    pid = redis.pid()
    agent.kill()
    os.kill(pid, signal.SIGKILL)
    wait_process_end(pid)
    agent.start()
    agent.wait(f"/v1/allocation/{ident}", lambda a: a["TaskStates"]["redis"]["Restarts"] == 1 and a["TaskStates"]["redis"]["State"] == "running",
               "the task was restarted by its policy")
    assert Redis(alloc_port(agent.get(f"/v1/allocation/{ident}"))).pid() != pid


def test_supervisor_killed(make_agent):
    agent = make_agent().start()
    ident, redis = start_redis(agent)
    pid = redis.pid()
    supervisor = parent_of(pid)
    assert supervisor != agent.process.pid, "a task's parent is its own small supervisor"
    os.kill(supervisor, signal.SIGKILL)
    # Its task must not run twice: the old one ends before the new one starts.
    wait_process_end(pid)
    agent.wait(f"/v1/allocation/{ident}", lambda a: a["TaskStates"]["redis"]["Restarts"] == 1 and a["TaskStates"]["redis"]["State"] == "running",
               "the task was restarted by its policy")
    fresh = Redis(alloc_port(agent.get(f"/v1/allocation/{ident}")))
    assert fresh.command("PING") == "PONG" and fresh.pid() != pid


def raft_files(agent):
    """The log's segments, the newest last."""
    found = [p for p in glob.glob(os.path.join(agent.data_dir, "**", "*"), recursive=True) if os.path.isfile(p) and "raft" in p[len(agent.data_dir):]]
    segments = [p for p in found if os.path.basename(p).startswith("open-") or os.path.basename(p).replace("-", "").isdigit()]
    assert segments, f"no log segments among {found}"
    return sorted(segments, key=os.path.getmtime)


def end_of_log(data):
    """Where the next batch of entries would begin: see src/raft/segment.h."""
    at = 8
    while True:
        entries = struct.unpack_from("<Q", data, at + 8)[0]
        if entries == 0:
            return at
        sizes = [struct.unpack_from("<I", data, at + 16 + 16 * n + 12)[0] for n in range(entries)]
        at += 16 + 16 * entries + sum(sizes)


def test_torn_last_log_entry(make_agent):
    """A crash in the middle of a write: what was acknowledged before it is there, the torn batch is not, and the next write works."""
    agent = make_agent().start()
    agent.register(idle_job("before"))
    jobs = ids(agent, "/v1/jobs")
    agent.kill()
    newest = raft_files(agent)[-1]
    with open(newest, "r+b") as file:
        file.seek(end_of_log(file.read()))
        # The beginning of a batch of 200 entries, whose further blocks never reached the disk.
        file.write(struct.pack("<IIQ", 0x12345678, 0x12345678, 200) + struct.pack("<QBBHI", 1, 1, 0, 0, 64) * 3)
    agent.start()
    assert ids(agent, "/v1/jobs") == jobs
    agent.register(idle_job("after"))
    assert set(ids(agent, "/v1/jobs")) == {"before", "after"}


def test_damaged_log_is_refused(make_agent):
    """Damage in the middle is not a crash's trace: no silent loss, the agent says where."""
    agent = make_agent().start()
    for number in range(3):
        agent.register(idle_job(f"job-{number}"))
    agent.stop()
    segments = raft_files(agent)
    closed = [s for s in segments if not os.path.basename(s).startswith("open-")]
    damaged = (closed or segments)[0]
    with open(damaged, "r+b") as file:
        size = os.path.getsize(damaged)
        file.seek(size // 2)
        byte = file.read(1)
        file.seek(size // 2)
        file.write(bytes([byte[0] ^ 0xFF]))
    agent.launch()
    assert agent.wait_ended() != 0
    assert os.path.basename(damaged) in agent.log() or "raft" in agent.log(), agent.log()


def test_data_directory_that_cannot_be_used(make_agent):
    agent = make_agent()
    with open(agent.data_dir, "w") as file:
        file.write("not a directory")
    agent.launch()
    assert agent.wait_ended() == 1
    assert agent.data_dir in agent.log() and "data_dir" in agent.log()


def test_data_directory_on_a_read_only_file_system(make_agent):
    agent = make_agent()
    os.makedirs(agent.data_dir)
    assert mount_tmpfs(agent.data_dir, "size=16m,ro"), "this test mounts a small disk, which needs root, as the exec driver does"
    try:
        agent.launch()
        assert agent.wait_ended() == 1
        assert "data_dir" in agent.log() and "Read-only" in agent.log()
    finally:
        subprocess.run(["umount", agent.data_dir], check=True)


def mount_tmpfs(path, options):
    """Needs root; without it this machine cannot make such a disk."""
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True).returncode == 0


def test_full_disk(make_agent):
    """Writes are refused with a reason while the disk is full, nothing acknowledged is lost, and the next start works again."""
    agent = make_agent()
    os.makedirs(agent.data_dir)
    assert mount_tmpfs(agent.data_dir, "size=64m"), "this test mounts a small disk, which needs root, as the exec driver does"
    try:
        agent.start()
        agent.ok("job", "run", "-detach", os.path.join(harness.EXAMPLES, "sleep.nomad.hcl"))
        filler = os.path.join(agent.data_dir, "filler")
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass
        accepted = {"sleep"}
        refused = None
        for number in range(400):
            name = f"big-{number}"
            try:
                answer = agent.http("PUT", "/v1/jobs", {"Job": {**idle_job(name), "Meta": {"weight": "x" * 200_000}}})
            except OSError:
                refused = "the connection was dropped"
                break
            if answer.status != 200:
                refused = answer.text
                break
            accepted.add(name)
        assert refused, "64 MB took 80 MB of jobs"
        if agent.process.poll() is None:
            agent.kill()
        assert "space" in agent.log() or "space" in refused, refused
        os.remove(filler)
        # What an interrupted write left is cleaned up, what was acknowledged is there.
        subprocess.run(["mount", "-o", "remount,size=256m", agent.data_dir], check=True)
        agent.start()
        assert accepted <= set(ids(agent, "/v1/jobs"))
        agent.register(idle_job("after"))
    finally:
        agent.close()
        subprocess.run(["umount", "-l", agent.data_dir], check=True)


def test_second_agent_on_the_same_port(make_agent):
    """The second one says which port and changes nothing of the first."""
    agent = make_agent().start()
    second = make_agent()
    shutil.copy(agent.config_path, second.config_path)
    with open(second.config_path) as file:
        text = file.read().replace(agent.data_dir, second.data_dir)
    with open(second.config_path, "w") as file:
        file.write(text)
    second.launch()
    assert second.wait_ended() == 1
    assert f"127.0.0.1:{agent.port}" in second.log()
    assert status_of(agent.process.pid) and agent.get("/v1/status/leader")

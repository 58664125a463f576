"""The docker driver against a dockerd of its own: images, ports, logs, exec, signals, limits; agents and dockerd that die under running tasks."""
import os
import re
import signal

import pytest

import dockerd
import harness

pytestmark = pytest.mark.skipif(not dockerd.usable(), reason="needs root, dockerd and busybox")


@pytest.fixture(scope="module")
def docker(tmp_path_factory):
    made = dockerd.Dockerd(tmp_path_factory.mktemp("dk"), "--live-restore")
    try:
        made.start()
        made.busybox()
        made.redis()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def agent(request, tmp_path_factory, docker):
    made = harness.Agent(tmp_path_factory.mktemp("docker-agent"), config=dockerd.agent_config(docker, 'gc { image = false }'))
    request.module.agents_of_module = [made]
    try:
        made.start()
        wait_driver(made, lambda info: info["Healthy"])
        yield made
    finally:
        made.close()


def wait_driver(agent, condition, name="docker"):
    ident = agent.get("/v1/nodes")[0]["ID"]
    return agent.wait(f"/v1/node/{ident}", lambda node: condition(node["Drivers"][name]), f"the {name} driver changes")


def task(config, name="t", **fields):
    return {"Name": name, "Driver": "docker", "Config": {"image": "busybox:1", **config}, "Resources": {"CPU": 50, "MemoryMB": 32}, "KillTimeout": 3_000_000_000,
            **fields}


def job(ident, *tasks, kind="service", group=None):
    return {"ID": ident, "Name": ident, "Type": kind, "Datacenters": ["dc1"], "TaskGroups": [
        {"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 300}, "RestartPolicy": {"Attempts": 0, "Mode": "fail", "Interval": 60_000_000_000, "Delay": 1},
         "ReschedulePolicy": {"Attempts": 0, "Unlimited": False}, "Tasks": list(tasks), **(group or {})}]}


def shell(script, name="t", **fields):
    return task({"command": "sh", "args": ["-c", script]}, name, **fields)


def wait_dead(agent, ident):
    (alloc,) = agent.wait_allocs(ident, lambda allocs: allocs and all(a["ClientStatus"] in ("complete", "failed") for a in allocs), f"{ident} has ended")
    return agent.get(f"/v1/allocation/{alloc['ID']}")


def events(alloc, name="t"):
    return alloc["TaskStates"][name]["Events"]


def logs(agent, alloc, name="t", kind="stdout"):
    return agent.http("GET", f"/v1/client/fs/logs/{alloc['ID']}?task={name}&type={kind}&plain=true").text


def wait_line(agent, alloc, line, name="t"):
    with agent.follow("alloc", "logs", "-f", alloc["ID"], name) as follower:
        follower.read_until(line)


def stop(agent, docker, ident):
    agent.ok("job", "stop", "-detach", "-purge", ident)
    agent.wait_allocs(ident, lambda allocs: all(a["ClientStatus"] not in ("running", "pending") for a in allocs), f"{ident} has stopped")


def test_the_node_says_what_docker_is(agent):
    node = agent.get(f"/v1/node/{agent.get('/v1/nodes')[0]['ID']}")
    info = node["Drivers"]["docker"]
    assert info["Detected"] and info["Healthy"] and info["HealthDescription"] == "Healthy"
    assert node["Attributes"]["driver.docker"] == "1"
    assert re.match(r"\d+\.\d+", node["Attributes"]["driver.docker.version"])
    assert node["Attributes"]["driver.docker.bridge_ip"] == "172.30.99.1"
    assert node["Attributes"]["driver.docker.os_type"] == "linux"
    assert "runc" in node["Attributes"]["driver.docker.runtimes"].split(",")


EXAMPLE = """
job "example" {
  group "cache" {
    network {
      port "db" {
        to = 6379
      }
    }
    task "redis" {
      driver = "docker"
      config {
        image          = "redis:7"
        ports          = ["db"]
        auth_soft_fail = true
        labels {
          colour = "green"
        }
      }
      identity {
        env  = true
        file = true
      }
      resources {
        cpu    = 500
        memory = 256
      }
    }
  }
}
"""


def test_the_example_job_serves_redis(agent, docker, tmp_path):
    file = tmp_path / "example.nomad.hcl"
    file.write_text(EXAMPLE)
    agent.ok("job", "run", "-detach", str(file))
    (alloc,) = agent.wait_running("example")
    full = agent.get(f"/v1/allocation/{alloc['ID']}")
    port = full["AllocatedResources"]["Shared"]["Ports"][0]["Value"]
    redis = harness.Redis(port, connect=lambda: docker.connect(port))
    assert redis.command("SET", "colour", "green") == "OK"
    wait_line(agent, alloc, "Ready to accept connections", "redis")
    facts = docker.inspect(dockerd.container_of(alloc, "redis"))
    assert facts["Config"]["Labels"]["com.hashicorp.nomad.alloc_id"] == alloc["ID"] and facts["Config"]["Labels"]["colour"] == "green"
    assert facts["HostConfig"]["Memory"] == 256 * 1024 * 1024 and facts["HostConfig"]["CpuShares"] == 500
    assert "NET_RAW" in {c.upper().removeprefix("CAP_") for c in facts["HostConfig"]["CapDrop"]}
    env = dict(e.split("=", 1) for e in facts["Config"]["Env"])
    assert env["NOMAD_TASK_DIR"] == "/local" and env["NOMAD_ALLOC_ID"] == alloc["ID"] and env["NOMAD_PORT_db"] == "6379"
    assert env["PATH"] == "/usr/bin:/bin" and "HOME" not in env  # of the image, not of this host
    usage = agent.get(f"/v1/client/allocation/{alloc['ID']}/stats")
    assert usage["Tasks"]["redis"]["ResourceUsage"]["MemoryStats"]["Usage"] > 0
    stop(agent, docker, "example")
    docker.wait_gone(lambda c: alloc["ID"] in c["Names"][0])


def test_exit_codes_and_both_streams(agent, docker):
    agent.register(job("fails", shell("echo out; echo err >&2; exit 3"), kind="batch"))
    alloc = wait_dead(agent, "fails")
    assert alloc["ClientStatus"] == "failed"
    ended = [e for e in events(alloc) if e["Type"] == "Terminated"][-1]
    assert ended["DisplayMessage"] == 'Exit Code: 3, Exit Message: "Docker container exited with non-zero exit code: 3"'
    assert logs(agent, alloc) == "out\n" and logs(agent, alloc, kind="stderr") == "err\n"
    agent.register(job("works", shell("cat /local/../etc/hostname; echo $NOMAD_TASK_NAME; ls / | grep -c alloc"), kind="batch"))
    alloc = wait_dead(agent, "works")
    assert alloc["ClientStatus"] == "complete" and logs(agent, alloc).split("\n")[-3:-1] == ["t", "1"]
    docker.wait_gone(lambda c: any(word in c["Names"][0] for word in (alloc["ID"],)))


def test_a_task_that_takes_too_much_memory(agent):
    agent.register(job("hungry", shell("x=a; while true; do x=$x$x; done"), kind="batch"))
    alloc = wait_dead(agent, "hungry")
    ended = [e for e in events(alloc) if e["Type"] == "Terminated"][-1]
    assert ended["Details"]["oom_killed"] == "true" and "OOM Killed" in ended["DisplayMessage"]


def test_exec_in_a_container(agent, docker):
    agent.register(job("shell", shell("sleep 3600")))
    (alloc,) = agent.wait_running("shell")
    done = agent.ok("alloc", "exec", "-i=false", "-t=false", alloc["ID"], "sh", "-c", "echo hello; echo wrong >&2; id -u")
    assert done.out == "hello\n0\n" and done.err == "wrong\n"
    assert agent.run("alloc", "exec", "-i=false", "-t=false", alloc["ID"], "sh", "-c", "exit 7").code == 7
    assert agent.run("alloc", "exec", "-i", "-t=false", alloc["ID"], "cat", stdin="through and back\n").out == "through and back\n"
    # SIGTERM, as docker does: the shell as process 1 ignores it, so it takes the whole kill_timeout.
    stop(agent, docker, "shell")
    docker.wait_gone(lambda c: alloc["ID"] in c["Names"][0])


def test_signals_and_restart(agent, docker):
    agent.register(job("signals", shell("trap 'echo got hup' HUP; trap 'echo bye; exit 0' TERM; echo ready; while true; do sleep 1 & wait; done")))
    (alloc,) = agent.wait_running("signals")
    wait_line(agent, alloc, "ready")
    agent.ok("alloc", "signal", "-s", "SIGHUP", alloc["ID"])
    wait_line(agent, alloc, "got hup")
    first = docker.inspect(dockerd.container_of(alloc, "t"))["Id"]
    agent.ok("alloc", "restart", alloc["ID"])
    agent.wait(f"/v1/allocation/{alloc['ID']}", lambda a: a["TaskStates"]["t"]["Restarts"] == 1 and a["TaskStates"]["t"]["State"] == "running", "it runs again")
    assert docker.inspect(dockerd.container_of(alloc, "t"))["Id"] != first
    wait_line(agent, alloc, "bye\nready")
    stop(agent, docker, "signals")


def test_what_a_task_asks_for(agent, docker):
    config = {"command": "sleep", "args": ["3600"], "hostname": "somewhere", "work_dir": "/tmp", "cap_add": ["kill"], "cap_drop": ["mknod"],
              "ulimit": [{"nofile": "2048:4096"}], "sysctl": [{"net.core.somaxconn": "16384"}], "mount": [{"type": "tmpfs", "target": "/scratch",
              "tmpfs_options": [{"size": 1048576}]}], "volumes": ["local/x:/x"], "extra_hosts": ["other:10.0.0.1"], "init": False, "pids_limit": 50,
              "readonly_rootfs": True, "shm_size": 1048576, "dns_servers": ["10.0.0.53"], "network_mode": "none", "healthchecks": [{"disable": True}],
              "logging": [{"type": "json-file", "config": [{"max-size": "5m"}]}], "group_add": ["7"], "oom_score_adj": 100, "storage_opt": {}}
    agent.register(job("asks", task(config, User="nobody", Env={"A": "b"}, Templates=[{"EmbeddedTmpl": "x", "DestPath": "local/x/y", "ChangeMode": "noop"}])))
    (alloc,) = agent.wait_running("asks")
    facts = docker.inspect(dockerd.container_of(alloc, "t"))
    host, inner = facts["HostConfig"], facts["Config"]
    assert inner["Hostname"] == "somewhere" and inner["WorkingDir"] == "/tmp" and inner["User"] == "nobody" and "A=b" in inner["Env"]
    assert inner["Healthcheck"] == {"Test": ["NONE"]}
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 2048, "Hard": 4096}] and host["Sysctls"] == {"net.core.somaxconn": "16384"}
    assert host["Mounts"][0]["Target"] == "/scratch" and any(b.endswith("/t/local/x:/x") for b in host["Binds"])
    assert host["NetworkMode"] == "none" and host["PidsLimit"] == 50 and host["ReadonlyRootfs"] and host["LogConfig"]["Config"] == {"max-size": "5m"}
    assert agent.ok("alloc", "exec", "-i=false", "-t=false", alloc["ID"], "cat", "/x/y").out == "x"
    stop(agent, docker, "asks")


@pytest.mark.parametrize("config, sentence", [
    ({"imagee": "x"}, 'has no "imagee"; did you mean "image"?'),
    ({"privileged": True}, "Docker privileged mode is disabled on this Nomad agent"),
    ({"volumes": ["/etc:/host"]}, "volumes are not enabled; cannot mount host path"),
    ({"volumes": ["../../../../etc:/host"]}, "volumes are not enabled; cannot mount host path"),
    ({"cap_add": ["sys_admin"]}, "sys_admin not allowed"),
    ({"pid_mode": "host"}, 'cannot apply "pid_mode" configuration'),
    ({"ports": ["nope"]}, 'Port "nope" not found, check network block'),
    ({"ulimit": [{"nofile": "many"}]}, 'must be "SOFT" or "SOFT:HARD"'),
    ({"mount": [{"type": "floppy", "target": "/a"}]}, 'must be "volume", "bind" or "tmpfs"'),
    ({"image": "no such:thing:"}, "is no image name"),
    ({"command": "/no/such/program"}, "no such file or directory"),
])
def test_wrong_configurations_say_what_is_wrong(agent, docker, config, sentence):
    ident = "wrong"
    agent.register(job(ident, task(config), kind="batch"))
    alloc = wait_dead(agent, ident)
    assert alloc["ClientStatus"] == "failed"
    said = " ".join(e["DisplayMessage"] for e in events(alloc))
    assert sentence in said, said
    agent.ok("job", "stop", "-detach", "-purge", ident)
    docker.wait_gone(lambda c: alloc["ID"] in c["Names"][0])


def test_one_pull_for_all_and_who_may_pull(agent, docker):
    registry = dockerd.Registry(docker, {"team/busy:1": docker.busybox_archive()}, password="secret")
    try:
        image = {"image": f"{registry.name}/team/busy:1", "command": "sleep", "args": ["3600"], "auth": [{"username": "user", "password": "secret"}]}
        agent.register(job("pulls", task(image, "one"), task(image, "two")))
        (alloc,) = agent.wait_allocs("pulls", lambda allocs: allocs and all(any(e["DisplayMessage"] == "Downloading image" for e in (s["Events"] or [])) for s in
                                     (allocs[0]["TaskStates"] or {"": {"Events": []}}).values()) and len(allocs[0]["TaskStates"]) == 2, "both wait for the image")
        registry.ready.set()
        agent.wait_running("pulls")
        assert registry.asked == {"manifest": 1, "layer": 1}
        details = [e for e in agent.get(f"/v1/allocation/{alloc['ID']}")["TaskStates"]["one"]["Events"] if e["Type"] == "Driver"]
        assert details[0]["Details"]["image"] == image["image"]
        stop(agent, docker, "pulls")
        agent.register(job("stranger", task({"image": f"{registry.name}/team/busy:1", "force_pull": True}), kind="batch"))
        assert f"Failed to pull `{registry.name}/team/busy:1`" in " ".join(e["DisplayMessage"] for e in events(wait_dead(agent, "stranger")))
        agent.register(job("nothing", task({**image, "image": f"{registry.name}/team/other:1"}), kind="batch"))
        assert "manifest unknown" in " ".join(e["DisplayMessage"] for e in events(wait_dead(agent, "nothing")))
    finally:
        registry.close()


def test_a_registry_that_stalls(agent, docker):
    # A layer that dockerd does not have.
    registry = dockerd.Registry(docker, {"slow:1": dockerd.root_archive(["/bin/busybox"], [("bin/slow", "busybox")])})
    try:
        agent.register(job("stalls", task({"image": f"{registry.name}/slow:1", "image_pull_timeout": "2s"}), kind="batch"))
        said = " ".join(e["DisplayMessage"] for e in events(wait_dead(agent, "stalls")))
        assert f"Failed to pull `{registry.name}/slow:1`" in said and "within 2s (image_pull_timeout)" in said, said
    finally:
        registry.close()


def test_an_image_is_loaded_from_a_file(agent, docker):
    agent.register(job("loads", task({"image": "saved:1", "load": "saved.tar", "command": "echo", "args": ["loaded"]},
                                     Artifacts=[{"GetterSource": save(agent, docker), "RelativeDest": "local/", "GetterOptions": {"archive": "false"}}]), kind="batch"))
    alloc = wait_dead(agent, "loads")
    assert alloc["ClientStatus"] == "complete" and logs(agent, alloc) == "loaded\n", events(alloc)


def save(agent, docker):
    """busybox as `saved:1` in a tarball; afterwards dockerd does not know it any more."""
    assert docker.call("POST", "/images/busybox:1/tag?repo=saved&tag=1")[0] == 201
    status, body = docker.call("GET", "/images/saved:1/get")
    assert status == 200 and docker.call("DELETE", "/images/saved:1")[0] == 200
    path = os.path.join(agent.folder, "saved.tar")
    with open(path, "wb") as file:
        file.write(body)
    return path


def test_output_is_complete_over_the_death_of_the_agent(agent, docker):
    """The lines go on while no agent runs, and none is lost or doubled."""
    agent.register(job("talks", shell("i=0; while [ $i -lt 2000 ]; do echo line $i; echo err $i >&2; i=$((i+1)); [ $((i % 40)) = 0 ] && sleep 0.1; done; echo all; sleep 3600")))
    (alloc,) = agent.wait_running("talks")
    wait_line(agent, alloc, "line 200\n")
    before = docker.inspect(dockerd.container_of(alloc, "t"))
    agent.kill()
    agent.start()
    wait_line(agent, alloc, "all\n")
    after = docker.inspect(dockerd.container_of(alloc, "t"))
    assert after["Id"] == before["Id"] and after["State"]["StartedAt"] == before["State"]["StartedAt"]
    assert logs(agent, alloc) == "".join(f"line {i}\n" for i in range(2000)) + "all\n"
    assert logs(agent, alloc, kind="stderr") == "".join(f"err {i}\n" for i in range(2000))
    stop(agent, docker, "talks")
    docker.wait_gone(lambda c: alloc["ID"] in c["Names"][0])


def test_a_task_that_ends_while_no_agent_runs(agent, docker):
    agent.register(job("ends", shell("while [ ! -e /alloc/end ]; do sleep 0.2; done; echo last words; exit 5"), kind="batch"))
    (alloc,) = agent.wait_running("ends")
    agent.kill()
    open(os.path.join(agent.data_dir, "alloc", alloc["ID"], "alloc", "end"), "w").close()
    for _ in range(3000):
        if docker.inspect(dockerd.container_of(alloc, "t"))["State"]["Status"] == "exited":
            break
        harness.ask_again_soon()
    agent.start()
    alloc = wait_dead(agent, "ends")
    assert [e for e in events(alloc) if e["Type"] == "Terminated"][-1]["ExitCode"] == 5
    assert logs(agent, alloc) == "last words\n"
    docker.wait_gone(lambda c: alloc["ID"] in c["Names"][0])


def test_dockerd_dies_and_comes_back_under_a_running_task(agent, docker):
    wait_driver(agent, lambda info: info["Healthy"])
    agent.register(job("stays", shell("i=0; while true; do echo line $i; i=$((i+1)); sleep 0.05; done")))
    (alloc,) = agent.wait_running("stays")
    wait_line(agent, alloc, "line 20\n")
    before = docker.inspect(dockerd.container_of(alloc, "t"))
    docker.kill()
    node = wait_driver(agent, lambda info: not info["Healthy"])
    assert node["Drivers"]["docker"]["Detected"] and node["Drivers"]["docker"]["HealthDescription"] == "Failed to connect to docker daemon"
    docker.start()
    node = wait_driver(agent, lambda info: info["Healthy"])
    assert {(e["Subsystem"], e["Message"]) for e in agent.get(f"/v1/node/{node['ID']}")["Events"]} >= {("Driver", "Failed to connect to docker daemon"), ("Driver", "Healthy")}
    after = docker.inspect(dockerd.container_of(alloc, "t"))
    assert (after["Id"], after["State"]["Pid"]) == (before["Id"], before["State"]["Pid"])
    seen = len(logs(agent, alloc).split("\n"))
    wait_line(agent, alloc, f"line {seen + 20}\n")
    lines = logs(agent, alloc).split("\n")[:-1]
    assert lines == [f"line {i}" for i in range(len(lines))]
    assert agent.get(f"/v1/allocation/{alloc['ID']}")["ClientStatus"] == "running"
    stop(agent, docker, "stays")
    docker.wait_gone(lambda c: alloc["ID"] in c["Names"][0])


def helpers(agent, alloc=None):
    """What runs for the agent's tasks outside their containers."""
    return [pid for pid in harness.processes_below(agent.folder) if pid != agent.process.pid and (alloc is None or alloc["ID"] in harness.command_line(pid))]


def test_one_small_process_follows_the_output_and_is_replaced_when_killed(agent, docker):
    agent.register(job("followed", shell("i=0; while true; do echo line $i; i=$((i+1)); sleep 0.05; done")))
    (alloc,) = agent.wait_running("followed")
    wait_line(agent, alloc, "line 20\n")
    (pid,) = helpers(agent, alloc)
    assert len(os.listdir(f"/proc/{pid}/task")) == 1
    with open(f"/proc/{pid}/smaps_rollup") as file:
        assert next(int(line.split()[1]) for line in file if line.startswith("Pss:")) <= 1024
    os.kill(pid, signal.SIGKILL)
    harness.wait_process_end(pid)
    seen = len(logs(agent, alloc).split("\n"))
    wait_line(agent, alloc, f"line {seen + 40}\n")
    lines = logs(agent, alloc).split("\n")[:-1]
    assert lines == [f"line {i}" for i in range(len(lines))]
    stop(agent, docker, "followed")
    docker.wait_gone(lambda c: alloc["ID"] in c["Names"][0])


def test_nothing_is_left(agent, docker):
    """After all of the above: no container, no collector of output."""
    docker.wait_gone()
    assert [harness.command_line(pid) for pid in helpers(agent)] == []

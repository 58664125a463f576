"""Nothing is left: every driver and every kind of network in one agent, each way in which a task can end; afterwards the machine is as it was."""
import importlib.util
import json
import os
import shutil
import signal
import subprocess

import pytest

import dockerd
import harness
import java_class
import network
from test_networks import CNI_PLUGINS, CONFLIST, Inside, namespaces
from test_plugins import PROGRAM, PYTHON, write_plugin

pytestmark = pytest.mark.skipif(not dockerd.usable(), reason="needs root, dockerd and busybox")

SLEEP = {"command": "/bin/sleep", "args": ["3600"]}
IMAGE = {"image": "busybox:1", "command": "sleep", "args": ["3600"]}
NETWORK = {"Mode": "bridge", "DynamicPorts": [{"Label": "http", "To": 8080}]}
# Name: driver, configuration, network.
KINDS = {
    "raw-host": ("raw_exec", SLEEP, None),
    "raw-bridge": ("raw_exec", SLEEP, NETWORK),
    "exec-host": ("exec", SLEEP, None),
    "exec-bridge": ("exec", SLEEP, NETWORK),
    "exec-none": ("exec", SLEEP, {"Mode": "none"}),
    "docker-own": ("docker", IMAGE, None),
    "docker-bridge": ("docker", IMAGE, NETWORK),
}
# Those of other programs, where they are installed.
if os.path.exists(os.path.join(CNI_PLUGINS, "bridge")):
    KINDS["exec-cni"] = ("exec", SLEEP, {**NETWORK, "Mode": "cni/lab"})
if shutil.which("java"):
    KINDS["java-host"] = ("java", {"class": "Sleeper", "class_path": "/local", "args": ["3600000"], "jvm_options": ["-Xmx32m"]}, None)
    KINDS["java-bridge"] = ("java", KINDS["java-host"][1], NETWORK)
if shutil.which("qemu-system-x86_64"):
    KINDS["qemu-host"] = ("qemu", {"image_path": "local/disk.img", "args": ["-nodefaults"]}, None)
if importlib.util.find_spec("grpc"):
    KINDS["external-host"] = ("tester", SLEEP, None)
    KINDS["external-bridge"] = ("tester", SLEEP, NETWORK)
# What makes a task end at once: its arguments, or the machine's first sector, which switches it off.
BRIEF = {"java": {"args": ["100"]}, "qemu": {}}
BOOT_SECTOR = {False: "ebfe", True: "ba0406b80020eff4ebfd"}
FILES = {"java": "Sleeper.class", "qemu": "disk.img"}


@pytest.fixture(scope="module")
def machine():
    name = f"dleak{os.getpid()}"
    network.ip("netns", "add", name)
    try:
        network.ip("link", "set", "lo", "up", namespace=name)
        for link, address in (("eth0", "10.78.0.5/24"), ("lan0", "192.168.78.5/24")):
            network.ip("link", "add", link, "type", "veth", "peer", "name", f"{link}-far", namespace=name)
            network.ip("addr", "add", address, "dev", link, namespace=name)
            network.ip("link", "set", link, "up", namespace=name)
            network.ip("link", "set", f"{link}-far", "up", namespace=name)
        network.ip("route", "add", "default", "via", "10.78.0.1", namespace=name)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


@pytest.fixture(scope="module")
def docker(tmp_path_factory):
    made = dockerd.Dockerd(tmp_path_factory.mktemp("dl"))
    try:
        made.start()
        made.busybox()
        yield made
    finally:
        made.close()


def prepare(folder):
    """What the tasks and the agent find: files, a network of CNI, a driver of the tests' own."""
    for name in ("files", "cni", "plugins", "notes"):
        (folder / name).mkdir()
    (folder / "files/Sleeper.class").write_bytes(java_class.sleeper())
    for brief, code in BOOT_SECTOR.items():
        place = folder / "files" / ("brief" if brief else "long")
        place.mkdir()
        (place / "disk.img").write_bytes((bytes.fromhex(code).ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 20, b"\0"))
    lab = json.loads(json.dumps(CONFLIST))
    lab["plugins"][0]["ipam"]["dataDir"] = f"{folder}/ipam"
    (folder / "cni/10-lab.conflist").write_text(json.dumps(lab))
    if "external-host" in KINDS:
        write_plugin(f"{folder}/plugins", "tester", f'#!/bin/sh\nTESTER_FOLDER="{folder}/notes" exec {PYTHON} -u {PROGRAM} "$@"\n')


@pytest.fixture(scope="module")
def agent(request, tmp_path_factory, machine, docker):
    folder = tmp_path_factory.mktemp("leaks")
    made = Inside(str(folder), machine, client=f'  cni_path       = "{CNI_PLUGINS}"\n  cni_config_dir = "{folder}/cni"\n',
                  config=dockerd.agent_config(docker, 'gc { image = false }') + f'plugin_dir = "{folder}/plugins"\n')
    prepare(folder)
    made.seen = set()
    request.module.agents_of_module = [made]
    try:
        made.start()
        ident = made.get("/v1/nodes")[0]["ID"]
        drivers = {driver for driver, _, _ in KINDS.values()}
        made.wait(f"/v1/node/{ident}", lambda node: all(node["Drivers"].get(name, {}).get("Healthy") for name in drivers), f"{drivers} are there")
        yield made
    finally:
        made.close()


def job(agent, kind, brief=False, **more):
    driver, config, wanted = KINDS[kind]
    if brief:
        config = {**config, **BRIEF.get(driver, {"args": ["0.1"]})}
    source = os.path.join(agent.folder, "files", "brief" if brief else "long", FILES[driver]) if driver == "qemu" else os.path.join(agent.folder, "files", FILES.get(driver, ""))
    return {"ID": kind, "Name": kind, "Type": "service", "Datacenters": ["dc1"], "TaskGroups": [
        {"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 150}, "Networks": [wanted] if wanted else [], "Update": {"MaxParallel": 0},
         "RestartPolicy": {"Attempts": 0, "Mode": "fail", "Interval": 60_000_000_000, "Delay": 1}, "ReschedulePolicy": {"Attempts": 0, "Unlimited": False},
         "Tasks": [{"Name": "t", "Driver": driver, "Config": config, "KillTimeout": 500_000_000,
                    "Resources": {"CPU": 10, "MemoryMB": {"java": 300, "qemu": 128}.get(driver, 32)},
                    "Artifacts": [{"GetterSource": source, "RelativeDest": "local/"}] if driver in FILES else [],
                    "Templates": [{"EmbeddedTmpl": "x", "DestPath": "local/x", "ChangeMode": "noop"}]}]}], **more}


def what_is_there(agent, docker):
    """All that a task may leave, by kind; sets and texts that can be compared. Control groups are the machine's: only those of this agent count."""
    client = [os.path.join(agent.data_dir, part) for part in ("alloc", "client/shim")]
    return {
        # The driver's own program belongs to the agent.
        "processes": {line for pid in harness.processes_below(agent.folder) if pid != agent.process.pid and PROGRAM not in (line := harness.command_line(pid))},
        "mounts": set(harness.mounts_below(agent.folder)),
        "directories": {os.path.join(folder, name) for folder in client if os.path.isdir(folder) for name in os.listdir(folder)},
        "groups": {d for d, _, _ in os.walk("/sys/fs/cgroup") if os.path.basename(d)[:36] in agent.seen},
        "namespaces": namespaces() & agent.seen,
        "links": agent.links(),
        "rules": agent.rules(),
        "containers": {c["Names"][0] for c in docker.containers()},
        "addresses": {name for _, _, files in os.walk(os.path.join(agent.folder, "ipam")) for name in files if name.startswith("10.")},
    }


def wait_same(agent, docker, before):
    """Containers and supervisors end a moment after their task is known to be dead."""
    now = None
    for _ in range(1500):
        now = what_is_there(agent, docker)
        if now == before:
            return
        harness.ask_again_soon()
    left = {kind: (sorted(now[kind] - before[kind]) if isinstance(now[kind], set) else now[kind]) for kind in now if now[kind] != before[kind]}
    raise AssertionError(f"left behind: {left}\n{agent.log()[-3000:]}")


def run_all(agent, kinds):
    for kind in kinds:
        agent.register(job(agent, kind))
    for kind in kinds:
        agent.wait_running(kind)
    agent.seen |= {a["ID"] for a in agent.get("/v1/allocations")}


def all_ended(agent, kinds):
    for kind in kinds:
        agent.wait_allocs(kind, lambda allocs: all(a["ClientStatus"] in ("complete", "failed", "lost") for a in allocs), f"{kind} has ended")


def purge(agent, kinds):
    agent.seen |= {a["ID"] for a in agent.get("/v1/allocations")}
    for kind in kinds:
        agent.http("DELETE", f"/v1/job/{kind}?purge=true")
    all_ended(agent, kinds)
    agent.http("PUT", "/v1/system/gc")


@pytest.fixture(scope="module")
def before(agent, docker):
    """What the first allocation with a network leaves for the next ones (the bridge, the tables, docker's own image) belongs to the machine."""
    first = [kind for kind in ("raw-bridge", "docker-bridge", "exec-cni") if kind in KINDS]
    run_all(agent, first)
    purge(agent, first)
    for _ in range(1500):
        now = what_is_there(agent, docker)
        if not now["directories"] and not now["containers"] and not now["groups"] and not now["namespaces"]:
            break
        harness.ask_again_soon()
    assert not now["processes"] and not now["mounts"] and not now["directories"] and not now["groups"] and not now["containers"] and not now["addresses"], now
    return now


def test_tasks_that_are_stopped(agent, docker, before):
    run_all(agent, KINDS)
    assert what_is_there(agent, docker) != before
    for kind in KINDS:
        agent.ok("job", "stop", "-detach", kind)
    all_ended(agent, KINDS)
    purge(agent, KINDS)
    wait_same(agent, docker, before)


def test_tasks_that_end_by_themselves(agent, docker, before):
    for kind in KINDS:
        made = job(agent, kind, brief=True, Type="batch")
        made["TaskGroups"][0].pop("Update")
        agent.register(made)
    for kind in KINDS:
        agent.wait_allocs(kind, lambda allocs: allocs and all(a["ClientStatus"] == "complete" for a in allocs), f"{kind} is complete")
    purge(agent, KINDS)
    wait_same(agent, docker, before)


def test_the_agent_is_killed_and_comes_back(agent, docker, before):
    run_all(agent, KINDS)
    agent.kill()
    agent.start()
    for kind in KINDS:
        agent.wait_running(kind)
    purge(agent, KINDS)
    wait_same(agent, docker, before)


def test_the_agent_is_killed_while_tasks_end(agent, docker, before):
    run_all(agent, KINDS)
    for kind in KINDS:
        agent.http("DELETE", f"/v1/job/{kind}?purge=true")
    agent.kill()
    agent.start()
    all_ended(agent, KINDS)
    agent.http("PUT", "/v1/system/gc")
    wait_same(agent, docker, before)


def test_supervisors_are_killed(agent, docker, before):
    run_all(agent, KINDS)
    for pid in harness.processes_below(agent.folder):
        if harness.command_line(pid).startswith("drover-shim"):
            os.kill(pid, signal.SIGKILL)
    # A container and the task of an external driver need none to run; the others end with theirs.
    all_ended(agent, [k for k in KINDS if k.startswith(("raw", "exec", "java", "qemu"))])
    purge(agent, KINDS)
    wait_same(agent, docker, before)

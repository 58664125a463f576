"""The java and qemu drivers: a class that prints what it got, a machine of one boot sector that switches itself off when its power button is pressed."""
import os
import shutil

import pytest

import harness
import java_class

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a root of one's own needs root")


# Enables the power button's status, prints "U", waits for the button, switches off.
BOOT_SECTOR = bytes.fromhex("ba0206 b80001 ef b8550e cd10 ba0006 ed a90001 74f7 ba0406 b80020 ef f4 ebfd".replace(" ", "")).ljust(510, b"\0") + b"\x55\xaa"


@pytest.fixture(scope="module")
def agent(request, tmp_path_factory):
    # Short: the monitor's socket lies in the task's directory, and the path of a socket has 107 bytes.
    folder = tmp_path_factory.mktemp("jq")
    files = folder / "files"
    files.mkdir()
    (files / "Hello.class").write_bytes(java_class.hello())
    (files / "disk.img").write_bytes(BOOT_SECTOR.ljust(1 << 20, b"\0"))
    made = harness.Agent(folder, config=f'plugin "qemu" {{ config {{ image_paths = ["{files}"] }} }}\n')
    made.files = files
    request.module.agents_of_module = [made]
    try:
        yield made.start()
    finally:
        made.close()


def wait_driver(agent, name):
    ident = agent.get("/v1/nodes")[0]["ID"]
    return agent.wait(f"/v1/node/{ident}", lambda node: node["Drivers"][name]["Healthy"], f"the {name} driver is healthy")


def job(ident, driver, config, memory, kind="batch", **fields):
    return {"ID": ident, "Name": ident, "Type": kind, "Datacenters": ["dc1"], "TaskGroups": [
        {"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 300}, "RestartPolicy": {"Attempts": 0, "Mode": "fail", "Interval": 60_000_000_000, "Delay": 1},
         "ReschedulePolicy": {"Attempts": 0, "Unlimited": False},
         "Tasks": [{"Name": "t", "Driver": driver, "Config": config, "Resources": {"CPU": 100, "MemoryMB": memory}, **fields}]}]}


def wait_dead(agent, ident):
    (alloc,) = agent.wait_allocs(ident, lambda allocs: allocs and all(a["ClientStatus"] in ("complete", "failed") for a in allocs), f"{ident} has ended")
    return agent.get(f"/v1/allocation/{alloc['ID']}")


def events(alloc):
    return " ".join(e["DisplayMessage"] for e in alloc["TaskStates"]["t"]["Events"])


@pytest.mark.skipif(shutil.which("java") is None, reason="needs a Java runtime")
def test_a_class_runs_in_a_root_of_its_own(agent):
    node = wait_driver(agent, "java")
    assert node["Attributes"]["driver.java"] == "1" and node["Attributes"]["driver.java.version"][0].isdigit()
    assert "Runtime Environment" in node["Attributes"]["driver.java.runtime"] and " VM " in node["Attributes"]["driver.java.vm"]
    waits = job("greets", "java", {"class": "Hello", "class_path": "/local", "args": ["good day"], "jvm_options": ["-Xmx32m", "-Xshare:auto"]}, 300)
    waits["TaskGroups"][0]["Tasks"][0]["Artifacts"] = [{"GetterSource": str(agent.files / "Hello.class"), "RelativeDest": "local/"}]
    agent.register(waits)
    alloc = wait_dead(agent, "greets")
    said = agent.http("GET", f"/v1/client/fs/logs/{alloc['ID']}?task=t&type=stdout&plain=true").text
    assert alloc["ClientStatus"] == "complete" and said == "good day\n", (events(alloc), said)
    agent.register(job("neither", "java", {"args": ["x"]}, 300))
    assert "jar_path or class must be specified" in events(wait_dead(agent, "neither"))


@pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs qemu")
def test_a_machine_is_switched_off_by_its_power_button(agent):
    node = wait_driver(agent, "qemu")
    assert node["Attributes"]["driver.qemu"] == "1" and node["Attributes"]["driver.qemu.version"][0].isdigit()
    agent.register(job("vm", "qemu", {"image_path": str(agent.files / "disk.img"), "graceful_shutdown": True, "args": ["-snapshot", "-nodefaults", "-serial", "stdio"]}, 128,
                       kind="service", KillTimeout=30_000_000_000))
    (alloc,) = agent.wait_running("vm")
    with agent.follow("alloc", "logs", "-f", alloc["ID"]) as follower:
        follower.read_until("U")
    # The agent dies and finds it again.
    agent.kill()
    agent.start()
    agent.wait_running("vm")
    agent.ok("job", "stop", "-detach", "vm")
    alloc = wait_dead(agent, "vm")
    assert "Exit Code: 0" in events(alloc) and "Signal" not in events(alloc).replace("Signaling", ""), events(alloc)
    agent.register(job("tiny", "qemu", {"image_path": "/etc/passwd"}, 128))
    assert "image_path is not in the allowed paths" in events(wait_dead(agent, "tiny"))

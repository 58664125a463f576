"""Devices: those that a plugin of the tests' own tells of (device_plugin.py), and graphics processors that the kernel shows."""
import os
import signal

import pytest

import dockerd
import harness

PYTHON = "/usr/bin/python3"
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "device_plugin.py")
LOOK = 'echo "visible $ACME_VISIBLE"; od -An -tx1 -N4 /dev/acme0; cat /opt/acme/version; touch /opt/acme/x 2>/dev/null || echo "read only"; exec sleep 3600'

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the exec driver does")


class Site(harness.Agent):
    def __init__(self, folder, *, config="", **more):
        self.plugins, self.notes = f"{folder}/plugins", f"{folder}/notes"
        super().__init__(folder, config=f'plugin_dir = "{self.plugins}"\nplugin "acme-adder" {{\n  config {{\n  }}\n}}\n{config}', **more)
        os.makedirs(self.plugins)
        os.makedirs(f"{self.notes}/library")
        with open(f"{self.notes}/library/version", "w") as file:
            file.write("library 7\n")
        path = f"{self.plugins}/adder-file"
        with open(path, "w") as file:
            file.write(f'#!/bin/sh\nTESTER_FOLDER="{self.notes}" exec {PYTHON} -u {PROGRAM}\n')
        os.chmod(path, 0o755)

    def say(self, name):
        open(f"{self.notes}/{name}", "w").close()

    def unsay(self, name):
        os.unlink(f"{self.notes}/{name}")


def wait_devices(agent, condition, what):
    """Until the node's groups of devices are as wanted; gives them."""
    (node,) = agent.get("/v1/nodes")
    return agent.wait(f"/v1/node/{node['ID']}", lambda n: condition(n["NodeResources"]["Devices"] or []), what)["NodeResources"]["Devices"]


def wait_well(agent, *names):
    def well(groups):
        return groups and {i["ID"] for i in groups[0]["Instances"] if i["Healthy"]} == set(names)

    return wait_devices(agent, well, f"well are {names}")


def wait_output(agent, alloc, wanted):
    out = ""
    for _ in range(3000):
        out = agent.http("GET", f"/v1/client/fs/logs/{alloc['ID']}?task=t&type=stdout&plain=true").text
        if wanted(out):
            return out
        harness.ask_again_soon()
    raise AssertionError(f"the output is {out!r}\n{agent.log()[-3000:]}")


def job(name, driver="raw_exec", *, count=1, device="acme/adder", script="exec sleep 3600", config=None, **more):
    return {"ID": name, "Name": name, "Type": "service", "Datacenters": ["dc1"], "TaskGroups": [
        {"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 150}, "Update": {"MaxParallel": 0}, "ReschedulePolicy": {"Attempts": 0, "Unlimited": False},
         "RestartPolicy": {"Attempts": 0, "Mode": "fail", "Interval": 60_000_000_000, "Delay": 1},
         "Tasks": [{"Name": "t", "Driver": driver, "Config": config or {"command": "/bin/sh", "args": ["-c", script]}, "KillTimeout": 500_000_000,
                    "Resources": {"CPU": 10, "MemoryMB": 32, "Devices": [{"Name": device, "Count": count, **more}]}}]}]}


def run(site, *args, **more):
    site.register(job(*args, **more))
    (alloc,) = site.wait_running(args[0])
    return site.get(f"/v1/allocation/{alloc['ID']}")


def given(alloc):
    return alloc["AllocatedResources"]["Tasks"]["t"]["Devices"]


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("devices") / "a")
    request.module.agents_of_module = [made]
    try:
        made.start()
        wait_well(made, "one", "two")
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def ended(request):
    yield
    if "site" in request.fixturenames:
        site = request.getfixturevalue("site")
        for one in site.get("/v1/jobs"):
            site.ok("job", "stop", "-detach", "-purge", one["ID"])
        site.wait("/v1/allocations", lambda allocs: all(a["ClientStatus"] not in ("running", "pending") for a in allocs), "all have ended")


def test_a_node_has_what_its_plugin_tells(site):
    (group,) = wait_well(site, "one", "two")
    assert (group["Vendor"], group["Type"], group["Name"]) == ("acme", "adder", "a1")
    assert group["Attributes"]["memory"]["Int"] == 4 and group["Attributes"]["memory"]["Unit"] == "GiB"
    assert group["Attributes"]["speed"]["Float"] == 1.5 and group["Attributes"]["maker"]["String"] == "acme inc"
    assert group["Instances"][1]["Locality"]["PciBusID"] == "0000:00:01.0"

    def measured(stats):
        return stats["DeviceStats"] and stats["DeviceStats"][0]["InstanceStats"]["one"]["Summary"]["IntNumeratorVal"] == 42

    stats = site.wait_json("/v1/client/stats", measured, "figures of the devices")["DeviceStats"][0]
    assert stats["InstanceStats"]["two"]["Stats"]["Nested"]["inner"]["Attributes"]["heat"]["StringVal"] == "warm"
    shown = site.ok("node", "status", "-stats", site.get("/v1/nodes")[0]["ID"]).out
    assert "Device Resource Utilization\nacme/adder/a1[one]  42 sums\nacme/adder/a1[two]  42 sums\n" in shown, shown
    assert "Device Stats\nDevice     = acme/adder/a1[one]\ninner.heat = warm\nsums       = 42 sums\n" in shown, shown


def test_a_task_gets_its_devices_and_no_other_does(site):
    alloc = run(site, "own", "exec", script=LOOK)
    (device,) = given(alloc)
    assert device["Vendor"] == "acme" and len(device["DeviceIDs"]) == 1
    out = wait_output(site, alloc, lambda text: "read only" in text)
    assert out.split("\n") == [f"visible {device['DeviceIDs'][0]}", " 00 00 00 00", "library 7", "read only", ""]
    stats = site.wait_json(f"/v1/client/allocation/{alloc['ID']}/stats", lambda s: s["Tasks"]["t"]["ResourceUsage"]["DeviceStats"], "figures of its device")
    assert list(stats["Tasks"]["t"]["ResourceUsage"]["DeviceStats"][0]["InstanceStats"]) == device["DeviceIDs"]
    assert f"Device Stats\nacme/adder/a1[{device['DeviceIDs'][0]}]  42 sums\n" in site.ok("alloc", "status", alloc["ID"]).out
    # Two there are, one is taken: two are not to be had, one is.
    site.register(job("greedy", count=2))
    site.wait("/v1/job/greedy/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "greedy waits")
    other = given(run(site, "modest", script='echo "$ACME_VISIBLE"; exec sleep 3600'))[0]["DeviceIDs"]
    assert {*other, *device["DeviceIDs"]} == {"one", "two"}
    site.say("third")
    try:
        wait_well(site, "one", "two", "three")
        site.ok("job", "stop", "-detach", "modest")
        (alloc,) = site.wait_running("greedy")
        assert len(given(site.get(f"/v1/allocation/{alloc['ID']}"))[0]["DeviceIDs"]) == 2
    finally:
        site.unsay("third")
    wait_well(site, "one", "two")


def test_attributes_choose_and_ill_devices_are_not_given(site):
    wanted = [{"LTarget": "${device.attr.memory}", "RTarget": "8 GiB", "Operand": ">="}]
    site.register(job("large", Constraints=wanted))
    site.wait("/v1/job/large/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "large waits")
    site.say("sick-one")
    try:
        groups = wait_well(site, "two")
        assert next(i for i in groups[0]["Instances"] if i["ID"] == "one")["HealthDescription"] == "overheated"
        wanted[0]["RTarget"] = "2 GiB"
        assert given(run(site, "well", Constraints=wanted))[0]["DeviceIDs"] == ["two"]
    finally:
        site.unsay("sick-one")
    wait_well(site, "one", "two")


@pytest.mark.parametrize("how, sentence", [("refuse", "the adder is being repaired"), ("nonsense", "both must be absolute paths")])
def test_a_plugin_that_refuses(site, how, sentence):
    site.say(how)
    try:
        site.register(job(how))
        (alloc,) = site.wait_allocs(how, lambda allocs: allocs and allocs[0]["ClientStatus"] == "failed", "it has failed")
        said = [e["DisplayMessage"] for e in alloc["TaskStates"]["t"]["Events"]]
        assert any("failed to reserve device acme/adder/a1" in text and sentence in text for text in said), said
    finally:
        site.unsay(how)


def test_a_plugin_that_dies_and_an_agent_that_dies(site):
    alloc = run(site, "steady", script='echo "run $ACME_VISIBLE"; exec sleep 3600')
    mine = given(alloc)[0]["DeviceIDs"]
    site.say("away")
    os.kill(int(open(f"{site.notes}/pid").read()), signal.SIGKILL)
    wait_devices(site, lambda groups: groups and not any(i["Healthy"] for i in groups[0]["Instances"]), "none is well without its plugin")
    site.unsay("away")
    wait_well(site, "one", "two")
    pid = open(f"{site.notes}/pid").read()
    site.kill()
    site.start()
    wait_well(site, "one", "two")
    # The plugin ran on, and so did the task; nobody else gets its device.
    assert open(f"{site.notes}/pid").read() == pid
    (again,) = site.wait_running("steady")
    assert again["ID"] == alloc["ID"] and again["TaskStates"]["t"]["Restarts"] == 0
    assert given(run(site, "second"))[0]["DeviceIDs"] != mine


def fake_bus(folder):
    """A PCI bus with one processor, and its two files, which are /dev/zero."""
    device = os.path.join(folder, "sys/bus/pci/devices/0000:17:00.0")
    os.makedirs(os.path.join(device, "drm/card7"))
    os.makedirs(os.path.join(device, "drm/renderD135"))
    os.makedirs(os.path.join(folder, "drivers/amdgpu"))
    os.symlink(os.path.join(folder, "drivers/amdgpu"), os.path.join(device, "driver"))
    for name, text in (("vendor", "0x1002"), ("class", "0x030000"), ("device", "0x73bf")):
        with open(os.path.join(device, name), "w") as file:
            file.write(text + "\n")
    os.makedirs(os.path.join(folder, "dev/dri"))
    for name in ("dri/card7", "dri/renderD135", "kfd"):
        os.mknod(os.path.join(folder, "dev", name), 0o20666, os.makedev(1, 5))
        os.chmod(os.path.join(folder, "dev", name), 0o666)


LIST = "cd /dev; ls -1 kfd dri; od -An -tx1 -N4 /dev/dri/renderD135; exec sleep 3600"
LISTED = "kfd\n\ndri:\ncard7\nrenderD135\n 00 00 00 00\n"


def test_a_processor_that_the_kernel_shows(make_agent, tmp_path):
    fake_bus(str(tmp_path))
    options = f'options = {{\n "fingerprint.gpu.sysfs" = "{tmp_path}/sys"\n "fingerprint.gpu.dev" = "{tmp_path}/dev"\n }}'
    docker = dockerd.Dockerd(tmp_path / "d") if dockerd.usable() else None
    try:
        if docker:
            docker.start()
            docker.busybox()
        agent = make_agent(client=options, config=dockerd.agent_config(docker, "gc { image = false }") if docker else "").start()
        (group,) = wait_devices(agent, lambda groups: groups, "it has a processor")
        assert (group["Vendor"], group["Type"], group["Instances"][0]["ID"]) == ("amd", "gpu", "0000:17:00.0")
        alloc = run(agent, "draws", "exec", device="amd/gpu", script=LIST)
        assert wait_output(agent, alloc, lambda text: "00 00" in text) == LISTED
        agent.ok("job", "stop", "-detach", "-purge", "draws")
        agent.wait(f"/v1/allocation/{alloc['ID']}", lambda a: a["ClientStatus"] == "complete", "it has ended")
        if docker:
            (node,) = agent.get("/v1/nodes")
            agent.wait(f"/v1/node/{node['ID']}", lambda n: n["Drivers"]["docker"]["Healthy"], "docker is there")
            alloc = run(agent, "contains", "docker", device="gpu", config={"image": "busybox:1", "command": "sh", "args": ["-c", LIST]})
            assert wait_output(agent, alloc, lambda text: "00 00" in text) == LISTED
            agent.stop_jobs()
    finally:
        if docker:
            docker.close()

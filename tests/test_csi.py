"""CSI: a plugin that runs as a task, volumes that jobs mount through it, and what happens when agents and plugins die (csi_plugin.py)."""
import json
import os
import re
import signal
import time

import pytest

import harness

# Debian's, which has grpcio.
PYTHON = "/usr/bin/python3"
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "csi_plugin.py")


def plugin_job(store, name="storage", plugin="dir", env="", kind="monolith"):
    return f"""
job "{name}" {{
  type = "system"
  group "g" {{
    restart {{
      attempts = 100
      interval = "1h"
      delay    = "200ms"
      mode     = "delay"
    }}
    task "plugin" {{
      driver       = "raw_exec"
      kill_timeout = "10s"
      config {{
        command = "{PYTHON}"
        args    = ["-u", "{PROGRAM}"]
      }}
      env {{
        CSI_STORE = "{store}"
        CSI_NODE  = "${{node.unique.name}}"
{env}
      }}
      csi_plugin {{
        id             = "{plugin}"
        type           = "{kind}"
        mount_dir      = "/csi"
        health_timeout = "1m"
      }}
      resources {{
        cpu    = 50
        memory = 128
      }}
    }}
  }}
}}
"""


def volume_job(name, command, *, source="data", kind="batch", count=1, access="single-node-writer", volume="", group="", constraint=""):
    return f"""
job "{name}" {{
  type = "{kind}"
{constraint}
  group "g" {{
    count = {count}
{group}
    restart {{
      attempts = 0
      mode     = "fail"
    }}
    reschedule {{
      attempts  = 0
      unlimited = false
    }}
    volume "v" {{
      type            = "csi"
      source          = "{source}"
      access_mode     = "{access}"
      attachment_mode = "file-system"
{volume}
    }}
    task "t" {{
      driver       = "exec"
      kill_timeout = "5s"
      config {{
        command = "/bin/sh"
        args    = ["-c", {json.dumps(command)}]
      }}
      volume_mount {{
        volume      = "v"
        destination = "/srv/data"
      }}
      resources {{
        cpu    = 50
        memory = 32
      }}
    }}
  }}
}}
"""


def volume_text(name, *, plugin="dir", external="", modes=("single-node-writer",), more=""):
    capabilities = "".join(f"""
capability {{
  access_mode     = "{mode}"
  attachment_mode = "file-system"
}}""" for mode in modes)
    return f"""
type      = "csi"
id        = "{name}"
name      = "{name}"
plugin_id = "{plugin}"
{f'external_id = "{external}"' if external else ""}
{more}
{capabilities}
"""


# It says when it runs (the file is whole or not there: it may be killed at any moment), and ends when it is asked to.
HOLDS = "trap 'exit 0' TERM INT; echo ready > /srv/data/.new; mv /srv/data/.new /srv/data/$NOMAD_JOB_ID; while :; do sleep 0.1; done"


class Site(harness.Agent):
    def __init__(self, folder, store=None, **options):
        super().__init__(folder, **options)
        self.store = str(store or f"{folder}/store")
        self.has_server = options.get("with_server", True)
        os.makedirs(f"{self.store}/volumes", exist_ok=True)

    def make_folder(self, name):
        """As a storage provider has it."""
        os.makedirs(f"{self.store}/volumes/{name}", exist_ok=True)
        os.chmod(f"{self.store}/volumes/{name}", 0o777)

    def calls(self, volume=None, since=0):
        try:
            with open(f"{self.store}/calls") as file:
                all_calls = [json.loads(line) for line in file]
        except FileNotFoundError:
            return []
        return [c for c in all_calls[since:] if volume is None or c.get("volume") == volume]

    def count_calls(self):
        return len(self.calls())

    def file(self, name, text):
        return harness.write_job(self.folder, name, text)

    def run_job(self, text):
        self.ok("job", "run", "-detach", self.file("job.nomad.hcl", text))
        return text.split('"')[1]

    def finish(self, text, status="complete"):
        name = self.run_job(text)
        (alloc,) = self.wait_allocs(name, lambda allocs: len(allocs) == 1 and allocs[0]["ClientStatus"] == status, f"{name} is {status}")
        return alloc

    def wait_written(self, volume, name):
        """Until a job's HOLDS has said in the volume that it runs."""
        deadline = time.monotonic() + harness.DEADLINE
        while not os.path.exists(f"{self.store}/volumes/{volume}/{name}"):
            assert time.monotonic() < deadline, f"{name} has not written to {volume}"
            harness.ask_again_soon()

    def run_plugin(self, healthy=1, **how):
        self.run_job(plugin_job(self.store, **how))
        self.wait_plugin(how.get("plugin", "dir"), healthy)

    def wait_plugin(self, plugin="dir", healthy=1):
        self.wait("/v1/plugins?type=csi", lambda all_plugins: any(p["ID"] == plugin and p["NodesHealthy"] == healthy for p in all_plugins), f"{plugin} is healthy on {healthy}")

    def register_volume(self, name, **how):
        self.make_folder(how.setdefault("external", "vol-" + name))
        out = self.ok("volume", "register", self.file("volume.hcl", volume_text(name, **how)))
        assert f'Volume "{name}" registered' in out.all

    def wait_volume(self, name, condition, what):
        return self.wait(f"/v1/volume/csi/{name}", condition, what)

    def wait_free(self, name):
        """Nobody claims it, and nothing is mounted or attached."""
        self.wait("/v1/volumes?type=csi", lambda all_volumes: next(v for v in all_volumes if v["ID"] == name)["CurrentReaders"] == 0
                  and next(v for v in all_volumes if v["ID"] == name)["CurrentWriters"] == 0, f"{name} is free")

    def stop_job(self, name):
        self.ok("job", "stop", "-detach", name)
        self.wait_allocs(name, lambda allocs: all(a["ClientStatus"] not in ("running", "pending") for a in allocs), f"{name} has ended")

    def mounts(self):
        """Where the agent's plugins have staged and published volumes, with how often."""
        out = {}
        with open("/proc/self/mountinfo") as file:
            for line in file:
                where = line.split()[4]
                if where.startswith(f"{self.data_dir}/client/csi/node/"):
                    out[where] = out.get(where, 0) + 1
        return out

    def close(self):
        # A plugin that ends before its volumes are unmounted leaves them mounted, as it must.
        try:
            if self.has_server and self.process is not None and self.process.poll() is None:
                for job in self.get("/v1/jobs"):
                    if job["Type"] != "system" and not job["Stop"]:
                        self.stop_job(job["ID"])
                for volume in self.get("/v1/volumes?type=csi"):
                    self.wait_free(volume["ID"])
        finally:
            super().close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    agent = Site(tmp_path_factory.mktemp("csi") / "agent")
    agent.start()
    try:
        agent.run_plugin()
        yield agent
        agent.close()
        assert agent.mounts() == {}
        assert os.listdir(f"{agent.store}/attached") == []
    finally:
        agent.close()


def processes_of(alloc_id):
    """Those that run in the allocation's environment."""
    out = []
    for pid in harness.all_processes():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if f"NOMAD_ALLOC_ID={alloc_id}".encode() in file.read().split(b"\0"):
                    out.append(int(pid))
        except OSError:
            pass
    return out


def methods(calls):
    return [c["method"] for c in calls]


def test_one_job_writes_and_another_reads(site):
    site.register_volume("data")
    before = site.count_calls()
    site.finish(volume_job("writes", "echo kept > /srv/data/file"))
    site.wait_free("data")
    calls = site.calls("vol-data", before)
    assert methods(calls) == ["ControllerPublishVolume", "NodeStageVolume", "NodePublishVolume", "NodeUnpublishVolume", "NodeUnstageVolume", "ControllerUnpublishVolume"]
    assert calls[0]["target"] == "storage-node-one" and not calls[2]["read_only"] and calls[2]["mode"] == 1
    assert site.mounts() == {} and os.listdir(f"{site.store}/attached") == []
    with open(f"{site.store}/volumes/vol-data/file") as file:
        assert file.read() == "kept\n"
    before = site.count_calls()
    site.finish(volume_job("reads", "grep kept /srv/data/file && ! touch /srv/data/never", volume="      read_only = true"))
    site.wait_free("data")
    assert site.calls("vol-data", before)[2]["read_only"]
    assert not os.path.exists(f"{site.store}/volumes/vol-data/never")


def test_a_group_has_mount_options_of_its_own(site):
    site.register_volume("opts", more='mount_options {\n  fs_type = "ext4"\n  mount_flags = ["noatime"]\n}')
    site.finish(volume_job("asks", "true", source="opts", volume='      mount_options {\n        fs_type     = "xfs"\n        mount_flags = ["nosuid"]\n      }'))
    (call,) = [c for c in site.calls("vol-opts") if c["method"] == "NodePublishVolume"]
    assert (call["fs_type"], call["flags"]) == ("xfs", ["nosuid"]), call
    site.wait_free("opts")
    site.ok("volume", "deregister", "opts")


def test_what_people_see(site):
    site.register_volume("seen", modes=("multi-node-multi-writer", "single-node-writer"), more='mount_options {\n  fs_type = "ext4"\n  mount_flags = ["noatime"]\n}\nsecrets {\n  word = "xyzzy"\n}')
    site.run_job(volume_job("holds-seen", HOLDS, source="seen", kind="service", access="multi-node-multi-writer"))
    site.wait_running("holds-seen")
    out = site.ok("plugin", "status")
    assert out.all.splitlines()[0] == "Container Storage Interface"
    assert out.all.splitlines()[1].split() == ["ID", "Provider", "Controllers", "Healthy/Expected", "Nodes", "Healthy/Expected"]
    assert out.all.splitlines()[2].split() == ["dir", "org.example.dir", "1/1", "1/1"]
    out = site.ok("plugin", "status", "-verbose", "dir")
    assert out.field("Version") == "1.2.3" and "CREATE_DELETE_VOLUME" in out.all and "STAGE_UNSTAGE_VOLUME" in out.all
    assert "storage" not in out.field("ID") and "Allocations" in out.all
    out = site.ok("volume", "status", "-type", "csi")
    assert "ID    Name  Namespace  Plugin ID  Schedulable  Access Mode" in out.all
    assert any(line.split() == ["seen", "seen", "default", "dir", "true", "multi-node-multi-writer"] for line in out.all.splitlines())
    out = site.ok("volume", "status", "seen")
    assert out.field("External ID") == "vol-seen" and out.field("Schedulable") == "true" and out.field("Nodes Healthy") == "1"
    assert out.field("Mount Options") == "fs_type: ext4 flags: [REDACTED]"
    (alloc,) = site.wait_running("holds-seen")
    assert alloc["ID"][:8] in out.all
    shown = site.get("/v1/volume/csi/seen")
    assert shown["Secrets"] == {"word": "[REDACTED]"} and shown["WriteAllocs"] == {alloc["ID"]: None} and shown["Allocations"][0]["ID"] == alloc["ID"]
    assert "xyzzy" not in site.log() and "xyzzy" not in json.dumps(site.get("/v1/volumes?type=csi"))
    published = [c for c in site.calls("vol-seen") if c["method"] == "NodePublishVolume"][-1]
    assert published["fs_type"] == "ext4" and published["flags"] == ["noatime"] and published["mode"] == 5
    assert [c for c in site.calls("vol-seen") if c["method"] == "NodeStageVolume"][-1]["secrets"] == ["word"]
    assert site.ok("alloc", "status", alloc["ID"]).table("CSI Volumes:") == [{"ID": "v", "Read Only": "false"}]
    node = site.ok("node", "status", "-self")
    assert node.field("CSI Drivers") == "dir" and node.field("CSI Controllers") == "dir"
    # In use: it can neither be forgotten nor deleted.
    for words in (["volume", "deregister", "seen"], ["volume", "deregister", "-force", "seen"], ["volume", "delete", "seen"]):
        assert "volume in use: seen" in site.run(*words).all
    site.stop_job("holds-seen")
    site.wait_free("seen")
    assert 'Successfully deregistered volume "seen"!' in site.ok("volume", "deregister", "seen").all
    assert site.http("GET", "/v1/volume/csi/seen").status == 404


def test_a_volume_for_one_writer_has_one(site):
    site.register_volume("single")
    site.run_job(volume_job("first", HOLDS, source="single", kind="service"))
    site.wait_running("first")
    # The claim is there: from now on the scheduler knows.
    site.wait_volume("single", lambda v: len(v["WriteAllocs"] or {}) == 1, "it is claimed")
    site.run_job(volume_job("second", HOLDS, source="single", kind="service"))
    evals = site.wait("/v1/job/second/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "the second is blocked")
    failed = next(e for e in evals if e.get("FailedTGAllocs"))["FailedTGAllocs"]["g"]
    assert failed["ConstraintFiltered"] == {"CSI volume single has exhausted its available writer claims": 1}
    assert re.search(r'CSI volume "single" takes one writer, and job "first" \(allocation [0-9a-f]{8}, running\) holds it: it would run once',
                     site.ok("job", "explain", "second").out)
    site.stop_job("first")
    site.wait_running("second")
    site.stop_job("second")
    site.wait_free("single")


def test_a_controller_that_fails_twice(site):
    site.register_volume("stubborn")
    for method in ("ControllerPublishVolume", "ControllerUnpublishVolume"):
        with open(f"{site.store}/fail-{method}", "w") as file:
            file.write("2")
    site.finish(volume_job("patient", "echo there > /srv/data/file", source="stubborn"))
    site.wait_free("stubborn")
    for method in ("ControllerPublishVolume", "ControllerUnpublishVolume"):
        with open(f"{site.store}/fail-{method}") as file:
            assert file.read() == "0"
    assert os.listdir(f"{site.store}/attached") == []


def test_a_volume_that_cannot_be_mounted_fails_the_allocation_and_is_free_again(site):
    site.register_volume("broken")
    with open(f"{site.store}/fail-NodePublishVolume", "w") as file:
        file.write("1")
    alloc = site.finish(volume_job("unlucky", "true", source="broken"), "failed")
    events = [e["DisplayMessage"] for e in site.get(f"/v1/allocation/{alloc['ID']}")["TaskStates"]["t"]["Events"]]
    assert any("node publish volume failed" in e and "NodePublishVolume was told to fail" in e for e in events), events
    site.wait_free("broken")
    assert site.mounts() == {}


def test_the_agent_is_killed_while_a_volume_is_used(site):
    site.register_volume("survives")
    site.run_job(volume_job("lasting", HOLDS, source="survives", kind="service"))
    (alloc,) = site.wait_running("lasting")
    mounts = site.mounts()
    assert len(mounts) == 2 and set(mounts.values()) == {1}
    before = site.count_calls()
    site.kill()
    site.start()
    site.wait_plugin()
    site.wait_log(f"task found again.*{alloc['ID']}")
    (again,) = site.wait_running("lasting")
    assert again["ID"] == alloc["ID"] and site.mounts() == mounts
    assert "NodePublishVolume" not in methods(site.calls("vol-survives", before))
    site.stop_job("lasting")
    site.wait_free("survives")
    assert site.mounts() == {} and os.listdir(f"{site.store}/attached") == []


def test_the_plugin_is_killed_and_comes_back(site):
    site.register_volume("keeps")
    site.run_job(volume_job("steady", HOLDS, source="keeps", kind="service"))
    (alloc,) = site.wait_running("steady")
    (plugin,) = site.wait_running("storage")
    restarts = site.get(f"/v1/allocation/{plugin['ID']}")["TaskStates"]["plugin"]["Restarts"]
    for pid in [p for p in harness.processes_below(site.folder) if "csi_plugin.py" in harness.command_line(p)]:
        os.kill(pid, signal.SIGKILL)
    # The volume stays where it is; the plugin comes back and unmounts it when it is time.
    site.wait(f"/v1/allocation/{plugin['ID']}", lambda a: a["TaskStates"]["plugin"]["Restarts"] > restarts and a["TaskStates"]["plugin"]["State"] == "running", "it was started again")
    site.wait_plugin()
    (again,) = site.wait_running("steady")
    assert again["ID"] == alloc["ID"]
    site.stop_job("steady")
    site.wait_free("keeps")
    assert site.mounts() == {}


def test_volumes_are_unmounted_although_the_agent_was_away_when_their_task_ended(site):
    site.register_volume("late")
    site.run_job(volume_job("leaves", HOLDS, source="late", kind="service"))
    (alloc,) = site.wait_running("leaves")
    tasks = processes_of(alloc["ID"])
    assert tasks
    site.kill()
    for pid in tasks:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    site.start()
    site.wait_plugin()
    site.wait_allocs("leaves", lambda allocs: all(a["ClientStatus"] in ("failed", "complete") for a in allocs), "its end is known")
    site.wait_free("late")
    assert site.mounts() == {}


def test_storage_that_is_made_copied_enlarged_and_deleted(site):
    made = site.ok("volume", "create", site.file("volume.hcl", volume_text("fresh", more='capacity_min = "1MiB"\nparameters {\n  kind = "fast"\n}\nsecrets {\n  word = "xyzzy"\n}')))
    assert "Created external volume vol-fresh with ID fresh" in made.all
    call = [c for c in site.calls("vol-fresh") if c["method"] == "CreateVolume"][-1]
    assert call["parameters"] == {"kind": "fast"} and call["size"] == 1 << 20 and call["secrets"] == ["word"]
    os.chmod(f"{site.store}/volumes/vol-fresh", 0o777)
    shown = site.get("/v1/volume/csi/fresh")
    assert shown["Capacity"] == 1 << 20 and shown["Context"] == {"made-by": "tests"} and shown["ExternalID"] == "vol-fresh"
    site.finish(volume_job("fills", "echo one > /srv/data/file", source="fresh"))
    site.wait_free("fresh")
    out = site.ok("volume", "snapshot", "create", "-parameter", "depth=2", "fresh", "monday")
    assert out.all.splitlines()[0].split() == ["Snapshot", "ID", "Volume", "ID", "Size", "Create", "Time", "Ready?"]
    assert out.all.splitlines()[1].split()[:2] == ["vol-fresh@monday", "vol-fresh"]
    assert "vol-fresh@monday" in site.ok("volume", "snapshot", "list", "-plugin", "dir").all
    # A volume that begins as a copy.
    site.ok("volume", "create", site.file("volume.hcl", volume_text("copy", more='snapshot_id = "vol-fresh@monday"')))
    os.chmod(f"{site.store}/volumes/vol-copy", 0o777)
    site.finish(volume_job("checks", "grep one /srv/data/file", source="copy"))
    # Larger, while it is used.
    site.run_job(volume_job("grows", HOLDS, source="fresh", kind="service"))
    site.wait_running("grows")
    site.ok("volume", "register", site.file("volume.hcl", volume_text("fresh", more='capacity_min = "2MiB"\nsecrets {\n  word = "xyzzy"\n}')))
    assert site.get("/v1/volume/csi/fresh")["Capacity"] == 2 << 20
    assert [c["mounted"] for c in site.calls("vol-fresh") if c["method"] == "NodeExpandVolume"] == [True]
    external = site.get("/v1/volumes/external?plugin_id=dir&per_page=1")
    assert len(external["Volumes"]) == 1 and external["NextToken"] == "1"
    listed = {v["ExternalID"]: v for v in site.get("/v1/volumes/external?plugin_id=dir")["Volumes"]}
    assert listed["vol-fresh"]["PublishedExternalNodeIDs"] == ["storage-node-one"] and listed["vol-copy"]["CapacityBytes"] == 0
    site.stop_job("grows")
    for name in ("fresh", "copy"):
        site.wait_free(name)
        assert f'Successfully deleted volume "{name}"!' in site.ok("volume", "delete", "-secret", "other=1", name).all
        assert not os.path.exists(f"{site.store}/volumes/vol-{name}")
    assert [c for c in site.calls("vol-fresh") if c["method"] == "DeleteVolume"][-1]["secrets"] == ["other", "word"]
    site.ok("volume", "snapshot", "delete", "dir", "vol-fresh@monday")
    assert site.get("/v1/volumes/snapshot?plugin_id=dir")["Snapshots"] in ([], None)


def test_each_allocation_its_own_volume(site):
    for number in (0, 1):
        site.register_volume(f"own[{number}]", external=f"vol-own-{number}")
    site.run_job(volume_job("each", "echo $NOMAD_ALLOC_INDEX > /srv/data/index; " + HOLDS.replace("$NOMAD_JOB_ID", "ready"), source="own", kind="service", count=2,
                            volume="      per_alloc = true"))
    site.wait_running("each", 2)
    for number in (0, 1):
        site.wait_written(f"vol-own-{number}", "ready")
        with open(f"{site.store}/volumes/vol-own-{number}/index") as file:
            assert file.read().strip() == str(number)
    site.stop_job("each")
    for number in (0, 1):
        site.wait_free(f"own[{number}]")


@pytest.mark.parametrize("text,sentence", [
    (volume_text("bad", plugin="nothing"), "no CSI plugin named: nothing could be found"),
    (volume_text("bad", modes=()), "must include at least one capability block"),
    (volume_text("bad", modes=("single-writer",)), 'access_mode "single-writer" is unknown: use'),
    (volume_text("bad", more='snapshot_id = "a"\nclone_id = "b"'), "only one of snapshot_id and clone_id is allowed"),
    (volume_text("bad", more='capacity_max = "a lot"'), 'a size such as "10GiB" is needed'),
    (volume_text("bad", external="not-there"), "there is no volume not-there"),
    (volume_text("bad").replace("plugin_id", "pluginid"), "plugin_id"),
], ids=["plugin", "no capability", "access mode", "two sources", "size", "external", "misspelt"])
def test_wrong_volumes_are_refused_with_a_sentence(site, text, sentence):
    out = site.run("volume", "register", site.file("volume.hcl", text))
    assert out.code == 1 and sentence in out.all, out.all
    assert all(v["ID"] != "bad" for v in site.get("/v1/volumes?type=csi"))


def test_wrong_requests(site):
    assert site.http("DELETE", "/v1/volume/csi/nobody").status == 404
    assert site.http("DELETE", "/v1/volume/csi/nobody/detach").status == 400
    assert site.http("GET", "/v1/plugin/csi/nobody").status == 404
    assert site.http("GET", "/v1/volumes/external").status == 400
    assert site.http("GET", "/v1/volumes/snapshot?plugin_id=dir", headers={"X-Nomad-CSI-Secrets": "none"}).status == 400
    assert site.http("PUT", "/v1/volume/csi/x", {"Volumes": []}).status == 400
    assert site.http("PUT", "/v1/volume/csi/x", {"Volumes": [None]}).status == 400
    assert site.http("PUT", "/v1/volumes/snapshot", {"Snapshots": [{"SourceVolumeID": "nobody"}]}).status == 404
    site.make_folder("vol-posted")
    asked = {"ID": "posted", "Name": "posted", "PluginID": "dir", "ExternalID": "vol-posted",
             "RequestedCapabilities": [{"AccessMode": "single-node-writer", "AttachmentMode": "file-system"}]}
    assert site.http("POST", "/v1/volumes", {"Volumes": [asked]}).status == 200
    assert site.http("POST", "/v1/volumes", {"Volumes": [{**asked, "ExternalID": "other"}]}).status == 400
    assert site.http("DELETE", "/v1/volume/csi/posted").status == 200
    site.run_job(volume_job("waits", "true", source="nobody"))
    evals = site.wait("/v1/job/waits/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "it waits for its volume")
    assert next(e for e in evals if e.get("FailedTGAllocs"))["FailedTGAllocs"]["g"]["ConstraintFiltered"] == {"missing CSI volume(s) nobody": 1}
    site.ok("job", "stop", "-detach", "-purge", "waits")


@pytest.fixture(scope="module")
def mortal(tmp_path_factory):
    agent = Site(tmp_path_factory.mktemp("csi-mortal") / "agent")
    agent.start()
    try:
        agent.run_plugin()
        yield agent
        agent.close()
        assert agent.mounts() == {}
    finally:
        agent.close()


@pytest.mark.parametrize("point", ["csi_claimed", "csi_held", "csi_staged", "csi_published", "csi_unpublished", "csi_unstaged", "csi_forgotten"])
def test_the_agent_dies_at_each_step(mortal, point):
    name = point.replace("_", "-")
    mortal.register_volume(name)
    mortal.stop()
    mortal.environment = {"DROVER_KILL_POINT": point}
    mortal.start()
    mortal.wait_plugin()
    job = mortal.file("job.nomad.hcl", volume_job("job-" + name, "echo once >> /srv/data/file", source=name))
    # It may die before it has answered.
    mortal.run("job", "run", "-detach", job)
    assert mortal.process.wait(harness.DEADLINE) == -signal.SIGKILL
    mortal.environment = {}
    mortal.start()
    mortal.wait_allocs("job-" + name, lambda allocs: len(allocs) == 1 and allocs[0]["ClientStatus"] == "complete", "it has run")
    mortal.wait_free(name)
    assert mortal.mounts() == {} and os.listdir(f"{mortal.store}/attached") == []
    with open(f"{mortal.store}/volumes/vol-{name}/file") as file:
        assert file.read() == "once\n"


def test_who_may(tmp_path):
    site = Site(tmp_path / "agent", config="acl {\n  enabled = true\n}\n")
    try:
        site.launch().wait_started()
        site.wait_log("cluster leadership acquired")
        root = site.token = site.ok("acl", "bootstrap").field("Secret ID")
        site.wait("/v1/nodes", lambda nodes: any(n["Status"] == "ready" for n in nodes), "the node is ready")
        site.run_plugin()
        site.register_volume("data")
        # The node claims and releases with its own secret.
        site.finish(volume_job("writes", "echo kept > /srv/data/file"))
        site.wait_free("data")
        tokens = {"nobody": None}
        for name, rules in {"writer": 'namespace "default" {\n  policy = "write"\n}\nplugin {\n  policy = "read"\n}',
                            "without plugins": 'namespace "default" {\n  policy = "write"\n}', "reader": 'namespace "default" {\n  policy = "read"\n}'}.items():
            policy = name.replace(" ", "-")
            assert site.http("PUT", f"/v1/acl/policy/{policy}", {"Name": policy, "Rules": rules}).status == 200
            tokens[name] = site.http("PUT", "/v1/acl/token", {"Name": policy, "Type": "client", "Policies": [policy]}).json["SecretID"]
        volume = {"ID": "data", "PluginID": "dir", "ExternalID": "vol-data", "RequestedCapabilities": [{"AccessMode": "single-node-writer", "AttachmentMode": "file-system"}]}
        requests = [("GET", "/v1/volumes?type=csi", None), ("GET", "/v1/volume/csi/data", None), ("GET", "/v1/plugins?type=csi", None), ("GET", "/v1/plugin/csi/dir", None),
                    ("GET", "/v1/volumes/external?plugin_id=dir", None), ("PUT", "/v1/volume/csi/data", {"Volumes": [volume]}), ("DELETE", "/v1/volume/csi/data/detach?node=x", None)]
        answers = {}
        for name, site.token in tokens.items():
            answers[name] = [site.http(*each).status for each in requests]
        site.token = root
        assert answers == {"nobody": [403] * 7, "writer": [200] * 7, "without plugins": [200, 200, 403, 403, 403, 403, 200], "reader": [200, 200, 403, 403, 403, 403, 403]}
    finally:
        site.close()


def test_two_nodes_with_one_store(tmp_path):
    """The volume goes where its job goes; a node that dies gives its volume up, and so does one that is told to."""
    server = Site(tmp_path / "one", store=tmp_path / "store", server='  heartbeat_grace = "6s"\n  min_heartbeat_ttl = "1s"\n')
    client = Site(tmp_path / "two", store=tmp_path / "store", name="node-two", with_server=False, client=f'  servers = ["127.0.0.1:{server.port + 1}"]')
    try:
        server.start()
        client.launch().wait_started()
        server.wait("/v1/nodes", lambda nodes: len([n for n in nodes if n["Status"] == "ready"]) == 2, "both nodes are ready")
        server.run_plugin(healthy=2)
        server.register_volume("shared")

        def on(name):
            return f'  constraint {{\n    attribute = "${{node.unique.name}}"\n    value     = "{name}"\n  }}'

        server.run_job(volume_job("far", HOLDS, source="shared", kind="service", constraint=on("node-two")))
        server.wait_running("far")
        server.wait_written("vol-shared", "far")
        assert os.listdir(f"{server.store}/attached") == ["vol-shared@storage-node-two"] and len(client.mounts()) == 2
        # Detached by hand, whoever uses it.
        (two,) = [n for n in server.get("/v1/nodes") if n["Name"] == "node-two"]
        server.ok("volume", "detach", "shared", two["ID"][:8])
        server.wait_free("shared")
        assert client.mounts() == {} and os.listdir(f"{server.store}/attached") == []
        server.stop_job("far")
        server.run_job(volume_job("far", HOLDS, source="shared", kind="service", constraint=on("node-two")))
        server.wait_running("far")
        server.wait_written("vol-shared", "far")
        server.stop_job("far")
        server.finish(volume_job("near", "grep ready /srv/data/far", source="shared", constraint=on("node-one")))
        server.wait_free("shared")
        assert client.mounts() == {} and server.mounts() == {} and os.listdir(f"{server.store}/attached") == []
        # A machine that dies with the volume: the controller takes it from there, whoever waits gets it.
        server.run_job(volume_job("far", HOLDS, source="shared", kind="service", constraint=on("node-two")))
        server.wait_running("far")
        server.wait_written("vol-shared", "far")
        client.kill()
        harness.end_processes_below(client.folder)
        os.remove(f"{server.store}/staged/vol-shared@storage-node-two")
        server.wait("/v1/nodes", lambda nodes: any(n["Status"] == "down" for n in nodes), "it is known to be down")
        server.wait_free("shared")
        assert os.listdir(f"{server.store}/attached") == []
        server.finish(volume_job("next", "grep ready /srv/data/far", source="shared", constraint=on("node-one")))
    finally:
        server.close()
        client.close()
        harness.remove_folder(client.folder)

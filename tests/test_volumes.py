"""Host volumes: what a node offers, and what a task sees of it."""
import json
import os

import pytest

import harness


def volume_job(name, command, *, driver="exec", source="data", mount="", volume="", group=""):
    return f"""
job "{name}" {{
  type = "batch"
  group "g" {{
{group}
    restart {{
      attempts = 0
    }}
    reschedule {{
      attempts  = 0
      unlimited = false
    }}
    volume "v" {{
      type   = "host"
      source = "{source}"
{volume}
    }}
    task "t" {{
      driver = "{driver}"
      config {{
        command = "/bin/sh"
        args    = ["-c", {json.dumps(command)}]
      }}
      volume_mount {{
        volume      = "v"
        destination = "/srv/data"
{mount}
      }}
    }}
  }}
}}
"""


def run(site, text, status="complete"):
    path = harness.write_job(site.folder, "volume.nomad.hcl", text)
    site.ok("job", "run", "-detach", path)
    name = text.split('"')[1]
    (alloc,) = site.wait_allocs(name, lambda allocs: len(allocs) == 1 and allocs[0]["ClientStatus"] == status, f"{name} is {status}")
    return site.get(f"/v1/allocation/{alloc['ID']}")


def messages(alloc):
    return [e["DisplayMessage"] for state in alloc["TaskStates"].values() for e in state["Events"]]


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    for name in ("data", "fixed"):
        os.makedirs(folder / name, mode=0o777)
        os.chmod(folder / name, 0o777)
    with open(folder / "fixed" / "file", "w") as file:
        file.write("as it was")
    agent = harness.Agent(folder / "agent", client=f"""
  host_volume "data" {{
    path = "{folder}/data"
  }}
  host_volume "fixed" {{
    path      = "{folder}/fixed"
    read_only = true
  }}
  host_volume "gone" {{
    path = "{folder}/gone"
  }}
""")
    agent.volumes = folder
    os.makedirs(folder / "gone")
    agent.start()
    yield agent
    agent.close()


def test_a_task_writes_into_a_volume(site):
    run(site, volume_job("writes", "echo kept > /srv/data/file"))
    with open(site.volumes / "data" / "file") as file:
        assert file.read() == "kept\n"
    # The next allocation finds it.
    run(site, volume_job("reads", "grep kept /srv/data/file"))


@pytest.mark.parametrize("what", [{"mount": "        read_only = true"}, {"volume": "      read_only = true"}])
def test_read_only(site, what):
    name = "readonly-" + list(what)[0]
    run(site, volume_job(name, "! touch /srv/data/never", **what))
    assert not os.path.exists(site.volumes / "data" / "never")


def test_a_volume_that_may_only_be_read(site):
    run(site, volume_job("fixed", "cat /srv/data/file && ! touch /srv/data/never", source="fixed", volume="      read_only = true"))
    # Who wants to write is placed nowhere.
    site.ok("job", "run", "-detach", harness.write_job(site.folder, "w.nomad.hcl", volume_job("wants-more", "true", source="fixed")))
    evals = site.wait("/v1/job/wants-more/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "it is blocked")
    failed = next(e for e in evals if e.get("FailedTGAllocs"))["FailedTGAllocs"]["g"]
    assert failed["ConstraintFiltered"] == {"missing compatible host volumes": 1}


def test_a_driver_that_cannot_mount_says_so(site):
    alloc = run(site, volume_job("raw", "true", driver="raw_exec"), "failed")
    assert any('task driver "raw_exec" for "t" does not support host volumes' in m for m in messages(alloc)), messages(alloc)


def test_a_directory_that_is_gone(site):
    os.rmdir(site.volumes / "gone")
    alloc = run(site, volume_job("gone", "true", source="gone"), "failed")
    assert any("No such file or directory" in m for m in messages(alloc)), messages(alloc)


@pytest.mark.parametrize("wrong,sentence", [
    (volume_job("bad", "true").replace('volume      = "v"', 'volume = "w"'), 'volume mount of volume "w", which the group does not define'),
    (volume_job("bad", "true").replace('"/srv/data"', '""'), "Missing destination"),
    (volume_job("bad", "true", source=""), 'Volume "v" has an empty source'),
    (volume_job("bad", "true", mount='        propagation_mode = "sideways"'), "sideways"),
])
def test_wrong_input(site, wrong, sentence):
    answer = site.run("job", "run", "-detach", harness.write_job(site.folder, "bad.nomad.hcl", wrong))
    assert answer.code == 1
    assert sentence in answer.err, answer
    assert site.http("GET", "/v1/job/bad").status == 404


# -- dynamic volumes

PLUGIN = """#!/bin/sh
case "$1" in
fingerprint) echo '{"version": "1.2.3"}' ;;
create)
  mkdir -p "$DHV_VOLUMES_DIR/$DHV_VOLUME_ID" && chmod 777 "$DHV_VOLUMES_DIR/$DHV_VOLUME_ID"
  echo "$DHV_PARAMETERS" > "$DHV_VOLUMES_DIR/$DHV_VOLUME_ID/parameters"
  if [ "$DHV_VOLUME_NAME" = broken ]; then echo "the array is on fire" >&2; exit 3; fi
  echo "{\\"path\\": \\"$DHV_VOLUMES_DIR/$DHV_VOLUME_ID\\", \\"bytes\\": $DHV_CAPACITY_MIN_BYTES}"
  ;;
delete) rm -rf "$DHV_CREATED_PATH" ;;
esac
"""


def spec(name, *, plugin='plugin_id = "mkdir"', more='parameters {\n  mode = "0777"\n}', kind="host"):
    return f"""
type = "{kind}"
name = "{name}"
{plugin}
capability {{
  access_mode     = "single-node-writer"
  attachment_mode = "file-system"
}}
{more}
"""


@pytest.fixture(scope="module")
def dynamic(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dynamic")
    os.makedirs(folder / "plugins")
    for name, text in {"array": PLUGIN, "mute": "#!/bin/sh\n", "loud": "#!/bin/sh\nexit 1\n"}.items():
        with open(folder / "plugins" / name, "w") as file:
            file.write(text)
        os.chmod(folder / "plugins" / name, 0o755)
    agent = harness.Agent(folder / "agent", client=f"""
  host_volume_plugin_dir = "{folder}/plugins"
  host_volumes_dir       = "{folder}/volumes"
  host_volume "taken" {{
    path = "{folder}"
  }}
""")
    agent.volumes = folder
    agent.start()
    yield agent
    agent.close()


def create(site, text, command="create"):
    answer = site.run("volume", command, harness.write_job(site.folder, "volume.hcl", text))
    return answer


def volume_named(site, name):
    (found,) = [v for v in site.get("/v1/volumes?type=host") if v["Name"] == name]
    return found


def test_life_of_a_volume(dynamic):
    assert dynamic.ok("volume", "status", "-type", "host").all == "Dynamic Host Volumes\nNo dynamic host volumes\n"
    both = dynamic.ok("volume", "status")
    assert (both.out, both.err) == ("Dynamic Host Volumes\n\nContainer Storage Interface\n", "No dynamic host volumes\nNo CSI volumes\n")
    answer = create(dynamic, spec("life"))
    assert answer.code == 0, answer
    volume = volume_named(dynamic, "life")
    assert answer.out.splitlines()[0] == f"==> Created host volume life with ID {volume['ID']}"
    assert volume["State"] == "ready" and volume["PluginID"] == "mkdir" and volume["NodePool"] == "default"
    path = dynamic.volumes / "volumes" / volume["ID"]
    assert os.stat(path).st_mode & 0o7777 == 0o777
    run(dynamic, volume_job("uses-life", "echo kept > /srv/data/file", source="life"))
    assert (path / "file").read_text() == "kept\n"
    (row,) = dynamic.ok("volume", "status").table("Dynamic Host Volumes")
    assert row["ID"] == volume["ID"][:8] and row["State"] == "ready"
    shown = dynamic.ok("volume", "status", volume["ID"][:8]).out
    assert "single-node-writer" in shown and str(path) in shown

    # The agent dies: the volume and what is in it are there again.
    dynamic.kill()
    dynamic.start()
    run(dynamic, volume_job("uses-life-again", "grep kept /srv/data/file", source="life"))
    assert dynamic.ok("volume", "delete", "-type", "host", volume["ID"]).out == f"Successfully deleted volume \"{volume['ID']}\"!\n"
    assert not path.exists()
    assert [v for v in dynamic.get("/v1/volumes?type=host") if v["Name"] == "life"] == []
    assert dynamic.http("GET", f"/v1/volume/host/{volume['ID']}").status == 404


def test_a_volume_in_use_is_not_deleted(dynamic):
    assert create(dynamic, spec("used")).code == 0
    volume = volume_named(dynamic, "used")
    text = volume_job("user", "sleep 1000", source="used").replace('type = "batch"', 'type = "service"')
    dynamic.ok("job", "run", "-detach", harness.write_job(dynamic.folder, "user.nomad.hcl", text))
    (alloc,) = dynamic.wait_running("user")
    assert [a["ID"] for a in dynamic.get(f"/v1/volume/host/{volume['ID']}")["Allocations"]] == [alloc["ID"]]
    answer = dynamic.run("volume", "delete", "-type", "host", volume["ID"])
    assert answer.code == 1 and f"in use by allocations: [{alloc['ID']}]" in answer.err
    assert (dynamic.volumes / "volumes" / volume["ID"]).exists()
    dynamic.ok("job", "stop", "-purge", "user")
    dynamic.wait(f"/v1/volume/host/{volume['ID']}", lambda v: not v.get("Allocations"), "nobody uses it")
    dynamic.ok("volume", "delete", "-type", "host", "used")


def test_a_sticky_volume_is_claimed(dynamic):
    assert dynamic.ok("volume", "claim", "list").out == "No task group host volume claims found\n"
    assert create(dynamic, spec("kept")).code == 0
    volume = volume_named(dynamic, "kept")
    text = volume_job("sticky", "sleep 1000", source="kept", volume="sticky = true").replace('type = "batch"', 'type = "service"')
    path = harness.write_job(dynamic.folder, "sticky.nomad.hcl", text)
    dynamic.ok("job", "run", "-detach", path)
    (alloc,) = dynamic.wait_running("sticky")
    (claim,) = dynamic.get("/v1/volumes/claims")
    assert claim["AllocID"] == alloc["ID"] and claim["VolumeID"] == volume["ID"] and claim["VolumeName"] == "kept"
    assert claim["JobID"] == "sticky" and claim["TaskGroupName"] == "g" and claim["Namespace"] == "default"
    (row,) = dynamic.ok("volume", "claim", "list", "-job=sticky").table()
    assert row == {"ID": claim["ID"][:8], "Namespace": "default", "Job ID": "sticky", "Volume ID": volume["ID"][:8], "Volume Name": "kept"}
    assert dynamic.get("/v1/volumes/claims?job_id=other") == [] and dynamic.get("/v1/volumes/claims?task_group=g&volume_name=kept") == [claim]

    # The claim outlives its allocation and the agent: the group goes back to its volume.
    dynamic.ok("job", "stop", "-detach", "sticky")
    dynamic.wait_allocs("sticky", lambda allocs: all(a["ClientStatus"] == "complete" for a in allocs), "it has stopped")
    dynamic.kill()
    dynamic.start()
    assert dynamic.get("/v1/volumes/claims") == [claim]
    dynamic.ok("job", "run", "-detach", path)
    (again,) = dynamic.wait_running("sticky")
    (moved,) = dynamic.get("/v1/volumes/claims")
    assert moved["ID"] == claim["ID"] and moved["AllocID"] == again["ID"] and moved["ModifyIndex"] > claim["ModifyIndex"]

    answer = dynamic.run("volume", "claim", "delete", "-y", "nope")
    assert answer.code == 1 and 'No claim(s) with prefix "nope" found' in answer.err
    missing = dynamic.http("DELETE", "/v1/volumes/claim/nope")
    assert missing.status in (404, 500) and "does not exist" in missing.text
    done = dynamic.ok("volume", "claim", "delete", "-y", claim["ID"][:8])
    assert done.out == f"Task group host volume claim {claim['ID']} successfully deleted\n"
    assert dynamic.get("/v1/volumes/claims") == []
    dynamic.ok("job", "stop", "-purge", "sticky")
    dynamic.wait(f"/v1/volume/host/{volume['ID']}", lambda v: not v.get("Allocations"), "nobody uses it")
    dynamic.ok("volume", "delete", "-type", "host", "kept")


def test_a_plugin_of_ones_own(dynamic):
    (node,) = dynamic.get("/v1/nodes")
    attributes = dynamic.get(f"/v1/node/{node['ID']}")["Attributes"]
    plugins = {name: text for name, text in attributes.items() if name.startswith("plugins.host_volume.")}
    assert plugins == {"plugins.host_volume.mkdir.version": "0.0.1", "plugins.host_volume.array.version": "1.2.3"}
    text = spec("mine", plugin='plugin_id = "array"', more='capacity_min = "2KiB"\nparameters {\n  tier = "fast"\n}')
    assert create(dynamic, text).code == 0
    volume = dynamic.get(f"/v1/volume/host/{volume_named(dynamic, 'mine')['ID']}")
    assert volume["CapacityBytes"] == 2048
    with open(os.path.join(volume["HostPath"], "parameters")) as file:
        assert json.load(file) == {"tier": "fast"}
    dynamic.ok("volume", "delete", "-type", "host", "mine")
    assert not os.path.exists(volume["HostPath"])
    answer = create(dynamic, spec("broken", plugin='plugin_id = "array"', more=""))
    assert answer.code == 1 and "the array is on fire" in answer.err, answer
    assert [v for v in dynamic.get("/v1/volumes?type=host") if v["Name"] == "broken"] == []


def test_a_directory_that_is_there(dynamic):
    (node,) = dynamic.get("/v1/nodes")
    there = dynamic.volumes / "there"
    os.makedirs(there, exist_ok=True)
    where = f'node_id = "{node["ID"]}"\nhost_path = "{there}"'
    answer = create(dynamic, spec("there", plugin="", more=where), "register")
    assert answer.code == 0, answer
    dynamic.wait("/v1/volumes?type=host", lambda all: any(v["Name"] == "there" and v["State"] == "ready" for v in all), "the volume is ready")
    run(dynamic, volume_job("sees-there", "ls /srv/data", source="there"))
    dynamic.ok("volume", "delete", "-type", "host", "there")
    assert there.exists(), "it was there before, and stays"
    answer = create(dynamic, spec("nowhere", plugin="", more=where.replace("there", "nowhere")), "register")
    assert answer.code == 1 and "there is no directory" in answer.err


@pytest.mark.parametrize("text,sentence", [
    (spec("x", kind="tape"), 'type is "tape"; "csi" and "host" are known'),
    (spec("x").replace('type = "host"', ""), "missing volume id"),
    (spec("x", more='capacity_min = "much"'), 'a size such as "10GiB" is needed'),
    (spec("x", more="speed = 1"), "speed"),
    (spec("", more=""), "missing name"),
    (spec("x", more='capacity_min = "2GiB"\ncapacity_max = "1GiB"'), "capacity_max (1073741824) must be larger than capacity_min (2147483648)"),
    (spec("x").replace("single-node-writer", "everybody"), 'access_mode "everybody" is unknown'),
    (spec("x", plugin=""), "plugin_id is missing"),
    (spec("x", plugin='plugin_id = "nope"'), "1 of 1 has no plugin nope"),
    (spec("x", plugin='plugin_id = "mkdir"\nnode_id = "00000000-0000-0000-0000-000000000000"'), "does not exist"),
    (spec("x", more='node_pool = "gone"'), 'node pool "gone" does not exist'),
    (spec("x", more='constraint {\n  attribute = "${attr.kernel.name}"\n  value = "plan9"\n}'), "does not meet the constraint ${attr.kernel.name} = plan9"),
    (spec("x", more='parameters {\n  mode = "rwx"\n}'), "must be an octal number"),
    (spec("x", more='parameters {\n  colour = "red"\n}'), 'no parameter "colour"'),
    (spec("x", more='id = "00000000-0000-0000-0000-000000000000"'), "volume does not exist"),
    (spec("taken"), "has a volume of that name already"),
])
def test_wrong_volumes(dynamic, text, sentence):
    answer = create(dynamic, text)
    assert answer.code == 1
    assert sentence in answer.err, answer
    assert [v for v in dynamic.get("/v1/volumes?type=host") if v["Name"] in ("x", "")] == []


def test_init_writes_what_create_takes(dynamic, tmp_path):
    assert dynamic.ok("volume", "init", "-type", "host", cwd=tmp_path).out == "Example volume specification written to volume.hcl\n"
    assert dynamic.run("volume", "init", cwd=tmp_path).code == 1
    assert dynamic.ok("volume", "create", str(tmp_path / "volume.hcl")).code == 0
    answer = dynamic.http("DELETE", f"/v1/volume/host/{volume_named(dynamic, 'data')['ID']}")
    assert answer.status == 200
    assert dynamic.http("DELETE", "/v1/volume/host/nothing").status == 404

"""A CSI plugin in a container that may mount: what it mounts there reaches the host, and from there the containers and chroots that use the volume."""
import os
import time

import pytest

import dockerd
import harness
import test_csi

pytestmark = pytest.mark.skipif(not dockerd.usable(), reason="needs root, dockerd and busybox")


@pytest.fixture(scope="module")
def docker(tmp_path_factory):
    made = dockerd.Dockerd(tmp_path_factory.mktemp("dc"))
    try:
        made.start()
        made.busybox()
        # Python and mount are those of this machine.
        made.import_image("python:host", [], [("lib", "usr/lib"), ("lib64", "usr/lib64")], ["ENV PATH=/usr/sbin:/usr/bin"])
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory, docker):
    config = dockerd.agent_config(docker, 'allow_caps = ["all"]\n    volumes {\n      enabled = true\n    }\n    gc {\n      image = false\n    }')
    made = test_csi.Site(tmp_path_factory.mktemp("csid") / "agent", config=config)
    try:
        made.start()
        node = made.get("/v1/nodes")[0]["ID"]
        made.wait(f"/v1/node/{node}", lambda node: node["Drivers"]["docker"]["Healthy"], "docker is healthy")
        made.run_job(plugin_in_a_container(made))
        made.wait_plugin()
        yield made
    finally:
        made.close()
        harness.remove_folder(made.folder)


def plugin_in_a_container(site):
    text = test_csi.plugin_job(site.store)
    before, rest = text.split("      config {", 1)
    after = rest.split("      }\n", 1)[1]
    folder = os.path.dirname(test_csi.PROGRAM)
    return before.replace('"raw_exec"', '"docker"') + f"""      config {{
        image        = "python:host"
        command      = "{test_csi.PYTHON}"
        args         = ["-B", "-u", "/tests/csi_plugin.py"]
        cap_add      = ["sys_admin"]
        network_mode = "none"
        volumes      = ["/usr:/usr:ro", "{folder}:/tests:ro", "{site.store}:{site.store}"]
      }}
""" + after


def in_a_container(text):
    return text.replace('driver       = "exec"', 'driver       = "docker"').replace("      config {\n", '      config {\n        image   = "busybox:1"\n        network_mode = "none"\n').replace(
        '"/bin/sh"', '"sh"')


@pytest.mark.parametrize("kind", ["docker", "exec"])
def test_who_sees_what_a_container_mounted(site, kind):
    site.register_volume(kind)
    wrap = in_a_container if kind == "docker" else str
    site.finish(wrap(test_csi.volume_job("writes-" + kind, "echo kept > /srv/data/file", source=kind)))
    site.wait_free(kind)
    with open(f"{site.store}/volumes/vol-{kind}/file") as file:
        assert file.read() == "kept\n"
    # The folder itself is a mount of its own; nothing is left below it.
    assert all(path.endswith("/node/dir") for path in site.mounts()), site.mounts()
    site.finish(wrap(test_csi.volume_job("reads-" + kind, "cat /srv/data/file && ! echo never > /srv/data/never", source=kind, volume="      read_only = true")))
    site.wait_free(kind)
    assert not os.path.exists(f"{site.store}/volumes/vol-{kind}/never")


def test_the_agent_is_killed_while_a_container_uses_it(site):
    site.register_volume("kept")
    site.run_job(in_a_container(test_csi.volume_job("uses", test_csi.HOLDS, source="kept", kind="service")))
    (alloc,) = site.wait_running("uses")
    mounts = site.mounts()
    assert len(mounts) == 3 and set(mounts.values()) == {1}
    site.kill()
    site.start()
    site.wait_log(f"task found again.*{alloc['ID']}")
    site.wait_plugin()
    assert site.mounts() == mounts
    site.stop_job("uses")
    site.wait_free("kept")
    assert all(path.endswith("/node/dir") for path in site.mounts()), site.mounts()


def test_nothing_is_left_when_the_plugin_has_gone(site):
    for job in site.get("/v1/jobs"):
        site.ok("job", "stop", "-detach", "-purge", job["ID"])
    site.wait("/v1/allocations", lambda allocs: all(a["ClientStatus"] not in ("running", "pending") for a in allocs), "every task has ended")
    site.ok("system", "gc")
    deadline = time.monotonic() + harness.DEADLINE
    while site.mounts() or os.listdir(f"{site.data_dir}/client/csi/plugins"):
        assert time.monotonic() < deadline, site.mounts()
        harness.ask_again_soon()

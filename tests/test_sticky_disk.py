"""ephemeral_disk { sticky, migrate }: the disk of an allocation follows it to another node, and nobody else gets it."""
import os

import pytest

import cluster
import fleet
import harness
from fleet import job, task

NODES = {"one": "", "two": ""}
MAKE = """
cd "$NOMAD_ALLOC_DIR/data"
if [ ! -e token ]; then
  echo first > token; mkdir -p deep/er; head -c 3000000 /dev/urandom > deep/er/large; ln -s ../token deep/link; chmod 640 token; chown 65534:65534 deep/er/large
  echo mine > "$NOMAD_TASK_DIR/note"; mkfifo pipe; echo secret > "$NOMAD_SECRETS_DIR/secret"; echo log
fi
echo ready >> runs
exec sleep 3600
"""


@pytest.fixture(scope="module")
def pair(request, tmp_path_factory):
    yield from fleet.serve(request, tmp_path_factory, NODES)


@pytest.fixture
def nodes(pair):
    yield pair
    pair.purge(*(j["ID"] for j in pair.server.get("/v1/jobs")))
    for node in pair.nodes.values():
        pair.server.ok("node", "drain", "-disable", "-yes", node.id)


def sticky(name, **disk):
    return job(name, work=task("/bin/sh", ("-c", MAKE)), group={"EphemeralDisk": {"SizeMB": 150, "Sticky": True, **disk}, "Update": {"MaxParallel": 0}})


def folder(nodes, alloc):
    return os.path.join(nodes.nodes[alloc["NodeName"]].data_dir, "alloc", alloc["ID"])


def wait_runs(nodes, alloc, count):
    path = os.path.join(folder(nodes, alloc), "alloc", "data", "runs")
    for _ in range(3000):
        if os.path.exists(path) and open(path).read().count("ready\n") == count:
            return
        harness.ask_again_soon()
    raise AssertionError(f"{path} does not show {count} starts\n{nodes.nodes[alloc['NodeName']].log()[-3000:]}")


def run(nodes, name, **disk):
    nodes.server.register(sticky(name, **disk))
    (alloc,) = nodes.server.wait_running(name)
    wait_runs(nodes, alloc, 1)
    return alloc


def leave(nodes, alloc):
    """Drains its node; the allocation that takes its place."""
    nodes.server.ok("node", "drain", "-enable", "-yes", "-detach", "-force", nodes.nodes[alloc["NodeName"]].id)
    def moved(allocs):
        return [a for a in allocs if a["ClientStatus"] == "running" and a["DesiredStatus"] == "run" and a["ID"] != alloc["ID"]]

    (fresh,) = moved(nodes.server.wait_allocs(alloc["JobID"], moved, "it runs elsewhere"))
    assert fresh["NodeName"] != alloc["NodeName"] and nodes.server.get(f"/v1/allocation/{fresh['ID']}")["PreviousAllocation"] == alloc["ID"]
    return fresh


def same_disk(before, after):
    for path in ("alloc/data/token", "alloc/data/deep/er/large", "t/local/note"):
        with open(os.path.join(before, path), "rb") as a, open(os.path.join(after, path), "rb") as b:
            assert a.read() == b.read(), path
        kept = [(s.st_mode, s.st_uid, s.st_gid, s.st_size) for s in (os.stat(os.path.join(before, path)), os.stat(os.path.join(after, path)))]
        assert kept[0] == kept[1], path
    assert os.readlink(os.path.join(after, "alloc/data/deep/link")) == "../token"
    assert not os.path.exists(os.path.join(after, "alloc/data/pipe")) and not os.path.exists(os.path.join(after, "t/secrets/secret"))
    assert os.listdir(os.path.join(after, "alloc/logs")) and not os.path.exists(os.path.join(after, ".moving"))


def test_the_disk_follows_to_another_node(nodes):
    first = run(nodes, "follows", Migrate=True)
    second = leave(nodes, first)
    wait_runs(nodes, second, 2)
    same_disk(folder(nodes, first), folder(nodes, second))
    # Only who has the token gets it, and an agent that starts again does not fetch it once more.
    left = nodes.nodes[first["NodeName"]]
    for headers in ({}, {"X-Nomad-Token": "AAAA"}, {"X-Nomad-Token": left.id}):
        answer = left.http("GET", f"/v1/client/allocation/{first['ID']}/snapshot", headers=headers)
        assert answer.status == 403 and answer.text == "Permission denied", answer
    there = nodes.nodes[second["NodeName"]]
    with open(os.path.join(folder(nodes, second), "alloc/data/token"), "w") as file:
        file.write("changed\n")
    there.kill()
    there.start()
    nodes.server.wait_running("follows")
    assert open(os.path.join(folder(nodes, second), "alloc/data/token")).read() == "changed\n"


def test_the_agent_dies_when_the_disk_has_arrived(nodes):
    first = run(nodes, "interrupted", Migrate=True)
    (there,) = [n for n in nodes.nodes.values() if n.name != first["NodeName"]]
    there.stop()
    there.environment = {"DROVER_KILL_POINT": "disk_fetched"}
    there.start()
    nodes.server.ok("node", "drain", "-enable", "-yes", "-detach", "-force", nodes.nodes[first["NodeName"]].id)
    assert there.process.wait(harness.DEADLINE) == -9
    there.environment = {}
    there.start()
    (second,) = nodes.server.wait_running("interrupted")
    wait_runs(nodes, second, 2)
    same_disk(folder(nodes, first), folder(nodes, second))


def test_without_migrate_it_starts_empty_elsewhere(nodes):
    first = run(nodes, "stays")
    second = leave(nodes, first)
    wait_runs(nodes, second, 1)
    assert open(os.path.join(folder(nodes, second), "alloc/data/token")).read() == "first\n"


def test_a_disk_that_cannot_be_had_is_said_and_the_task_starts(nodes):
    first = run(nodes, "gone", Migrate=True)
    # Its directories go before the other node asks.
    left = nodes.nodes[first["NodeName"]]
    os.rename(folder(nodes, first), folder(nodes, first) + ".away")
    try:
        second = leave(nodes, first)
        wait_runs(nodes, second, 1)
        nodes.nodes[second["NodeName"]].wait_log("error migrating data from previous alloc")
    finally:
        os.rename(folder(nodes, first) + ".away", folder(nodes, first))
    assert left.process.poll() is None


class Secured:
    """One server and two nodes that speak nothing but TLS, each on a machine of its own."""

    def __init__(self, folder):
        self.all = cluster.Cluster(folder, servers=1, clients=2, tls=True)
        self.server = self.all.servers[0]
        self.nodes = {member.name: member for member in self.all.clients}

    def start(self):
        self.all.start()
        for node in self.server.get("/v1/nodes"):
            self.nodes[node["Name"]].id = node["ID"]
        return self


@pytest.mark.skipif(os.geteuid() != 0, reason="needs network namespaces")
def test_the_disk_follows_over_https(request, tmp_path):
    nodes = Secured(str(tmp_path))
    request.node.agents = nodes.all.members
    try:
        nodes.start()
        first = run(nodes, "follows", Migrate=True)
        left = nodes.nodes[first["NodeName"]]
        assert nodes.server.get(f"/v1/node/{left.id}")["TLSEnabled"]
        second = leave(nodes, first)
        wait_runs(nodes, second, 2)
        same_disk(folder(nodes, first), folder(nodes, second))
        # Over HTTPS, too, only who has the token gets it.
        answer = left.http("GET", f"/v1/client/allocation/{first['ID']}/snapshot", headers={"X-Nomad-Token": left.id})
        assert answer.status == 403 and answer.text == "Permission denied", answer
    finally:
        nodes.all.close()

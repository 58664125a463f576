"""A cluster of three loses two servers for good: `operator recover` shows what is left and what is lost, makes the survivor a cluster of its own, and
empty servers fill it up again. The same with a peers.json. Tasks run through all of it."""
import hashlib
import json
import os
import re
import shutil
import subprocess

import cluster
import harness
import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

SERVICE = {"ID": "lives", "Name": "lives", "Type": "service", "Datacenters": ["dc1"], "TaskGroups": [
    {"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 300},
     "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep", "args": ["86400"]}, "Resources": {"CPU": 20, "MemoryMB": 16}}]}]}


@pytest.fixture
def where(request, tmp_path):
    made = cluster.Cluster(tmp_path / "cluster", clients=1, tls=True)
    request.node.agents = made.members
    try:
        yield made.start()
    finally:
        made.close()


def recover(where, *words, code=0):
    """The command on the survivor's machine: it needs no agent."""
    done = subprocess.run([where.binary, "operator", "recover", *words], capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def files(folder):
    """What the files of a folder hold."""
    out = {}
    for path, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(path, name)
            with open(full, "rb") as file:
                out[os.path.relpath(full, folder)] = hashlib.sha256(file.read()).hexdigest()
    return out


def lose_two(where):
    """Runs a task, writes through every server, then takes two servers away for good. Gives the survivor (stopped) and the allocation."""
    where.servers[0].register(SERVICE)
    alloc = where.servers[0].wait_running("lives")[0]
    for number, server in enumerate(where.servers):
        server.register(harness.idle_job(f"before-{number}"))
    survivor = where.servers[0]
    index = survivor.http("GET", "/v1/job/before-2").index
    survivor.wait_json("/v1/jobs?stale", lambda jobs: len(jobs) == 4, "the survivor has everything")
    assert index > 0
    where.kill(where.servers)
    for server in where.servers[1:]:
        shutil.rmtree(server.data_dir)
    return survivor, alloc


def assert_lives(where, survivor, alloc):
    """The survivor leads alone, has all jobs, and the task never noticed."""
    where.wait_leader([survivor])
    assert {j["ID"] for j in survivor.get("/v1/jobs")} == {"lives", "before-0", "before-1", "before-2"}
    assert [s["Address"] for s in survivor.get("/v1/operator/raft/configuration")["Servers"]] == [f"{survivor.address}:4647"]
    survivor.register(harness.idle_job("alone"))
    where.wait_nodes({where.clients[0].name})
    now = survivor.get(f"/v1/allocation/{alloc['ID']}")
    assert now["ClientStatus"] == "running" and now["TaskStates"]["t"]["Restarts"] == 0
    assert len(survivor.allocs("lives")) == 1


def assert_fills_up(where, survivor):
    """Two empty servers join; the cluster then stands the loss of the one that had everything."""
    cluster.each(where.servers[1:], lambda m: m.start())
    for server in where.servers:
        server.wait_peers(3)
    where.servers[2].register(harness.idle_job("together"))
    for server in where.servers[1:]:
        server.wait_json("/v1/jobs?stale", lambda jobs: {"lives", "before-0", "alone", "together"} <= {j["ID"] for j in jobs}, "it has everything")
    where.kill([survivor])
    where.wait_leader(where.servers[1:])
    where.servers[1].register(harness.idle_job("without-the-first"))


def test_the_survivor_is_made_a_cluster_and_empty_servers_join(where):
    survivor, alloc = lose_two(where)
    raft = os.path.join(survivor.data_dir, "server")
    before = files(raft)
    shown = recover(where, survivor.data_dir)
    assert "1 of 3 voters are left; 2 are needed to elect a leader." in shown
    assert re.search(r"Last Term +Last Index", shown) and survivor.data_dir in shown
    assert "What will be lost" in shown and "This was a dry run: nothing was changed." in shown
    for server in where.servers:
        assert f"{server.address}:4647" in shown
    assert files(raft) == before
    done = recover(where, "-apply", survivor.data_dir)
    assert "Recovered 1 server. Start it now." in done
    survivor.start()
    assert_lives(where, survivor, alloc)
    assert_fills_up(where, survivor)


def test_peers_json_does_the_same(where):
    survivor, alloc = lose_two(where)
    with open(os.path.join(survivor.data_dir, "server", "node-id")) as file:
        own_id = file.read().strip()
    path = os.path.join(survivor.data_dir, "server", "raft", "peers.json")
    with open(path, "w") as file:
        file.write("[{\"id\": 7}]")
    survivor.launch()
    assert survivor.wait_ended() != 0
    assert re.search(r"peers\.json.*", survivor.log())
    with open(path, "w") as file:
        json.dump([{"id": own_id, "address": f"{survivor.address}:4647", "non_voter": False}], file)
    survivor.start()
    assert re.search(r"\[WARN\].*recovered from peers.json: servers=1", survivor.log())
    assert not os.path.exists(path)
    assert_lives(where, survivor, alloc)
    assert_fills_up(where, survivor)


def test_what_needs_no_recovery_is_left_alone(where):
    where.servers[0].register(harness.idle_job("kept"))
    where.kill(where.servers)
    shown = recover(where, "-apply", *(s.data_dir for s in where.servers[:2]))
    assert "Nothing needs to be recovered" in shown
    cluster.each(where.servers[:2], lambda m: m.start())
    where.wait_leader(where.servers[:2])
    assert where.servers[0].http("GET", "/v1/job/kept").status == 200


def test_a_running_server_is_not_recovered(where):
    shown = recover(where, "-apply", "-force", where.servers[0].data_dir, code=1)
    assert re.search(r"lock|in use|runs|stop", shown), shown
    where.servers[1].register(harness.idle_job("goes-on"))

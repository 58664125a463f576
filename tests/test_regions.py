"""Two regions that know each other: every command reaches the other one, and a dead region answers quickly and slows nobody."""
import os
import time

import cluster
import network
import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(scope="module")
def regions(request, tmp_path_factory):
    net = network.Network()
    made = []
    try:
        here = cluster.Cluster(tmp_path_factory.mktemp("here"), servers=1, clients=1, region="here", net=net, encrypt=False)
        made.append(here)
        there = cluster.Cluster(tmp_path_factory.mktemp("there"), servers=1, clients=1, region="there", net=net, encrypt=False)
        made.append(there)
        request.module.agents_of_module = [*here.members, *there.members]
        for each in made:
            each.start()
        here.servers[0].ok("server", "join", there.servers[0].address)
        yield here, there
    finally:
        for each in made:
            each.close()
        net.close()


def test_both_know_both(regions):
    here, there = regions
    for each in (here.servers[0], there.servers[0]):
        each.wait_json("/v1/regions", lambda r: r == ["here", "there"], "both regions are known")


def test_a_job_is_run_in_the_other_region(regions):
    here, there = regions
    body = {"ID": "over-there", "Name": "over-there", "Type": "service", "Region": "there", "Datacenters": ["dc1"], "TaskGroups": [
        {"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 10},
         "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sh", "args": ["-c", "echo from there; sleep 86400"]},
                    "Resources": {"CPU": 20, "MemoryMB": 16}, "LogConfig": {"MaxFiles": 1, "MaxFileSizeMB": 1}}]}]}
    here.servers[0].register(body)
    alloc = there.servers[0].wait_running("over-there")[0]
    near = here.servers[0]
    assert near.http("GET", "/v1/job/over-there").status == 404
    assert near.http("GET", "/v1/job/over-there?region=there").status == 200
    assert near.ok("job", "status", "-region", "there", "over-there").field("Status") == "running"
    with near.follow("alloc", "logs", "-f", "-region", "there", alloc["ID"]) as logs:
        logs.read_until("from there")
    assert near.ok("alloc", "exec", "-region", "there", alloc["ID"], "/bin/echo", "hello").out == "hello\n"
    assert [n["Name"] for n in near.get("/v1/nodes?region=there")] == ["c1-there"]


def test_an_unknown_region_is_refused_at_once(regions):
    here, _ = regions
    began = time.monotonic()
    answer = here.servers[0].http("GET", "/v1/jobs?region=mars")
    assert answer.status == 500 and "No path to region" in answer.text
    assert time.monotonic() - began < 5


def test_a_dead_region_answers_quickly_and_slows_nobody(regions):
    here, there = regions
    there.kill(there.servers)
    answers = [here.servers[0].http("GET", "/v1/jobs?region=there") for _ in range(3)]
    assert all(a.status == 500 and "there" in a.text for a in answers), answers
    assert here.servers[0].http("GET", "/v1/jobs").status == 200
    there.servers[0].start()
    there.wait_leader()
    here.servers[0].wait_json("/v1/jobs?region=there", lambda jobs: any(j["ID"] == "over-there" for j in jobs), "the region is back")

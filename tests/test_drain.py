"""Node drains: what moves when, what is said about it, and how a drain ends."""
import os
import re

import pytest

import fleet
from fleet import job, quick_update, task

NODES = {"one": "", "two": "", "three": ""}


@pytest.fixture(scope="module")
def three(request, tmp_path_factory):
    """A server and three nodes, used by all tests of this file; each leaves the nodes eligible and its jobs purged."""
    yield from fleet.serve(request, tmp_path_factory, NODES)


@pytest.fixture
def nodes(three):
    yield three
    three.purge(*(j["ID"] for j in three.server.get("/v1/jobs")))
    for node in three.nodes.values():
        three.server.ok("node", "drain", "-disable", "-yes", node.id)
    three.server.wait("/v1/nodes", lambda all_: all(n["SchedulingEligibility"] == "eligible" and not n["Drain"] for n in all_), "all are eligible")


def register(nodes, *args, **more):
    nodes.server.register(job(*args, **more))
    return nodes.server.wait_running(args[0], more.get("count", 1))


def healthy(nodes, name, count):
    def enough(allocs):
        return len([a for a in allocs if (a["DeploymentStatus"] or {}).get("Healthy") and a["ClientStatus"] == "running"]) >= count

    nodes.server.wait_allocs(name, enough, f"{count} healthy allocations of {name}")


def node_json(nodes, node):
    return nodes.server.get(f"/v1/node/{node.id}")


def test_service_moves_and_the_monitor_says_so(nodes):
    server = nodes.server
    server.register(job("web", count=3, Update=quick_update(MaxParallel=3)))
    (moved, *_) = server.wait_running("web", 3)
    healthy(nodes, "web", 3)
    node = nodes.nodes[moved["NodeName"]]
    before = {a["ID"] for a in server.allocs("web") if a["NodeName"] == node.name}
    done = server.ok("node", "drain", "-enable", "-yes", "-m", "new disk", node.id)
    assert f'Node "{node.id}" drain strategy set' in done.out
    for alloc in before:
        assert re.search(rf'(?s): Alloc "{alloc}" marked for migration\n.*: Alloc "{alloc}" draining\n.*: Alloc "{alloc}" status running -> complete\n', done.out), done
    assert re.search(rf": Drain complete for node {node.id}", done.out), done
    assert f'All allocations on node "{node.id}" have stopped' in done.out
    after = server.wait_running("web", 3)
    assert all(a["NodeName"] != node.name for a in after)
    stopped = [a for a in server.allocs("web") if a["ID"] in before]
    for alloc in stopped:
        full = server.get(f"/v1/allocation/{alloc['ID']}")
        assert full["DesiredTransition"]["Migrate"] and full["DesiredStatus"] == "stop" and full["NextAllocation"] in {a["ID"] for a in after}
    # Over, and still closed.
    known = node_json(nodes, node)
    assert known["SchedulingEligibility"] == "ineligible" and known["DrainStrategy"] is None and not known["Drain"]
    assert known["LastDrain"]["Status"] == "complete" and known["LastDrain"]["Meta"] == {"message": "new disk"}
    messages = [e["Message"] for e in known["Events"]]
    assert "Node drain strategy set" in messages and "Node drain complete" in messages
    (row,) = [r for r in server.ok("node", "status").table() if r["Name"] == node.name]
    assert row["Eligibility"] == "ineligible" and row["Drain"] == "false"
    server.ok("node", "eligibility", "-enable", node.id)
    assert node_json(nodes, node)["SchedulingEligibility"] == "eligible"


def test_max_parallel(nodes):
    server = nodes.server
    # The two other nodes are closed at first: all four are on one.
    first, *others = nodes.nodes.values()
    for node in others:
        server.ok("node", "eligibility", "-disable", node.id)
    server.register(job("gentle", count=4, Update=quick_update(MaxParallel=4),
                        group={"Migrate": {"MaxParallel": 1, "HealthCheck": "task_states", "MinHealthyTime": 300_000_000, "HealthyDeadline": 20_000_000_000}}))
    server.wait_running("gentle", 4)
    healthy(nodes, "gentle", 4)
    for node in others:
        server.ok("node", "eligibility", "-enable", node.id)
    with server.follow("node", "drain", "-enable", "-yes", "-verbose", first.id) as monitor:
        seen = []

        def over(allocs):
            running = [a for a in allocs if a["ClientStatus"] == "running" and a["DesiredStatus"] == "run"]
            seen.append(len(running))
            return len([a for a in running if a["NodeName"] != first.name]) == 4

        server.wait_allocs("gentle", over, "all four have moved")
        monitor.read_until("Drain complete for node")
    assert min(seen) >= 3, f"more than one was away at a time: {seen}"


def test_batch_may_finish_and_system_goes_last(nodes):
    server = nodes.server
    server.register(job("daemon", kind="system"))
    server.wait_running("daemon", 3)
    (alloc,) = register(nodes, "work", kind="batch", work=task("/bin/sh", ["-c", "while [ ! -e $NOMAD_TASK_DIR/go ]; do sleep 0.05; done"]))
    node = nodes.nodes[alloc["NodeName"]]
    server.ok("node", "drain", "-enable", "-yes", "-detach", node.id)
    # Something else changes meanwhile, and the drain is looked at again; nothing moves.
    register(nodes, "noise", kind="batch", work=task("/bin/sleep", ["600"]))
    assert nodes.where("work") == [node.name] and node.name in nodes.where("daemon")
    with server.follow("node", "drain", "-monitor", node.id) as monitor:
        # The task may have seen it, ended and taken this command with it, before that could say how it went.
        assert server.run("alloc", "exec", "-task", "t", alloc["ID"], "/bin/touch", "local/go").code in (0, 137)
        monitor.read_until(rf'Alloc "{alloc["ID"]}" status running -> complete')
        monitor.read_until("Drain complete for node")
    (done,) = server.allocs("work")
    assert done["ClientStatus"] == "complete", "it ended by itself and was not replaced"
    assert node.name not in nodes.where("daemon") and len(nodes.where("daemon")) == 2
    # Open again: the system job comes back.
    server.ok("node", "eligibility", "-enable", node.id)
    server.wait_running("daemon", 3)


def test_ignore_system(nodes):
    server = nodes.server
    server.register(job("daemon", kind="system"))
    server.wait_running("daemon", 3)
    node = nodes.nodes["two"]
    done = server.ok("node", "drain", "-enable", "-yes", "-ignore-system", node.id)
    assert "Drain complete for node" in done.out
    assert len(nodes.where("daemon")) == 3


def test_deadline_and_force(nodes):
    server = nodes.server
    for name, flags in (("late", ["-deadline", "300ms"]), ("forced", ["-force"])):
        (alloc,) = register(nodes, name, kind="batch")
        node = nodes.nodes[alloc["NodeName"]]
        done = server.ok("node", "drain", "-enable", "-yes", *flags, node.id)
        assert "Drain complete for node" in done.out
        (moved,) = server.wait_running(name)
        assert moved["NodeName"] != node.name
        server.ok("node", "eligibility", "-enable", node.id)
    for wrong in (["-force", "-deadline", "1h"], ["-force", "-no-deadline"], ["-deadline", "-5s"]):
        assert server.run("node", "drain", "-enable", "-yes", *wrong, node.id).code == 1
    assert server.run("node", "drain", "-yes", node.id).code == 1


def test_disable(nodes):
    server = nodes.server
    (alloc,) = register(nodes, "stays", kind="batch")
    node = nodes.nodes[alloc["NodeName"]]
    server.ok("node", "drain", "-enable", "-yes", "-detach", "-no-deadline", node.id)
    known = node_json(nodes, node)
    assert known["DrainStrategy"] and known["SchedulingEligibility"] == "ineligible"
    assert server.ok("node", "status", node.id).field("Drain") == "true; no deadline"
    refused = server.run("node", "eligibility", "-enable", node.id)
    assert refused.code == 1 and "draining" in refused.all
    done = server.ok("node", "drain", "-disable", "-yes", "-keep-ineligible", node.id)
    assert f'Node "{node.id}" drain strategy unset' in done.out
    known = node_json(nodes, node)
    assert known["DrainStrategy"] is None and known["SchedulingEligibility"] == "ineligible" and known["LastDrain"]["Status"] == "canceled"
    server.ok("node", "drain", "-enable", "-yes", "-detach", node.id)
    server.ok("node", "drain", "-disable", "-yes", node.id)
    assert node_json(nodes, node)["SchedulingEligibility"] == "eligible"
    assert nodes.where("stays") == [node.name]


def test_nothing_goes_to_an_ineligible_node(nodes):
    server = nodes.server
    for name in ("one", "two"):
        done = server.ok("node", "eligibility", "-disable", nodes.nodes[name].id)
        assert f'Node "{nodes.nodes[name].id}" scheduling eligibility set: ineligible for scheduling' in done.out
    register(nodes, "picky", count=3, kind="batch")
    assert set(nodes.where("picky")) == {"three"}
    server.ok("node", "eligibility", "-disable", nodes.nodes["three"].id)
    server.register(job("waits"))
    server.wait("/v1/job/waits/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "it waits")
    # Room that appears wakes it.
    server.ok("node", "eligibility", "-enable", nodes.nodes["two"].id)
    (alloc,) = server.wait_running("waits")
    assert alloc["NodeName"] == "two"


def restart(server):
    server.kill()
    server.launch().wait_started()
    server.wait_json("/v1/nodes", lambda all_: all(n["Status"] == "ready" for n in all_), "the server is back")


def test_a_drain_goes_on_with_another_leader(nodes):
    server = nodes.server
    (alloc,) = register(nodes, "work", kind="batch", work=task("/bin/sh", ["-c", "while [ ! -e $NOMAD_TASK_DIR/go ]; do sleep 0.05; done"]))
    node = nodes.nodes[alloc["NodeName"]]
    server.ok("node", "drain", "-enable", "-yes", "-detach", node.id)
    restart(server)
    assert node_json(nodes, node)["DrainStrategy"]
    with open(os.path.join(node.data_dir, "alloc", alloc["ID"], "t", "local", "go"), "w"):
        pass
    server.wait(f"/v1/node/{node.id}", lambda n: n["DrainStrategy"] is None, "the drain is over")
    assert node_json(nodes, node)["SchedulingEligibility"] == "ineligible"


def test_nowhere_to_go(nodes):
    """The last node that a job may use is drained: it stops there, and comes back with the node."""
    server = nodes.server
    server.register(job("bound", Update=quick_update(), Constraints=[{"LTarget": "${node.unique.name}", "RTarget": "two", "Operand": "="}]))
    server.wait_running("bound")
    healthy(nodes, "bound", 1)
    node = nodes.nodes["two"]
    assert "Drain complete for node" in server.ok("node", "drain", "-enable", "-yes", node.id).out
    assert nodes.where("bound") == []
    said = server.get("/v1/job/bound/explain")["Groups"][0]["Sentences"]
    assert any("not eligible" in s for s in said) or any("ineligible" in s for s in said), said
    server.ok("node", "eligibility", "-enable", node.id)
    server.wait_running("bound")

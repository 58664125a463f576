"""The node bootstrap example: a sysbatch job for nodes that are not ready yet, and a service that waits for one that is."""
import os
import re

import harness

BOOTSTRAP = os.path.join(harness.EXAMPLES, "bootstrap.nomad.hcl")
SLEEP = os.path.join(harness.EXAMPLES, "sleep.nomad.hcl")


def state(value):
    return f'  meta {{\n    state = "{value}"\n  }}'


def test_service_waits_for_a_ready_node(make_agent):
    agent = make_agent(client=state("bootstrapping")).start()
    for file in (BOOTSTRAP, SLEEP):
        agent.ok("job", "validate", file)

    plan = agent.run("job", "plan", SLEEP)
    assert plan.code == 1 and "WARNING: Failed to place all allocations." in plan.out, plan
    assert '* Constraint "${meta.state} = ready": 1 nodes excluded by filter' in plan.out, plan

    agent.ok("job", "run", "-detach", SLEEP)
    agent.wait("/v1/job/sleep/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "a blocked evaluation")
    status = agent.ok("job", "status", "sleep")
    assert status.field("Status") == "pending"
    assert "Placement Failure" in status.out
    assert '* Constraint "${meta.state} = ready": 1 nodes excluded by filter' in status.out, status
    assert agent.allocs("sleep") == []

    # The node comes back as a ready one: the service starts by itself.
    agent.stop()
    with open(agent.config_path) as file:
        text = file.read()
    with open(agent.config_path, "w") as file:
        file.write(text.replace('"bootstrapping"', '"ready"'))
    agent.start()
    agent.wait_running("sleep")
    assert agent.ok("job", "status", "sleep").field("Status") == "running"


def test_sysbatch_makes_nodes_ready(make_agent, tmp_path, monkeypatch):
    """The example's job without its schedule, so that nobody waits for the next minute: it sets the metadata of its node, and the service that waited
    for a ready node starts. The metadata outlives the agent."""
    with open(BOOTSTRAP) as file:
        text = file.read()
    start = text.index("  periodic {")
    end = text.index("  }\n", start) + len("  }\n")
    path = harness.write_job(tmp_path, "once.nomad.hcl", text[:start] + text[end:])

    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "drover").symlink_to(os.path.realpath(harness.BINARY))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    agent = make_agent(client=state("bootstrapping"))
    monkeypatch.setenv("NOMAD_ADDR", agent.url())
    agent.start()

    agent.ok("job", "run", "-detach", SLEEP)
    agent.wait("/v1/job/sleep/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "a blocked evaluation")
    agent.ok("job", "run", "-detach", path)
    (alloc,) = agent.wait_allocs("bootstrap", lambda allocs: allocs and all(a["ClientStatus"] == "complete" for a in allocs), "the job ran on the node")
    assert "bootstrapping node-one" in agent.ok("alloc", "logs", alloc["ID"]).out
    (before,) = agent.wait_running("sleep")

    meta = agent.ok("node", "meta", "read").out
    assert meta.split("Dynamic Meta")[0].count("ready") == 1 and "bootstrapping" in meta.split("Static Meta")[1], meta
    agent.stop()
    agent.start()
    assert agent.get("/v1/client/metadata")["Meta"]["state"] == "ready"
    (after,) = agent.wait_running("sleep")
    assert after["ID"] == before["ID"]

    agent.ok("node", "meta", "apply", "-unset", "state", "rack=7")
    assert agent.get("/v1/client/metadata") == {"Meta": {"rack": "7"}, "Dynamic": {"rack": "7", "state": None}, "Static": {"state": "bootstrapping"}}
    nothing = agent.run("node", "meta", "apply")
    assert nothing.code == 1 and "at least one key=value" in nothing.all, nothing


def test_periodic_job_is_stored_and_places_nothing_by_itself(make_agent):
    agent = make_agent(client=state("bootstrapping")).start()
    registered = agent.ok("job", "run", BOOTSTRAP).out
    assert re.match(r"Job registration successful\nApproximate next launch time: \d{4}-\d\d-\d\dT\S+ \(\S+ from now\)\n", registered), registered
    status = agent.ok("job", "status", "bootstrap")
    assert status.field("Periodic") == "true" and status.field("Status") == "running"
    assert agent.allocs("bootstrap") == []
    agent.ok("job", "stop", "-purge", "bootstrap")

"""python-nomad from PyPI against the agent that NOMAD_ADDR names: run by test_conformance.py in a virtual environment that has it. Each check is a function."""
import inspect
import os
import sys
import time

import nomad

JOB = {"Job": {"ID": "python", "Name": "python", "Type": "service", "Datacenters": ["*"],
               "TaskGroups": [{"Name": "g", "Count": 1, "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep", "args": ["600"]},
                                                                   "Resources": {"CPU": 20, "MemoryMB": 16}}]}]}}


DEADLINE = 60  # seconds; of a machine that does much else


def until(ask, condition, what):
    """Asks until the condition holds: most calls of this client cannot wait for a change."""
    ends = time.monotonic() + DEADLINE
    while time.monotonic() < ends:
        answer = ask()
        if condition(answer):
            return answer
        time.sleep(0.02)
    raise AssertionError(f"never came: {what}; last: {answer}")


def running(api, name):
    return until(lambda: api.job.get_allocations(name), lambda allocs: any(a["ClientStatus"] == "running" for a in allocs), f"{name} runs")


def check_jobs(api):
    registered = api.job.register_job("python", JOB)
    assert registered["EvalID"]
    running(api, "python")
    assert "python" in api.jobs and api.jobs["python"]["ID"] == "python"
    assert api.job["python"]["Status"] == "running"
    assert api.job.get_summary("python")["Summary"]["g"]["Running"] == 1
    assert api.job.get_evaluations("python")
    assert api.job.get_versions("python")["Versions"][0]["Version"] == 0
    assert api.job.plan_job("python", {**JOB, "Diff": True})["Annotations"] is not None
    assert api.validate.validate_job(JOB).status_code == 200
    assert api.jobs.parse('job "x" {\n  group "g" {\n    task "t" {\n      driver = "raw_exec"\n    }\n  }\n}\n')["ID"] == "x"
    api.job.deregister_job("python", purge=True)
    try:
        api.job.get_job("python")
    except nomad.api.exceptions.URLNotFoundNomadException:
        return
    raise AssertionError("a purged job is still there")


def check_nodes_and_allocations(api):
    api.job.register_job("python", JOB)
    alloc = running(api, "python")[0]["ID"]
    (node,) = api.nodes.get_nodes()
    assert api.node.get_node(node["ID"])["Status"] == "ready"
    assert alloc in [a["ID"] for a in api.node.get_allocations(node["ID"])]
    assert api.allocation.get_allocation(alloc)["TaskStates"]["t"]["State"] == "running"
    assert api.allocations.get_allocations(prefix=alloc[:8])[0]["ID"] == alloc
    assert api.client.ls.list_files(alloc, "/")
    assert api.client.stats.read_stats()["Uptime"] > 0
    api.node.eligible_node(node["ID"], ineligible=True)
    assert api.node.get_node(node["ID"])["SchedulingEligibility"] == "ineligible"
    api.node.eligible_node(node["ID"], eligible=True)
    api.job.deregister_job("python", purge=True)


def check_cluster(api):
    assert api.agent.get_agent()["member"]["Name"]
    assert api.agent.get_members()["Members"]
    assert api.agent.get_servers()
    assert api.regions.get_regions() == ["global"]
    assert ":" in api.status.leader.get_leader()
    assert api.operator.get_configuration()["Servers"]
    assert api.metrics.get_metrics()["Gauges"]
    api.system.initiate_garbage_collection()
    api.system.reconcile_summaries()
    assert "default" in api.namespaces
    api.namespace.create_namespace({"Name": "python", "Description": "for tests"})
    assert api.namespace.get_namespace("python")["Description"] == "for tests"
    api.namespace.delete_namespace("python")
    assert api.deployments.get_deployments() is not None and api.evaluations.get_evaluations() is not None


def check_events(api):
    api.job.register_job("python", JOB)
    stream, leave, events = api.event.stream.get_stream(index=0, topic={"Job": "python"})
    stream.daemon = True
    stream.start()
    event = events.get(timeout=60)
    assert event["Events"][0]["Topic"] == "Job", event
    leave.set()
    api.job.deregister_job("python", purge=True)


CHECKS = {name.removeprefix("check_"): f for name, f in inspect.getmembers(sys.modules[__name__], inspect.isfunction) if name.startswith("check_")}

if __name__ == "__main__":
    where = os.environ["NOMAD_ADDR"]
    secure = where.startswith("https")
    cert = (os.environ["NOMAD_CLIENT_CERT"], os.environ["NOMAD_CLIENT_KEY"]) if secure else ()
    CHECKS[sys.argv[1]](nomad.Nomad(address=where, secure=secure, verify=os.environ.get("NOMAD_CACERT", False), cert=cert, timeout=60,
                                    token=os.environ.get("NOMAD_TOKEN")))
    # What a stream's thread still does is of no interest.
    sys.stdout.flush()
    os._exit(0)

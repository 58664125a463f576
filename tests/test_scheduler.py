"""What is placed where and why, and how changes of a job are rolled out: through the whole program, on four nodes with different properties."""
import json
import re

import pytest

import fleet
import harness
from fleet import job, quick_update, task

MB = 1024 * 1024


def node(rack, *, dc="", ssd=False):
    return f"""
  cpu_total_compute = 4000
  memory_total_mb   = 4000
  meta {{
    rack = "{rack}"
    ssd  = "{str(ssd).lower()}"
  }}
"""


NODES = {"a1": node("r1", ssd=True), "a2": node("r1"), "b1": node("r2"), "b2": node("r2", ssd=True)}


@pytest.fixture(scope="module")
def four(request, tmp_path_factory):
    yield from fleet.serve(request, tmp_path_factory, NODES)


@pytest.fixture
def nodes(four):
    yield four
    four.purge(*(j["ID"] for j in four.server.get("/v1/jobs")))


# -- rollouts


def roll(name, version, *, count=3, work=None, **update):
    """A service whose version is in its environment, so that a new one is a destructive update."""
    work = work or task()
    return job(name, count=count, work={**work, "Env": {"VERSION": str(version)}}, Update=quick_update(**update))


def latest(server, name):
    return server.get(f"/v1/job/{name}/deployment")


def wait_deployment(server, name, version, *states, also=lambda d: True, what=""):
    def reached(all_):
        return any(d["JobVersion"] == version and d["Status"] in states and also(d) for d in all_)

    all_ = server.wait(f"/v1/job/{name}/deployments", reached, what or f"the deployment of version {version} of {name} is {states}")
    return next(d for d in all_ if d["JobVersion"] == version)


def first_version(nodes, name, **options):
    nodes.server.register(roll(name, 0, **options))
    nodes.server.wait_running(name, options.get("count", 3))
    wait_deployment(nodes.server, name, 0, "successful")


def running_versions(server, name):
    return sorted(a["JobVersion"] for a in server.allocs(name) if a["DesiredStatus"] == "run" and a["ClientStatus"] == "running")


def test_canary_is_promoted(nodes):
    server = nodes.server
    first_version(nodes, "web", Canary=1)
    server.register(roll("web", 1, Canary=1))
    waiting = wait_deployment(server, "web", 1, "running", also=lambda d: d["TaskGroups"]["g"]["HealthyAllocs"] == 1, what="the canary is healthy")
    assert waiting["StatusDescription"] == "Deployment is running but requires manual promotion"
    group = waiting["TaskGroups"]["g"]
    assert group["DesiredCanaries"] == 1 and len(group["PlacedCanaries"]) == 1 and not group["Promoted"]
    # The old ones still run, all of them.
    assert running_versions(server, "web") == [0, 0, 0, 1]
    status = server.ok("deployment", "status", waiting["ID"])
    (row,) = status.table("Deployed")
    assert {k: row[k] for k in ("Task Group", "Promoted", "Desired", "Canaries", "Placed", "Healthy", "Unhealthy")} == {
        "Task Group": "g", "Promoted": "false", "Desired": "3", "Canaries": "1", "Placed": "1", "Healthy": "1", "Unhealthy": "0"}
    (canary,) = group["PlacedCanaries"]
    assert "Canary" in server.ok("alloc", "status", canary).out
    assert server.ok("job", "status", "web").table("Deployed") == status.table("Deployed")
    done = server.ok("deployment", "promote", waiting["ID"])
    assert "Monitoring evaluation" in done.out
    wait_deployment(server, "web", 1, "successful")
    assert running_versions(server, "web") == [1, 1, 1]
    kept = {a["ID"] for a in server.allocs("web") if a["DesiredStatus"] == "run"}
    assert canary in kept, "the canary became one of the group"
    (row,) = server.ok("deployment", "status", waiting["ID"]).table("Deployed")
    assert row["Promoted"] == "true" and row["Healthy"] == "3"


def test_unhealthy_canary_cannot_be_promoted(nodes):
    server = nodes.server
    first_version(nodes, "early", count=1, Canary=1)
    server.register(roll("early", 1, count=1, Canary=1, MinHealthyTime=3600 * 10**9, HealthyDeadline=7200 * 10**9, ProgressDeadline=3 * 3600 * 10**9))
    deployment = wait_deployment(server, "early", 1, "running", also=lambda d: d["TaskGroups"]["g"]["PlacedCanaries"])
    refused = server.run("deployment", "promote", deployment["ID"])
    assert refused.code == 1 and "healthy" in refused.all
    # Declared failed: the canary goes, what was there stays.
    done = server.ok("deployment", "fail", "-detach", deployment["ID"])
    assert f'Deployment "{deployment["ID"]}" failed' in done.out, done
    failed = wait_deployment(server, "early", 1, "failed")
    assert failed["StatusDescription"] == "Deployment marked as failed"
    server.wait_allocs("early", lambda allocs: running_versions(server, "early") == [0], "the canary is gone")
    assert server.run("deployment", "pause", deployment["ID"]).code == 1


def test_auto_promote(nodes):
    server = nodes.server
    first_version(nodes, "auto", Canary=1, AutoPromote=True)
    server.register(roll("auto", 1, Canary=1, AutoPromote=True))
    done = wait_deployment(server, "auto", 1, "successful")
    assert done["TaskGroups"]["g"]["Promoted"] and running_versions(server, "auto") == [1, 1, 1]


def test_blue_green(nodes):
    server = nodes.server
    first_version(nodes, "colours", Canary=3, MaxParallel=3)
    server.register(roll("colours", 1, Canary=3, MaxParallel=3))
    wait_deployment(server, "colours", 1, "running", also=lambda d: d["TaskGroups"]["g"]["HealthyAllocs"] == 3)
    assert running_versions(server, "colours") == [0, 0, 0, 1, 1, 1]
    green = {a["ID"] for a in server.allocs("colours") if a["JobVersion"] == 1}
    server.ok("job", "promote", "-detach", "colours")
    wait_deployment(server, "colours", 1, "successful")
    server.wait_allocs("colours", lambda _: running_versions(server, "colours") == [1, 1, 1], "blue is gone")
    assert {a["ID"] for a in server.allocs("colours") if a["DesiredStatus"] == "run"} == green


@pytest.mark.parametrize("canary", [0, 1])
def test_auto_revert(nodes, canary):
    server = nodes.server
    name = f"revert{canary}"
    first_version(nodes, name, Canary=canary, AutoRevert=True)
    broken = roll(name, 1, Canary=canary, AutoRevert=True, work=task("/bin/false", []), MinHealthyTime=10**9, HealthyDeadline=2 * 10**9, ProgressDeadline=3 * 10**9)
    group = broken["TaskGroups"][0]
    group["RestartPolicy"] = {"Attempts": 0, "Interval": 10**10, "Delay": 0, "Mode": "fail"}
    group["ReschedulePolicy"] = {"Attempts": 0, "Unlimited": False}
    server.register(broken)
    failed = wait_deployment(server, name, 1, "failed")
    assert re.search(r"rolling back to job version 0$", failed["StatusDescription"]), failed
    wait_deployment(server, name, 2, "successful")
    current = server.get(f"/v1/job/{name}")
    assert current["Version"] == 2 and current["TaskGroups"][0]["Tasks"][0]["Env"] == {"VERSION": "0"} and current["Stable"]
    server.wait_allocs(name, lambda _: len(running_versions(server, name)) == 3 and 1 not in running_versions(server, name), "three run as before")


def test_pause_and_resume(nodes):
    server = nodes.server
    first_version(nodes, "slow", MaxParallel=1)
    server.register(roll("slow", 1, MaxParallel=1, MinHealthyTime=400_000_000))
    deployment = wait_deployment(server, "slow", 1, "running")
    done = server.ok("deployment", "pause", deployment["ID"])
    assert f'Deployment "{deployment["ID"]}" paused' in done.out, done
    paused = wait_deployment(server, "slow", 1, "paused")
    assert paused["StatusDescription"] == "Deployment is paused"
    # What was placed becomes healthy, and nothing more is replaced.
    placed = paused["TaskGroups"]["g"]["PlacedAllocs"]
    wait_deployment(server, "slow", 1, "paused", also=lambda d: d["TaskGroups"]["g"]["HealthyAllocs"] == placed)
    server.ok("job", "eval", "-detach", "slow")
    assert latest(server, "slow")["TaskGroups"]["g"]["PlacedAllocs"] == placed < 3
    assert running_versions(server, "slow").count(0) == 3 - placed
    done = server.ok("deployment", "resume", "-detach", deployment["ID"])
    assert f'Deployment "{deployment["ID"]}" resumed' in done.out, done
    wait_deployment(server, "slow", 1, "successful")
    assert running_versions(server, "slow") == [1, 1, 1]
    rows = server.ok("deployment", "list").table()
    assert {(r["Job ID"], r["Job Version"], r["Status"]) for r in rows if r["Job ID"] == "slow"} == {("slow", "0", "successful"), ("slow", "1", "successful")}


# -- placement


def test_affinity(nodes):
    server = nodes.server
    server.register(job("likes", count=4, Affinities=[{"LTarget": "${meta.ssd}", "RTarget": "true", "Operand": "=", "Weight": 100}],
                        work=task(cpu=100)))
    server.wait_running("likes", 4)
    assert set(nodes.where("likes")) == {"a1", "b2"}
    alloc = next(a for a in server.allocs("likes"))
    shown = server.ok("alloc", "status", "-verbose", alloc["ID"])
    rows = shown.table("Placement Metrics")
    assert list(rows[0])[0] == "Node" and list(rows[0])[-1] == "final score" and "node-affinity" in rows[0] and "binpack" in rows[0]
    assert any(r["Node"] == alloc["NodeID"] and float(r["node-affinity"]) == 1 for r in rows), shown
    assert float(rows[0]["final score"]) == max(float(r["final score"]) for r in rows)


def test_spread_with_targets_and_without(nodes):
    server = nodes.server
    targets = [{"Value": "r1", "Percent": 75}, {"Value": "r2", "Percent": 25}]
    server.register(job("uneven", count=8, Spreads=[{"Attribute": "${meta.rack}", "Weight": 100, "SpreadTarget": targets}]))
    server.wait_running("uneven", 8)
    assert [name[0] for name in nodes.where("uneven")].count("a") == 6
    server.register(job("even", count=8, Spreads=[{"Attribute": "${node.unique.name}", "Weight": 100}]))
    server.wait_running("even", 8)
    assert nodes.where("even") == sorted([*NODES] * 2)
    metrics = [server.get(f"/v1/allocation/{a['ID']}")["Metrics"]["ScoreMetaData"] for a in server.allocs("even")]
    assert any("allocation-spread" in row["Scores"] for scored in metrics for row in scored)


def test_constraints(nodes):
    server = nodes.server
    server.register(job("hosts", count=4, Constraints=[{"Operand": "distinct_hosts"}]))
    server.wait_running("hosts", 4)
    assert nodes.where("hosts") == sorted(NODES)
    server.register(job("racks", count=2, Constraints=[{"Operand": "distinct_property", "LTarget": "${meta.rack}"}]))
    server.wait_running("racks", 2)
    assert sorted(name[0] for name in nodes.where("racks")) == ["a", "b"]
    server.register(job("regexp", count=2, Constraints=[{"Operand": "regexp", "LTarget": "${node.unique.name}", "RTarget": "^b[0-9]$"},
                                                        {"Operand": "set_contains_any", "LTarget": "${meta.ssd}", "RTarget": "true,maybe"}]))
    server.wait_running("regexp", 2)
    assert set(nodes.where("regexp")) == {"b2"}


def set_preemption(server, on):
    server.ok("operator", "scheduler", "set-config", f"-preempt-service-scheduler={str(on).lower()}", f"-preempt-batch-scheduler={str(on).lower()}")


def test_preemption(nodes):
    server = nodes.server
    server.register(job("humble", count=4, Priority=20, work=task(memory=3000), Constraints=[{"Operand": "distinct_hosts"}]))
    server.wait_running("humble", 4)
    server.register(job("grand", Priority=80, work=task(memory=2500)))
    server.wait("/v1/job/grand/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "without preemption it waits")
    set_preemption(server, True)
    try:
        server.register(job("grander", Priority=80, work=task(memory=2500)))
        (winner,) = server.wait_running("grander")
        (loser,) = [a for a in server.allocs("humble") if a["PreemptedByAllocation"] == winner["ID"]]
        assert loser["DesiredStatus"] == "evict" and loser["NodeName"] == winner["NodeName"]
        assert loser["ID"] in server.get(f"/v1/allocation/{winner['ID']}")["PreemptedAllocations"]
        # The job that lost it asks for another place.
        evals = server.wait("/v1/job/humble/evaluations", lambda evals: any(e["TriggeredBy"] == "preemption" for e in evals), "it is evaluated")
        assert any(e["Status"] == "blocked" for e in evals)
        planned = server.http("PUT", "/v1/job/third/plan", {"Job": job("third", Priority=80, work=task(memory=2500))}).json
        assert planned["Annotations"]["PreemptedAllocs"]
    finally:
        set_preemption(server, False)


# -- why something waits


def waits(nodes, body):
    index = nodes.server.register(body)["JobModifyIndex"]
    nodes.server.wait(f"/v1/job/{body['ID']}/evaluations", lambda evals: any(e["Status"] == "blocked" and e["JobModifyIndex"] >= index for e in evals),
                      f"{body['ID']} waits")
    return nodes.server.get(f"/v1/job/{body['ID']}/explain")


NO_NODE = {
    "datacenter": (job("why", Datacenters=["moon"]), "4 nodes have node pool default, but none is in a datacenter that matches moon; found: dc1 (4)."),
    "constraint": (job("why", Constraints=[{"LTarget": "${meta.rack}", "RTarget": "r9", "Operand": "="}]),
                   '4 nodes do not satisfy the constraint "${meta.rack} = r9"; found: r1 (2), r2 (2).'),
    "driver": (job("why", work={**task(), "Driver": "quantum"}), "4 nodes have no healthy driver for it: quantum (4)."),
    "memory": (job("why", work=task(memory=100_000)), "It asks for 100000 MB of memory where the largest node has 4000"),
    "cpu": (job("why", work=task(cpu=50_000)), "It asks for 50000 MHz of CPU where the largest node has 4000"),
    "disk": (job("why", group={"EphemeralDisk": {"SizeMB": 900_000_000}}), "It asks for 900000000 MB of disk where the largest node has"),
    "port": (job("why", count=5, group={"Networks": [{"Mode": "host", "ReservedPorts": [{"Label": "p", "Value": 9999}]}]}), "9999"),
    "volume": (job("why", group={"Volumes": {"v": {"Type": "host", "Source": "data"}}}), '4 nodes have no ready host volume that it may use: it asks for "data".'),
    "distinct_hosts": (job("why", count=5, Constraints=[{"Operand": "distinct_hosts"}]), "4 nodes already have an allocation of it (distinct_hosts)."),
}


@pytest.mark.parametrize("reason", NO_NODE)
def test_explain(nodes, reason):
    body, sentence = NO_NODE[reason]
    said = waits(nodes, body)
    (group,) = said["Groups"]
    assert said["JobID"] == "why" and group["Name"] == "g" and group["Waiting"] == 1
    assert group["Sentences"][0] == '1 allocation of group "g" waits for a node.'
    assert any(sentence in s for s in group["Sentences"]), json.dumps(group["Sentences"], indent=1)
    shown = nodes.server.ok("job", "explain", "why")
    assert all(f"  * {s}" in shown.out for s in group["Sentences"]), shown
    # Nomad's own counters say it, too.
    assert "Placement Failure" in nodes.server.ok("job", "status", "why").out


def test_explain_names_the_nearest_miss(nodes):
    server = nodes.server
    server.register(job("full", count=4, work=task(memory=3000), Constraints=[{"Operand": "distinct_hosts"}]))
    server.wait_running("full", 4)
    said = waits(nodes, job("why", work=task(memory=1412)))
    assert re.search(r"4 nodes have node pool default; the nearest, [ab][12], lacks 412 MB of memory\.", " ".join(said["Groups"][0]["Sentences"])), said
    # What the sentence promised comes true.
    server.register(job("full", count=3, work=task(memory=3000), Constraints=[{"Operand": "distinct_hosts"}]))
    server.wait_running("why")
    assert server.get("/v1/job/why/explain")["Groups"] in (None, [])
    assert "No allocation waits for a node." in server.ok("job", "explain", "why").out


def test_explain_without_nodes_and_of_jobs_that_never_wait(make_agent, nodes):
    server = nodes.server
    alone = make_agent("alone", with_client=False)
    alone.launch().wait_started()
    alone.register(job("why"))
    alone.wait("/v1/job/why/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "it waits")
    assert "It runs as soon as a node joins." in alone.ok("job", "explain", "why").out
    server.register(job("template", kind="batch", ParameterizedJob={"Payload": "optional"}))
    assert "runs only as the instances that are dispatched" in server.ok("job", "explain", "template").out
    server.register(job("over"))
    server.wait_running("over")
    server.http("DELETE", "/v1/job/over")
    assert "The job is stopped." in server.ok("job", "explain", "over").out
    missing = server.http("GET", "/v1/job/nope/explain")
    assert missing.status == 404 and missing.text == "job not found"


def test_explain_a_node_pool_without_nodes(nodes):
    server = nodes.server
    assert server.http("PUT", "/v1/node/pools", {"Name": "gpu"}).status == 200
    (group,) = waits(nodes, job("why", NodePool="gpu"))["Groups"]
    assert 'No node is in node pool "gpu"; there are nodes in default (4).' in group["Sentences"], group
    nodes.purge("why")
    assert server.http("DELETE", "/v1/node/pool/gpu").status == 200


def test_explain_what_a_failed_deployment_gave_up(nodes):
    server = nodes.server
    update = quick_update(ProgressDeadline=1_000_000_000, HealthyDeadline=900_000_000)
    server.register(job("short", count=5, group={"Update": update, "Constraints": [{"Operand": "distinct_hosts"}]}))
    wait_deployment(server, "short", 0, "failed")
    said = server.wait_json("/v1/job/short/explain", lambda said: said["Groups"] and "not placed" in said["Groups"][0]["Sentences"][0], "what is given up")
    (group,) = said["Groups"]
    assert group["Waiting"] >= 1 and re.search(r'of group "g" (is|are) not placed any more: deployment [0-9a-f]{8} of this version has failed', group["Sentences"][0])
    assert "No allocation waits" not in server.ok("job", "explain", "short").out


def test_explain_a_canary_that_waits(nodes):
    server = nodes.server
    first_version(nodes, "held", count=1, Canary=1)
    server.register(roll("held", 1, count=1, Canary=1))
    deployment = wait_deployment(server, "held", 1, "running", also=lambda d: d["TaskGroups"]["g"]["HealthyAllocs"] == 1)
    said = server.ok("job", "explain", "held").out
    assert f'wait to be promoted: "drover deployment promote {deployment["ID"][:8]}"' in said


# -- restart, tags, evaluations by hand


def test_job_restart(nodes):
    server = nodes.server
    server.register(job("again", count=3, work=task("/bin/sh", ["-c", "echo started; exec sleep 600"]), Update=quick_update()))
    server.wait_running("again", 3)
    before = {a["ID"] for a in server.allocs("again")}
    done = server.ok("job", "restart", "-batch-size", "2", "again")
    assert re.search(r"==> \S+: Restarting 3 allocations", done.out) and "Job restarted successfully!" in done.out
    assert "Restarting 1st batch of 2 allocations" in done.out and "Restarting 2nd batch of 1 allocation" in done.out
    assert len(re.findall(r'Restarting running tasks in allocation "[0-9a-f]{8}" for group "g"', done.out)) == 3
    server.wait_allocs("again", lambda allocs: all(a["TaskStates"]["t"]["Restarts"] == 1 and a["ClientStatus"] == "running" for a in allocs), "all restarted")
    assert {a["ID"] for a in server.allocs("again")} == before
    done = server.ok("job", "restart", "-task", "t", "-group", "g", "-batch-size", "100%", "-on-error", "fail", "again")
    assert "Restarting task t in allocation" in done.out
    done = server.ok("job", "restart", "-reschedule", "-batch-size", "50%", "again")
    assert len(re.findall(r'Allocation "[0-9a-f]{8}" replaced by "[0-9a-f]{8}"', done.out)) == 3
    after = {a["ID"] for a in server.wait_running("again", 3)}
    assert not after & before
    for wrong in (["-all-tasks", "-task", "t"], ["-reschedule", "-all-tasks"], ["-on-error", "maybe"], ["-batch-size", "0"], ["-batch-size", "120%"],
                  ["-no-shutdown-delay"], ["-group", "none"]):
        assert server.run("job", "restart", *wrong, "again").code == 1, wrong


def test_job_tags(nodes):
    server = nodes.server
    for version in (0, 1):
        server.register(roll("named", version, count=1))
    done = server.ok("job", "tag", "apply", "-name", "golden", "-version", "0", "-description", "the good one", "named")
    assert done.out == 'Job version 0 tagged with name "golden"\n'
    versions = {v["Version"]: v["VersionTag"] for v in server.get("/v1/job/named/versions")["Versions"]}
    assert versions[0]["Name"] == "golden" and versions[0]["Description"] == "the good one" and versions[1] is None
    server.ok("job", "revert", "-detach", "named", "golden")
    assert server.get("/v1/job/named")["TaskGroups"][0]["Tasks"][0]["Env"] == {"VERSION": "0"}
    assert 'Tag "golden" removed from job "named"' in server.ok("job", "tag", "unset", "-name", "golden", "named").out
    assert all(v["VersionTag"] is None for v in server.get("/v1/job/named/versions")["Versions"])
    assert server.run("job", "tag", "apply", "named").code == 1


def test_what_was_stopped_before_its_node_saw_it_ends(nodes):
    server = nodes.server
    for version in range(8):
        server.register(roll("hasty", version, count=1))
    server.wait("/v1/job/hasty/allocations", lambda all_: all(a["ClientStatus"] == "complete" for a in all_ if a["DesiredStatus"] == "stop")
                and any(a["JobVersion"] == 7 and a["ClientStatus"] == "running" for a in all_), "only the last version runs")


def test_versions_are_compared_with_one_of_them(nodes):
    server = nodes.server
    for version in (0, 1, 2):
        server.register(roll("compared", version, count=1))
    server.ok("job", "tag", "apply", "-name", "base", "-version", "1", "compared")

    def diffs(query):
        return [d["Type"] for d in server.get(f"/v1/job/compared/versions?diffs=true{query}")["Diffs"]]
    assert diffs("") == ["Edited", "Edited"], "each with the one before it"
    assert diffs("&diff_tag=base") == diffs("&diff_version=1") == ["Edited", "None", "Edited"], "one for each version, in their order"
    shown = server.ok("job", "history", "-p", "-diff-tag", "base", "compared").out.split("\n\n")
    assert ['"1" => "2"' in shown[0], "Diff" in shown[1], '"1" => "0"' in shown[2]] == [True, False, True], shown
    for query, says in (("diff_tag=nope", 'tag "nope" not found'), ("diff_version=9", "version 9 not found")):
        refused = server.http("GET", f"/v1/job/compared/versions?diffs=true&{query}")
        assert refused.status == 404 and says in refused.text, refused
    for flags, says in ((["-diff-tag", "base"], "only be used with -p"), (["-p", "-diff-tag", "base", "-diff-version", "1"], "mutually exclusive"),
                        (["-p", "-diff-tag", "nope"], 'tag "nope" not found')):
        refused = server.run("job", "history", *flags, "compared")
        assert refused.code == 1 and says in refused.all, refused


def test_eval_force_reschedule(nodes):
    server = nodes.server
    body = job("stuck", work=task("/bin/false", []))
    group = body["TaskGroups"][0]
    group["RestartPolicy"] = {"Attempts": 0, "Interval": 10**10, "Delay": 0, "Mode": "fail"}
    group["ReschedulePolicy"] = {"Delay": 3600 * 10**9, "DelayFunction": "constant", "Unlimited": True}
    server.register(body)
    server.wait_allocs("stuck", lambda allocs: any(a["ClientStatus"] == "failed" and a["FollowupEvalID"] for a in allocs), "it failed and waits an hour")
    server.wait("/v1/job/stuck/evaluations", lambda evals: any(e.get("WaitUntil", "0001").startswith("2") for e in evals), "the evaluation that waits")
    assert "A failed allocation is replaced at" in server.ok("job", "explain", "stuck").out
    assert "Future Rescheduling Attempts" in server.ok("job", "status", "stuck").out
    done = server.ok("job", "eval", "-force-reschedule", "-detach", "stuck")
    assert re.search(r'Created eval ID: "[0-9a-f]{8}"', done.out)
    server.wait_allocs("stuck", lambda allocs: len(allocs) == 2, "it was replaced at once")


def test_lists_of_a_job(nodes):
    server = nodes.server
    first_version(nodes, "listed", count=2)
    rows = server.ok("job", "allocs", "listed").table()
    assert len(rows) == 2 and {r["Task Group"] for r in rows} == {"g"}
    (row,) = server.ok("job", "deployments", "listed").table()
    assert row["Status"] == "successful" and row["Job Version"] == "0"
    assert server.ok("job", "deployments", "-latest", "listed").field("Status") == "successful"
    evals = server.ok("job", "status", "-evals", "listed").table("Evaluations")
    assert {r["Triggered By"] for r in evals} >= {"job-register"} and list(evals[0]) == ["ID", "Priority", "Triggered By", "Status", "Placement Failures"]
    # A job of the same name that came later has its own; -all-allocs shows both.
    server.http("DELETE", "/v1/job/listed?purge=true")
    server.wait("/v1/allocations", lambda allocs: all(a["JobID"] != "listed" or a["ClientStatus"] == "complete" for a in allocs), "it has ended")
    first_version(nodes, "listed", count=1)
    assert len(server.ok("job", "status", "listed").table("Allocations")) == 1
    assert len(server.ok("job", "status", "-all-allocs", "listed").table("Allocations")) == 3
    assert len(server.ok("job", "allocs", "-all", "listed").table()) == 3


def test_health_by_hand(nodes):
    server = nodes.server
    body = roll("manual", 0, count=2, MaxParallel=2, HealthCheck="manual")
    server.register(body)
    first, second = (a["ID"] for a in server.wait_running("manual", 2))
    deployment = wait_deployment(server, "manual", 0, "running")
    listed = server.get(f"/v1/deployment/allocations/{deployment['ID']}")
    assert {a["ID"] for a in listed} == {first, second}
    path = f"/v1/deployment/allocation-health/{deployment['ID']}"
    assert server.http("PUT", path, {"DeploymentID": deployment["ID"], "HealthyAllocationIDs": [first]}).status == 200
    half = wait_deployment(server, "manual", 0, "running", also=lambda d: d["TaskGroups"]["g"]["HealthyAllocs"] == 1)
    assert half["TaskGroups"]["g"]["UnhealthyAllocs"] == 0
    assert server.http("PUT", path, {"DeploymentID": deployment["ID"], "HealthyAllocationIDs": [second]}).status == 200
    wait_deployment(server, "manual", 0, "successful")
    assert server.get("/v1/job/manual")["Stable"]
    assert server.http("PUT", path, {"DeploymentID": deployment["ID"]}).status in (400, 500)


def test_scale(nodes):
    server = nodes.server
    body = job("wide", count=2, Update=quick_update(MaxParallel=4))
    body["TaskGroups"][0]["Scaling"] = {"Min": 1, "Max": 5, "Enabled": True}
    server.register(body)
    wait_deployment(server, "wide", 0, "successful")
    done = server.ok("job", "scale", "-detach", "wide", "4")
    assert "Evaluation ID" in done.out
    server.wait_running("wide", 4)
    wait_deployment(server, "wide", 1, "successful")
    for wrong in ("6", "0"):
        refused = server.run("job", "scale", "wide", "g", wrong)
        assert refused.code == 1 and "scaling" in refused.all, refused
    status = server.get("/v1/job/wide/scale")["TaskGroups"]["g"]
    assert status["Desired"] == 4 and status["Running"] == 4 and status["Events"][0]["Count"] == 4
    rows = server.ok("job", "scaling-events", "wide").table()
    assert rows[0]["Task Group"] == "g" and rows[0]["Count"] == "4"
    (policy,) = [p for p in server.get("/v1/scaling/policies") if p["Target"]["Job"] == "wide"]
    assert server.get(f"/v1/scaling/policy/{policy['ID']}")["Max"] == 5


def test_system_and_sysbatch_run_on_every_suited_node(nodes):
    server = nodes.server
    racks = [{"LTarget": "${meta.rack}", "RTarget": "r1", "Operand": "="}]
    server.register(job("agent", kind="system", Constraints=racks))
    server.wait_running("agent", 2)
    assert nodes.where("agent") == ["a1", "a2"]
    server.register(job("sweep", kind="sysbatch", work=task("/bin/true", [])))
    server.wait_allocs("sweep", lambda allocs: [a["ClientStatus"] for a in allocs] == ["complete"] * 4, "it has run on four nodes")
    server.wait("/v1/job/sweep", lambda j: j["Status"] == "dead", "it is over")


def test_a_system_job_is_rolled_out_by_health_and_canaries_are_a_share_of_the_nodes(nodes):
    server = nodes.server

    def daemon(version, **update):
        return job("daemon", kind="system", work={**task(), "Env": {"VERSION": str(version)}}, Update=quick_update(**update))

    server.register(daemon(0, MaxParallel=2))
    server.wait_running("daemon", 4)
    first = wait_deployment(server, "daemon", 0, "successful")
    assert first["TaskGroups"]["g"]["DesiredTotal"] == 4 and first["TaskGroups"]["g"]["HealthyAllocs"] == 4

    server.register(daemon(1, MaxParallel=2, Canary=25))
    waiting = wait_deployment(server, "daemon", 1, "running", also=lambda d: d["TaskGroups"]["g"]["HealthyAllocs"] == 1)
    group = waiting["TaskGroups"]["g"]
    assert group["DesiredCanaries"] == 1 and len(group["PlacedCanaries"]) == 1 and group["DesiredTotal"] == 4
    assert waiting["StatusDescription"] == "Deployment is running but requires manual promotion"
    assert running_versions(server, "daemon") == [0, 0, 0, 1]
    assert "requires manual promotion" in server.ok("job", "status", "daemon").out
    server.ok("job", "promote", "-detach", "daemon")
    wait_deployment(server, "daemon", 1, "successful")
    server.wait_allocs("daemon", lambda _: running_versions(server, "daemon") == [1, 1, 1, 1], "every node has the new version")

    server.register(daemon(2, MaxParallel=1))
    done = wait_deployment(server, "daemon", 2, "successful")
    assert done["TaskGroups"]["g"]["PlacedAllocs"] == 4
    server.wait_allocs("daemon", lambda _: running_versions(server, "daemon") == [2, 2, 2, 2], "one after the other")


def test_node_pools(nodes):
    server = nodes.server
    assert server.http("PUT", "/v1/node/pools", {"Name": "gpu", "Description": "with cards", "Meta": {"team": "ml"}}).status == 200
    rows = {r["Name"]: r["Description"] for r in server.ok("node", "pool", "list").table()}
    assert rows["gpu"] == "with cards" and {"all", "default"} <= set(rows)
    info = server.ok("node", "pool", "info", "gpu")
    assert info.field("Description") == "with cards" and info.field("team") == "ml"
    assert server.get("/v1/node/pool/gpu/nodes") in ([], None) and len(server.get("/v1/node/pool/default/nodes")) == 4
    server.register(job("carded", NodePool="gpu", Stop=False))
    assert [j["ID"] for j in server.get("/v1/node/pool/gpu/jobs")] == ["carded"]
    assert server.http("DELETE", "/v1/node/pool/gpu").status in (400, 409, 500), "a job still names it"
    nodes.purge("carded")
    assert server.http("DELETE", "/v1/node/pool/gpu").status == 200
    assert server.http("GET", "/v1/node/pool/gpu").status == 404
    wrong = server.http("PUT", "/v1/node/pools", {"Name": "fast", "SchedulerConfiguration": {"SchedulerAlgorithm": "fastest"}})
    assert wrong.status == 400 and 'invalid scheduler algorithm "fastest" of node pool "fast": use "binpack" or "spread"' in wrong.text
    assert server.http("GET", "/v1/node/pool/fast").status == 404


def test_scheduler_configuration(nodes):
    server = nodes.server
    server.ok("operator", "scheduler", "set-config", "-scheduler-algorithm=spread")
    try:
        shown = server.ok("operator", "scheduler", "get-config")
        assert shown.field("Scheduler Algorithm") == "spread"
        server.register(job("thin", count=4))
        server.wait_running("thin", 4)
        assert nodes.where("thin") == sorted(NODES)
    finally:
        server.ok("operator", "scheduler", "set-config", "-scheduler-algorithm=binpack")
    assert server.get("/v1/operator/scheduler/configuration")["SchedulerConfig"]["SchedulerAlgorithm"] == "binpack"


def test_a_rollout_goes_on_with_another_leader(nodes):
    server = nodes.server
    first_version(nodes, "steady", MinHealthyTime=200_000_000)
    server.register(roll("steady", 1, MinHealthyTime=200_000_000))
    wait_deployment(server, "steady", 1, "running", also=lambda d: d["TaskGroups"]["g"]["HealthyAllocs"] == 1, what="one of three is replaced")
    server.kill()
    server.launch().wait_started()
    server.wait_json("/v1/job/steady/deployment", lambda d: d["Status"] == "successful", "the rest is replaced, too")
    assert running_versions(server, "steady") == [1, 1, 1]

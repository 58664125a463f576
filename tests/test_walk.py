"""A new user's walk, command by command: a job from file to logs, changed, rolled, stopped, brought back.

Twice: as `drover` with raw_exec, and through a symlink named `nomad` with exec. The tests of one walk build on each other, in order.
"""
import json
import os
import re
import types

import pytest

import harness
from harness import Redis, alloc_port, assert_same_shape, recorded, redis_cli


@pytest.fixture(scope="module", params=["drover", "nomad"])
def walk(request, tmp_path_factory, nomad):
    agent = harness.Agent(tmp_path_factory.mktemp("walk"))
    if request.param == "nomad":
        agent.binary = nomad
    request.module.agents_of_module = [agent]
    try:
        agent.start()
        driver = {"drover": "raw_exec", "nomad": "exec"}[request.param]
        yield types.SimpleNamespace(agent=agent, driver=driver, file=os.path.join(harness.JOBS, "redis.nomad.hcl"))
    finally:
        agent.close()


def variables(walk, count=1, version="one"):
    return ["-var", f"driver={walk.driver}", "-var", f"count={count}", "-var", f"version={version}"]


def diff_of(text):
    return text.split("\nScheduler dry-run", 1)[0].strip("\n")


def test_init_and_validate(walk, tmp_path):
    agent = walk.agent
    assert "example.nomad.hcl" in agent.ok("job", "init", cwd=tmp_path).out
    full = (tmp_path / "example.nomad.hcl").read_text()
    again = agent.run("job", "init", cwd=tmp_path)
    assert again.code == 1 and "exists" in again.all
    assert (tmp_path / "example.nomad.hcl").read_text() == full
    agent.ok("job", "init", "-short", "short.nomad.hcl", cwd=tmp_path)
    assert len((tmp_path / "short.nomad.hcl").read_text()) < len(full)
    for name in ("example.nomad.hcl", "short.nomad.hcl"):
        assert recorded("validate.txt")[0] in agent.ok("job", "validate", name, cwd=tmp_path).out
    assert recorded("validate.txt")[0] in agent.ok("job", "validate", *variables(walk), walk.file).out


def test_plan_of_a_new_job(walk):
    done = walk.agent.run("job", "plan", *variables(walk), walk.file)
    assert done.code == 1, done
    assert diff_of(done.out) == diff_of(recorded("plan-new.txt")[0])
    assert "- All tasks successfully allocated." in done.out
    assert "Job Modify Index: 0" in done.out
    assert walk.agent.run("job", "plan", "nope.hcl").code == 255


def test_run(walk):
    done = walk.agent.ok("job", "run", *variables(walk), walk.file)
    assert re.search(r'==> \S+: Monitoring evaluation "[0-9a-f]{8}"', done.out), done
    assert 'Evaluation triggered by job "cache"' in done.out
    assert re.search(r'Allocation "[0-9a-f]{8}" created: node "[0-9a-f]{8}", group "cache"', done.out), done
    assert 'finished with status "complete"' in done.out
    assert re.search(r'==> \S+: Monitoring deployment "[0-9a-f]{8}"', done.out), done
    assert "Deployment completed successfully" in done.out
    (walk.first,) = walk.agent.wait_running("cache")
    walk.port = alloc_port(walk.agent.get(f"/v1/allocation/{walk.first['ID']}"))
    walk.redis = Redis(walk.port)
    walk.redis_pid = walk.redis.pid()
    assert redis_cli(walk.port, "set", "colour", "green") == "OK"
    assert redis_cli(walk.port, "get", "colour") == "green"


def test_job_status(walk):
    agent = walk.agent
    status = agent.ok("job", "status", "cache")
    assert_same_shape(status.out, "job-status.txt")
    assert status.field("Status") == "running"
    (row,) = status.table("Allocations")
    assert row["ID"] == walk.first["ID"][:8] and row["Desired"] == "run" and row["Status"] == "running"
    assert_same_shape(agent.ok("job", "status", "-verbose", "cache").out, "job-status-verbose.txt")
    # One line a job, and prefixes that say which one is meant.
    (row,) = agent.ok("status").table()
    assert row["ID"] == "cache" and row["Type"] == "service" and row["Status"] == "running"
    assert_same_shape(agent.ok("job", "status").out, "status-list.txt")
    assert agent.ok("status", "cac").field("ID") == "cache"
    assert agent.ok("status", walk.first["ID"][:6]).field("Name") == "cache.cache[0]"
    missing = agent.run("job", "status", "nope")
    # Later releases write ID.
    assert (missing.code, missing.all.strip()) == (1, recorded("status-notfound.txt")[0].strip().replace("prefix or id", "prefix or ID"))
    (shown,) = json.loads(agent.ok("job", "status", "-json", "cache").out)
    assert set(shown) == {"Summary", "Allocations", "LatestDeployment", "Evaluations"} and shown["Summary"]["JobID"] == "cache"
    assert [each["Summary"]["JobID"] for each in json.loads(agent.ok("job", "status", "-json").out)] == ["cache"]
    assert [each["Version"] for each in json.loads(agent.ok("job", "history", "-json", "cache").out)] == [0]
    assert json.loads(agent.ok("job", "history", "-json", "-version", "0", "cache").out)["ID"] == "cache"
    assert [each["Tags"]["Leader"] for each in json.loads(agent.ok("server", "members", "-json").out)] == ["true"]
    made = [each["CreateIndex"] for each in json.loads(agent.ok("eval", "list", "-json").out)]
    assert made == sorted(made, reverse=True)
    assert (agent.run("job").code, agent.run("job", "-h").code) == (1, 0)


def test_alloc_status(walk):
    agent, ident = walk.agent, walk.first["ID"]
    status = agent.ok("alloc", "status", ident[:8])
    # The recorded release had one line of resources for a task; later ones may name the columns apart.
    assert_same_shape(status.out, "alloc-status.txt", titles=False)
    assert status.field("Client Status") == "running"
    assert status.field("Deployment Health") == "healthy"
    (row,) = status.table("Allocation Addresses:")
    assert row["Label"] == "*db" and row["Dynamic"] == "yes" and row["Address"].endswith(f":{walk.port}")
    assert 'Task "redis" is "running"' in status.out
    events = [row["Type"] for row in status.table("Recent Events:")]
    assert events[-3:] == ["Started", "Task Setup", "Received"], status
    assert_same_shape(agent.ok("alloc", "status", "-verbose", ident).out, "alloc-status-verbose.txt", titles=False, ignore={"Allocation Time"})
    assert "Memory Stats" in agent.ok("alloc", "status", "-stats", ident).out
    assert json.loads(agent.ok("alloc", "status", "-json", ident).out)["ID"] == ident
    assert agent.ok("alloc", "status", "-t", "{{.ID}}", ident).out.strip() == ident
    missing = agent.run("alloc", "status", "00000000")
    assert (missing.code, missing.all.strip()) == (1, recorded("alloc-notfound.txt")[0].strip())


def test_logs_of_the_service(walk):
    ident = walk.first["ID"]
    with walk.agent.follow("alloc", "logs", "-f", ident, "redis") as logs:
        logs.read_until("Ready to accept connections")
    tail = walk.agent.ok("alloc", "logs", "-tail", "-n", "1", ident)
    assert "Ready to accept connections" in tail.out
    assert walk.agent.ok("alloc", "logs", "-stderr", ident).out == ""


def test_files_of_the_allocation(walk):
    listing = walk.agent.ok("alloc", "fs", walk.first["ID"])
    assert_same_shape(listing.out, "alloc-fs.txt", titles=False)
    assert {"alloc/", "redis/"} <= {row["Name"] for row in listing.table()}
    assert "local/" in walk.agent.ok("alloc", "fs", walk.first["ID"], "redis/").out


def test_nodes_evaluations_servers_deployments(walk):
    agent = walk.agent
    listing = agent.ok("node", "status")
    assert_same_shape(listing.out, "node-status.txt")
    (row,) = listing.table()
    assert row["Name"] == "node-one" and row["Status"] == "ready" and row["Eligibility"] == "eligible"
    node = agent.ok("node", "status", row["ID"])
    assert_same_shape(node.out, "node-status-one.txt")
    assert "raw_exec" in node.field("Driver Status")
    assert agent.ok("node", "status", "-self").field("Name") == "node-one"
    assert "kernel.name" in agent.ok("node", "status", "-verbose", row["ID"]).out

    evaluation = agent.ok("eval", "status", walk.first["EvalID"][:8])
    assert_same_shape(evaluation.out, "eval-status.txt")
    assert evaluation.field("Status") == "complete" and evaluation.field("TriggeredBy") == "job-register"

    (member,) = agent.ok("server", "members").table()
    assert member["Name"] == "node-one.global" and member["Status"] == "alive" and member["Leader"] == "true"
    assert_same_shape(agent.ok("server", "members", "-verbose").out, "server-members.txt")

    deployments = agent.ok("deployment", "list")
    assert_same_shape(deployments.out, "deployment-list.txt")
    (row,) = deployments.table()
    assert row["Status"] == "successful"
    assert_same_shape(agent.ok("deployment", "status", row["ID"]).out, "deployment-status.txt")


def test_plan_without_changes(walk):
    done = walk.agent.run("job", "plan", *variables(walk), walk.file)
    assert done.code == 0, done
    assert diff_of(done.out) == diff_of(recorded("plan-unchanged.txt")[0])


def modify_index(text):
    return re.search(r"^Job Modify Index: (\d+)$", text, re.MULTILINE).group(1)


def test_scale_in_place(walk):
    agent = walk.agent
    plan = agent.run("job", "plan", *variables(walk, count=3), walk.file)
    assert plan.code == 1, plan
    assert diff_of(plan.out) == diff_of(recorded("plan-scale.txt")[0])
    index = modify_index(plan.out)
    assert f"job run -check-index {index}" in plan.out

    refused = agent.run("job", "run", "-check-index", "1", *variables(walk, count=3), walk.file)
    assert refused.code == 1, refused
    assert f"Enforcing job modify index 1: job exists with conflicting job modify index: {index}" in refused.all
    assert agent.get("/v1/job/cache")["TaskGroups"][0]["Count"] == 1

    applied = agent.ok("job", "run", "-check-index", index, *variables(walk, count=3), walk.file)
    assert f'Allocation "{walk.first["ID"][:8]}" modified' in applied.out, applied
    allocs = agent.wait_running("cache", 3)
    assert walk.first["ID"] in {a["ID"] for a in allocs}
    # Not restarted: the same process, the same connection, the same data.
    assert walk.redis.command("GET", "colour") == "green"
    assert walk.redis.pid() == walk.redis_pid
    ports = {alloc_port(agent.get(f"/v1/allocation/{a['ID']}")) for a in allocs}
    assert len(ports) == 3
    for port in ports:
        connection = Redis(port)
        assert connection.command("PING") == "PONG"
        connection.close()


def test_roll_a_destructive_change(walk):
    agent = walk.agent
    before = {a["ID"] for a in agent.wait_running("cache", 3)}
    plan = agent.run("job", "plan", *variables(walk, count=3, version="two"), walk.file)
    assert plan.code == 1, plan
    assert diff_of(plan.out) == diff_of(recorded("plan-destructive.txt")[0])

    done = agent.ok("job", "run", *variables(walk, count=3, version="two"), walk.file)
    assert "Deployment completed successfully" in done.out
    allocs = agent.wait_running("cache", 3)
    assert not before & {a["ID"] for a in allocs}
    # One at a time: no new allocation was created before the one before it was healthy.
    details = sorted((agent.get(f"/v1/allocation/{a['ID']}") for a in allocs), key=lambda a: a["CreateIndex"])
    assert len({a["CreateIndex"] for a in details}) == 3
    stamps = [(a["CreateTime"], a["DeploymentStatus"]) for a in details]
    assert all(status["Healthy"] for _, status in stamps)
    for (_, earlier), (created, _) in zip(stamps, stamps[1:]):
        assert healthy_nanoseconds(earlier) <= created

    ident = agent.get("/v1/job/cache/deployment")["ID"]
    status = agent.ok("deployment", "status", ident)
    assert status.field("Status") == "successful"
    (row,) = status.table("Deployed")
    assert (row["Desired"], row["Placed"], row["Healthy"], row["Unhealthy"]) == ("3", "3", "3", "0")
    env = agent.ok("alloc", "exec", "-i=false", "-t=false", allocs[0]["ID"], "/bin/sh", "-c", "echo $VERSION")
    assert env.out.strip() == "two"


def healthy_nanoseconds(status):
    import calendar
    import time

    seconds, _, fraction = status["Timestamp"].rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((fraction + "000000000")[:9])


def test_history_inspect_revert(walk):
    agent = walk.agent
    history = agent.ok("job", "history", "cache")
    assert re.findall(r"^Version\s*= (\d+)$", history.out, re.MULTILINE) == ["2", "1", "0"]
    assert_same_shape(history.out, "job-history.txt")
    inspected = json.loads(agent.ok("job", "inspect", "cache").out)["Job"]
    assert inspected["ID"] == "cache" and inspected["Version"] == 2
    assert json.loads(agent.ok("job", "inspect", "-version", "0", "cache").out)["Job"]["TaskGroups"][0]["Count"] == 1

    done = agent.ok("job", "revert", "cache", "0")
    assert "Monitoring evaluation" in done.out
    (alloc,) = agent.wait_running("cache", 1)
    job = agent.get("/v1/job/cache")
    assert job["Version"] == 3 and job["TaskGroups"][0]["Tasks"][0]["Env"]["VERSION"] == "one"
    assert agent.get(f"/v1/allocation/{alloc['ID']}")["Job"]["Version"] == 3
    assert agent.run("job", "revert", "cache", "17").code == 1


def test_stop_and_run_again(walk):
    agent = walk.agent
    done = agent.ok("job", "stop", "cache")
    assert 'finished with status "complete"' in done.out
    agent.wait_allocs("cache", lambda allocs: all(a["ClientStatus"] == "complete" for a in allocs), "everything has stopped")
    assert agent.ok("job", "status", "cache").field("Status") == "dead (stopped)"
    agent.ok("job", "run", *variables(walk), walk.file)
    agent.wait_running("cache", 1)
    assert agent.ok("job", "status", "cache").field("Status") == "running"


def test_stop_and_purge(walk):
    walk.agent.ok("job", "stop", "-purge", "-yes", "cache")
    walk.agent.wait("/v1/jobs", lambda jobs: not jobs, "the job is gone")
    assert walk.agent.run("job", "status", "cache").code == 1
    walk.redis.close()


def test_run_detached_output_and_variables(walk, tmp_path):
    agent = walk.agent
    file = os.path.join(harness.EXAMPLES, "hello.nomad.hcl")
    shown = json.loads(agent.ok("job", "run", "-output", file).out)["Job"]
    assert shown["ID"] == "hello"
    assert agent.run("job", "status", "hello").code == 1, "-output submits nothing"

    (tmp_path / "greeting.hcl").write_text('greeting = "from a file"\n')
    detached = agent.ok("job", "run", "-detach", "-var-file", str(tmp_path / "greeting.hcl"), file)
    assert re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", detached.out), detached
    (alloc,) = agent.wait_running("hello")
    with agent.follow("alloc", "logs", "-f", alloc["ID"]) as logs:
        logs.read_until(r"from a file 1 from hello\.hello\[0\]")
    by_environment = json.loads(agent.ok("job", "run", "-output", file, env={"NOMAD_VAR_greeting": "from outside"}).out)
    assert "from outside" in by_environment["Job"]["TaskGroups"][0]["Tasks"][0]["Config"]["args"][1]

    as_json = tmp_path / "job.json"
    as_json.write_text(json.dumps({"Job": {**shown, "ID": "hello-json", "Name": "hello-json"}}))
    agent.ok("job", "run", "-json", str(as_json))
    agent.wait_running("hello-json")
    for job in ("hello", "hello-json"):
        agent.ok("job", "stop", "-detach", job)
        agent.wait_allocs(job, lambda allocs: all(a["ClientStatus"] == "complete" for a in allocs), f"{job} has stopped")

"""Jobs that wait for other jobs (depends_on) and instances that wait for their turn (parameterized max_parallel), through the whole program."""
import calendar
import os
import time

from fleet import job, quick_update, task



def gate(folder, name):
    """A shell command that ends when open() is called on its gate."""
    path = os.path.join(str(folder), name)
    os.mkfifo(path)
    return path


def batch(name, gate_path, **more):
    """A batch job that ends when its gate opens."""
    return job(name, kind="batch", work=task("/bin/sh", ["-c", f"read _ < {gate_path}"]), **more)


def open_gate(path):
    with open(path, "w") as pipe:
        pipe.write("go\n")


def on(name, condition="healthy", **more):
    return {"Job": name, "Condition": condition, **more}


def blocked(server, name):
    evals = server.wait(f"/v1/job/{name}/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), f"{name} waits")
    return next(e for e in evals if e["Status"] == "blocked")


def purge(server, *names):
    for name in names:
        server.http("DELETE", f"/v1/job/{name}?purge=true")
    server.wait("/v1/allocations", lambda allocs: all(a["JobID"] not in names or a["ClientStatus"] not in ("running", "pending") for a in allocs),
                f"{names} have ended")


def test_a_service_starts_once_its_database_is_healthy(shared_agent, tmp_path):
    server = shared_agent
    server.register(job("app", DependsOn=[on("db")], Update=quick_update()))
    waiting = blocked(server, "app")
    assert waiting["StatusDescription"] == 'waiting: job "db" does not exist yet'
    assert waiting["MissingNonNodeResources"] == ['job "db" in namespace "default"']
    assert server.get("/v1/job/app")["Status"] == "pending"
    (group,) = server.get("/v1/job/app/explain")["Groups"]
    assert group["Sentences"] == ['1 allocation of group "g" waits before looking for a node.', 'It waits because job "db" does not exist yet.',
                                  "It looks for a node as soon as that has changed."]
    status = server.ok("job", "status", "app").out
    assert 'Waiting: job "db" does not exist yet' in status and "No nodes were eligible" not in status, status
    # A database whose health is said by hand: running is not enough.
    by_hand = quick_update(HealthCheck="manual", ProgressDeadline=600_000_000_000, HealthyDeadline=300_000_000_000)
    server.register(job("db", count=2, Update=by_hand))
    running = server.wait_running("db", 2)
    assert 'group "g" of job "db" has 0 of 2 allocations healthy' in server.ok("job", "explain", "app").out
    assert server.allocs("app") == []
    deployment = server.get("/v1/job/db/deployment")["ID"]
    ids = [a["ID"] for a in server.allocs("db")]
    say = lambda healthy: server.http("PUT", f"/v1/deployment/allocation-health/{deployment}", healthy)
    assert say({"HealthyAllocationIDs": ids[:1]}).status == 200
    assert '1 of 2 allocations healthy' in server.ok("job", "explain", "app").out
    assert say({"HealthyAllocationIDs": ids[1:]}).status == 200
    server.wait_running("app")
    # What becomes of it later does not stop what runs, nor its growth.
    server.ok("job", "stop", "-detach", "db")
    server.ok("job", "scale", "-detach", "app", "2")
    server.wait_running("app", 2)
    assert not any(a["DesiredStatus"] == "stop" for a in server.allocs("app"))
    # Started anew it waits again.
    server.ok("job", "stop", "-detach", "app")
    server.wait("/v1/job/app/allocations", lambda allocs: all(a["ClientStatus"] != "running" for a in allocs), "app has stopped")
    server.register(job("app", DependsOn=[on("db")], Update=quick_update()))
    server.wait("/v1/job/app/evaluations", lambda evals: any(e.get("StatusDescription") == 'waiting: job "db" is stopped' for e in evals), "app waits again")
    purge(server, "app", "db")


def test_a_pipeline_of_batch_jobs(shared_agent, tmp_path):
    server = shared_agent
    first, second = gate(tmp_path, "first"), gate(tmp_path, "second")
    server.register(batch("report", gate(tmp_path, "third"), DependsOn=[on("load", "complete")]))
    server.register(batch("load", second, DependsOn=[on("extract", "complete")]))
    server.register(batch("extract", first))
    server.wait_running("extract")
    assert 'job "extract" is running, not complete' in server.ok("job", "explain", "load").out
    assert server.allocs("load") == []
    open_gate(first)
    server.wait_running("load")
    assert server.allocs("report") == []
    open_gate(second)
    server.wait_running("report")
    purge(server, "extract", "load", "report")


def test_a_dependency_that_fails_keeps_the_rest_waiting(shared_agent):
    server = shared_agent
    once = {"RestartPolicy": {"Attempts": 0, "Mode": "fail"}, "ReschedulePolicy": {"Attempts": 0, "Unlimited": False}}
    server.register(job("broken", kind="batch", work=task("/bin/false", []), group=once))
    server.wait("/v1/job/broken", lambda j: j["Status"] == "dead", "broken has failed")
    server.register(job("after", kind="batch", DependsOn=[on("broken", "complete")]))
    blocked(server, "after")
    assert 'group "g" of job "broken" has 0 of 1 allocations complete' in server.ok("job", "explain", "after").out
    purge(server, "broken", "after")


HCL = """
job "pair" {
  group "db" {
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "read _ < %s"]
      }
    }
    restart { attempts = 0 }
  }
  group "app" {
    depends_on {
      group     = "db"
      condition = "running"
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["600"]
      }
    }
  }
}
"""


def test_groups_of_one_job_in_hcl(shared_agent, tmp_path):
    server = shared_agent
    path = tmp_path / "pair.nomad.hcl"
    path.write_text(HCL % gate(tmp_path, "never"))
    ran = server.run("job", "run", "-detach", str(path))
    assert ran.code == 0, ran
    server.wait_running("pair", 2)
    by_group = {a["TaskGroup"]: a for a in server.allocs("pair")}
    assert by_group["db"]["CreateIndex"] < by_group["app"]["CreateIndex"]
    stored = server.get("/v1/job/pair")
    assert stored["TaskGroups"][1]["DependsOn"] == [{"Job": "pair", "Namespace": "default", "Group": "db", "Condition": "running"}]
    # A job without dependencies has no such member: other tools see what they know.
    assert "DependsOn" not in stored and "DependsOn" not in stored["TaskGroups"][0]
    purge(server, "pair")


def refused(server, body):
    answer = server.http("PUT", "/v1/jobs", {"Job": body})
    assert answer.status in (400, 500), answer
    assert server.http("GET", f"/v1/job/{body['ID']}").status == 404
    return answer.text


def test_cycles_and_other_mistakes_are_refused(shared_agent):
    server = shared_agent
    server.register(job("a", DependsOn=[on("b")]))
    server.register(job("b", DependsOn=[on("c")]))
    assert 'depends_on leads back to where it began: "c" -> "a" -> "b" -> "c"' in refused(server, job("c", DependsOn=[on("a", "running")]))
    assert "The job cannot depend on itself" in refused(server, job("c", DependsOn=[on("c")]))
    assert 'Group "g" cannot depend on itself' in refused(server, job("c", group={"DependsOn": [on("c", Group="g")]}))
    assert 'This job has no group "x"' in refused(server, job("c", group={"DependsOn": [on("c", Group="x")]}))
    assert 'Condition is "happy"; it must be one of healthy, running, complete' in refused(server, job("c", DependsOn=[on("a", "happy")]))
    assert "A job is needed" in refused(server, job("c", DependsOn=[on("")]))
    assert "at most 64 are allowed" in refused(server, job("c", DependsOn=[on(f"j{i}") for i in range(65)]))
    # Also what comes back from an earlier version.
    server.register(job("b"))
    server.register(job("c", DependsOn=[on("a")]))
    back = server.run("job", "revert", "-detach", "b", "0")
    assert back.code == 1 and '"b" -> "c" -> "a" -> "b"' in back.all, back
    purge(server, "a", "b", "c")


def test_waiting_outlives_a_restart_of_the_server(make_agent):
    server = make_agent("restarted").start()
    server.register(job("app", DependsOn=[on("db")]))
    blocked(server, "app")
    server.kill()
    server.start()
    server.register(job("db", Update=quick_update()))
    server.wait_running("app")
    purge(server, "app", "db")


def dispatch(server, name, **more):
    answer = server.http("PUT", f"/v1/job/{name}/dispatch", more)
    assert answer.status == 200, answer
    return answer.json["DispatchedJobID"]


def running_instances(server, parent):
    return {j["ID"] for j in server.get(f"/v1/jobs?prefix={parent}/") if j["Status"] == "running"}


def test_instances_take_turns(shared_agent, tmp_path):
    server = shared_agent
    work = gate(tmp_path, "work")
    server.register(batch("work", work, ParameterizedJob={"Payload": "optional", "MaxParallel": 2}))
    running = lambda ids, what: server.wait("/v1/jobs?prefix=work/", lambda jobs: {j["ID"] for j in jobs if j["Status"] == "running"} == ids, what)
    first, second, third, fourth = (dispatch(server, "work") for _ in range(4))
    urgent = dispatch(server, "work", Priority=80)
    running({first, second}, "two of five run")
    for name in (third, fourth, urgent):
        assert blocked(server, name.replace("/", "%2F"))["StatusDescription"].startswith('waiting: 2 instances of job "work" may run at a time')
    assert "may run at a time (max_parallel)" in server.ok("job", "explain", third).out
    server.ok("job", "stop", "-detach", first)
    running({second, urgent}, "the urgent one is next")
    server.ok("job", "stop", "-detach", fourth)
    server.ok("job", "stop", "-detach", second)
    running({urgent, third}, "then the oldest; one that was stopped while it waited has left the line")
    # More at a time, at once.
    more = [dispatch(server, "work") for _ in range(3)]
    for name in more:
        blocked(server, name.replace("/", "%2F"))
    server.register(batch("work", work, ParameterizedJob={"Payload": "optional", "MaxParallel": 4}))
    running({urgent, third, *more[:2]}, "four run")
    purge(server, "work", *(n.replace("/", "%2F") for n in (first, second, third, fourth, urgent, *more)))


def nanoseconds(moment):
    seconds, _, fraction = moment.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(fraction.ljust(9, "0"))


def test_many_instances_at_once_stay_within_their_number(shared_agent):
    server = shared_agent
    quick = job("crowd", kind="batch", work=task("/bin/true", []), ParameterizedJob={"Payload": "optional", "MaxParallel": 3})
    server.register(quick)
    names = [dispatch(server, "crowd") for _ in range(30)]
    server.wait("/v1/jobs?prefix=crowd/", lambda jobs: len(jobs) == 30 and all(j["Status"] == "dead" for j in jobs), "all thirty are done")
    # From the times that the allocations say: never more than three between creation and end.
    spans = []
    for name in names:
        (alloc,) = server.allocs(name)
        assert alloc["ClientStatus"] == "complete"
        spans += [(alloc["CreateTime"], 1), (nanoseconds(alloc["TaskStates"]["t"]["FinishedAt"]), -1)]
    most = now = 0
    for _, step in sorted(spans, key=lambda s: (s[0], s[1])):
        now += step
        most = max(most, now)
    assert most <= 3, most
    refused_text = server.http("PUT", "/v1/jobs", {"Job": {**quick, "ID": "bad", "ParameterizedJob": {"MaxParallel": -1}}}).text
    assert "max_parallel is -1; it must not be negative" in refused_text
    purge(server, "crowd")

"""Wrong input gets a sentence that says what is wrong, and changes nothing."""
import copy
import json
import subprocess

import pytest

import harness
from harness import write_job


@pytest.fixture
def agent(shared_agent):
    return shared_agent


@pytest.fixture
def unchanged(agent):
    """Nothing is stored by what the test does."""
    paths = ("/v1/jobs", "/v1/evaluations", "/v1/allocations", "/v1/deployments")
    before = {path: agent.get(path) for path in paths}
    yield
    assert {path: agent.get(path) for path in paths} == before


JOB = {"ID": "wrong", "Name": "wrong", "Type": "service", "Datacenters": ["dc1"],
       "TaskGroups": [{"Name": "g", "Count": 1, "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/true"}}]}]}


def changed(path, value):
    """JOB with one member replaced: "TaskGroups.0.Count"."""
    job = copy.deepcopy(JOB)
    at = job
    *way, last = path.split(".")
    for step in way:
        at = at[int(step)] if step.isdigit() else at.setdefault(step, {})
    if value is None:
        del at[last]
    else:
        at[last] = value
    return job


def doubled(path):
    """JOB with the first item of a list there twice."""
    job = copy.deepcopy(JOB)
    at = job
    for step in path.split("."):
        at = at[int(step)] if step.isdigit() else at[step]
    at.append(copy.deepcopy(at[0]))
    return job


def with_networks(networks):
    return changed("TaskGroups.0.Networks", networks)


def port(label, value=0):
    return {"Label": label, "Value": value}


# What is wrong, and words that the answer must have.
JOBS = [
    ("no id", changed("ID", ""), ["job id"]),
    ("blank in id", changed("ID", "a b"), ["space"]),
    ("no groups", changed("TaskGroups", []), ["task group"]),
    ("unknown type", changed("Type", "daemon"), ["type", "daemon"]),
    ("negative count", changed("TaskGroups.0.Count", -1), ["count"]),
    ("no datacenters", changed("Datacenters", [""]), ["datacenter"]),
    ("priority too high", changed("Priority", 1000), ["priority"]),
    ("negative priority", changed("Priority", -5), ["priority"]),
    ("group twice", doubled("TaskGroups"), ["g"]),
    ("task twice", doubled("TaskGroups.0.Tasks"), ["t"]),
    ("group without name", changed("TaskGroups.0.Name", ""), ["name"]),
    ("task without name", changed("TaskGroups.0.Tasks.0.Name", ""), ["name"]),
    ("task without driver", changed("TaskGroups.0.Tasks.0.Driver", ""), ["driver"]),
    ("no tasks", changed("TaskGroups.0.Tasks", []), ["task"]),
    ("same static port twice", with_networks([{"ReservedPorts": [port("a", 8080), port("b", 8080)]}]), ["8080"]),
    ("same label twice", with_networks([{"DynamicPorts": [port("a"), port("a")]}]), ["a"]),
    ("port out of range", with_networks([{"ReservedPorts": [port("a", 70000)]}]), ["70000"]),
    ("unknown operator", changed("Constraints", [{"LTarget": "${attr.kernel.name}", "RTarget": "linux", "Operand": "~"}]), ["~"]),
    ("bad expression", changed("Constraints", [{"LTarget": "${attr.kernel.name}", "RTarget": "(", "Operand": "regexp"}]), ["regular expression"]),
    ("bad version", changed("Constraints", [{"LTarget": "${attr.nomad.version}", "RTarget": "abc", "Operand": "version"}]), ["version"]),
    ("negative cpu", changed("TaskGroups.0.Tasks.0.Resources", {"CPU": -100, "MemoryMB": 10}), ["cpu"]),
    ("too little memory", changed("TaskGroups.0.Tasks.0.Resources", {"CPU": 100, "MemoryMB": 1}), ["memory"]),
    ("restart mode", changed("TaskGroups.0.RestartPolicy", {"Attempts": 1, "Interval": 10**11, "Delay": 10**9, "Mode": "never"}), ["never"]),
    ("unknown region", changed("Region", "mars"), ["region"]),
]


@pytest.mark.parametrize("job,words", [(j, w) for _, j, w in JOBS], ids=[n.replace(" ", "-") for n, _, _ in JOBS])
def test_job_is_refused(agent, unchanged, job, words):
    answer = agent.http("PUT", "/v1/jobs", {"Job": job})
    assert answer.status in (400, 500), answer
    for word in words:
        assert word.lower() in answer.text.lower(), answer
    assert agent.http("GET", "/v1/job/wrong").status == 404


DEEP = 100_000
BODIES = [
    ("empty", "PUT", "/v1/jobs", b"", 400),
    ("not json", "PUT", "/v1/jobs", b"{", 400),
    ("null", "PUT", "/v1/jobs", b"null", 400),
    ("list", "PUT", "/v1/jobs", b"[]", 400),
    ("no job", "PUT", "/v1/jobs", b"{}", 400),
    ("job is text", "PUT", "/v1/jobs", b'{"Job": "x"}', 400),
    ("wrong kind", "PUT", "/v1/jobs", b'{"Job": {"ID": "x", "Priority": "high"}}', 400),
    ("number too large", "PUT", "/v1/jobs", b'{"Job": {"ID": "x", "Priority": 99999999999999999999}}', 400),
    ("trailing text", "PUT", "/v1/jobs", b'{"Job": null} x', 400),
    ("invalid utf-8", "PUT", "/v1/jobs", b'{"Job": {"ID": "\xff\xfe"}}', 400),
    ("deep lists", "PUT", "/v1/jobs", b'{"Job": ' + b"[" * DEEP + b"]" * DEEP + b"}", 400),
    ("deep objects", "PUT", "/v1/jobs", b'{"Job": {"TaskGroups": [{"Tasks": [{"Config": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}]}]}}", 400),
    ("parse null", "PUT", "/v1/jobs/parse", b"null", 400),
    ("parse without text", "PUT", "/v1/jobs/parse", b"{}", 400),
    ("parse broken hcl", "PUT", "/v1/jobs/parse", json.dumps({"JobHCL": 'job "x" {'}).encode(), 400),
    ("parse deep hcl", "PUT", "/v1/jobs/parse", json.dumps({"JobHCL": 'job "x" { meta = { a = ' + "[" * DEEP + "]" * DEEP + " } }"}).encode(), 400),
    ("parse deep blocks", "PUT", "/v1/jobs/parse", json.dumps({"JobHCL": "a {\n" * DEEP + "}\n" * DEEP}).encode(), 400),
    ("validate without job", "PUT", "/v1/validate/job", b"{}", 400),
    ("plan of another job", "PUT", "/v1/job/other/plan", json.dumps({"Job": JOB}).encode(), 400),
    ("job under another path", "PUT", "/v1/job/other", json.dumps({"Job": JOB}).encode(), 400),
    ("scheduler configuration null", "PUT", "/v1/operator/scheduler/configuration", b"null", 400),
    ("unknown algorithm", "PUT", "/v1/operator/scheduler/configuration", b'{"SchedulerAlgorithm": "dice"}', 400),
]


@pytest.mark.parametrize("method,path,body,status", [row[1:] for row in BODIES], ids=[row[0].replace(" ", "-") for row in BODIES])
def test_body_is_refused(agent, unchanged, method, path, body, status):
    answer = agent.http(method, path, body, raw=True)
    assert answer.status == status, answer
    assert 10 < len(answer.text.strip()) < 2000, f"a sentence: {answer}"


def test_body_over_the_limit(agent, unchanged):
    """Told before all of it was sent, or after; never read without end."""
    body = b'{"Job": {"ID": "' + b"x" * (80 * 1024 * 1024) + b'"}}'
    try:
        answer = agent.http("PUT", "/v1/jobs", body, raw=True)
    except (BrokenPipeError, ConnectionResetError):
        pass
    else:
        assert answer.status == 413, answer
    assert agent.get("/v1/status/leader")


QUERIES = [
    ("GET", "/v1/jobs?index=abc", (400,)),
    ("GET", "/v1/jobs?wait=soon&index=1", (400,)),
    ("GET", "/v1/jobs?per_page=-1", (400,)),
    ("GET", "/v1/job/nope", (404,)),
    ("GET", "/v1/job/nope/summary", (404,)),
    ("GET", "/v1/job/nope/versions", (404,)),
    ("GET", "/v1/allocation/nope", (400, 404, 500)),
    ("GET", "/v1/allocation/00000000-0000-0000-0000-000000000000", (404,)),
    ("GET", "/v1/evaluation/00000000-0000-0000-0000-000000000000", (404,)),
    ("GET", "/v1/deployment/00000000-0000-0000-0000-000000000000", (404,)),
    ("GET", "/v1/node/00000000-0000-0000-0000-000000000000", (404,)),
    ("GET", "/v1/client/fs/ls/00000000-0000-0000-0000-000000000000", (404,)),
    ("GET", "/v1/client/fs/cat/00000000-0000-0000-0000-000000000000?path=x", (404,)),
    ("GET", "/v1/client/allocation/00000000-0000-0000-0000-000000000000/stats", (404,)),
    ("PUT", "/v1/job/nope/revert", (400, 404)),
    ("PUT", "/v1/deployment/fail/00000000-0000-0000-0000-000000000000", (404, 500)),
    ("GET", "/v1/nope", (404,)),
    ("GET", "/nope", (404,)),
    ("DELETE", "/v1/jobs", (405,)),
    ("PUT", "/v1/nodes", (405,)),
    ("POST", "/v1/allocations", (405,)),
]


@pytest.mark.parametrize("method,path,statuses", QUERIES, ids=[f"{m}-{p[4:40]}" for m, p, _ in QUERIES])
def test_request_is_refused(agent, unchanged, method, path, statuses):
    answer = agent.http(method, path, {} if method == "PUT" else None)
    assert answer.status in statuses, answer


# A job file, what the message must say.
FILES = [
    ("misspelt", 'job "x" {\n  group "g" {\n    task "t" {\n      drivr = "raw_exec"\n    }\n  }\n}\n', [":4,7", "drivr", 'Did you mean "driver"?']),
    ("never closed", 'job "x" {\n  group "g" {\n', [":"]),
    ("unknown variable", 'job "x" {\n  name = var.nope\n}\n', ["nope", ":2,"]),
    ("unknown function", 'job "x" {\n  name = shout("a")\n}\n', ["shout", ":2,"]),
    ("wrong kind", 'job "x" {\n  priority = "high"\n}\n', ["priority", ":2,"]),
    ("two jobs", 'job "x" {}\njob "y" {}\n', ["job"]),
    ("no job", 'variable "x" {}\n', ["job"]),
    ("empty", "", ["job"]),
    ("not text", "\0\1\2\3", [":"]),
    ("wrong duration", 'job "x" {\n  update {\n    min_healthy_time = "soon"\n  }\n}\n', ["soon"]),
]


@pytest.mark.parametrize("text,words", [row[1:] for row in FILES], ids=[row[0].replace(" ", "-") for row in FILES])
def test_job_file_is_refused(agent, unchanged, tmp_path, text, words):
    path = write_job(tmp_path, "broken.nomad.hcl", text)
    for command, code in (("run", 1), ("validate", None), ("plan", 255)):
        done = agent.run("job", command, path)
        assert done.code == code or (code is None and done.code != 0), done
        for word in words:
            assert word in done.all, done


def hcl(group="", task='config {\n command = "/bin/true"\n }'):
    return f'job "wrong" {{\n group "g" {{\n {group}\n task "t" {{\n driver = "raw_exec"\n {task}\n }}\n }}\n}}\n'


CHECKED_FILES = [
    ("negative count", hcl(group="count = -1"), ["count"]),
    ("port conflict", hcl(group='network {\n port "a" {\n static = 8080\n }\n port "b" {\n static = 8080\n }\n }'), ["8080"]),
    ("duplicate task", hcl(group='task "t" {\n driver = "raw_exec"\n }'), ["t"]),
]


@pytest.mark.parametrize("text,words", [row[1:] for row in CHECKED_FILES], ids=[row[0].replace(" ", "-") for row in CHECKED_FILES])
def test_job_in_file_is_refused(agent, unchanged, tmp_path, text, words):
    done = agent.run("job", "run", write_job(tmp_path, "wrong.nomad.hcl", text))
    assert done.code == 1, done
    for word in words:
        assert word in done.all, done


COMMANDS = [
    (["job", "run"], 1), (["job", "run", "missing.nomad.hcl"], 1), (["job", "stop"], 1), (["job", "stop", "nope"], 1), (["alloc", "logs", "nope"], 1),
    (["alloc", "status", "zz"], 1), (["eval", "status", "00000000"], 1), (["deployment", "status", "00000000"], 1), (["node", "status", "00000000"], 1),
    (["job", "revert", "nope", "1"], 1), (["job", "inspect", "nope"], 1), (["job", "history", "nope"], 1), (["job", "status", "-nope"], 1),
    (["nope"], 127), ([], 127),
]


@pytest.mark.parametrize("words,code", COMMANDS, ids=["-".join(w) or "nothing" for w, _ in COMMANDS])
def test_command_is_refused(agent, unchanged, words, code):
    done = agent.run(*words)
    assert done.code == code, done
    assert done.all.strip(), "says why"


def test_no_agent_at_that_address(agent):
    nobody, _, _ = harness.free_ports()
    done = agent.run("job", "status", "-address", f"http://127.0.0.1:{nobody}")
    assert done.code == 1
    assert str(nobody) in done.all, done


def job_named(name, **changes):
    return {**copy.deepcopy(JOB), "ID": name, "Name": name, **changes}


def test_unknown_driver_stays_pending(agent):
    job = job_named("unknown-driver")
    job["TaskGroups"][0]["Tasks"][0]["Driver"] = "teleport"
    agent.register(job)
    evaluations = agent.wait("/v1/job/unknown-driver/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "a blocked evaluation")
    placed = next(e for e in evaluations if e["Status"] == "complete")
    failed = agent.get(f"/v1/evaluation/{placed['ID']}")["FailedTGAllocs"]["g"]
    assert failed["ConstraintFiltered"] == {"missing drivers": 1}
    assert agent.get("/v1/job/unknown-driver")["Status"] == "pending"
    shown = agent.ok("job", "status", "unknown-driver").out
    assert 'Constraint "missing drivers": 1 nodes excluded by filter' in shown
    agent.http("DELETE", "/v1/job/unknown-driver?purge=true")


def test_missing_command_fails_at_the_start(agent):
    job = job_named("no-command", Type="batch")
    job["TaskGroups"][0]["Tasks"][0]["Config"] = {}
    job["TaskGroups"][0]["RestartPolicy"] = {"Attempts": 0, "Interval": 10**12, "Delay": 10**9, "Mode": "fail"}
    job["TaskGroups"][0]["ReschedulePolicy"] = {"Attempts": 0, "Unlimited": False}
    answer = agent.http("PUT", "/v1/jobs", {"Job": job})
    if answer.status != 200:
        assert "command" in answer.text
        return
    (alloc,) = agent.wait_allocs("no-command", lambda allocs: allocs and all(a["ClientStatus"] == "failed" for a in allocs), "the allocation failed")
    events = [e["DisplayMessage"] for e in alloc["TaskStates"]["t"]["Events"]]
    assert any("command" in text for text in events), events
    agent.http("DELETE", "/v1/job/no-command?purge=true")


def test_static_port_of_another_job(agent):
    """The second job waits and says which port it waits for."""
    _, low, _ = harness.free_ports()
    for name in ("port-first", "port-second"):
        job = job_named(name)
        job["TaskGroups"][0]["Networks"] = [{"ReservedPorts": [port("http", low)]}]
        job["TaskGroups"][0]["Tasks"][0]["Config"] = {"command": "/bin/sleep", "args": ["600"]}
        agent.register(job)
        if name == "port-first":
            agent.wait_running(name)
    evaluations = agent.wait("/v1/job/port-second/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "a blocked evaluation")
    placed = next(e for e in evaluations if e["Status"] == "complete")
    failed = agent.get(f"/v1/evaluation/{placed['ID']}")["FailedTGAllocs"]["g"]
    assert failed["NodesExhausted"] == 1 and str(low) in json.dumps(failed["DimensionExhausted"])
    # When the first one ends, the second gets its port.
    agent.ok("job", "stop", "-detach", "port-first")
    agent.wait_running("port-second")
    agent.http("DELETE", "/v1/job/port-second?purge=true")


def test_thousand_groups(agent):
    task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/true"}, "Resources": {"CPU": 20, "MemoryMB": 10}}
    groups = [{"Name": f"g{n}", "Count": 0, "Tasks": [task]} for n in range(1000)]
    agent.register(job_named("thousand", TaskGroups=groups))
    assert len(agent.get("/v1/job/thousand")["TaskGroups"]) == 1000
    agent.wait("/v1/job/thousand/evaluations", lambda evals: evals and all(e["Status"] == "complete" for e in evals), "it was evaluated")
    agent.http("DELETE", "/v1/job/thousand?purge=true")


def test_ten_megabytes_of_templates(agent):
    job = job_named("templates")
    job["TaskGroups"][0]["Count"] = 0
    job["TaskGroups"][0]["Tasks"][0]["Templates"] = [{"DestPath": f"local/{n}", "EmbeddedTmpl": "x" * 1_000_000} for n in range(10)]
    agent.register(job)
    stored = agent.get("/v1/job/templates")["TaskGroups"][0]["Tasks"][0]["Templates"]
    assert sum(len(t["EmbeddedTmpl"]) for t in stored) == 10_000_000
    agent.http("DELETE", "/v1/job/templates?purge=true")


def test_agent_arguments(tmp_path):
    """Wrong flags and files end the agent with a sentence."""
    wrong = tmp_path / "wrong.hcl"
    wrong.write_text('data_dri = "/tmp"\n')
    for words, said in ((["-nope"], "nope"), (["-config=" + str(tmp_path / "missing.hcl")], "missing.hcl"), (["-config=" + str(wrong)], "data_dri"),
                        (["-dev", "-log-level=LOUD"], "LOUD"), (["-client"], "data_dir")):
        done = subprocess.run([harness.BINARY, "agent", *words], capture_output=True, text=True, timeout=harness.DEADLINE)
        assert done.returncode == 1, done
        assert said in done.stdout + done.stderr, done

"""The HTTP API as its clients see it: names of members, indexes and blocking, status codes, headers."""
import concurrent.futures
import http.client
import os
import urllib.parse

import pytest

import harness
from harness import assert_fields, recorded_http


@pytest.fixture(scope="module")
def site(shared_agent):
    """An agent on which the recorded walk's job runs."""
    agent = shared_agent
    agent.ok("job", "run", os.path.join(harness.JOBS, "redis.nomad.hcl"))
    (alloc,) = agent.wait_running("cache")
    agent.alloc = agent.get(f"/v1/allocation/{alloc['ID']}")
    return agent


# Lists are asked for the one record that was recorded: which comes first among others depends on ids, and each leaves out what is empty in it.
ANSWERS = [
    ("/v1/jobs?prefix=cache", "get-jobs.http"),
    ("/v1/job/cache", "get-job.http"),
    ("/v1/job/cache/summary", "get-summary.http"),
    ("/v1/job/cache/versions", "get-versions.http"),
    ("/v1/job/cache/deployment", "get-deployment.http"),
    ("/v1/job/cache/allocations", "get-allocs.http"),
    ("/v1/allocations?prefix={alloc}", "get-allocs.http"),
    ("/v1/allocation/{alloc}", "get-alloc.http"),
    ("/v1/evaluations?prefix={eval}", "get-evals.http"),
    ("/v1/evaluation/{eval}", "get-eval.http"),
    ("/v1/deployment/{deployment}", "get-deployment.http"),
    ("/v1/nodes", "get-nodes.http"),
    ("/v1/node/{node}", "get-node.http"),
    ("/v1/agent/members", "get-members.http"),
    ("/v1/operator/scheduler/configuration", "scheduler-config.http"),
    ("/v1/client/fs/ls/{alloc}?path=/", "client-fs-ls.http"),
    ("/v1/client/allocation/{alloc}/stats", "client-stats.http"),
]

# Names that belong to that walk (labels, ids of processes, drivers and attributes of that machine), names that later releases dropped (tokens in
# jobs, sums of resources beside AllocatedResources and NodeResources), and those that they leave out when empty.
NOT_NAMES = {"Attributes", "Drivers", "Meta", "Pids", "Links", "Tags", "HostVolumes", "ConsulToken", "VaultToken", "Resources", "Reserved", "SharedResources", "TaskResources",
             "Multiregion", "CSIPluginConfig", "DesiredTransition", "NetworkStatus", "TaskHandle", "ReservedCpuCores"}


@pytest.mark.parametrize("path,name", ANSWERS, ids=[path[4:].replace("/", "-") for path, _ in ANSWERS])
def test_members(site, path, name):
    alloc = site.alloc
    path = path.format(alloc=alloc["ID"], eval=alloc["EvalID"], node=alloc["NodeID"], deployment=alloc.get("DeploymentID", ""))
    assert_fields(site.get(path), recorded_http(name), ignore=NOT_NAMES)


def test_blocked_evaluation(site):
    site.ok("job", "run", "-detach", os.path.join(harness.EXAMPLES, "sleep.nomad.hcl"))
    evals = site.wait("/v1/job/sleep/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "a blocked evaluation")
    complete = next(e for e in evals if e["Status"] == "complete")
    assert_fields(site.get(f"/v1/evaluation/{complete['ID']}"), next(e for e in recorded_http("get-eval-pending.http") if e["Status"] == "complete"), ignore=NOT_NAMES | {"ConstraintFiltered"})
    site.http("DELETE", "/v1/job/sleep?purge=true")


def test_headers(site):
    answer = site.http("GET", "/v1/jobs")
    names = {name: value for name, value in answer.headers.items()}
    assert int(names["X-Nomad-Index"]) > 0
    assert names["X-Nomad-Knownleader"] == "true"
    assert "X-Nomad-Lastcontact" in names
    assert names["Content-Type"].startswith("application/json")
    packed = site.http("GET", "/v1/agent/self", headers={"Accept-Encoding": "gzip"})
    assert packed.status == 200
    pretty = site.http("GET", "/v1/jobs?pretty=true")
    assert "\n" in pretty.text.strip()
    assert site.http("HEAD", "/v1/jobs").status == 200


def test_blocking_query_wakes(site):
    """It is held until something changes, and tells what changed."""
    before = site.http("GET", "/v1/jobs")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        held = pool.submit(site.http, "GET", f"/v1/jobs?index={before.index}&wait=60s")
        site.register(harness.idle_job("waker"))
        answer = held.result(harness.DEADLINE)
    assert answer.index > before.index
    assert "waker" in {job["ID"] for job in answer.json}
    site.http("DELETE", "/v1/job/waker?purge=true")


def test_blocking_query_ends_without_a_change(site):
    before = site.http("GET", "/v1/job/cache")
    again = site.http("GET", f"/v1/job/cache?index={before.index}&wait=200ms")
    assert again.status == 200 and again.index == before.index and again.json == before.json


def test_blocking_query_of_one_key(site):
    """Another job's change does not wake it: the index of an answer is that of its own records."""
    before = site.http("GET", "/v1/job/cache")
    site.register(harness.idle_job("noise"))
    assert site.http("GET", "/v1/job/cache").index == before.index
    site.http("DELETE", "/v1/job/noise?purge=true")


def test_unknown_job(site):
    """What clients of this API rely on for jobs that are not there."""
    assert site.get("/v1/job/nope/deployment") is None
    for what in ("allocations", "evaluations", "deployments"):
        assert site.get(f"/v1/job/nope/{what}") == []
    answer = site.http("GET", "/v1/job/nope")
    assert (answer.status, answer.text) == (404, "job not found")
    for path in ("/v1/nope", "/v1/job/cache/nope/nope"):
        assert site.http("GET", path).status == 404
    wrong = site.http("DELETE", "/v1/nodes")
    assert wrong.status == 405


def test_case_of_names_does_not_matter(site):
    answer = site.http("PUT", "/v1/validate/job", {"job": {"id": "x", "NAME": "x", "datacenters": ["dc1"],
                                                          "taskgroups": [{"name": "g", "tasks": [{"name": "t", "driver": "raw_exec", "config": {"command": "a"}}]}], "Unknown": 1}})
    assert answer.status == 200 and not answer.json["ValidationErrors"], answer


def test_parse(site):
    with open(os.path.join(harness.EXAMPLES, "hello.nomad.hcl")) as file:
        answer = site.http("PUT", "/v1/jobs/parse", {"JobHCL": file.read(), "Canonicalize": True})
    assert answer.status == 200, answer
    assert answer.json["ID"] == "hello" and answer.json["TaskGroups"][0]["Count"] == 1


def test_plan(site):
    job = site.get("/v1/job/cache")
    job["TaskGroups"][0]["Tasks"][0]["Env"] = {"VERSION": "other"}
    answer = site.http("PUT", "/v1/job/cache/plan", {"Job": job, "Diff": True})
    assert answer.status == 200, answer
    assert answer.json["Annotations"]["DesiredTGUpdates"]["cache"]["DestructiveUpdate"] == 1
    assert answer.json["Diff"]["Type"] == "Edited"
    assert answer.json["JobModifyIndex"] == job["JobModifyIndex"]


def test_check_index(site):
    job = site.get("/v1/job/cache")
    wrong = site.http("PUT", "/v1/jobs", {"Job": job, "EnforceIndex": True, "JobModifyIndex": job["JobModifyIndex"] + 1000})
    assert wrong.status >= 400 and "conflicting job modify index" in wrong.text, wrong
    assert site.get("/v1/job/cache") == job


def test_list_options(site):
    ids = [f"page-{n}" for n in range(5)]
    for name in ids:
        site.register(harness.idle_job(name))
    seen, token = [], ""
    while True:
        answer = site.http("GET", f"/v1/jobs?prefix=page-&per_page=2&next_token={token}")
        assert answer.status == 200 and len(answer.json) <= 2, answer
        seen += [job["ID"] for job in answer.json]
        token = answer.headers.get("X-Nomad-Nexttoken", "")
        if not token:
            break
    assert seen == ids
    for name in ids:
        site.http("DELETE", f"/v1/job/{name}?purge=true")


def test_filter(site):
    """Of lists, by what is stored: with pages, and with a sentence for what does not fit."""
    for n in range(5):
        site.register({**harness.idle_job(f"filter-{n}"), "Priority": 50 + n, "Meta": {"team": "blue" if n % 2 else "green"}})

    def ids(expression, **more):
        query = urllib.parse.urlencode({"filter": expression, "prefix": "filter-", **more})
        answer = site.http("GET", f"/v1/jobs?{query}")
        assert answer.status == 200, answer
        return [job["ID"] for job in answer.json], answer.headers.get("X-Nomad-Nexttoken", "")

    assert ids('Meta.team == "blue"')[0] == ["filter-1", "filter-3"]
    assert ids('Priority == 50 or ID matches "4$"')[0] == ["filter-0", "filter-4"]
    assert ids('not (Meta["team"] == blue) and nowhere in Datacenters')[0] == ["filter-0", "filter-2", "filter-4"]
    assert ids('any TaskGroups as g { g.Name == nope }')[0] == []
    first, token = ids('Meta.team == green', per_page=2)
    assert first == ["filter-0", "filter-2"] and token
    assert ids('Meta.team == green', per_page=2, next_token=token) == (["filter-4"], "")
    running = urllib.parse.quote('ClientStatus == "running" and JobID == "cache"')
    assert [alloc["ID"] for alloc in site.get(f"/v1/allocations?filter={running}")] == [site.alloc["ID"]]
    assert len(site.get("/v1/nodes?filter=" + urllib.parse.quote('Attributes["kernel.name"] == linux and Status == ready'))) == 1
    for expression, sentence in (("ID ==", "expected a selector or a value"), ("Prioriti == x", 'did you mean "Priority"?'), ('ID matches "("', "regular expression is wrong")):
        answer = site.http("GET", "/v1/jobs?filter=" + urllib.parse.quote(expression))
        assert answer.status == 400 and sentence in answer.text, answer
    assert site.http("GET", "/v1/nodes?filter=" + urllib.parse.quote('SecretID matches "^a"')).status == 400
    for n in range(5):
        site.http("DELETE", f"/v1/job/filter-{n}?purge=true")


def test_search(site):
    answer = site.http("PUT", "/v1/search", {"Prefix": "cac", "Context": "jobs"})
    assert answer.status == 200 and answer.json["Matches"]["jobs"] == ["cache"], answer


def test_agent_routes(site):
    assert site.get("/v1/agent/self")["member"]["Name"] == "node-one.global"
    assert site.get("/v1/agent/health")["server"]["ok"] is True
    assert site.get("/v1/status/leader")
    assert site.get("/v1/status/peers")
    assert site.get("/v1/metrics")


def test_monitor(site):
    """The agent's log as a stream."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=harness.DEADLINE)
    connection.request("GET", "/v1/agent/monitor?log_level=debug&plain=true")
    response = connection.getresponse()
    assert response.status == 200
    # Something to log about.
    site.register({"ID": "logged", "Name": "logged", "Datacenters": ["dc1"], "Type": "batch",
                   "TaskGroups": [{"Name": "g", "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/true"}}]}]})
    assert response.read(1)
    connection.close()
    site.http("DELETE", "/v1/job/logged?purge=true")


def test_many_held_queries(site):
    """All are held at once and all wake."""
    index = site.http("GET", "/v1/nodes").index
    connections = []
    for _ in range(90):
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=harness.DEADLINE)
        connection.request("GET", f"/v1/nodes?index={index}&wait=60s")
        connections.append(connection)
    node = site.get("/v1/nodes")[0]["ID"]
    for eligibility in ("ineligible", "eligible"):
        answer = site.http("PUT", f"/v1/node/{node}/eligibility", {"NodeID": node, "Eligibility": eligibility})
        assert answer.status == 200, answer
    for connection in connections:
        assert connection.getresponse().status == 200
        connection.close()

"""What operators do now and then: collecting garbage, forgetting nodes, namespaces, other servers, a reload; and the names that commands had before."""
import json
import urllib.parse

import pytest

import harness


def sleeper(name, count=1, **more):
    work = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep", "args": ["3600"]}, "Resources": {"CPU": 20, "MemoryMB": 16}}
    return {"ID": name, "Name": name, "Type": "service", "Datacenters": ["*"], "TaskGroups": [{"Name": "g", "Count": count, "Tasks": [work]}], **more}


@pytest.fixture(scope="module")
def site(tmp_path_factory, request):
    agent = harness.Agent(tmp_path_factory.mktemp("maintenance"))
    request.module.agents_of_module = [agent]
    try:
        yield agent.start()
    finally:
        agent.close()


def node_id(agent):
    return agent.get("/v1/nodes")[0]["ID"]


# ---- jobs


def test_a_job_by_its_own_route(site):
    answer = site.http("POST", "/v1/job/by-route", {"Job": harness.idle_job("by-route")})
    assert answer.status == 200 and len(answer.json["EvalID"]) == 36
    assert site.get("/v1/job/by-route")["ID"] == "by-route"
    other = site.http("POST", "/v1/job/other-name", {"Job": harness.idle_job("by-route")})
    assert other.status == 400 and "Job ID does not match" in other.text


def test_stability_is_set(site):
    site.register(harness.idle_job("steady"))
    answer = site.http("POST", "/v1/job/steady/stable", {"JobID": "steady", "JobVersion": 0, "Stable": True})
    assert answer.status == 200 and answer.json["JobModifyIndex" if "JobModifyIndex" in answer.json else "Index"] > 0
    assert site.get("/v1/job/steady")["Stable"]
    # A version that is forgotten by now is nobody's mistake.
    assert site.http("POST", "/v1/job/steady/stable", {"JobID": "steady", "JobVersion": 9, "Stable": True}).status == 200


def test_a_payload_as_the_body_of_a_dispatch(site):
    site.register({**sleeper("with-payload"), "Type": "batch", "ParameterizedJob": {"Payload": "required"}})
    answer = site.http("POST", "/v1/job/with-payload/dispatch/payload", b"raw bytes \x00\xff", raw=True)
    assert answer.status == 200 and answer.json["DispatchedJobID"].startswith("with-payload/dispatch-")
    child = site.get(f"/v1/job/{urllib.parse.quote(answer.json['DispatchedJobID'], safe='')}")
    assert child["ParentID"] == "with-payload" and child["Payload"]


# ---- evaluations and garbage


def test_evaluations_are_listed_shown_and_deleted(site):
    site.register(harness.idle_job("evaluated"))
    blocked = site.wait("/v1/job/evaluated/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "a blocked evaluation")
    ended = next(e for e in blocked if e["Status"] == "complete")
    rows = site.ok("eval", "list", "-job", "evaluated", "-status", "blocked").table()
    assert len(rows) == 1 and rows[0]["Triggered By"] in ("queued-allocs", "job-register")
    for name in (["eval", "status"], ["eval-status"]):
        assert "Placement Failures" in site.ok(*name, "-verbose", ended["ID"]).out
    # Only while no scheduler can be at them.
    refused = site.run("eval", "delete", "-yes", ended["ID"])
    assert refused.code == 1 and "eval broker" in refused.err.lower()
    site.ok("operator", "scheduler", "set-config", "-pause-eval-broker=true")
    try:
        assert "Successfully deleted" in site.ok("eval", "delete", "-yes", ended["ID"]).out
        assert site.http("GET", f"/v1/evaluation/{ended['ID']}").status == 404
        gone = site.http("DELETE", "/v1/evaluations", {"EvalIDs": [next(e["ID"] for e in blocked if e["Status"] == "blocked")]})
        assert gone.status == 200
    finally:
        site.ok("operator", "scheduler", "set-config", "-pause-eval-broker=false")


def test_garbage_is_collected_when_asked(site):
    site.register({**sleeper("short"), "Type": "batch", "TaskGroups": [{"Name": "g", "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/true"}}]}]})
    done = site.wait_allocs("short", lambda allocs: any(a["ClientStatus"] == "complete" for a in allocs), "it has run")
    site.ok("job", "stop", "-detach", "short")
    site.wait("/v1/job/short", lambda job: job["Status"] == "dead", "the job is dead")
    site.ok("system", "reconcile", "summaries")
    site.ok("system", "gc")
    site.wait_json("/v1/jobs?prefix=short", lambda jobs: jobs == [], "the job is forgotten")
    assert site.http("GET", f"/v1/allocation/{done[0]['ID']}").status == 404


def test_a_node_drops_what_has_ended(site):
    site.register({**sleeper("dropped"), "Type": "batch", "TaskGroups": [{"Name": "g", "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/echo", "args": ["x"]}}]}]})
    (alloc,) = site.wait_allocs("dropped", lambda allocs: any(a["ClientStatus"] == "complete" for a in allocs), "it has run")
    assert site.http("GET", f"/v1/client/fs/ls/{alloc['ID']}?path=/").status == 200
    assert site.http("PUT", f"/v1/client/gc?node_id={node_id(site)}").status == 200
    site.wait_json("/v1/agent/health", lambda _: site.http("GET", f"/v1/client/fs/ls/{alloc['ID']}?path=/").status == 404, "its directory is gone")


# ---- nodes


def test_a_node_is_evaluated_and_purged(make_agent):
    agent = make_agent().start()
    agent.register(sleeper("on-node"))
    agent.wait_running("on-node")
    node = node_id(agent)
    answer = agent.http("POST", f"/v1/node/{node}/evaluate")
    assert answer.status == 200 and len(answer.json["EvalIDs"]) == 1
    evaluation = agent.wait(f"/v1/evaluation/{answer.json['EvalIDs'][0]}", lambda e: e["Status"] == "complete", "it is done")
    assert evaluation["TriggeredBy"] == "node-update" and evaluation["JobID"] == "on-node"
    purged = agent.http("POST", f"/v1/node/{node}/purge")
    assert purged.status == 200 and len(purged.json["EvalIDs"]) == 1
    # It is alive, so it comes again.
    agent.wait("/v1/nodes", lambda nodes: any(n["Status"] == "ready" for n in nodes), "the node registers again")
    assert agent.http("POST", f"/v1/node/{'0' * 8}-0000-0000-0000-{'0' * 12}/purge").status in (404, 500)


def test_the_node_says_what_it_is_configured_with(make_agent):
    agent = make_agent().start()
    servers = agent.ok("node", "config", "-servers").out.split()
    assert servers == [f"127.0.0.1:{agent.port + 1}"]
    assert agent.ok("node", "status", "-self").out.splitlines()[0].split()[0] == "ID"
    assert agent.ok("node-status").table()[0]["Status"] == "ready"


# ---- namespaces


def test_namespaces_by_command(site):
    assert "Successfully applied namespace" in site.ok("namespace", "apply", "-description", "for apps", "apps").out
    assert {row["Name"]: row["Description"] for row in site.ok("namespace", "list").table()}["apps"] == "for apps"
    site.register({**harness.idle_job("inside"), "Namespace": "apps"})
    status = site.ok("namespace", "status", "apps").out
    assert "for apps" in status
    in_use = site.run("namespace", "delete", "apps")
    assert in_use.code == 1 and "apps" in in_use.err and "non-terminal" in in_use.err
    site.ok("job", "stop", "-namespace", "apps", "-purge", "-detach", "inside")
    site.wait_json("/v1/jobs?namespace=apps", lambda jobs: jobs == [], "the job is gone")
    assert "Successfully deleted namespace" in site.ok("namespace", "delete", "apps").out
    changed = site.http("POST", "/v1/namespace/teams", {"Name": "teams", "Description": "by HTTP"})
    assert changed.status == 200 and site.get("/v1/namespace/teams")["Description"] == "by HTTP"
    assert site.http("POST", "/v1/namespace/teams", {"Name": "others"}).status == 400


def test_namespaces_by_file(site, tmp_path):
    path = tmp_path / "team.hcl"
    path.write_text('name = "team" description = "from a file"\nmeta { owner = "blue" floor = "2" }\n'
                    'capabilities { enabled_task_drivers = ["exec", "docker"] disabled_task_drivers = ["raw_exec"] }\n')
    assert 'Successfully applied namespace "team"!' in site.ok("namespace", "apply", str(path)).out
    stored = site.get("/v1/namespace/team")
    assert stored["Description"] == "from a file" and stored["Meta"] == {"owner": "blue", "floor": "2"}
    assert stored["Capabilities"]["EnabledTaskDrivers"] == ["exec", "docker"] and stored["Capabilities"]["DisabledTaskDrivers"] == ["raw_exec"]
    flagged = site.ok("namespace", "apply", "-description", "no", "-", stdin='name = "team"\ndescription = "by pipe"\n')
    assert "Flags are ignored" in flagged.err and site.get("/v1/namespace/team")["Description"] == "by pipe"
    site.ok("namespace", "apply", "-json", "-", stdin=json.dumps({"Name": "team", "Description": "by JSON"}))
    assert site.get("/v1/namespace/team")["Description"] == "by JSON"
    for text, says in (("description = \"x\"", "names no namespace"), ("name = \"team\"\nmetta { }", 'Did you mean "meta"'), ("name = ", "1,8")):
        path.write_text(text)
        refused = site.run("namespace", "apply", str(path))
        assert refused.code == 1 and says in refused.err, refused
    assert site.get("/v1/namespace/team")["Description"] == "by JSON"
    site.ok("namespace", "delete", "team")


def test_node_pools_have_names_that_others_accept(site):
    refused = site.http("PUT", "/v1/node/pools", {"Name": "a b"})
    assert refused.status == 400 and '"a b"' in refused.text and "letters, digits" in refused.text


def test_lists_of_a_node_pool_are_filtered_and_paged(site):
    for name in ("calm", "named"):
        site.register(harness.idle_job(name))
    path = "/v1/node/pool/default/jobs"
    every = [job["ID"] for job in site.get(path)]
    assert {"calm", "named"} <= set(every)
    assert [job["ID"] for job in site.get(f"{path}?filter={urllib.parse.quote('ID == calm')}")] == ["calm"]
    first = site.http("GET", f"{path}?per_page=1")
    rest = site.get(f"{path}?next_token={urllib.parse.quote(first.headers['X-Nomad-NextToken'])}")
    assert [job["ID"] for job in first.json + rest] == every
    assert site.get(f"/v1/node/pool/default/nodes?filter={urllib.parse.quote('Status == down')}") == []
    assert site.http("GET", f"{path}?filter=Bogus==1").status == 400
    for name in ("calm", "named"):
        site.ok("job", "stop", "-purge", "-detach", name)


# ---- the agent


def test_a_reload_over_http(make_agent):
    agent = make_agent(config='http_api_response_headers {\n  X-Site = "one"\n}\n', log_level="INFO")
    agent.start()
    assert agent.http("GET", "/v1/status/leader").headers["X-Site"] == "one"
    with open(agent.config_path) as file:
        text = file.read()
    with open(agent.config_path, "w") as file:
        file.write(text.replace('"INFO"', '"DEBUG"'))
    assert agent.http("PUT", "/v1/agent/reload").status == 200
    agent.register(harness.idle_job("noticed"))
    agent.wait_log(r"\[DEBUG\]")


@pytest.mark.parametrize("words, doing", [("license get", "getting license"), ("sentinel list", "listing Sentinel policies"), ("sentinel read x", "reading Sentinel policy"),
                                          ("sentinel delete x", "deleting Sentinel policy"), ("recommendation list", "listing recommendations"),
                                          ("recommendation info x", "reading recommendation"), ("recommendation apply x", "applying recommendations"),
                                          ("recommendation dismiss x", "dismissing recommendations"), ("operator utilization", "generating bundle")])
def test_commands_of_the_paid_edition(site, words, doing):
    answer = site.run(*words.split())
    assert answer.code == 1 and answer.err == f"Error {doing}: Unexpected response code: 501 (Nomad Enterprise only endpoint)\n", answer


def test_the_free_edition_has_no_license(site):
    answer = site.http("GET", "/v1/operator/license")
    assert answer.status in (204, 404, 501), repr(answer)
    assert site.http("POST", "/v1/operator/utilization").status in (204, 404, 501)


def test_scaling_policies_by_command(site):
    job = sleeper("scaled", count=0)
    job["TaskGroups"][0]["Scaling"] = {"Min": 0, "Max": 5, "Enabled": True, "Type": "horizontal", "Policy": {"cooldown": "1m"}}
    site.register(job)
    (row,) = site.ok("scaling", "policy", "list").table()
    assert row["Enabled"] == "true" and row["Type"] == "horizontal" and "Job:scaled" in row["Target"]
    info = site.ok("scaling", "policy", "info", row["ID"]).out
    assert "cooldown" in info and "Job:scaled" in info


def test_the_ui_is_where_the_browser_goes(site):
    assert site.http("GET", "/").status == 307 and site.http("GET", "/").headers["Location"] == "/ui/"
    assert site.ok("ui", "-show-url").out == f"URL for web UI: http://127.0.0.1:{site.port}/ui/\n"
    assert site.ok("version").out.startswith("Drover v")


# ---- old and short names


def test_the_names_that_commands_had_before(site, tmp_path):
    site.ok("init", "-short", cwd=str(tmp_path))
    path = str(tmp_path / "example.nomad.hcl")
    assert "validation successful" in site.ok("validate", path).out
    file = tmp_path / "old.nomad.hcl"
    file.write_text('job "old" {\n  group "g" {\n    task "t" {\n      driver = "raw_exec"\n      config {\n        command = "/bin/sh"\n        args = ["-c", "echo spoken; exec sleep 3600"]\n      }\n    }\n  }\n}\n')
    assert site.run("plan", str(file)).code == 1
    site.ok("run", "-detach", str(file))
    (alloc,) = site.wait_running("old")
    assert site.ok("status", "old").out.startswith("ID            = old")
    assert json.loads(site.ok("inspect", "old").out)["Job"]["ID"] == "old"
    site.wait_json("/v1/agent/health", lambda _: "spoken" in site.run("logs", alloc["ID"]).out, "it has spoken")
    assert "running" in site.ok("alloc-status", alloc["ID"]).out
    assert "alloc/" in site.ok("fs", alloc["ID"]).out
    assert site.ok("exec", alloc["ID"], "/bin/echo", "inside").out == "inside\n"
    assert site.ok("server-members").table()[0]["Status"] == "alive"
    assert site.ok("node-drain", "-enable", "-deadline", "10s", "-detach", "-yes", node_id(site)).code == 0
    site.ok("node-drain", "-disable", "-yes", node_id(site))
    site.ok("node", "eligibility", "-enable", node_id(site))
    site.ok("stop", "-detach", "old")
    site.wait("/v1/job/old", lambda job: job["Status"] == "dead", "it is stopped")

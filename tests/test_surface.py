"""Routes and commands beside the jobs' own: lists in order, statuses, diagnosis, documents, node pools, completion."""
import http.server
import json
import os
import re
import subprocess
import tarfile
import threading
import urllib.request

import pytest

import harness
from test_conformance import find_go


def parked(name, **more):
    return {**harness.idle_job(name), **more}


@pytest.fixture(scope="module")
def site(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("surface")
    agent = harness.Agent(folder, config=f'enable_debug = true\nlog_file = "{folder}/agent-own.log"\n')
    request.module.agents_of_module = [agent]
    try:
        yield agent.start()
    finally:
        agent.close()


# ---- lists


def pages(agent, path, name):
    """Every page of a list, one element each."""
    seen, token = [], ""
    while True:
        answer = agent.http("GET", f"{path}{'&' if '?' in path else '?'}per_page=1&next_token={token}")
        assert answer.status == 200, repr(answer)
        seen += [name(element) for element in answer.json]
        token = answer.headers.get("X-Nomad-Nexttoken")
        if not token:
            return seen


def test_lists_by_age_and_backwards(site):
    for name in ("age-a", "age-b", "age-c"):
        site.register(parked(name))
        site.wait(f"/v1/job/{name}/evaluations", lambda evals: evals, "an evaluation")
    forward = pages(site, "/v1/evaluations?filter=JobID+contains+%22age-%22", lambda e: e["CreateIndex"])
    assert len(forward) >= 3 and forward == sorted(forward)
    assert pages(site, "/v1/evaluations?reverse=true&filter=JobID+contains+%22age-%22", lambda e: e["CreateIndex"]) == forward[::-1]
    assert pages(site, "/v1/jobs?prefix=age-&reverse=true", lambda j: j["ID"]) == ["age-c", "age-b", "age-a"]
    answer = site.http("GET", "/v1/evaluations?per_page=1&next_token=nonsense")
    assert answer.status == 400 and "next_token" in answer.text


def test_statuses(site):
    for name in ("status-a", "status-b"):
        site.register(parked(name))
    listed = site.get("/v1/jobs/statuses?prefix=status-")
    assert [j["ID"] for j in listed] == ["status-b", "status-a"], "the latest changed first"
    assert {"ID", "Namespace", "Name", "Type", "NodePool", "Datacenters", "Priority", "Version", "SubmitTime", "ModifyIndex", "GroupCountSum", "Allocs",
            "ChildStatuses", "LatestDeployment", "Stop", "IsPack", "Status", "ParentID"} <= set(listed[0])
    assert [j["ID"] for j in site.get("/v1/jobs/statuses?prefix=status-&reverse=true")] == ["status-a", "status-b"]
    assert pages(site, "/v1/jobs/statuses?prefix=status-", lambda j: j["ID"]) == ["status-b", "status-a"]
    named = site.http("POST", "/v1/jobs/statuses", {"Jobs": [{"ID": "status-a", "Namespace": "default"}, {"ID": "none", "Namespace": "default"}]})
    assert named.status == 200 and [j["ID"] for j in named.json] == ["status-a"]
    assert site.http("POST", "/v1/jobs/statuses", {"Jobs": []}).status == 400


# ---- diagnosis


def test_host_and_profiles(site):
    host = site.get("/v1/agent/host")
    assert host["AgentID"] and host["HostData"]["OS"].startswith("Linux") and host["HostData"]["Disk"]
    assert host["OS"] == host["HostData"]["OS"], "as Nomad's own agents answer for themselves"
    assert not any("TOKEN" in name and text != "<redacted>" for name, text in host["HostData"]["Environment"].items())
    (node,) = site.get("/v1/nodes")
    assert site.get(f"/v1/agent/host?node_id={node['ID']}")["AgentID"] == node["ID"]
    assert site.get("/v1/agent/host?server_id=leader")["HostData"]["OS"]
    assert site.http("GET", f"/v1/agent/host?node_id={node['ID']}&server_id=leader").status == 400
    assert "agent" in site.http("GET", "/v1/agent/pprof/cmdline").text
    assert "in use" in site.http("GET", "/v1/agent/pprof/heap?debug=1").text
    assert re.search(r"^drover \w+$", site.http("GET", "/v1/agent/pprof/goroutine?debug=1").text, re.MULTILINE)
    assert site.http("GET", "/v1/agent/pprof/none").status == 404
    trace = site.http("GET", "/v1/agent/pprof/trace")
    assert trace.status == 501 and "CPU profile" in trace.text
    assert site.http("GET", "/debug/pprof/").status == 200
    assert site.http("GET", "/debug/pprof/symbol").text == "num_symbols: 1\n"
    assert site.http("GET", "/v1/agent/pprof/profile?seconds=100000").status == 400


def shown_by_pprof(site, folder, path, *flags):
    """What `go tool pprof` makes of it, without our program beside it."""
    with urllib.request.urlopen(site.url() + path, timeout=harness.DEADLINE) as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream", answer.headers
        data = answer.read()
    assert data[:2] == b"\x1f\x8b", "compressed by gzip"
    file = folder / "profile.pb.gz"
    file.write_bytes(data)
    done = subprocess.run([find_go(), "tool", "pprof", "-symbolize=none", *flags, "-top", str(file)], capture_output=True, text=True, timeout=4 * harness.DEADLINE,
                          env={**os.environ, "PPROF_BINARY_PATH": "/nowhere"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_cpu_profile_is_read_by_go(site, tmp_path):
    """The agent works while it is looked at, and is looked at until somebody has seen it work."""
    seen = threading.Event()

    def keep_busy():
        while not seen.is_set():
            site.http("GET", "/v1/jobs?namespace=*")

    asker = threading.Thread(target=keep_busy)
    asker.start()
    try:
        for _ in range(int(harness.DEADLINE)):
            text = shown_by_pprof(site, tmp_path, "/v1/agent/pprof/profile?seconds=1")
            assert "Type: cpu" in text, text
            if "drover::" in text:
                break
    finally:
        seen.set()
        asker.join()
    assert "drover::" in text, text


@pytest.mark.parametrize("path, mark", [("heap", "Type: inuse_space"), ("allocs", "Type: alloc_space"), ("goroutine", "Type: goroutine")])
def test_other_profiles_are_read_by_go(site, tmp_path, path, mark):
    text = shown_by_pprof(site, tmp_path, f"/debug/pprof/{path}")
    assert mark in text, text
    if path == "allocs":
        assert "drover::" in text, text


def test_diagnosis_is_switched_off(make_agent):
    agent = make_agent(with_client=False)
    agent.launch().wait_started()
    for path in ("/v1/agent/host", "/v1/agent/pprof/heap", "/debug/pprof/cmdline"):
        answer = agent.http("GET", path)
        assert answer.status == 403 and "enable_debug" in answer.text, repr(answer)


def test_log_export(site):
    answer = site.http("GET", "/v1/agent/monitor/export?on_disk=true&plain=true")
    assert answer.status == 200 and "[INFO]" in answer.text
    assert site.http("GET", "/v1/agent/monitor/export?on_disk=true&service_name=nomad").status == 422
    assert site.http("GET", "/v1/agent/monitor/export").status == 400
    assert "[INFO]" in site.ok("monitor", "export", "-on-disk", "-logs-since", "72h").out


def test_debug_archive(site, tmp_path):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        """Consul and Vault, as far as they are asked how they are."""
        def do_GET(self):
            asked.append((self.path, self.headers["X-Consul-Token"], self.headers["X-Vault-Token"]))
            body = json.dumps({"path": self.path}).encode()
            self.send_response(503 if self.path == "/v1/sys/health" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{other.server_address[1]}"
    printed = site.ok("operator", "debug", "-duration", "2s", "-interval", "1s", "-pprof-interval", "1s", "-event-topic", "node", "-event-index", "1",
                      "-log-file-export", "-consul-http-addr", address, "-consul-token", "c-secret", "-vault-address", address, "-vault-token", "v-secret",
                      cwd=str(tmp_path)).out
    other.shutdown()
    name = re.search(r"Created debug archive: (\S+)", printed)[1]
    with tarfile.open(tmp_path / name) as archive:
        files = {member.name.split("/", 1)[1]: archive.extractfile(member).read() for member in archive.getmembers()}
    assert {"index.json", "cluster/agent-self.json", "cluster/members.json", "nomad/0000/jobs.json", "nomad/0000/nodes.json"} <= set(files)
    assert json.loads(files["nomad/0000/nodes.json"])[0]["Name"] == "node-one"
    assert any(file.startswith("client/") and file.endswith("agent-host.json") for file in files)
    node, server = (next(file.rsplit("/", 1)[0] for file in files if file.startswith(kind + "/")) for kind in ("client", "server"))
    assert {node + "/monitor.log", server + "/monitor.log"} <= set(files) and b"monitor: " not in files[node + "/monitor.log"] + files[server + "/monitor.log"]
    assert b"[INFO]" in files[node + "/monitor_export.log"]
    assert {json.loads(line)["Topic"] for line in files["cluster/eventstream.json"].splitlines()} == {"Node"}
    assert json.loads(files["cluster/consul-leader.json"]) == {"path": "/v1/status/leader"} and "cluster/consul-agent-self.json" in files
    assert json.loads(files["cluster/vault-sys-health.json"]) == {"path": "/v1/sys/health"}, "also of one that is sealed"
    assert ("/v1/agent/members", "c-secret", None) in asked and ("/v1/sys/health", None, "v-secret") in asked
    flags = json.loads(files["cluster/cli-flags.json"])["Actual"]
    assert flags["consul-token"]["Value"] == flags["vault-token"]["Value"] == "[redacted]" and flags["duration"]["Value"] == "2s"
    assert not any(b"c-secret" in text or b"v-secret" in text for text in files.values())
    profiles = [text for file, text in files.items() if file.endswith("/profile_0000.prof")]
    assert len(profiles) == 2 and all(text[:2] == b"\x1f\x8b" for text in profiles), "one of each agent, a node and a server"
    secret = site.get("/v1/nodes")[0]["ID"]
    assert secret.encode() in files["nomad/0000/nodes.json"]
    wrong = site.run("operator", "debug", "-duration", "1s", "-interval", "1m")
    assert wrong.code == 1 and "greater than duration" in wrong.err
    for flags, says in ((["-event-topic", "a:b:c"], "Invalid key value pair for topic"), (["-log-lookback", "1h", "-log-file-export"], "cannot be used together"),
                        (["-pprof-interval", "x"], "no duration")):
        wrong = site.run("operator", "debug", "-duration", "1s", "-interval", "1s", *flags)
        assert wrong.code == 1 and says in wrong.err, wrong


# ---- documents and completion


def test_openapi(site):
    document = site.get("/v1/openapi.json")
    assert document["openapi"] == "3.1.0"
    operation = document["paths"]["/v1/job/{job_id}/plan"]["post"]
    assert any(p["name"] == "job_id" and p["in"] == "path" for p in operation["parameters"])
    job = document["components"]["schemas"]["Job"]["properties"]
    assert job["TaskGroups"]["items"] == {"$ref": "#/components/schemas/TaskGroup"} and job["Priority"] == {"type": "integer"}

    def references(part):
        if isinstance(part, dict):
            yield from ([part["$ref"]] if isinstance(part.get("$ref"), str) else [])
            for each in part.values():
                yield from references(each)
        if isinstance(part, list):
            for each in part:
                yield from references(each)

    assert all(r.removeprefix("#/components/schemas/") in document["components"]["schemas"] for r in references(document))


def complete(line):
    done = subprocess.run([harness.BINARY, "drover", "x", "y"], env={**os.environ, "COMP_LINE": line}, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    return done.stdout.split()


def test_completion(tmp_path):
    assert {"run", "revert", "restart"} <= set(complete("drover job r"))
    assert "job" in complete("drover j") and complete("drover nonsense ") == []
    assert {"-detach", "-var"} <= set(complete("drover job run -")) and "-address" in complete("drover job run -a")
    (tmp_path / ".bashrc").write_text("# mine\n")
    environment = {**os.environ, "HOME": str(tmp_path)}

    def run(flag):
        return subprocess.run([harness.BINARY, flag], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    assert run("-autocomplete-install").returncode == 0
    assert re.search(r"^complete -C /\S+ \S+$", (tmp_path / ".bashrc").read_text(), re.MULTILINE)
    assert run("-autocomplete-install").returncode == 1
    assert run("-autocomplete-uninstall").returncode == 0 and (tmp_path / ".bashrc").read_text() == "# mine\n"


# ---- commands


def test_node_pools(site, tmp_path):
    site.ok("node", "pool", "init", cwd=str(tmp_path))
    assert site.run("node", "pool", "init", cwd=str(tmp_path)).code == 1
    assert 'Successfully applied node pool "example"!' in site.ok("node", "pool", "apply", "pool.nomad.hcl", cwd=str(tmp_path)).out
    assert site.get("/v1/node/pool/example")["Meta"] == {"owner": "team"}
    assert "node-one" in site.ok("node", "pool", "nodes", "default").out
    site.register(parked("pooled"))
    assert "pooled" in site.ok("node", "pool", "jobs", "default").out
    assert "Successfully deleted" in site.ok("node", "pool", "delete", "example").out
    bad = harness.write_job(tmp_path, "bad.hcl", 'node_pool "x" {\n  colour = "blue"\n}\n')
    wrong = site.run("node", "pool", "apply", bad)
    assert wrong.code == 1 and "colour" in wrong.err


def test_job_start(site):
    site.register(parked("again"))
    assert "has not been stopped" in site.run("job", "start", "again").err
    site.http("DELETE", "/v1/job/again")
    assert site.get("/v1/job/again")["Stop"]
    site.ok("job", "start", "-detach", "again")
    assert not site.get("/v1/job/again")["Stop"]


def test_namespace_inspect_and_old_names(site):
    assert json.loads(site.ok("namespace", "inspect", "default").out)["Name"] == "default"
    assert site.ok("namespace", "inspect", "-t", "{{.Name}}", "default").out.strip() == "default"
    assert site.run("debug", "-h").code == 0 and site.run("client-config", "-h").code == 0


# ---- manners of HTTP


def test_pages_of_other_origins(site):
    (node,) = site.get("/v1/nodes")
    answer = site.http("GET", "/v1/client/stats", headers={"Origin": "http://elsewhere"})
    assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in site.http("GET", "/v1/jobs", headers={"Origin": "http://elsewhere"}).headers
    asked = site.http("OPTIONS", "/v1/client/stats", headers={"Origin": "http://elsewhere", "Access-Control-Request-Method": "GET"})
    assert asked.status == 204 and asked.headers["Access-Control-Allow-Methods"] == "GET"
    refused = site.http("OPTIONS", "/v1/client/stats", headers={"Origin": "http://elsewhere", "Access-Control-Request-Method": "DELETE"})
    assert "Access-Control-Allow-Methods" not in refused.headers


# ---- fmt


def test_fmt(tmp_path):
    messy, good = 'job "a" {\ntype="batch"\n  datacenters = ["*"]\n}\n', 'job "a" {\n  type        = "batch"\n  datacenters = ["*"]\n}\n'

    def run(*words, stdin=None):
        return subprocess.run([harness.BINARY, "fmt", *words], cwd=tmp_path, capture_output=True, text=True, **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}))

    (tmp_path / "a.nomad.hcl").write_text(messy)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "b.hcl").write_text(messy)
    assert run("-check").returncode == 1 and (tmp_path / "a.nomad.hcl").read_text() == messy
    done = run()
    assert (done.returncode, done.stdout) == (0, "./a.nomad.hcl\n"), done.stderr
    assert (tmp_path / "a.nomad.hcl").read_text() == good and (tmp_path / "below" / "b.hcl").read_text() == messy
    assert run("-recursive", "-check").returncode == 1
    assert run("-recursive").returncode == 0 and run("-recursive", "-check").returncode == 0
    assert run("-", stdin=messy).stdout == good
    (tmp_path / "c.hcl").write_text("a = {\n")
    wrong = run("c.hcl")
    assert wrong.returncode == 1 and "c.hcl:" in wrong.stderr and (tmp_path / "c.hcl").read_text() == "a = {\n"
    assert run("none.txt").returncode == 1


# ---- search


def search_agent(make_agent, words):
    agent = make_agent(with_client=False, server=f"  search {{\n{words}  }}")
    agent.launch().wait_started()
    agent.wait_json("/v1/jobs", lambda jobs: jobs == [], "reads are answered")
    return agent


def test_search_is_limited(make_agent):
    agent = search_agent(make_agent, "    limit_query = 1\n    limit_results = 3\n    min_term_length = 4\n")
    for number in range(5):
        agent.register(harness.idle_job(f"needle-{number}"))
    found = agent.http("POST", "/v1/search/fuzzy", {"Text": "needle", "Context": "jobs"}).json
    assert len(found["Matches"]["jobs"]) == 3 and found["Truncations"]["jobs"]
    short = agent.http("POST", "/v1/search/fuzzy", {"Text": "nee", "Context": "jobs"})
    assert short.status == 400 and "at least 4 characters, got 3" in short.text, short


def test_fuzzy_search_is_switched_off(make_agent):
    agent = search_agent(make_agent, "    fuzzy_enabled = false\n")
    answer = agent.http("POST", "/v1/search/fuzzy", {"Text": "needle", "Context": "jobs"})
    assert answer.status == 500 and answer.text == "fuzzy search is not enabled", answer
    assert agent.http("POST", "/v1/search", {"Prefix": "n", "Context": "jobs"}).status == 200


def test_fuzzy_search_finds_names_and_parts(site):
    job = harness.idle_job("fuzzy-needle")
    job["TaskGroups"][0]["Tasks"][0]["Config"] = {"command": "/bin/needle-command"}
    site.register(job)
    site.register(harness.idle_job("a-needle"))
    found = site.http("POST", "/v1/search/fuzzy", {"Text": "NEEDLE", "Context": "all"}).json
    assert [m["ID"] for m in found["Matches"]["jobs"]] == ["a-needle", "fuzzy-needle"], "nearest to the beginning first"
    assert found["Matches"]["commands"][0]["Scope"] == ["default", "fuzzy-needle", "g", "t"]
    (evaluation, *_) = site.wait("/v1/job/a-needle/evaluations", lambda evals: evals, "an evaluation")
    found = site.http("POST", "/v1/search/fuzzy", {"Text": evaluation["ID"][:8], "Context": "all"}).json
    assert [m["ID"] for m in found["Matches"]["evals"]] == [evaluation["ID"]]
    assert site.http("POST", "/v1/search/fuzzy", {"Text": "x", "Context": "all"}).status == 400
    for route, body in (("search/fuzzy", {"Text": "needle"}), ("search", {"Prefix": "needle"})):
        refused = site.http("POST", f"/v1/{route}", {**body, "Context": "bogus"})
        assert refused.status == 400 and "context must be one of" in refused.text, refused
    policies = site.http("POST", "/v1/search", {"Prefix": "", "Context": "scaling_policy"}).json
    assert policies["Truncations"] == {"scaling_policy": False}

"""Secrets are shown to whom they were given and stand nowhere else: not in logs, audit lines, events, debug archives, or plans."""
import json
import os
import tarfile
import urllib.parse

import pytest

import harness
from test_acl import Guarded, READER
from test_events import Events, sleeper

VARIABLE, OIDC = "var-value-7f3a", "oidc-client-5c1d"


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    made = Guarded(tmp_path_factory.mktemp("secrets"), config="audit {\n  enabled = true\n}\n", log_level="TRACE").start()
    yield made
    made.close()




def made_secrets(agent):
    """Everything that makes or carries a secret, as a person and a program would use it."""
    reader = agent.give("reader", READER)
    once = agent.as_(reader, "POST", "/v1/acl/token/onetime").json["OneTimeToken"]["OneTimeSecretID"]
    assert agent.as_(None, "POST", "/v1/acl/token/onetime/exchange", {"OneTimeSecretID": once}).status == 200
    assert agent.as_("00000000-wrong-secret-of-somebody", "GET", "/v1/jobs").status == 403
    agent.wait_json("/v1/operator/keyring/keys", lambda keys: keys, "there is a root key")
    agent.ok("var", "put", "nomad/jobs/hush", f"password={VARIABLE}")
    assert VARIABLE in agent.ok("var", "get", "nomad/jobs/hush").out
    config = {"OIDCDiscoveryURL": "http://127.0.0.1:1", "OIDCClientID": "c", "OIDCClientSecret": OIDC, "AllowedRedirectURIs": ["http://localhost/cb"]}
    agent.ok("acl", "auth-method", "create", "-name=corp", "-type=OIDC", "-token-locality=local", "-max-token-ttl=1h", f"-config={json.dumps(config)}")
    login = agent.as_(None, "POST", "/v1/acl/oidc/auth-url", {"AuthMethodName": "corp", "ClientNonce": "nonce-of-login", "RedirectURI": "http://localhost/cb"})
    assert login.status == 500 and OIDC not in login.text
    node = agent.http("GET", "/v1/nodes").json[0]["ID"]
    return {"bootstrap": agent.token, "reader": reader, "once": once, "wrong": "00000000-wrong-secret", "variable": VARIABLE, "oidc": OIDC,
            "node": open(os.path.join(agent.data_dir, "client", "secret-id")).read().strip()}, node


def test_secrets_stand_nowhere_else(agent, tmp_path):
    secrets, node = made_secrets(agent)
    agent.http("PUT", "/v1/jobs", {"Job": harness.idle_job("seen")})
    texts = {"log": agent.log(), "audit": open(os.path.join(agent.data_dir, "audit", "audit.log")).read()}
    with Events(agent, "index=1", headers={"X-Nomad-Token": agent.token}) as events:
        agent.http("PUT", "/v1/jobs", {"Job": harness.idle_job("marker")})
        texts["events"] = json.dumps(events.until(lambda e: e["Topic"] == "Job" and e["Key"] == "marker"))
    agent.ok("operator", "debug", "-duration", "1s", "-interval", "1s", "-output", str(tmp_path), cwd=str(tmp_path))
    texts["debug"] = archive(tmp_path)
    for path in ("/v1/agent/self", "/v1/metrics", "/v1/acl/tokens", "/v1/acl/auth-method/corp", "/v1/acl/auth-methods", f"/v1/node/{node}", "/v1/nodes",
                 "/v1/vars", "/v1/allocations"):
        texts[path] = agent.http("GET", path).text
    for where, text in texts.items():
        for what, secret in secrets.items():
            assert secret not in text, f"{what} in {where}: ...{text[max(0, text.find(secret) - 200):][:400]}"


def archive(folder):
    parts = []
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            if name.endswith(".tar.gz"):
                with tarfile.open(path) as tar:
                    parts += [tar.extractfile(m).read().decode(errors="replace") for m in tar.getmembers() if m.isfile()]
            else:
                parts.append(open(path, errors="replace").read())
    assert parts, "the archive is there"
    return "\n".join(parts)


# ---- what is secret in a job

JOB_SECRET, NEXT_SECRET = "job-value-91c2", "job-value-next-44e0"


def secretive(value):
    job = sleeper("hidden")
    job["Meta"] = {"owner_token": value, "team": "blue"}
    task = job["TaskGroups"][0]["Tasks"][0]
    task["Env"] = {"DB_PASSWORD": value, "URL": f"redis://u:{value}@db", "PORT": "80"}
    task["Templates"] = [{"EmbeddedTmpl": f"API_KEY={value}\nMODE=fast\n", "DestPath": "local/app.env", "ChangeMode": "noop"}]
    return job


@pytest.fixture(scope="module")
def hidden(agent):
    """A job with secrets, changed once, and who may look at it."""
    for value in (JOB_SECRET, NEXT_SECRET):
        source = {"Source": f'job "hidden" {{ meta {{ owner_token = "{value}" }} }}', "Format": "hcl2"}
        assert agent.http("PUT", "/v1/jobs", {"Job": secretive(value), "Submission": source}).status == 200
    placed = agent.wait("/v1/job/hidden/allocations", lambda allocs: [a for a in allocs if a["JobVersion"] == 1], "the second version is placed")
    (alloc,) = [a["ID"] for a in placed if a["JobVersion"] == 1]
    agent.wait_json("/v1/job/hidden/versions", lambda answer: len(answer["Versions"]) == 2, "both versions are kept")
    nodes = 'node { policy = "read" }\nnode_pool "*" { policy = "read" }\n'
    rules = 'namespace "default" {{ capabilities = ["list-jobs", "read-job"{}] }}\n'
    (node,) = [n["ID"] for n in agent.http("GET", "/v1/nodes").json]
    return {"alloc": alloc, "node": node, "reader": agent.give("looks", READER + nodes), "planner": agent.give("plans", rules.format(', "plan-job"')),
            "trusted": agent.give("trusted", rules.format(', "read-job-secrets"') + nodes),
            "writer": agent.give("writes", 'namespace "default" { policy = "write" }\n' + nodes)}


def job_paths(hidden):
    return ["/v1/job/hidden", "/v1/job/hidden/versions?diffs=true", f"/v1/allocation/{hidden['alloc']}", "/v1/jobs?meta=true",
            "/v1/node/pool/default/jobs?meta=true", f"/v1/node/{hidden['node']}/allocations"]


@pytest.mark.parametrize("path, member", [("/v1/jobs", ""), ("/v1/jobs?reverse=true", ""), ("/v1/jobs/statuses", ""), ("/v1/node/pool/default/jobs", ""),
                                          ("/v1/allocations", "Job.")])
def test_a_filter_does_not_tell_what_is_hidden(agent, hidden, path, member):
    """Else a value could be asked for a letter at a time."""
    def found(who, expression):
        answer = agent.as_(hidden[who], "GET", f"{path}{'&' if '?' in path else '?'}filter={urllib.parse.quote(expression)}")
        assert answer.status == 200, answer
        return len(answer.json)
    task = f"any {member}TaskGroups as g {{ any g.Tasks as t {{ t.Env.DB_PASSWORD matches \"^job-value\" }} }}"
    for expression in (f"{member}Meta.owner_token matches \"^job-value\"", task):
        assert found("reader", expression) == 0 and found("trusted", expression) > 0, expression
    assert found("reader", f"{member}Meta.team == \"blue\"") == found("trusted", f"{member}Meta.team == \"blue\"") > 0


def test_a_reader_sees_names_but_no_secret_values(agent, hidden):
    for path in job_paths(hidden):
        answer = agent.as_(hidden["reader"], "GET", path)
        assert answer.status == 200, (path, answer)
        assert "job-value" not in answer.text and "<redacted>" in json.dumps(answer.json), path
    job = agent.as_(hidden["reader"], "GET", "/v1/job/hidden").json
    task = job["TaskGroups"][0]["Tasks"][0]
    assert task["Env"] == {"DB_PASSWORD": "<redacted>", "URL": "redis://u:<redacted>@db", "PORT": "80"}
    assert task["Templates"][0]["EmbeddedTmpl"] == "API_KEY=<redacted>\nMODE=fast\n" and job["Meta"] == {"owner_token": "<redacted>", "team": "blue"}
    diff = json.dumps(agent.as_(hidden["reader"], "GET", "/v1/job/hidden/versions?diffs=true").json["Diffs"])
    assert "Env[DB_PASSWORD]" in diff, "that it changed is seen"
    refused = agent.as_(hidden["reader"], "GET", "/v1/job/hidden/submission?version=0")
    assert refused.status == 403 and "read-job-secrets" in refused.text, refused


@pytest.mark.parametrize("who", ["trusted", "writer"])
def test_who_may_write_a_job_or_is_trusted_sees_all_of_it(agent, hidden, who):
    for path in job_paths(hidden):
        text = agent.as_(hidden[who], "GET", path).text
        assert NEXT_SECRET in text and "redacted" not in text, path
    assert JOB_SECRET in agent.as_(hidden[who], "GET", "/v1/job/hidden/submission?version=0").text


def test_a_plan_shows_what_is_secret_only_to_who_may_see_it(agent, hidden):
    ask = {"Job": secretive("job-value-third"), "Diff": True}
    planned = agent.as_(hidden["planner"], "PUT", "/v1/job/hidden/plan", ask)
    assert planned.status == 200 and "Env[DB_PASSWORD]" in planned.text and "job-value" not in planned.text, planned
    planned = agent.as_(hidden["writer"], "PUT", "/v1/job/hidden/plan", ask)
    assert NEXT_SECRET in planned.text and "job-value-third" in planned.text


def test_events_and_archives_hide_it_too(agent, hidden, tmp_path):
    texts = {}
    for who in ("reader", "trusted"):
        with Events(agent, "index=1&topic=Job", headers={"X-Nomad-Token": hidden[who]}) as events:
            name = f"after-{who}"
            agent.http("PUT", "/v1/jobs", {"Job": {**secretive(NEXT_SECRET), "ID": name, "Name": name, "Datacenters": ["nowhere"]}})
            texts[who] = json.dumps(events.until(lambda e: e["Key"] == name))
    assert "job-value" not in texts["reader"] and "<redacted>" in texts["reader"]
    assert NEXT_SECRET in texts["trusted"]
    agent.ok("operator", "debug", "-duration", "1s", "-interval", "1s", "-output", str(tmp_path), cwd=str(tmp_path))
    assert "job-value" not in archive(tmp_path)


def test_it_can_be_switched_off(tmp_path):
    made = Guarded(tmp_path, acl="  redact_job_values = false\n").start()
    try:
        made.http("PUT", "/v1/jobs", {"Job": {**secretive(JOB_SECRET), "Datacenters": ["nowhere"]}})
        assert JOB_SECRET in made.as_(made.give("looks", READER), "GET", "/v1/job/hidden").text
    finally:
        made.close()

"""Who may do what: bootstrap, policies, tokens and roles by command and by HTTP, against agents with access control."""
import base64
import http.client
import json
import os
import re
import time
import uuid

import pytest

import harness
from test_events import Events

READER = 'namespace "default" { policy = "read" }\n'
WRITER = 'namespace "default" { policy = "write" }\nnode { policy = "read" }\n'
NOBODY = str(uuid.uuid4())
LOOP = """
job "loop" {
  group "g" {
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo hello; exec sleep 600"]
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
"""


class Guarded(harness.Agent):
    """An agent with access control; bootstrapped with its first start."""

    def __init__(self, folder, *, config="", acl="", **options):
        super().__init__(folder, config=f"acl {{\n  enabled = true\n{acl}}}\n{config}", **options)

    def start(self, *arguments):
        self.launch(*arguments).wait_started()
        self.wait_json("/v1/status/leader", lambda leader: leader, "somebody leads")
        if self.token is None:
            self.token = self.ok("acl", "bootstrap").field("Secret ID")
        if "client" in self.roles:
            self.wait("/v1/nodes", lambda nodes: any(n["Status"] == "ready" for n in nodes), "the node is ready")
        return self

    roles = ("server", "client")

    def give(self, name, rules):
        """A policy of these rules and a token that has it."""
        self.ok("acl", "policy", "apply", name, "-", stdin=rules)
        return self.ok("acl", "token", "create", f"-name={name}", f"-policy={name}").field("Secret ID")

    def as_(self, token, method, path, body=None):
        return self.http(method, path, body, headers={"X-Nomad-Token": token} if token else {"X-Nomad-Token": ""})


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    made = Guarded(tmp_path_factory.mktemp("acl")).start()
    yield made
    made.close()


def test_bootstrap_is_done_once(agent):
    again = agent.run("acl", "bootstrap")
    assert again.code == 1
    assert re.fullmatch(r"Error bootstrapping: Unexpected response code: 400 \(ACL bootstrap already done \(reset index: \d+\)\)\n", again.err), again
    shown = agent.ok("acl", "token", "self")
    assert shown.field("Name") == "Bootstrap Token" and shown.field("Type") == "management" and shown.field("Global") == "true"
    assert shown.field("Policies") == "n/a" and shown.field("Roles") == "n/a" and shown.field("Expiry Time") == "<none>"


def test_policies_are_written_shown_and_deleted(agent):
    done = agent.ok("acl", "policy", "apply", "-description", "reads", "shown", "-", stdin=READER)
    assert done.out == 'Successfully wrote "shown" ACL policy!\n'
    assert {"Name": "shown", "Description": "reads"} in agent.ok("acl", "policy", "list").table()
    info = agent.ok("acl", "policy", "info", "shown")
    assert re.fullmatch(r"Name        = shown\nDescription = reads\nCreateIndex = \d+\nModifyIndex = \d+\n\nRules\n\n" + re.escape(READER) + r"\n?", info.out), info
    wrong = agent.run("acl", "policy", "apply", "wrong", "-", stdin='namespace "default" { policy = "raed" }')
    assert wrong.code == 1 and 'Did you mean "read"?' in wrong.err, wrong
    assert agent.run("acl", "policy", "info", "wrong").err == "Error fetching info on ACL policy: Unexpected response code: 404 (ACL policy not found)\n"
    assert agent.ok("acl", "policy", "delete", "shown").out == "Successfully deleted shown policy!\n"


def test_roles_bundle_policies(agent):
    agent.ok("acl", "policy", "apply", "of-role", "-", stdin=READER)
    made = agent.ok("acl", "role", "create", "-name=devs", "-description=d", "-policy=of-role")
    role = made.field("ID")
    assert made.field("Policies") == "of-role"
    assert agent.ok("acl", "role", "info", "-by-name", "devs").field("ID") == role
    assert agent.ok("acl", "role", "update", "-description=dd", role).field("Description") == "dd"
    assert {"ID": role, "Name": "devs", "Description": "dd", "Policies": "of-role"} in agent.ok("acl", "role", "list").table()
    token = agent.ok("acl", "token", "create", "-name=by-role", "-role-name=devs")
    assert token.table("Roles") == [{"ID": role, "Name": "devs"}]
    secret = token.field("Secret ID")
    assert agent.as_(secret, "GET", "/v1/jobs").status == 200
    assert [p["Name"] for p in agent.as_(secret, "GET", "/v1/acl/policies").json] == ["of-role"]
    assert agent.run("acl", "role", "create", "-name=devs", "-policy=of-role").err == \
        "Error creating ACL role: Unexpected response code: 400 (role with name devs already exists)\n"
    assert agent.ok("acl", "role", "delete", role).out == f"ACL role {role} successfully deleted\n"
    assert agent.as_(secret, "GET", "/v1/jobs").status == 403


def test_who_may_read_may_not_write(agent, tmp_path):
    reader, writer = agent.give("reader", READER), agent.give("writer", WRITER)
    path = harness.write_job(tmp_path, "loop.nomad.hcl", LOOP)
    refused = agent.run("job", "run", "-detach", path, env={"NOMAD_TOKEN": reader})
    assert refused.code == 1 and "Unexpected response code: 403 (Permission denied)" in refused.err, refused
    assert agent.run("job", "run", "-detach", path, f"-token={NOBODY}").code == 1
    agent.ok("job", "run", "-detach", path, env={"NOMAD_TOKEN": writer})
    alloc = agent.wait_running("loop")[0]["ID"]
    for token, method, path, status in [
        (reader, "GET", "/v1/job/loop", 200), (None, "GET", "/v1/job/loop", 403), (NOBODY, "GET", "/v1/job/loop", 403),
        (reader, "GET", f"/v1/allocation/{alloc}", 200), (None, "GET", f"/v1/allocation/{alloc}", 403),
        (reader, "GET", f"/v1/client/fs/logs/{alloc}?task=t&type=stdout&plain=true", 403),
        (writer, "GET", f"/v1/client/fs/logs/{alloc}?task=t&type=stdout&plain=true", 200),
        (reader, "GET", f"/v1/client/fs/ls/{alloc}?path=/", 403), (writer, "GET", f"/v1/client/fs/ls/{alloc}?path=/", 200),
        (reader, "GET", f"/v1/client/allocation/{alloc}/stats", 200), (None, "GET", f"/v1/client/allocation/{alloc}/stats", 403),
        (reader, "GET", "/v1/nodes", 403), (writer, "GET", "/v1/nodes", 200),
        (reader, "GET", "/v1/agent/self", 403), (agent.token, "GET", "/v1/agent/self", 200), (None, "GET", "/v1/agent/health", 200),
        (writer, "GET", "/v1/acl/tokens", 403), (writer, "PUT", "/v1/system/gc", 403),
        (reader, "GET", "/v1/operator/snapshot", 403), (reader, "GET", "/v1/status/leader", 200), (None, "GET", "/v1/regions", 200),
        (reader, "DELETE", "/v1/job/loop", 403),
    ]:
        answer = agent.as_(token, method, path)
        assert answer.status == status, f"{method} {path}: {answer}"
        if status == 403:
            assert answer.text == "Permission denied", answer
    # A task that has the node's file system gives whoever is in it the node.
    refused = agent.run("alloc", "exec", "-task", "t", alloc, "/bin/true", env={"NOMAD_TOKEN": writer})
    assert refused.code != 0 and "Permission denied" in refused.all, refused
    agent.ok("alloc", "exec", "-task", "t", alloc, "/bin/true")
    assert agent.http("GET", "/v1/jobs", headers={"X-Nomad-Token": "", "Authorization": f"Bearer {reader}"}).status == 200
    agent.ok("job", "stop", "-purge", "-detach", "loop", env={"NOMAD_TOKEN": writer})


def test_the_anonymous_policy_is_for_everybody(agent):
    assert agent.as_(None, "GET", "/v1/jobs").status == 403
    agent.ok("acl", "policy", "apply", "anonymous", "-", stdin=READER + 'agent { policy = "read" }\n')
    assert agent.as_(None, "GET", "/v1/jobs").status == 200
    assert agent.as_(None, "GET", "/v1/agent/self").status == 200
    assert agent.as_(None, "PUT", "/v1/jobs", {"Job": harness.idle_job("anon")}).status == 403
    agent.ok("acl", "policy", "delete", "anonymous")
    assert agent.as_(None, "GET", "/v1/jobs").status == 403


def test_lists_show_what_may_be_seen(agent):
    for name in ("blue", "green"):
        agent.ok("namespace", "apply", name)
        job = harness.idle_job(f"in-{name}")
        job["Namespace"] = name
        assert agent.http("PUT", "/v1/jobs", {"Job": job}).status == 200
    blue = agent.give("blue", 'namespace "blue" { policy = "read" }\n')
    assert [j["ID"] for j in agent.as_(blue, "GET", "/v1/jobs?namespace=*").json] == ["in-blue"]
    assert [n["Name"] for n in agent.as_(blue, "GET", "/v1/namespaces").json] == ["blue"]
    assert agent.as_(blue, "GET", "/v1/namespace/green").status == 403
    assert agent.as_(blue, "GET", "/v1/jobs?namespace=green").status == 403
    evals = agent.as_(blue, "GET", "/v1/evaluations?namespace=*").json
    assert evals and {e["Namespace"] for e in evals} == {"blue"}
    green = agent.http("GET", "/v1/evaluations?namespace=green").json[0]["ID"]
    assert agent.as_(blue, "GET", f"/v1/evaluation/{green}?namespace=blue").status == 403
    found = agent.as_(blue, "POST", "/v1/search?namespace=*", {"Prefix": "in-", "Context": "jobs"}).json
    assert found["Matches"]["jobs"] == ["in-blue"]


def test_one_time_tokens(agent):
    secret = agent.give("once", READER)
    made = agent.as_(secret, "POST", "/v1/acl/token/onetime").json["OneTimeToken"]["OneTimeSecretID"]
    assert agent.as_(None, "POST", "/v1/acl/token/onetime").status == 403
    got = agent.as_(None, "POST", "/v1/acl/token/onetime/exchange", {"OneTimeSecretID": made})
    assert got.json["Token"]["SecretID"] == secret
    assert agent.as_(None, "POST", "/v1/acl/token/onetime/exchange", {"OneTimeSecretID": made}).status == 403


@pytest.mark.parametrize("body, says", [
    ("", "Request body is empty"), ("{", "the body is not the JSON expected here"), ('{"Type":"client"}', "client token missing policies or roles"),
    ('{"Type":"client","Policies":["x"],"ExpirationTTL":"1ms"}', "expiration time cannot be less than"),
    ('{"Type":"client","Roles":[{"Name":"nope"}]}', "cannot find role nope"), ('{"AccessorID":"../x","Type":"management"}', "must be a UUID")])
def test_wrong_tokens_are_refused_in_words(agent, body, says):
    answer = agent.http("PUT", "/v1/acl/token", body, raw=True)
    assert answer.status == 400 and says in answer.text, answer


def test_everything_is_there_after_a_kill(tmp_path):
    agent = Guarded(tmp_path / "a").start()
    try:
        reader = agent.give("reader", READER)
        agent.kill()
        agent.start()
        assert agent.as_(reader, "GET", "/v1/jobs").status == 200
        assert agent.as_(reader, "GET", "/v1/nodes").status == 403
        # Every management token is lost: the reset index in a file lets a new one be made, once.
        index = re.search(r"reset index: (\d+)", agent.run("acl", "bootstrap").err).group(1)
        with open(os.path.join(agent.data_dir, "server", "acl-bootstrap-reset"), "w") as file:
            file.write(index + "\n")
        agent.token = agent.ok("acl", "bootstrap").field("Secret ID")
        assert agent.run("acl", "bootstrap").code == 1
        chosen = str(uuid.uuid4())
        assert agent.run("acl", "bootstrap", "-", stdin=chosen).code == 1
        assert "must be a UUID" in agent.run("acl", "bootstrap", "-", stdin="short").err
    finally:
        agent.close()


def test_the_operator_chooses_the_first_secret(tmp_path):
    agent = Guarded(tmp_path / "a", with_client=False)
    agent.roles = ("server",)
    chosen = str(uuid.uuid4())
    try:
        agent.launch().wait_started()
        agent.wait_json("/v1/status/leader", lambda leader: leader, "somebody leads")
        assert agent.ok("acl", "bootstrap", "-", stdin=chosen + "\n").field("Secret ID") == chosen
        agent.token = chosen
        assert json.loads(agent.ok("acl", "token", "list", "-json").out)[0]["Name"] == "Bootstrap Token"
    finally:
        agent.close()


def test_without_access_control(tmp_path):
    agent = harness.Agent(tmp_path / "a", with_client=False)
    try:
        agent.launch().wait_started()
        agent.wait_json("/v1/status/leader", lambda leader: leader, "somebody leads")
        assert agent.run("acl", "bootstrap").err == "Error bootstrapping: Unexpected response code: 400 (ACL support disabled)\n"
        assert agent.http("GET", "/v1/jobs", headers={"X-Nomad-Token": NOBODY}).status == 200
    finally:
        agent.close()


def test_the_audit_log_says_who_did_what(tmp_path):
    agent = Guarded(tmp_path / "a", with_client=False, config='audit {\n  enabled = true\n}\n')
    agent.roles = ("server",)
    try:
        agent.start()
        accessor = agent.ok("acl", "token", "self").field("Accessor ID")
        reader = agent.give("reader", READER)
        assert agent.as_(reader, "DELETE", "/v1/job/nope?purge=true").status == 403
        path = os.path.join(agent.data_dir, "audit", "audit.log")
        assert os.stat(path).st_mode & 0o777 == 0o600
        text = open(path).read()
        assert agent.token not in text and reader not in text
        events = [json.loads(line)["payload"] for line in text.splitlines()]
        seen = {(e["request"]["operation"], e["request"]["endpoint"], e["response"]["status_code"]): e for e in events}
        assert seen[("GET", "/v1/acl/token/self", 200)]["auth"] == {"accessor_id": accessor, "name": "Bootstrap Token"}
        refused = seen[("DELETE", "/v1/job/nope", 403)]
        assert refused["auth"]["name"] == "reader" and refused["request"]["request_meta"]["remote_address"].startswith("127.0.0.1:")
    finally:
        agent.close()


def test_quotas_limit_what_jobs_ask_for(agent, tmp_path):
    spec = harness.write_job(tmp_path, "spec.hcl", 'name = "small"\nlimit {\n  region = "global"\n  region_limit {\n    cpu = 100\n    memory = 64\n  }\n}\n')
    assert agent.ok("quota", "apply", spec).out == 'Successfully applied quota specification "small"!\n'
    agent.ok("namespace", "apply", "-quota=small", "limited")
    assert agent.run("namespace", "apply", "-quota=none", "other").code == 1

    def submit(name, cpu, count=1):
        job = harness.idle_job(name)
        job["Namespace"] = "limited"
        job["TaskGroups"][0]["Count"] = count
        job["TaskGroups"][0]["Tasks"][0]["Resources"] = {"CPU": cpu, "MemoryMB": 20}
        return agent.http("PUT", "/v1/jobs", {"Job": job})

    assert submit("one", 60).status == 200
    assert submit("one", 100).status == 200, "a job counts once"
    refused = submit("two", 1)
    assert refused.status == 400, refused
    assert 'quota "small" of namespace "limited" would be exceeded: cpu 101 MHz of 100 MHz' in refused.text
    assert submit("one", 20, count=4).status == 400, "memory"
    assert agent.run("quota", "delete", "small").code == 1
    assert {"Name": "small", "Description": ""} in [{**row, "Description": row["Description"].replace("<none>", "")} for row in agent.ok("quota", "list").table()]
    shown = agent.ok("quota", "status", "small")
    assert shown.table("Quota Limits")[0]["CPU Usage"] == "0 / 100"
    assert json.loads(agent.ok("quota", "inspect", "small").out)["Spec"]["Limits"][0]["RegionLimit"]["CPU"] == 100
    assert json.loads(agent.ok("quota", "inspect", "-json", "small").out)["Name"] == "small"
    assert agent.as_(agent.give("no-quota", READER), "GET", "/v1/quotas").status == 403
    assert agent.as_(agent.give("quota", 'quota { policy = "read" }\n'), "GET", "/v1/quotas").status == 200
    agent.ok("job", "stop", "-namespace=limited", "-purge", "-detach", "one")
    agent.ok("namespace", "apply", "-quota=", "limited")
    agent.ok("quota", "delete", "small")


def test_a_namespace_says_what_its_jobs_may_use(agent):
    definition = {"Name": "narrow", "Capabilities": {"DisabledTaskDrivers": ["raw_exec"]}, "NodePoolConfiguration": {"Denied": ["other*"]}}
    assert agent.http("PUT", "/v1/namespace", definition).status == 200
    assert agent.http("PUT", "/v1/node/pools", {"Name": "other1"}).status == 200
    job = harness.idle_job("narrow")
    job["Namespace"] = "narrow"
    refused = agent.http("PUT", "/v1/jobs", {"Job": job})
    assert refused.status == 400 and 'used task driver "raw_exec" is not allowed in namespace "narrow"' in refused.text, refused
    job["TaskGroups"][0]["Tasks"][0]["Driver"] = "exec"
    job["NodePool"] = "other1"
    refused = agent.http("PUT", "/v1/jobs", {"Job": job})
    assert refused.status == 400 and 'may not use node pool "other1" in namespace "narrow"' in refused.text, refused
    assert agent.ok("namespace", "status", "narrow").field("Disabled Drivers") == "raw_exec"
    assert json.loads(agent.ok("namespace", "inspect", "narrow").out)["Name"] == "narrow"
    agent.ok("namespace", "delete", "narrow")


def test_tokens_are_changed_listed_and_deleted(agent):
    agent.ok("acl", "policy", "apply", "first", "-", stdin=READER)
    agent.ok("acl", "policy", "apply", "second", "-", stdin=WRITER)
    made = agent.ok("acl", "token", "create", "-name=t", "-policy=first", "-ttl=2h")
    accessor, secret = made.field("Accessor ID"), made.field("Secret ID")
    assert made.field("Policies") == "[first]" and made.field("Expiry Time").endswith("+0000 UTC")
    assert agent.as_(secret, "PUT", "/v1/jobs", {"Job": harness.idle_job("t")}).status == 403
    changed = agent.ok("acl", "token", "update", "-name=tt", "-policy=second", accessor)
    assert changed.field("Name") == "tt" and changed.field("Secret ID") == secret and changed.field("Policies") == "[second]"
    assert agent.as_(secret, "PUT", "/v1/jobs", {"Job": harness.idle_job("t")}).status == 200, "at once"
    assert agent.ok("acl", "policy", "self", env={"NOMAD_TOKEN": secret}).table() == \
        [{"Name": "second", "Job ID": "<unavailable>", "Group Name": "<unavailable>", "Task Name": "<unavailable>"}]
    assert agent.ok("acl", "token", "info", accessor, env={"NOMAD_TOKEN": secret}).field("Accessor ID") == accessor
    assert agent.run("acl", "token", "list", env={"NOMAD_TOKEN": secret}).err == "Error listing ACL tokens: Unexpected response code: 403 (Permission denied)\n"
    row = next(r for r in agent.ok("acl", "token", "list").table() if r["Accessor ID"] == accessor)
    assert (row["Name"], row["Type"], row["Global"], row["Expired"]) == ("tt", "client", "false", "false")
    assert agent.ok("acl", "token", "delete", accessor).out == f"Token {accessor} successfully deleted\n"
    assert agent.as_(secret, "GET", "/v1/jobs").status == 403
    assert agent.run("acl", "token", "delete", accessor).err == f"Error deleting token: Unexpected response code: 400 (Cannot delete nonexistent tokens: {accessor})\n"
    agent.ok("job", "stop", "-purge", "-detach", "t")


def test_expired_tokens_are_collected(tmp_path):
    agent = Guarded(tmp_path / "a", with_client=False, acl='  token_min_expiration_ttl = "1ms"\n')
    agent.roles = ("server",)
    try:
        agent.start()
        agent.ok("acl", "policy", "apply", "reader", "-", stdin=READER)
        made = agent.ok("acl", "token", "create", "-name=short", "-policy=reader", "-ttl=300ms")
        stays = agent.ok("acl", "token", "create", "-name=long", "-policy=reader", "-ttl=1h").field("Accessor ID")
        accessor, secret = made.field("Accessor ID"), made.field("Secret ID")

        end = time.monotonic() + harness.DEADLINE
        while agent.as_(secret, "GET", "/v1/jobs").text != "ACL token expired":
            assert time.monotonic() < end, "the token has not expired"
        assert agent.http("GET", f"/v1/acl/token/{accessor}").status == 200, "its record stays for a while"
        agent.ok("system", "gc")
        assert agent.http("GET", f"/v1/acl/token/{accessor}").status == 404
        assert agent.http("GET", f"/v1/acl/token/{stays}").status == 200
    finally:
        agent.close()


def test_the_event_stream_shows_what_may_be_seen(agent):
    for name in ("seen", "unseen"):
        agent.ok("namespace", "apply", name)
    secret = agent.give("watcher", 'namespace "seen" { policy = "read" }\n')
    accessor = next(t["AccessorID"] for t in agent.http("GET", "/v1/acl/tokens").json if t["Name"] == "watcher")
    headers = {"X-Nomad-Token": secret}
    for query in ("topic=Job&namespace=unseen", "topic=Node", "topic=*&namespace=seen", "topic=ACLToken"):
        answer = agent.http("GET", f"/v1/event/stream?{query}", headers=headers)
        assert answer.status == 403 and "Permission denied" in answer.text, query
    with Events(agent, "topic=Job&namespace=*", headers=headers) as events:
        for name in ("unseen", "seen"):
            job = harness.idle_job(f"in-{name}")
            job["Namespace"] = name
            assert agent.http("PUT", "/v1/jobs", {"Job": job}).status == 200
        seen = events.until(lambda e: e["Topic"] == "Job")
        assert {e["Namespace"] for e in seen} == {"seen"}
        agent.ok("acl", "token", "delete", accessor)
        with pytest.raises((OSError, http.client.HTTPException, ValueError)):
            while True:
                assert "unseen" not in json.dumps(events.line())
    for name in ("seen", "unseen"):
        agent.ok("job", "stop", "-namespace", name, "-purge", "-detach", f"in-{name}")


def test_guessed_tokens_open_nothing(agent):
    def part(text):
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    claims = part('{"sub":"x","nomad_node_id":"y","nomad_namespace":"default","exp":99999999999}')
    unsigned = f'{part("""{"alg":"none","typ":"JWT"}""")}.{claims}.'
    mac = f'{part("""{"alg":"HS256","typ":"JWT"}""")}.{claims}.{part("x" * 32)}'
    known = agent.token
    for guess in ("x", "0" * 36, known[:-1], known[:-1] + ("0" if known[-1] != "0" else "1"), known + "0", known.upper() if known.upper() != known else "A", 
                  NOBODY, "*", "anonymous", "eyJ", "eyJ.eyJ.eyJ", "." * 1000, "a" * 20_000, unsigned, mac, "%00", "\t" + NOBODY, "'; drop table tokens"):
        answer = agent.as_(guess, "GET", "/v1/jobs")
        assert answer.status in (403, 431), f"{guess[:60]}: {answer}"
        assert agent.http("GET", "/v1/jobs", headers={"X-Nomad-Token": "", "Authorization": f"Bearer {guess}"}).status in (403, 431), guess[:60]
    answer = agent.http("GET", f"/v1/jobs?token={known}", headers={"X-Nomad-Token": ""})
    assert answer.status == 403, "a secret in a URL would stand in logs"
    node = agent.http("GET", "/v1/nodes").json[0]["ID"]
    assert agent.as_(node, "GET", "/v1/jobs").status == 403


@pytest.mark.parametrize("path", ["policies", "policy/x", "tokens", "token/self", "token/x", "roles", "role/x", "role/name/x", "auth-methods", "auth-method/x", "binding-rules",
                                  "binding-rule/x"])
def test_without_access_control_there_is_nothing_to_read(open_agent, path):
    answer = open_agent.http("GET", f"/v1/acl/{path}")
    assert answer.status == 400 and answer.text == "ACL support disabled", answer


@pytest.fixture(scope="module")
def open_agent(tmp_path_factory):
    made = harness.Agent(tmp_path_factory.mktemp("open"), with_client=False)
    made.launch().wait_started()
    made.wait_json("/v1/jobs", lambda jobs: jobs == [], "reads are answered")
    yield made
    made.close()


def test_who_reads_agents_sees_the_agent_as_a_member_too(agent):
    token = agent.give("agents-only", 'agent { policy = "read" }\n')
    shown = agent.as_(token, "GET", "/v1/agent/self").json
    assert shown["member"]["Tags"]["role"] == "nomad" and shown["member"]["Name"] == "node-one.global"
    assert agent.as_(token, "GET", "/v1/agent/members").status == 403, "the others are for who may read nodes"


def test_diagnosis_is_for_tokens_where_there_are_any(agent):
    """With access control it needs no enable_debug: the token says who may see it."""
    looker, keeper, other = agent.give("looker", 'agent { policy = "read" }\n'), agent.give("keeper", 'agent { policy = "write" }\n'), agent.give("other", READER)
    for path in ("/v1/agent/host", "/v1/agent/pprof/heap", "/v1/agent/pprof/cmdline"):
        assert agent.as_(keeper, "GET", path).status == 200, path
        for token in (other, None):
            assert agent.as_(token, "GET", path).status == 403, path
    assert agent.as_(looker, "GET", "/v1/agent/host").status == 200
    assert agent.as_(None, "GET", "/debug/pprof/").status in (403, 404)


def test_a_token_of_an_unknown_policy_is_warned_of(agent):
    made = agent.ok("acl", "token", "create", "-name=early", "-policy=comes-later")
    assert made.field("Policies") == "[comes-later]" and 'no policy "comes-later"' in made.err, made

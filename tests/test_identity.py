"""Identities through the whole program: what tasks get, checked by a library that others wrote (PyJWT) with the cluster's own key set."""
import json
import os
import subprocess

import pytest

import fleet
import harness

# Debian's python3-jwt belongs to Debian's Python.
VERIFY = """
import json, sys, jwt
given = json.load(sys.stdin)
header = jwt.get_unverified_header(given["token"])
key = next(jwt.PyJWK(k) for k in given["keys"]["keys"] if k["kid"] == header["kid"])
print(json.dumps(jwt.decode(given["token"], key.key, algorithms=["RS256", "EdDSA"], audience=given["audience"])))
"""


def claims_of(agent, token, audience="nomadproject.io"):
    given = json.dumps({"token": token, "keys": agent.get("/.well-known/jwks.json"), "audience": audience})
    done = subprocess.run(["/usr/bin/python3", "-c", VERIFY], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def forged(token):
    head, body, signature = token.split(".")
    return ".".join([head, body, ("B" if signature[0] == "A" else "A") + signature[1:]])


def job(name, script, **task):
    work = fleet.task("/bin/sh", ["-c", script])
    work.update(task)
    return fleet.job(name, work=work)


def file_of(agent, alloc, path):
    return agent.http("GET", f"/v1/client/fs/cat/{alloc['ID']}?path={path}")


def on_disk(agent, alloc, *path):
    with open(os.path.join(agent.data_dir, "alloc", alloc["ID"], *path)) as file:
        return file.read()


@pytest.fixture(scope="module")
def agent(shared_agent):
    shared_agent.wait("/v1/operator/keyring/keys", lambda keys: keys, "the first root key")
    return shared_agent


def test_default_identity(agent):
    agent.register(job("plain", "printenv NOMAD_TOKEN > ${NOMAD_ALLOC_DIR}/token; exec sleep 600",
                       Identity={"Name": "default", "Env": True, "File": True}))
    alloc = agent.wait_running("plain")[0]
    task = agent.get(f"/v1/allocation/{alloc['ID']}")["Job"]["TaskGroups"][0]["Tasks"][0]["Name"]
    group = alloc["TaskGroup"]
    token = on_disk(agent, alloc, task, "secrets", "nomad_token")
    agent.wait_json(f"/v1/client/fs/ls/{alloc['ID']}?path=alloc/", lambda files: any(f["Name"] == "token" and f["Size"] > 100 for f in files), "the task wrote its token")
    assert on_disk(agent, alloc, "alloc", "token").strip() == token
    claims = claims_of(agent, token)
    assert claims["sub"] == f"global:default:plain:{group}:{task}:default" and claims["aud"] == ["nomadproject.io"]
    assert claims["nomad_namespace"] == "default" and claims["nomad_job_id"] == "plain" and claims["nomad_task"] == task
    assert claims["nomad_allocation_id"] == alloc["ID"] and "exp" not in claims and claims["nbf"] == claims["iat"] and len(claims["jti"]) == 36
    # A token is nobody else's to see.
    shown = agent.http("GET", f"/v1/allocation/{alloc['ID']}").text
    assert token not in shown and token not in agent.log()
    with pytest.raises(AssertionError):
        claims_of(agent, forged(token))


def test_identities_with_audiences_files_and_renewal(agent):
    script = "trap 'echo renewed >> ${NOMAD_ALLOC_DIR}/signals' HUP; printenv NOMAD_TOKEN_web > ${NOMAD_ALLOC_DIR}/web; while :; do sleep 1 & wait; done"
    agent.register(job("renewing", script, Identities=[
        {"Name": "web", "Audience": ["web.example"], "Env": True, "File": True, "TTL": 20_000_000_000, "ChangeMode": "signal", "ChangeSignal": "SIGHUP"},
        {"Name": "file", "Audience": ["a.example", "b.example"], "File": True, "Filepath": "local/token.jwt"}]))
    alloc = agent.wait_running("renewing")[0]
    task = agent.get(f"/v1/allocation/{alloc['ID']}")["Job"]["TaskGroups"][0]["Tasks"][0]["Name"]
    first = on_disk(agent, alloc, task, "secrets", "nomad_web.jwt")
    claims = claims_of(agent, first, "web.example")
    assert claims["exp"] - claims["iat"] == 20 and claims["sub"].endswith(f":{task}:web") and claims["nomad_allocation_id"] == alloc["ID"]
    other = claims_of(agent, on_disk(agent, alloc, task, "local", "token.jwt"), "b.example")
    assert other["aud"] == ["a.example", "b.example"] and "exp" not in other
    agent.wait_json(f"/v1/client/fs/ls/{alloc['ID']}?path=alloc/", lambda files: any(f["Name"] == "signals" for f in files), "the task was told of the new token")
    second = on_disk(agent, alloc, task, "secrets", "nomad_web.jwt")
    assert second != first and claims_of(agent, second, "web.example")["exp"] > claims["exp"]
    events = agent.get(f"/v1/allocation/{alloc['ID']}")["TaskStates"][task]["Events"]
    assert any(e["Type"] == "Signaling" for e in events)


def test_tokens_survive_a_rotation_and_a_restart(make_agent):
    agent = make_agent().start()
    agent.wait("/v1/operator/keyring/keys", lambda keys: keys, "the first root key")
    agent.register(job("lasting", "exec sleep 600", Identity={"Name": "default", "File": True}))
    alloc = agent.wait_running("lasting")[0]
    task = agent.get(f"/v1/allocation/{alloc['ID']}")["Job"]["TaskGroups"][0]["Tasks"][0]["Name"]
    token = on_disk(agent, alloc, task, "secrets", "nomad_token")
    agent.ok("operator", "root", "keyring", "rotate", "-now")
    agent.ok("system", "gc")
    assert len(agent.get("/v1/operator/keyring/keys")) == 2, "the older key has signed for an allocation that runs"
    agent.kill()
    agent.start()
    assert claims_of(agent, token)["nomad_allocation_id"] == alloc["ID"]
    assert agent.wait_running("lasting")[0]["ID"] == alloc["ID"]


def test_discovery(make_agent):
    agent = make_agent(with_client=False, server='  oidc_issuer = "https://nomad.example/"\n')
    agent.launch().wait_started()
    agent.wait("/v1/operator/keyring/keys", lambda keys: keys, "the first root key")
    keys = agent.http("GET", "/.well-known/jwks.json")
    assert int(keys.headers["Cache-Control"].removeprefix("max-age=")) >= 900
    key = keys.json["keys"][0]
    assert key["kty"] == "RSA" and key["alg"] == "RS256" and key["use"] == "sig" and key["e"] == "AQAB"
    assert agent.get("/.well-known/openid-configuration") == {
        "issuer": "https://nomad.example/", "jwks_uri": "https://nomad.example/.well-known/jwks.json",
        "id_token_signing_alg_values_supported": ["RS256", "EdDSA"], "response_types_supported": ["code"], "subject_types_supported": ["public"]}


def test_no_discovery_without_an_issuer(agent):
    answer = agent.http("GET", "/.well-known/openid-configuration")
    assert answer.status == 404 and answer.text == "OIDC Discovery endpoint disabled"


def test_node_identity(agent):
    node = agent.get("/v1/nodes")[0]
    agent.wait(f"/v1/node/{node['ID']}", lambda n: n.get("IdentitySigningKeyID"), "the node has an identity")
    shown = agent.wait_json(f"/v1/client/identity?node_id={node['ID']}", lambda answer: answer["Claims"], "the node knows its identity")["Claims"]
    assert shown["sub"] == f"node:global:default:{node['ID']}:default" and shown["exp"] - shown["iat"] == 86400
    assert shown["nomad_node_id"] == node["ID"] and shown["nomad_node_pool"] == "default" and shown["nomad_node_datacenter"] == "dc1"
    agent.ok("node", "identity", "renew", node["ID"][:8])
    agent.wait_json(f"/v1/client/identity?node_id={node['ID']}", lambda answer: answer["Claims"]["jti"] != shown["jti"], "the node has a new identity")
    rows = {row["Claim Key"]: row["Claim Value"] for row in agent.ok("node", "identity", "get", node["ID"][:8]).table()}
    assert rows["nomad_node_id"] == node["ID"] and rows["aud"] == "[nomadproject.io]"
    assert agent.run("node", "identity", "get", "zzzz").code == 1


def test_introduction(make_agent):
    server = make_agent("server", name="server", with_client=False, server='  client_introduction {\n    enforcement = "strict"\n  }\n')
    server.launch().wait_started()
    server.wait("/v1/operator/keyring/keys", lambda keys: keys, "the first root key")
    token = server.ok("node", "intro", "create", "-node-name=guest").out.strip().split("\n")[-1]
    claims = claims_of(server, token)
    assert claims["sub"] == "node-introduction:global:default:guest:default" and claims["exp"] - claims["iat"] == 300
    long = json.loads(server.ok("node", "intro", "create", "-ttl=24h", "-json").out)["JWT"]
    assert claims_of(server, long)["exp"] - claims_of(server, long)["iat"] == 1800
    servers = f'  servers = ["127.0.0.1:{server.port + 1}"]\n'
    stranger = make_agent("stranger", name="stranger", with_server=False, client=servers)
    stranger.environment = {"NOMAD_CLIENT_INTRO_TOKEN": token}
    stranger.launch()
    stranger.wait_log("the servers refuse this node")
    guest = make_agent("guest", name="guest", with_server=False, client=servers)
    guest.launch(f"-client-intro-token={token}")
    server.wait("/v1/nodes", lambda nodes: [n["Name"] for n in nodes if n["Status"] == "ready"] == ["guest"], "the guest is ready")
    # Once known it needs no introduction.
    guest.stop()
    guest.launch().wait_started()
    server.wait("/v1/nodes", lambda nodes: [n["Name"] for n in nodes if n["Status"] == "ready"] == ["guest"], "the guest is back")


def test_wrong_settings_are_refused(make_agent):
    agent = make_agent(with_client=False, server='  client_introduction {\n    enforcement = "maybe"\n  }\n')
    agent.launch()
    assert agent.wait_ended() == 1
    assert 'enforcement is "maybe": use none, warn or strict' in agent.log()

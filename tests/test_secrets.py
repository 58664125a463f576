"""Secrets are shown to whom they were given and stand nowhere else: not in logs, audit lines, events, debug archives, or plans."""
import json
import os
import tarfile

import pytest

import harness
from test_acl import Guarded, READER
from test_events import Events

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

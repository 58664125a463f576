"""Single sign-on: tokens that an identity provider of the tests' own signed, keys given or fetched, binding rules, `drover login`."""
import base64
import http.server
import json
import subprocess
import threading
import time

import pytest

from test_acl import Guarded, READER


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    """Signs tokens, and serves its keys as a JWKS and its discovery document."""

    def __init__(self, folder):
        self.key = str(folder / "key.pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.key], check=True, capture_output=True)
        self.public = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout"], check=True, capture_output=True, text=True).stdout
        text = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
        modulus = bytes.fromhex(text.strip().split("=")[1])
        self.keys = {"keys": [{"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256", "n": encoded(modulus), "e": "AQAB"}]}
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                documents = {"/keys": provider.keys, "/.well-known/openid-configuration": {"issuer": provider.url, "jwks_uri": provider.url + "/keys"}}
                body = json.dumps(documents.get(self.path, {})).encode()
                self.send_response(200 if self.path in documents else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def sign(self, claims, kid="k1"):
        head = encoded(json.dumps({"alg": "RS256", "typ": "JWT", "kid": kid}).encode())
        text = f"{head}.{encoded(json.dumps(claims).encode())}"
        done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), check=True, capture_output=True)
        return f"{text}.{encoded(done.stdout)}"

    def claims(self, **more):
        now = int(time.time())
        return {"iss": self.url, "aud": "drover", "sub": "ann", "iat": now, "exp": now + 600, "groups": ["ops"], "team": "blue", **more}


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    made = Provider(tmp_path_factory.mktemp("provider"))
    yield made
    made.server.shutdown()


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    made = Guarded(tmp_path_factory.mktemp("login"), with_client=False)
    made.roles = ("server",)
    made.start()
    made.ok("acl", "policy", "apply", "reader", "-", stdin=READER)
    made.ok("acl", "policy", "apply", "team-blue", "-", stdin='node { policy = "read" }\n')
    yield made
    made.close()


def method(agent, name, config, *flags):
    mapped = {"BoundAudiences": ["drover"], "ClaimMappings": {"sub": "user", "team": "team"}, "ListClaimMappings": {"groups": "groups"}, **config}
    return agent.ok("acl", "auth-method", "create", f"-name={name}", "-type=JWT", "-token-locality=local", "-max-token-ttl=1h",
                    "-token-name-format=${auth_method_name}-${value.user}", f"-config={json.dumps(mapped)}", *flags)


def rule(agent, name, kind, bind="", selector=""):
    return agent.ok("acl", "binding-rule", "create", f"-auth-method={name}", f"-bind-type={kind}", f"-bind-name={bind}", f"-selector={selector}")


def test_who_has_a_good_token_gets_what_the_rules_bind(agent, provider):
    shown = method(agent, "static", {"JWTValidationPubKeys": [provider.public], "BoundIssuer": [provider.url]}, "-default=true")
    assert shown.field("Max Token TTL") == "1h0m0s" and shown.field("Default") == "true"
    rule(agent, "static", "policy", "reader", '"ops" in list.groups')
    rule(agent, "static", "policy", "team-${value.team}")
    rule(agent, "static", "management", selector='value.user == "root"')
    done = agent.ok("login", "-method=static", f"-login-token={provider.sign(provider.claims())}", env={"NOMAD_TOKEN": ""})
    assert done.out.startswith("Successfully logged in via JWT and static\n")
    assert done.field("Name") == "static-ann" and done.field("Type") == "client" and sorted(done.field("Policies").strip("[]").split()) == ["reader", "team-blue"]
    secret = done.field("Secret ID")
    assert agent.as_(secret, "GET", "/v1/jobs").status == 200
    assert agent.as_(secret, "GET", "/v1/acl/tokens").status == 403
    assert agent.ok("login", f"-login-token={provider.sign(provider.claims(sub='root'))}", env={"NOMAD_TOKEN": ""}).field("Type") == "management"


@pytest.mark.parametrize("spoil, says", [
    ({"aud": "other"}, "audience"), ({"iss": "http://other"}, "issuer"), ({"exp": 1000}, ""), ({"team": None}, 'no claim "team"')])
def test_bad_tokens_are_refused(agent, provider, spoil, says):
    answer = agent.as_(None, "POST", "/v1/acl/login", {"AuthMethodName": "static", "LoginToken": provider.sign(provider.claims(**spoil))})
    assert answer.status == 403 and says in answer.text, answer


def test_signatures_of_others_are_refused(agent, provider, tmp_path):
    other = Provider(tmp_path)
    other.server.shutdown()
    for token in (other.sign(provider.claims()), "a.b.c", provider.sign(provider.claims())[:-4] + "AAAA"):
        answer = agent.as_(None, "POST", "/v1/acl/login", {"AuthMethodName": "static", "LoginToken": token})
        assert answer.status == 403, answer
    assert agent.as_(None, "POST", "/v1/acl/login", {"AuthMethodName": "none", "LoginToken": "a.b.c"}).status == 400


def test_nobody_gets_in_without_a_rule(agent, provider):
    method(agent, "unbound", {"JWTValidationPubKeys": [provider.public]})
    answer = agent.as_(None, "POST", "/v1/acl/login", {"AuthMethodName": "unbound", "LoginToken": provider.sign(provider.claims())})
    assert answer.status == 403 and "no role or policy bindings matched" in answer.text, answer
    agent.ok("acl", "auth-method", "delete", "unbound")


@pytest.mark.parametrize("name, key, path", [("jwks", "JWKSURL", "/keys"), ("discovery", "OIDCDiscoveryURL", "")])
def test_keys_are_fetched(agent, provider, name, key, path):
    method(agent, name, {key: provider.url + path})
    rule(agent, name, "policy", "reader")
    done = agent.as_(None, "POST", "/v1/acl/login", {"AuthMethodName": name, "LoginToken": provider.sign(provider.claims())})
    assert done.status == 200 and done.json["Policies"] == ["reader"], done


def test_methods_and_rules_are_shown_changed_and_deleted(agent, provider):
    method(agent, "shown", {"JWTValidationPubKeys": [provider.public]})
    assert {"Name": "shown", "Type": "JWT", "Default": "false"} in agent.ok("acl", "auth-method", "list").table()
    assert agent.ok("acl", "auth-method", "update", "-max-token-ttl=2h", "shown").field("Max Token TTL") == "2h0m0s"
    assert "Bound audiences            = drover\n" in agent.ok("acl", "auth-method", "info", "shown").out
    made = rule(agent, "shown", "policy", "reader", "value.user == ann")
    which = made.field("ID")
    assert made.field("Selector") == '"value.user == ann"'
    assert which in [r["ID"] for r in agent.ok("acl", "binding-rule", "list").table()]
    assert agent.ok("acl", "binding-rule", "update", "-description=d", which).field("Description") == "d"
    assert agent.ok("acl", "binding-rule", "info", which).field("Bind Name") == "reader"
    wrong = agent.run("acl", "binding-rule", "create", "-auth-method=shown", "-bind-type=policy", "-bind-name=x", "-selector=value.user ==")
    assert wrong.code == 1 and "invalid selector" in wrong.err
    assert agent.run("acl", "auth-method", "create", "-name=o", "-type=SAML", "-token-locality=local", "-max-token-ttl=1h", "-config={}").code == 1
    agent.ok("acl", "binding-rule", "delete", which)
    agent.ok("acl", "auth-method", "delete", "shown")
    assert agent.run("acl", "auth-method", "info", "shown").err == \
        "Error reading ACL auth method: Unexpected response code: 404 (ACL auth method not found)\n"

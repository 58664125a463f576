"""Single sign-on with OpenID Connect: a provider of the tests' own, a browser that is a script, PKCE, claims of the user's document."""
import base64
import hashlib
import http.server
import json
import os
import subprocess
import threading
import urllib.parse
import urllib.request

import pytest

import harness
from test_acl import Guarded, READER
from test_login import Provider, rule

CLIENT, SECRET = "drover", "client:secret"


class OpenProvider(Provider):
    """Logs everybody in as ann at once; `spoil` changes what the next id token says. `tls`: an ssl.SSLContext to serve with."""

    def __init__(self, folder, tls=None):
        super().__init__(folder)
        self.codes, self.spoil, self.user = {}, {}, {"sub": "ann", "team": "blue", "iss": "elsewhere"}
        self.forms = []
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, body=None, headers=()):
                data = json.dumps(body).encode() if body is not None else b""
                self.send_response(status)
                for name, text in headers:
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                asked = dict(urllib.parse.parse_qsl(url.query))
                if url.path == "/keys":
                    return self.answer(200, provider.keys)
                if url.path == "/.well-known/openid-configuration":
                    return self.answer(200, {"issuer": provider.open_url, "jwks_uri": provider.open_url + "/keys",
                                             "authorization_endpoint": provider.open_url + "/authorize", "token_endpoint": provider.open_url + "/token",
                                             "userinfo_endpoint": provider.open_url + "/userinfo"})
                if url.path == "/authorize":
                    code = f"code-{len(provider.codes)}"
                    provider.codes[code] = asked
                    back = {"code": code, "state": asked["state"]} if "deny" not in provider.spoil else {"error": "access_denied", "error_description": "no"}
                    return self.answer(302, headers=[("Location", asked["redirect_uri"] + "?" + urllib.parse.urlencode(back))])
                if url.path == "/userinfo":
                    return self.answer(200 if self.headers["Authorization"] == "Bearer access" else 401, provider.user)
                return self.answer(404)

            def do_POST(self):
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                provider.forms.append(form)
                asked = provider.codes.pop(form.get("code"), None)
                challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
                if asked is None or not provider.is_proven(form, self.headers) or form["redirect_uri"] != asked["redirect_uri"] or \
                        asked.get("code_challenge", challenge) != challenge:
                    return self.answer(400, {"error": "invalid_grant"})
                claims = provider.claims(**{"iss": provider.open_url, "aud": CLIENT, "nonce": asked["nonce"], **provider.spoil})
                return self.answer(200, {"access_token": "access", "token_type": "Bearer", "id_token": provider.sign(claims)})

            def log_message(self, *_):
                pass

        self.open_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.open_server.socket = tls.wrap_socket(self.open_server.socket, server_side=True, do_handshake_on_connect=False)
        self.open_url = f"http{'s' if tls else ''}://127.0.0.1:{self.open_server.server_address[1]}"
        threading.Thread(target=self.open_server.serve_forever, daemon=True).start()

    def is_proven(self, form, headers):
        """Whether the client is who it says it is."""
        proof = "Basic " + base64.b64encode(f"{CLIENT}:{urllib.parse.quote(SECRET, safe='')}".encode()).decode()
        return headers["Authorization"] == proof

    def close(self):
        self.server.shutdown()
        self.open_server.shutdown()


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    made = OpenProvider(tmp_path_factory.mktemp("provider"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def agent(tmp_path_factory, provider):
    made = Guarded(tmp_path_factory.mktemp("oidc"), with_client=False)
    made.roles = ("server",)
    made.start()
    made.ok("acl", "policy", "apply", "team-blue", "-", stdin=READER)
    config = {"OIDCDiscoveryURL": provider.open_url, "OIDCClientID": CLIENT, "OIDCClientSecret": SECRET, "OIDCEnablePKCE": True, "OIDCScopes": ["groups"],
              "AllowedRedirectURIs": ["http://localhost:4649/oidc/callback"], "ClaimMappings": {"sub": "user", "team": "team"},
              "ListClaimMappings": {"groups": "groups"}}
    made.ok("acl", "auth-method", "create", "-name=corp", "-type=OIDC", "-token-locality=local", "-max-token-ttl=1h", "-default=true",
            "-token-name-format=${auth_method_type}-${value.user}", f"-config={json.dumps(config)}")
    rule(made, "corp", "policy", "team-${value.team}", '"ops" in list.groups')
    yield made
    made.close()


@pytest.fixture(autouse=True)
def honest(provider):
    provider.spoil = {}
    provider.user = {"sub": "ann", "team": "blue", "iss": "elsewhere"}


@pytest.fixture
def browser(tmp_path):
    """A PATH whose xdg-open follows the redirects as a browser does."""
    script = tmp_path / "xdg-open"
    script.write_text("#!/bin/sh\n/usr/bin/python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()' \"$1\" &\n")
    script.chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}", "NOMAD_TOKEN": ""}


def callback_address():  # whichever port is free
    return "-oidc-callback-addr=localhost:0"


def test_a_browser_logs_in(agent, provider, browser):
    done = agent.ok("login", callback_address(), env=browser)
    assert done.out.startswith("Successfully logged in via OIDC and corp\n")
    assert done.field("Name") == "OIDC-ann" and done.field("Type") == "client" and done.field("Policies") == "[team-blue]"
    assert len(provider.forms[-1]["code_verifier"]) >= 43
    assert agent.as_(done.field("Secret ID"), "GET", "/v1/jobs").status == 200
    assert json.loads(agent.ok("login", "-method=corp", "-type=oidc", "-json", callback_address(), env=browser).out)["Policies"] == ["team-blue"]


@pytest.mark.parametrize("spoil, says", [
    ({"nonce": "other"}, "another login"), ({"aud": "other"}, "another client"), ({"iss": "http://other"}, "issuer"), ({"exp": 1000}, "403"),
    ({"groups": ["dev"]}, "no role or policy bindings matched"), ({"deny": True}, "the provider refused: access_denied no")])
def test_a_provider_that_says_something_else_lets_nobody_in(agent, provider, browser, spoil, says):
    provider.spoil = spoil
    done = agent.run("login", callback_address(), env=browser)
    assert done.code == 1 and says in done.err, done


def test_the_users_document_must_be_theirs(agent, provider, browser):
    provider.user = {"sub": "bob", "team": "blue"}
    done = agent.run("login", callback_address(), env=browser)
    assert done.code == 1 and "somebody else" in done.err, done


def test_without_a_browser_the_url_is_shown(agent, browser):
    browser["PATH"] = "/nonexistent"
    process = subprocess.Popen([harness.BINARY, "login", callback_address()], env={**os.environ, **browser, "NOMAD_ADDR": agent.url()}, stdout=subprocess.PIPE,
                               text=True)
    try:
        lines = iter(process.stdout.readline, "")
        url = next(line.strip() for line in lines if line.startswith("http"))
        assert b"You may close this window" in urllib.request.urlopen(url).read()
        rest = process.stdout.read()
        assert process.wait(30) == 0 and "Successfully logged in via OIDC and corp" in rest, rest
    finally:
        process.kill()
        process.stdout.close()


def test_codes_states_and_redirects_of_others_are_refused(agent, provider):
    def ask(path, **body):
        return agent.as_(None, "POST", path, body)

    here = "http://localhost:4649/oidc/callback"
    begin = {"AuthMethodName": "corp", "ClientNonce": "n1", "RedirectURI": here}
    refused = ask("/v1/acl/oidc/auth-url", **{**begin, "RedirectURI": "http://evil.example.com/"})
    assert refused.status == 400 and "AllowedRedirectURIs" in refused.text, refused
    for missing in begin:
        refused = ask("/v1/acl/oidc/auth-url", **{**begin, missing: ""})
        assert refused.status == 400 and "missing" in refused.text, refused
    url = ask("/v1/acl/oidc/auth-url", **begin).json["AuthURL"]
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    assert asked["scope"] == "openid groups" and asked["code_challenge_method"] == "S256" and SECRET not in url
    end = {**begin, "State": asked["state"], "Code": "code-x"}
    wrong = ask("/v1/acl/oidc/complete-auth", **{**end, "State": "other"})
    assert wrong.status == 403 and "state" in wrong.text, wrong
    gone = ask("/v1/acl/oidc/complete-auth", **end)
    assert gone.status == 403 and "no OIDC request found for client nonce" in gone.text, gone
    ask("/v1/acl/oidc/auth-url", **begin)
    assert ask("/v1/acl/oidc/complete-auth", **end).status == 403
    assert agent.as_(None, "POST", "/v1/acl/login", {"AuthMethodName": "corp", "LoginToken": "a.b.c"}).status == 400


def test_the_client_secret_is_kept_and_not_shown(agent, browser):
    shown = agent.http("GET", "/v1/acl/auth-method/corp").json
    assert shown["MaxTokenTTL"] in ("1h0m0s", "2h0m0s") and shown["Config"]["ExpirationLeeway"] == "0s", "as Nomad's programs read them"
    assert shown["Config"]["OIDCClientSecret"] == "redacted" and SECRET not in agent.ok("acl", "auth-method", "info", "corp").out
    agent.ok("acl", "auth-method", "update", "-max-token-ttl=2h", "corp")
    assert agent.ok("login", callback_address(), env=browser).code == 0, "the secret was kept"


@pytest.mark.parametrize("change, says", [
    ({"OIDCDiscoveryURL": ""}, "missing OIDCDiscoveryURL"), ({"OIDCClientID": ""}, "missing OIDCClientID"),
    ({"AllowedRedirectURIs": []}, "missing AllowedRedirectURIs"), ({"OIDCClientAssertion": {"KeySource": "vault"}}, 'invalid KeySource "vault"'),
    ({"DiscoveryCaPem": ["nothing"]}, "DiscoveryCaPem: the text holds no PEM certificate")])
def test_wrong_methods_are_refused_in_words(agent, provider, change, says):
    config = {"OIDCDiscoveryURL": provider.open_url, "OIDCClientID": CLIENT, "AllowedRedirectURIs": ["http://localhost:4649/oidc/callback"], **change}
    done = agent.run("acl", "auth-method", "create", "-name=wrong", "-type=OIDC", "-token-locality=local", "-max-token-ttl=1h", f"-config={json.dumps(config)}")
    assert done.code == 1 and says in done.err, done

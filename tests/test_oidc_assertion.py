"""OpenID Connect without a shared secret: the client proves itself with a signed assertion, to a provider whose certificate is of a CA of its own."""
import base64
import hashlib
import hmac
import http.client
import json
import ssl
import subprocess
import time
import urllib.parse

import pytest

from test_acl import Guarded, READER
from test_login import rule
from test_oidc import CLIENT, OpenProvider

HERE = "http://localhost:4649/oidc/callback"
SHARED = "a secret that both know and nobody sends, long enough"
PKCS1_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_signed_by(jwk, text, signature):
    """RSASSA-PKCS1-v1_5 with SHA-256, by hand."""
    modulus, exponent = (int.from_bytes(decoded(jwk[name]), "big") for name in ("n", "e"))
    size = (modulus.bit_length() + 7) // 8
    digest = PKCS1_SHA256 + hashlib.sha256(text).digest()
    return pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big") == b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest


class AssertedProvider(OpenProvider):
    """Knows its client by its assertions: `key_of(header)` gives the client's JWK, or its secret."""

    def __init__(self, folder, tls):
        super().__init__(folder, tls)
        self.key_of, self.seen = None, []

    def is_proven(self, form, headers):
        head, body, signature = form["client_assertion"].split(".")
        header, claims = json.loads(decoded(head)), json.loads(decoded(body))
        text = f"{head}.{body}".encode()
        key = self.key_of(header)
        known = hmac.compare_digest(hmac.new(key.encode(), text, "sha256").digest(), decoded(signature)) if header["alg"] == "HS256" else \
            is_signed_by(key, text, decoded(signature))
        self.seen.append((header, claims))
        now = time.time()
        return known and headers["Authorization"] is None and "client_secret" not in form and form["client_id"] == CLIENT and \
            form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" and header["typ"] == "JWT" and \
            claims["iss"] == claims["sub"] == CLIENT and self.open_url in claims["aud"] and claims["nbf"] <= claims["iat"] <= now + 1 and \
            now < claims["exp"] <= now + 301 and len(claims["jti"]) == 36


def certificate(folder, name, *more):
    """A key and a certificate that signs itself."""
    key, pem = folder / f"{name}-key.pem", folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(pem), "-days", "2", "-subj", f"/CN={name}",
                    *more], check=True, capture_output=True)
    return key, pem


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("asserted")


@pytest.fixture(scope="module")
def provider(folder):
    key, pem = certificate(folder, "id", "-addext", "subjectAltName=IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    made = AssertedProvider(folder, context)
    made.ca = pem.read_text()
    yield made
    made.close()


@pytest.fixture(scope="module")
def agent(folder, provider):
    made = Guarded(folder / "agent", with_client=False)
    made.roles = ("server",)
    made.start()
    made.ok("acl", "policy", "apply", "team-blue", "-", stdin=READER)
    yield made
    made.close()


def config_of(provider, assertion, **more):
    return {"OIDCDiscoveryURL": provider.open_url, "OIDCClientID": CLIENT, "OIDCClientAssertion": assertion, "AllowedRedirectURIs": [HERE],
            "DiscoveryCaPem": [provider.ca], "ClaimMappings": {"sub": "user", "team": "team"}, **more}


def create(agent, name, config, check=True):
    run = agent.ok if check else agent.run
    done = run("acl", "auth-method", "create", f"-name={name}", "-type=OIDC", "-token-locality=local", "-max-token-ttl=1h", f"-config={json.dumps(config)}")
    if check:
        rule(agent, name, "policy", "team-${value.team}")
    return done


def log_in(agent, provider, name):
    begin = {"AuthMethodName": name, "ClientNonce": f"nonce-{name}-{len(provider.seen)}", "RedirectURI": HERE}
    answer = agent.as_(None, "POST", "/v1/acl/oidc/auth-url", begin)
    if answer.status != 200:
        return answer
    url = urllib.parse.urlsplit(answer.json["AuthURL"])
    browser = http.client.HTTPSConnection(url.netloc, timeout=30, context=ssl.create_default_context(cadata=provider.ca))
    browser.request("GET", f"{url.path}?{url.query}")
    back = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(browser.getresponse().headers["Location"]).query))
    browser.close()
    return agent.as_(None, "POST", "/v1/acl/oidc/complete-auth", {**begin, "State": back["state"], "Code": back["code"]})


def jwk_of(key):
    text = subprocess.run(["openssl", "rsa", "-in", str(key), "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
    return {"n": base64.urlsafe_b64encode(bytes.fromhex(text.strip().split("=")[1])).decode().rstrip("="), "e": "AQAB"}


def test_the_clusters_own_key_signs(agent, provider):
    keys = {key["kid"]: key for key in agent.wait_json("/.well-known/jwks.json", lambda found: found["keys"], "the cluster has made its key")["keys"]}
    provider.key_of = lambda header: keys[header["kid"]]
    create(agent, "own", config_of(provider, {"KeySource": "nomad", "ExtraHeaders": {"tenant": "t1"}}))
    done = log_in(agent, provider, "own")
    assert done.status == 200 and done.json["Policies"] == ["team-blue"], done
    assert provider.seen[-1][0]["tenant"] == "t1"
    first = provider.seen[-1][1]["jti"]
    assert log_in(agent, provider, "own").status == 200 and provider.seen[-1][1]["jti"] != first


def test_a_given_key_signs_and_is_not_shown(agent, provider, folder):
    key, pem = certificate(folder, "client")
    der = ssl.PEM_cert_to_DER_cert(pem.read_text())
    provider.key_of = lambda header: jwk_of(key)
    private = key.read_text()
    create(agent, "named", config_of(provider, {"KeySource": "private_key", "PrivateKey": {"PemKey": private, "KeyID": "k7"}}))
    done = log_in(agent, provider, "named")
    assert done.status == 200 and provider.seen[-1][0]["kid"] == "k7", done
    shown = agent.http("GET", "/v1/acl/auth-method/named").json["Config"]["OIDCClientAssertion"]
    assert shown["PrivateKey"]["PemKey"] == "redacted" and shown["KeyAlgorithm"] == "RS256" and shown["Audience"] == [provider.open_url]
    agent.ok("acl", "auth-method", "update", "-max-token-ttl=2h", "named")
    assert log_in(agent, provider, "named").status == 200, "the key was kept"
    # Files, and the name of the key from its certificate.
    files = {"PemKeyFile": str(key), "PemCertFile": str(pem)}
    for name, header, digest in (("print", "", "sha256"), ("print1", "x5t", "sha1")):
        create(agent, name, config_of(provider, {"KeySource": "private_key", "PrivateKey": {**files, "KeyIDHeader": header}}))
        done = log_in(agent, provider, name)
        assert done.status == 200, done
        assert decoded(provider.seen[-1][0][header or "x5t#S256"]) == hashlib.new(digest, der).digest()
    # A key file that is gone is said when somebody logs in, and the agent lives.
    key.rename(folder / "elsewhere.pem")
    gone = log_in(agent, provider, "print")
    assert gone.status != 200 and "error reading PemKeyFile" in gone.text and str(key) in gone.text, gone
    assert private not in agent.log()


def test_a_secret_signs_and_is_not_sent(agent, provider):
    provider.key_of = lambda header: SHARED
    create(agent, "shared", config_of(provider, {"KeySource": "client_secret"}, OIDCClientSecret=SHARED))
    done = log_in(agent, provider, "shared")
    assert done.status == 200 and provider.seen[-1][0]["alg"] == "HS256" and SHARED not in json.dumps(provider.forms), done


def test_other_cas_are_not_trusted(agent, provider, folder):
    _, other = certificate(folder, "other")
    create(agent, "mistrusts", config_of(provider, {"KeySource": "nomad"}, DiscoveryCaPem=[other.read_text()]))
    done = log_in(agent, provider, "mistrusts")
    assert done.status != 200 and "no trusted CA" in done.text, done
    # Tokens that are verified with fetched keys go the same way.
    for name, ca, status in (("trusts", provider.ca, 200), ("doubts", other.read_text(), 500)):
        for source in ({"JWKSURL": provider.open_url + "/keys", "JWKSCACert": ca}, {"OIDCDiscoveryURL": provider.open_url, "DiscoveryCaPem": [ca]}):
            method = f"{name}-{len(source['JWKSURL']) if 'JWKSURL' in source else 0}"
            config = {"BoundAudiences": [CLIENT], "ClaimMappings": {"team": "team"}, **source}
            agent.ok("acl", "auth-method", "create", f"-name={method}", "-type=JWT", "-token-locality=local", "-max-token-ttl=1h", f"-config={json.dumps(config)}")
            rule(agent, method, "policy", "team-${value.team}")
            answer = agent.as_(None, "POST", "/v1/acl/login", {"AuthMethodName": method, "LoginToken": provider.sign(provider.claims(aud=CLIENT))})
            assert answer.status == status and (status == 200 or "no trusted CA" in answer.text), answer


@pytest.mark.parametrize("assertion, says", [
    ({"KeySource": "private_key"}, "PrivateKey is required"),
    ({"KeySource": "private_key", "PrivateKey": {"PemKey": "x", "KeyID": "k"}}, "error parsing PemKey"),
    ({"KeySource": "private_key", "PrivateKey": {"PemKeyFile": "/nonexistent", "KeyID": "k"}}, "error reading PemKeyFile"),
    ({"KeySource": "client_secret"}, "OIDCClientSecret is required")])
def test_wrong_assertions_are_refused_in_words(agent, provider, assertion, says):
    done = create(agent, "wrong", config_of(provider, assertion), check=False)
    assert done.code == 1 and says in done.err, done

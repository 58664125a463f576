"""setup consul and setup vault, against stand-ins that remember what was made; whether the cluster is ready for Vault's identities."""
import base64
import http.server
import json
import subprocess
import threading
import urllib.parse

import pytest

import harness
from test_acl import Guarded


class Other:
    """A program with an HTTP API whose `answer(method, path, query, body)` gives status and body."""

    def __init__(self):
        self.asked, self.tokens = [], set()
        other = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def take(self):
                url = urllib.parse.urlsplit(self.path)
                data = self.rfile.read(int(self.headers["Content-Length"] or 0))
                body = json.loads(data) if data else None
                other.asked.append((self.command, url.path))
                other.tokens.add(self.headers["X-Consul-Token"] or self.headers["X-Vault-Token"])
                status, answer = other.answer(self.command, url.path, dict(urllib.parse.parse_qsl(url.query)), body)
                data = json.dumps(answer).encode() if answer is not None else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = do_DELETE = take

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()

    def writes(self):
        return [each for each in self.asked if each[0] != "GET"]


class Consul(Other):
    lists = {"auth-methods": "auth-method", "binding-rules": "binding-rule", "policies": "policy", "roles": "role"}

    def __init__(self):
        self.kept = {one: {} for one in self.lists.values()}
        super().__init__()

    def answer(self, method, path, query, body):
        kind, _, name = path.removeprefix("/v1/acl/").partition("/")
        if method == "GET" and kind in self.lists:
            return 200, [each for each in self.kept[self.lists[kind]].values() if query.get("authmethod") in (None, each.get("AuthMethod"))]
        if method == "PUT" and kind in self.kept:
            record = {"ID": f"{kind}-{len(self.kept[kind])}", **body}
            self.kept[kind][record["Name"] if kind == "auth-method" else record["ID"]] = record
            return 200, record
        if method == "DELETE" and name in self.kept.get(kind, {}):
            del self.kept[kind][name]
            return 200, True
        return 403, {"error": "Permission denied"}


class Vault(Other):
    def __init__(self):
        self.mounted, self.kept = False, {}
        super().__init__()

    def answer(self, method, path, query, body):
        if path == "/v1/sys/auth/jwt-nomad":
            if method == "GET":
                return (200, {"data": {"accessor": "auth_jwt_7"}}) if self.mounted else (400, {"errors": ["No auth engine at jwt-nomad/"]})
            self.mounted = method == "POST"
            if not self.mounted:
                self.kept = {name: each for name, each in self.kept.items() if not name.startswith("/v1/auth/")}
            return 204, None
        if path.startswith("/v1/auth/jwt-nomad") and not self.mounted:
            return 404, {"errors": [f'no handler for route "{path}"']}
        if query.get("list"):
            keys = [name.rsplit("/", 1)[1] for name in self.kept if name.startswith(path + "/")]
            return (200, {"data": {"keys": keys}}) if keys else (404, {"errors": []})
        if method == "GET":
            return (200, {"data": self.kept[path]}) if path in self.kept else (404, {"errors": []})
        if method == "PUT":
            self.kept[path] = body
        else:
            self.kept.pop(path, None)
        return 204, None


def run(*words, stdin=None, **variables):
    return subprocess.run([harness.BINARY, "setup", *words], env={"PATH": "/usr/bin:/bin", **variables}, input=stdin, capture_output=True, text=True, timeout=harness.DEADLINE)


@pytest.fixture
def consul():
    made = Consul()
    yield made
    made.close()


@pytest.fixture
def vault():
    made = Vault()
    yield made
    made.close()


def test_consul_is_set_up_once_and_taken_down(consul, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text("a CA")
    env = {"CONSUL_HTTP_ADDR": consul.url, "CONSUL_HTTP_TOKEN": "c-secret"}
    done = run("consul", "-y", "-jwks-url=https://nomad.example.com/jwks.json", f"-jwks-ca-file={ca}", **env)
    assert done.returncode == 0 and '[✔] Created auth method "nomad-workloads".' in done.stdout, done
    method = consul.kept["auth-method"]["nomad-workloads"]
    assert method["Type"] == "jwt" and method["TokenLocality"] == "local"
    assert method["Config"] == {"JWKSURL": "https://nomad.example.com/jwks.json", "JWKSCACert": "a CA", "JWTSupportedAlgs": ["RS256"], "BoundAudiences": ["consul.io"],
                                "ClaimMappings": {name: name for name in ("consul_namespace", "nomad_namespace", "nomad_job_id", "nomad_task", "nomad_service")}}
    rules = {rule["BindType"]: rule for rule in consul.kept["binding-rule"].values()}
    assert rules["service"]["BindName"] == "${value.nomad_service}" and rules["service"]["Selector"] == '"nomad_service" in value'
    assert rules["role"]["BindName"] == "nomad-${value.nomad_namespace}-tasks" and rules["role"]["AuthMethod"] == "nomad-workloads"
    assert [role["Policies"] for role in consul.kept["role"].values()] == [[{"Name": "policy-nomad-tasks"}]] and len(consul.kept["policy"]) == 1
    assert consul.tokens == {"c-secret"} and "c-secret" not in done.stdout + done.stderr
    before = len(consul.writes())
    again = run("consul", "-y", **env)
    assert again.returncode == 0 and again.stdout.count("already exists") == 5 and len(consul.writes()) == before, again
    gone = run("consul", "-y", "-destroy", **env)
    assert gone.returncode == 0 and gone.stdout.count("[✔] Deleted") == 5 and not any(consul.kept.values()), gone
    assert run("consul", "-y", "-destroy", **env).stdout == "Nothing to delete.\n"


def test_vault_is_set_up_once_and_taken_down(vault):
    env = {"VAULT_ADDR": vault.url, "VAULT_TOKEN": "v-secret"}
    done = run("vault", "-y", "-kv-path=/kv/", **env)
    assert done.returncode == 0 and '[✔] Created role "nomad-workloads".' in done.stdout, done
    assert vault.kept["/v1/auth/jwt-nomad/config"] == {"jwks_url": "http://localhost:4646/.well-known/jwks.json", "jwt_supported_algs": ["EdDSA", "RS256"],
                                                       "default_role": "nomad-workloads"}
    role = vault.kept["/v1/auth/jwt-nomad/role/nomad-workloads"]
    assert role["bound_audiences"] == "vault.io" and role["user_claim"] == "/nomad_job_id" and role["token_policies"] == ["nomad-workloads"]
    policy = base64.b64decode(vault.kept["/v1/sys/policies/acl/nomad-workloads"]["policy"]).decode()
    own = "kv/data/{{identity.entity.aliases.auth_jwt_7.metadata.nomad_namespace}}/{{identity.entity.aliases.auth_jwt_7.metadata.nomad_job_id}}"
    assert f'path "{own}" {{' in policy and f'path "{own}/*" {{' in policy
    before = len(vault.writes())
    again = run("vault", "-y", **env)
    assert again.returncode == 0 and again.stdout.count("already exists") == 3 and len(vault.writes()) == before, again
    gone = run("vault", "-y", "-destroy", **env)
    assert gone.returncode == 0 and not vault.mounted and not vault.kept, gone
    assert run("vault", "-y", "-destroy", **env).stdout == "Nothing to delete.\n" and vault.tokens == {"v-secret"}


def test_what_is_wrong_is_said(consul):
    for words, says in [(["consul"], "requires -y option when running in non-interactive mode"), (["vault"], "requires -y option"),
                        (["vault", "-y", "-json"], "can only be used with -check"), (["vault", "-y", "-kv-path=/"], "non-empty mount path"),
                        (["consul", "-y", "x"], "takes no arguments"), (["consul", "-y", "-jwks-ca-file=/nonexistent"], "jwks-ca-file")]:
        done = run(*words, CONSUL_HTTP_ADDR=consul.url, VAULT_ADDR=consul.url)
        assert done.returncode == 1 and says in done.stderr + done.stdout, done
    done = run("consul", "-y", CONSUL_HTTP_ADDR="127.0.0.1:1")
    assert done.returncode == 1 and "cannot be looked up in Consul" in done.stderr, done
    consul.lists = {}
    done = run("consul", "-y", CONSUL_HTTP_ADDR=consul.url)
    assert done.returncode == 1 and "Permission denied" in done.stderr and not consul.writes(), done


JOB = {"Type": "service", "Datacenters": ["nowhere"]}


def test_which_jobs_are_not_ready_for_identities(tmp_path):
    agent = Guarded(tmp_path, with_client=False)
    agent.roles = ("server",)
    agent.start()
    try:
        path = "/v1/operator/upgrade-check/vault-workload-identity"
        empty = agent.get(path)
        assert not empty["JobsWithoutVaultIdentity"] and not empty["OutdatedNodes"] and not empty["VaultTokens"]
        assert agent.ok("setup", "vault", "-check").out == "Nomad cluster is ready to use workload identities with Vault.\n"
        for name, identities in (("old", []), ("new", [{"Name": "vault_default", "Audience": ["vault.io"]}])):
            task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/true"}, "Vault": {"Role": "r"}, "Identities": identities}
            agent.register({**JOB, "ID": name, "Name": name, "TaskGroups": [{"Name": "g", "Tasks": [task]}]})
        assert [job["ID"] for job in agent.get(path)["JobsWithoutVaultIdentity"]] == ["old"]
        shown = agent.ok("setup", "vault", "-check")
        assert "\nold " in shown.out and "\nnew " not in shown.out
        assert json.loads(agent.ok("setup", "vault", "-check", "-json").out)["JobsWithoutVaultIdentity"][0]["ID"] == "old"
        assert agent.as_(None, "GET", path).status == 403
        assert agent.as_(agent.give("watcher", 'operator { policy = "read" }\n'), "GET", path).status == 200
    finally:
        agent.close()

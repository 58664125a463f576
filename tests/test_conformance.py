"""Clients that others wrote, against one of our agents: Nomad's Go module (tests/conformance/go) and python-nomad from PyPI, with and without TLS and access control.

They are fetched when the tests run, by Go's and Python's own tools; without those tools the tests fail and say so.
"""
import functools
import http.client
import json
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys

import pytest

import harness
from test_acl import Guarded
from test_metrics import running_prometheus

HERE = os.path.join(harness.ROOT, "tests", "conformance")
PYTHON_NOMAD = "python-nomad==2.1.0"
# What runs where the installed Go is too old to fetch a newer one by itself: a module like any other.
TOOLCHAIN = f"golang.org/toolchain@v0.0.1-go1.26.0.linux-{'arm64' if platform.machine() == 'aarch64' else 'amd64'}"

GO_CHECKS = ["acl", "agent", "allocations", "blocking", "deployments", "dispatch", "drain", "evaluations", "events", "exec", "files", "jobs", "locks", "logs", "monitor",
             "namespaces", "nodes", "operator", "pages", "periodic", "plan", "pools", "scaling", "search", "services", "statuses", "system", "variables", "versions", "volumes"]
PYTHON_CHECKS = ["jobs", "nodes_and_allocations", "cluster", "events"]


def tool(words, **options):
    done = subprocess.run(words, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def find_go():
    go = shutil.which("go")
    assert go, "Go is missing: scripts/test installs it (package golang-go)"
    version = re.search(r"go(\d+)\.(\d+)", tool([go, "version"]))
    if (int(version[1]), int(version[2])) >= (1, 21):
        return go
    folder = json.loads(tool([go, "mod", "download", "-json", TOOLCHAIN]))["Dir"]
    for base in (os.path.join(folder, "bin"), os.path.join(folder, "pkg", "tool")):
        for where, _, files in os.walk(base):
            os.chmod(where, 0o755)
            for name in files:
                os.chmod(os.path.join(where, name), 0o755)
    return os.path.join(folder, "bin", "go")


@pytest.fixture(scope="module")
def go_program(tmp_path_factory):
    program = str(tmp_path_factory.mktemp("conformance") / "conformance")
    tool([find_go(), "build", "-o", program, "."], cwd=os.path.join(HERE, "go"), env={**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"})
    return program


@pytest.fixture(scope="module")
def python_program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("python-nomad")
    tool([sys.executable, "-m", "venv", str(folder)])
    tool([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", PYTHON_NOMAD])
    return [str(folder / "bin" / "python"), os.path.join(HERE, "python_checks.py")]


def secure(agent, folder):
    """The agent will speak HTTPS and wants certificates; so does everybody who asks it through the harness."""
    for words in (["ca", "create"], ["cert", "create", "-server"], ["cert", "create", "-cli"]):
        tool([harness.BINARY, "tls", *words], cwd=folder)
    files = {key: os.path.join(folder, name) for key, name in (("ca_file", "nomad-agent-ca.pem"), ("cert_file", "global-server-nomad.pem"),
                                                               ("key_file", "global-server-nomad-key.pem"))}
    with open(agent.config_path, "a") as file:
        file.write("\ntls {\n  http = true\n  rpc = true\n  verify_https_client = true\n" + "".join(f'  {k} = "{v}"\n' for k, v in files.items()) + "}\n")
    cli = os.path.join(folder, "global-cli-nomad.pem"), os.path.join(folder, "global-cli-nomad-key.pem")
    context = ssl.create_default_context(cafile=files["ca_file"])
    context.load_cert_chain(*cli)
    agent.connect = functools.partial(lambda timeout: http.client.HTTPSConnection("127.0.0.1", agent.port, timeout=timeout, context=context))
    agent.cli_environment = lambda: {**({"NOMAD_TOKEN": agent.token} if agent.token else {}), "NOMAD_ADDR": f"https://127.0.0.1:{agent.port}", "NOMAD_CACERT": files["ca_file"], "NOMAD_CLIENT_CERT": cli[0],
                                     "NOMAD_CLIENT_KEY": cli[1]}


def make_site(folder, kind):
    """An agent of that kind, not started: "plain", "tls", "acl" or "acl-tls"."""
    agent = (Guarded if "acl" in kind else harness.Agent)(folder, config="enable_debug = true\ntelemetry {\n  prometheus_metrics = true\n}\n")
    if "tls" in kind:
        secure(agent, agent.folder)
    return agent


@pytest.fixture(scope="module", params=["plain", "tls", "acl", "acl-tls"])
def site(request, tmp_path_factory):
    agent = make_site(tmp_path_factory.mktemp(f"agent-{request.param}"), request.param)
    request.module.agents_of_module = [agent]
    try:
        yield agent.start()
    finally:
        agent.close()


def run_check(agent, words):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NOMAD_")}
    done = subprocess.run(words, capture_output=True, text=True, timeout=4 * harness.DEADLINE, env={**environment, **agent.cli_environment()})
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n--- agent log, end\n{agent.log()[-3000:]}"


def test_every_check_is_run(go_program):
    assert tool([go_program, "-list"]).split() == GO_CHECKS


@pytest.mark.parametrize("name", GO_CHECKS)
def test_go(site, go_program, name):
    run_check(site, [go_program, "-run", name])


@pytest.mark.parametrize("name", PYTHON_CHECKS)
def test_python(site, python_program, name):
    run_check(site, [*python_program, name])


@pytest.mark.parametrize("kind", ["plain", "acl-tls"])
def test_ansible(kind, python_program, tmp_path, request):
    agent = make_site(tmp_path / "agent", kind)
    request.addfinalizer(agent.close)
    agent.start()
    assert shutil.which("ansible-playbook"), "ansible-playbook is missing: scripts/test installs it (package ansible)"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NOMAD_", "ANSIBLE_"))}
    environment.update(agent.cli_environment(), HOME=str(tmp_path), ANSIBLE_LOCALHOST_WARNING="0", ANSIBLE_NOCOLOR="1", LC_ALL="C.UTF-8")
    variables = {"ansible_python_interpreter": python_program[0]}
    if "NOMAD_CACERT" in environment:
        environment["REQUESTS_CA_BUNDLE"] = environment["NOMAD_CACERT"]
        variables.update(secure=True, client_cert=environment["NOMAD_CLIENT_CERT"], client_key=environment["NOMAD_CLIENT_KEY"], token=agent.token)
    done = subprocess.run(["ansible-playbook", "-i", "localhost,", "-e", json.dumps(variables), os.path.join(HERE, "ansible", "playbook.yml")],
                          capture_output=True, text=True, timeout=4 * harness.DEADLINE, env=environment, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert len(agent.wait_running("by-ansible", 2)) == 2


def test_prometheus(site, tmp_path):
    """Debian's Prometheus scrapes the agent's metrics. It is built without Nomad's service discovery, whose calls are those of the Go check "services"."""
    secure_words, scheme = "", "http"
    environment = site.cli_environment()
    if "NOMAD_CACERT" in environment:
        scheme = "https"
        secure_words = "    tls_config: {" + ", ".join(f'{key}: "{environment[name]}"' for key, name in (
            ("ca_file", "NOMAD_CACERT"), ("cert_file", "NOMAD_CLIENT_CERT"), ("key_file", "NOMAD_CLIENT_KEY"))) + "}\n"
    token = f"    authorization: {{credentials: {site.token}}}\n" if site.token else ""
    config = f"""
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: nomad
    metrics_path: /v1/metrics
    params: {{format: [prometheus]}}
    scheme: {scheme}
{secure_words}{token}    static_configs:
      - targets: ["127.0.0.1:{site.port}"]
"""
    with running_prometheus(config, tmp_path) as prometheus:
        prometheus.wait('up{job="nomad"}', lambda result: result and result[0]["value"][1] == "1")
        prometheus.wait("nomad_raft_apply")

"""Certificates as people make them: the steps of an installation, judged by OpenSSL's own program; an agent that speaks TLS with them."""
import base64
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess

import pytest

import harness


def run(folder, *words, code=0, **env):
    done = subprocess.run([harness.BINARY, *words], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**os.environ, **env})
    assert done.returncode == code, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done


def openssl(folder, *words):
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """Three servers and three clients: one CA, a certificate for each role."""
    folder = tmp_path_factory.mktemp("certificates")
    printed = run(folder, "tls", "ca", "create").stdout
    assert printed == "==> CA certificate saved to: nomad-agent-ca.pem\n==> CA certificate key saved to: nomad-agent-ca-key.pem\n"
    printed = run(folder, "tls", "cert", "create", "-server", "-region", "global")
    assert printed.stdout == ("==> Using CA file nomad-agent-ca.pem and CA key nomad-agent-ca-key.pem\n"
                              "==> Server Certificate saved to global-server-nomad.pem\n"
                              "==> Server Certificate key saved to global-server-nomad-key.pem\n")
    assert "WARNING: Server Certificates" in printed.stderr
    assert "==> Client Certificate saved to global-client-nomad.pem\n" in run(folder, "tls", "cert", "create", "-client").stdout
    assert run(folder, "tls", "cert", "create", "-cli").stdout.endswith("==> Cli Certificate saved to global-cli-nomad.pem\n"
                                                                         "==> CLI Certificate key saved to global-cli-nomad-key.pem\n")
    return folder


@pytest.mark.parametrize("role, names", [("server", "DNS:server.global.nomad, DNS:localhost, IP Address:127.0.0.1"),
                                         ("client", "DNS:client.global.nomad, DNS:localhost, IP Address:127.0.0.1"),
                                         ("cli", "DNS:cli.global.nomad, DNS:localhost")])
def test_certificates_stand_up_to_openssl(installation, role, names):
    pem = f"global-{role}-nomad.pem"
    for purpose in ("sslserver", "sslclient"):
        assert openssl(installation, "verify", "-purpose", purpose, "-CAfile", "nomad-agent-ca.pem", pem) == f"{pem}: OK\n"
    text = openssl(installation, "x509", "-in", pem, "-noout", "-text")
    assert names in text and "CA:FALSE" in text and "ASN1 OID: prime256v1" in text
    key = installation / f"global-{role}-nomad-key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert openssl(installation, "pkey", "-in", key, "-pubout") == openssl(installation, "x509", "-in", pem, "-noout", "-pubkey")


def test_info_says_what_a_certificate_is_for(installation):
    info = run(installation, "tls", "cert", "info", "global-server-nomad.pem").stdout
    serial = openssl(installation, "x509", "-in", "global-server-nomad.pem", "-noout", "-serial").strip().removeprefix("serial=")
    assert re.fullmatch(rf"""Serial Number  {int(serial, 16)}
Issuer CN      Nomad Agent CA \d+
Common Name    CN=server.global.nomad
Expiry Date    \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC
DNS Names      \[server.global.nomad localhost\]
IP Addresses   \[127.0.0.1\]
""", info), info
    info = run(installation, "tls", "ca", "info", "nomad-agent-ca.pem").stdout
    assert re.search(r"^Permitted DNS Domains  \[\]$", info, re.MULTILINE), info


def test_nothing_is_overwritten(installation):
    before = (installation / "nomad-agent-ca.pem").read_text()
    assert run(installation, "tls", "ca", "create", code=1).stderr == "CA certificate file 'nomad-agent-ca.pem' already exists\n"
    assert run(installation, "tls", "cert", "create", "-cli", code=1).stderr == "Certificate file 'global-cli-nomad.pem' already exists\n"
    assert (installation / "nomad-agent-ca.pem").read_text() == before


def test_a_constrained_ca_signs_for_its_zones_alone(tmp_path):
    run(tmp_path, "tls", "ca", "create", "-name-constraint", "-domain", "example", "-additional-domain", "a.test", "-days", "10")
    assert "Permitted DNS Domains  [example localhost nomad a.test]" in run(tmp_path, "tls", "ca", "info", "example-agent-ca.pem").stdout
    refused = run(tmp_path, "tls", "cert", "create", "-server", "-domain", "example", "-additional-dnsname", "x.test", code=1)
    assert "it permits only the DNS zones example, localhost, nomad, a.test" in refused.stderr
    run(tmp_path, "tls", "cert", "create", "-server", "-domain", "example", "-additional-dnsname", "x.a.test", "-additional-ipaddress", "10.0.0.1")
    assert openssl(tmp_path, "verify", "-CAfile", "example-agent-ca.pem", "global-server-example.pem").endswith(": OK\n")


@pytest.mark.parametrize("words, sentence", [
    (["cert", "create"], "Please provide either -server, -client, or -cli"),
    (["cert", "create", "-server", "-client"], "Please provide either -server, -client, or -cli"),
    (["cert", "create", "-server"], "Error reading CA: "),
    (["ca", "create", "-name-constraint"], "Please provide the -domain flag"),
    (["ca", "create", "-domain", "x"], "Please provide the -name-constraint flag"),
    (["ca", "create", "-country", "DE"], "Please provide the -common-name flag when customizing the CA"),
    (["ca", "create", "-days", "0"], "cannot be valid for 0 days"),
    (["ca", "info", "nothing.pem"], "Error reading CA file: "),
    (["cert", "info", "/dev/null"], "no PEM-encoded data found"),
])
def test_mistakes_get_a_sentence(tmp_path, words, sentence):
    assert sentence in run(tmp_path, "tls", *words, code=1).stderr
    assert os.listdir(tmp_path) == []


def test_a_gossip_key_is_32_bytes(tmp_path):
    first, second = (run(tmp_path, "operator", "gossip", "keyring", "generate").stdout for _ in range(2))
    assert len(base64.b64decode(first, validate=False)) == 32 and first != second


def test_config_validate(tmp_path, installation):
    def validate(text, code=0):
        (tmp_path / "agent.hcl").write_text(text)
        return run(tmp_path, "config", "validate", "agent.hcl", code=code)

    server = 'data_dir = "/tmp/x"\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\n'
    done = validate(server)
    assert done.stdout.endswith("Configuration is valid!\n") and "mTLS is not configured" in done.stderr
    assert "data_dir" in validate("server {\n  enabled = true\n}\n", 1).stderr
    assert "bootstrap_expct" in validate(server.replace("_expect", "_expct"), 1).stderr
    assert "tls.rpc is true, so tls.ca_file must name a PEM file" in validate(server + "tls {\n  rpc = true\n}\n", 1).stderr
    assert "Must specify at least one config file or directory" in run(tmp_path, "config", "validate", code=1).stderr
    files = "".join(f'  {key} = "{installation / name}"\n' for key, name in (("ca_file", "nomad-agent-ca.pem"), ("cert_file", "global-server-nomad.pem"),
                                                                             ("key_file", "global-client-nomad-key.pem")))
    assert "does not belong to certificate" in validate(server + "tls {\n  rpc = true\n  http = true\n" + files + "}\n").stderr


def start_secured(make_agent, folder, config=""):
    """A server whose certificates are in `folder`; and the command line's environment for it."""
    agent = make_agent(with_client=False, config=f"""
tls {{
  http = true
  rpc  = true
  ca_file   = "{folder}/nomad-agent-ca.pem"
  cert_file = "{folder}/global-server-nomad.pem"
  key_file  = "{folder}/global-server-nomad-key.pem"
  verify_server_hostname = true
  verify_https_client    = true
}}
{config}""")
    agent.launch().wait_started()
    return agent, {"NOMAD_ADDR": f"https://127.0.0.1:{agent.port}", "NOMAD_CACERT": "nomad-agent-ca.pem",
                   "NOMAD_CLIENT_CERT": "global-cli-nomad.pem", "NOMAD_CLIENT_KEY": "global-cli-nomad-key.pem"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_agent_speaks_https_and_asks_for_certificates(make_agent, installation):
    agent, tls = start_secured(make_agent, installation)
    assert "node-one.global" in run(installation, "server", "members", **tls).stdout
    assert "requires a certificate" in run(installation, "server", "members", code=1, **{**tls, "NOMAD_CLIENT_CERT": "", "NOMAD_CLIENT_KEY": ""}).stderr
    assert "which is no trusted CA" in run(installation, "server", "members", code=1, **{**tls, "NOMAD_CACERT": ""}).stderr
    wrong = run(installation, "server", "members", "-tls-server-name", "client.global.nomad", code=1, **tls).stderr
    assert 'expected "client.global.nomad", it is for server.global.nomad' in wrong
    assert "node-one.global" in run(installation, "server", "members", "-tls-skip-verify", **{**tls, "NOMAD_CACERT": ""}).stdout
    old = ssl.create_default_context(cafile=installation / "nomad-agent-ca.pem")
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", agent.port)) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname="localhost")


def test_a_handshake_that_is_not_made_ends(make_agent, installation):
    agent, tls = start_secured(make_agent, installation, 'limits {\n  https_handshake_timeout = "200ms"\n}\n')
    with socket.create_connection(("127.0.0.1", agent.port), harness.DEADLINE) as silent:
        silent.settimeout(4)
        assert silent.recv(1) == b"", "the agent ends it, and before the 5 s that it waits otherwise"
    assert "node-one.global" in run(installation, "server", "members", **tls).stdout


def shown_certificate(folder, port):
    context = ssl.create_default_context(cafile=folder / "nomad-agent-ca.pem")
    context.load_cert_chain(folder / "global-cli-nomad.pem", folder / "global-cli-nomad-key.pem")
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname="localhost") as secured:
        return secured.getpeercert()["serialNumber"]


def test_certificates_are_reloaded_and_bad_ones_change_nothing(make_agent, installation, tmp_path):
    folder = tmp_path / "certificates"
    shutil.copytree(installation, folder)
    agent, tls = start_secured(make_agent, folder)
    first = shown_certificate(folder, agent.port)

    os.remove(folder / "global-server-nomad.pem")
    key = (folder / "global-server-nomad-key.pem").read_text()
    os.remove(folder / "global-server-nomad-key.pem")
    run(folder, "tls", "cert", "create", "-server")
    fresh = (folder / "global-server-nomad-key.pem").read_text()
    (folder / "global-server-nomad-key.pem").write_text(key)
    refused = run(folder, "operator", "api", "-X", "PUT", "/v1/agent/reload", **tls)
    assert "does not belong to certificate" in refused.stdout
    assert shown_certificate(folder, agent.port) == first

    (folder / "global-server-nomad-key.pem").write_text(fresh)
    assert run(folder, "operator", "api", "-X", "PUT", "/v1/agent/reload", **tls).stdout == ""
    second = shown_certificate(folder, agent.port)
    assert second != first and "TLS certificates loaded" in agent.log()
    assert "node-one.global" in run(folder, "server", "members", **tls).stdout


def test_operator_commands_ask_what_they_should(make_agent, tmp_path):
    agent = make_agent(with_client=False)
    agent.launch().wait_started()
    address = {"NOMAD_ADDR": f"http://127.0.0.1:{agent.port}"}
    assert run(tmp_path, "operator", "autopilot", "get-config", **address).stdout == (
        "CleanupDeadServers = true\nLastContactThreshold = 200ms\nMaxTrailingLogs = 250\nMinQuorum = 0\nServerStabilizationTime = 10s\n"
        "EnableRedundancyZones = false\nDisableUpgradeMigration = false\nEnableCustomUpgrades = false\n")
    assert run(tmp_path, "operator", "autopilot", "set-config", "-max-trailing-logs=300", **address).stdout == "Configuration updated!\n"
    assert "MaxTrailingLogs = 300\n" in run(tmp_path, "operator", "autopilot", "get-config", **address).stdout
    assert "ServerStabilizationTime = 10s\n" in run(tmp_path, "operator", "autopilot", "get-config", **address).stdout
    assert re.search(r"^ID +Name +Address +SerfStatus +Version +Leader +Voter +Healthy +LastContact +LastTerm +LastIndex +StableSince$",
                     run(tmp_path, "operator", "autopilot", "health", **address).stdout, re.MULTILINE)
    assert "an address or id is required" in run(tmp_path, "operator", "raft", "transfer-leadership", code=1, **address).stderr
    assert 'id "x" was not found' in run(tmp_path, "operator", "raft", "remove-peer", "-peer-id=x", code=1, **address).stderr
    assert "failed to join 127.0.0.1:9" in run(tmp_path, "server", "join", "127.0.0.1:9", code=1, **address).stderr
    assert run(tmp_path, "server", "force-leave", "nobody.global", **address).stdout == ""
    assert "Gathering installed encryption keys...\n" in run(tmp_path, "operator", "gossip", "keyring", "list", code=1, **address).stdout
    assert run(tmp_path, "operator", "api", "/v1/regions", **address).stdout == '["global"]'
    dry = run(tmp_path, "operator", "api", "-dryrun", "-X", "PUT", "-H", "a: b", "/v1/agent/join", NOMAD_TOKEN="secret", **address).stdout
    assert dry == f"""curl \\
  -X PUT \\
  -H "X-Nomad-Token: ${{NOMAD_TOKEN}}" \\
  -H 'A: b' \\
  {address["NOMAD_ADDR"]}/v1/agent/join
"""
    assert '"Gauges"' in run(tmp_path, "operator", "metrics", **address).stdout
    assert "No path to region" in run(tmp_path, "job", "status", "-region", "nowhere", code=1, **address).stderr


def test_gossip_keys_are_listed_installed_used_and_removed(make_agent, tmp_path):
    first, second = (run(tmp_path, "operator", "gossip", "keyring", "generate").stdout.strip() for _ in range(2))
    agent = make_agent(with_client=False, server=f'  encrypt = "{first}"')
    agent.launch().wait_started()
    address = {"NOMAD_ADDR": f"http://127.0.0.1:{agent.port}"}

    def keyring(*words, code=0):
        return run(tmp_path, "operator", "gossip", "keyring", *words, code=code, **address)

    def keys():
        return set(keyring("list").stdout.split("Key\n")[1].split())

    assert keys() == {first}
    keyring("install", second)
    assert keys() == {first, second}
    keyring("use", second)
    assert "error:" in keyring("remove", second, code=1).stderr
    keyring("remove", first)
    assert keys() == {second}
    assert "error:" in keyring("install", "x", code=1).stderr
    assert first not in agent.log() and second not in agent.log()

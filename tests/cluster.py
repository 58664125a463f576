"""A cluster of real agents, each on a machine (network namespace) of its own, with Nomad's ports and addresses that only the test has."""
import base64
import concurrent.futures
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import time

import harness
import network


class _Connection(http.client.HTTPConnection):
    """HTTP from the agent's own machine: it works however the network between the machines is cut."""

    def __init__(self, machine, port, timeout, tls=None):
        super().__init__(machine.address, port, timeout=timeout)
        self._machine, self._tls = machine, tls

    def connect(self):
        self.sock = self._machine.connect(self.host, self.port, self.timeout)
        if self._tls:
            # The certificate is for localhost and the role's name, as its creator made it.
            self.sock = self._tls.wrap_socket(self.sock, server_hostname="localhost")


class Certificates:
    """A CA and the certificates of each role, made with the commands that a person would use."""

    def __init__(self, folder, binary, region="global"):
        self.folder = folder
        self.region = region
        self.binary = binary
        os.makedirs(folder, exist_ok=True)
        self._run("tls", "ca", "create")
        for role in ("server", "client", "cli"):
            self._run("tls", "cert", "create", f"-{role}", "-region", region)
        self.ca = os.path.join(folder, "nomad-agent-ca.pem")
        self.load()

    def load(self):
        """What this program itself shows and trusts."""
        self.context = ssl.create_default_context(cafile=self.ca)
        self.context.load_cert_chain(self.path("cli"), self.path("cli", "-key"))

    def trust(self, text):
        """Replaces the file of authorities."""
        with open(self.ca, "w") as file:
            file.write(text)
        self.load()

    def _run(self, *words):
        done = subprocess.run([self.binary, *words], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def path(self, role, kind=""):
        return os.path.join(self.folder, f"{self.region}-{role}-nomad{kind}.pem")

    def block(self, role, http=True):
        return f"""tls {{
  http = {str(http).lower()}
  rpc  = true
  ca_file   = "{self.ca}"
  cert_file = "{self.path(role)}"
  key_file  = "{self.path(role, "-key")}"
  verify_server_hostname = true
  verify_https_client    = true
}}
"""

    def environment(self, role):
        """What the CLI needs to talk to an agent of that role."""
        return {"NOMAD_CACERT": self.ca, "NOMAD_CLIENT_CERT": self.path("cli"), "NOMAD_CLIENT_KEY": self.path("cli", "-key"),
                "NOMAD_TLS_SERVER_NAME": f"{role}.{self.region}.nomad"}


class Member(harness.Agent):
    """An agent on a machine. `role` is "server" or "client"."""

    def __init__(self, machine, folder, role, *, server="", client="", config="", region="global", binary=harness.BINARY, log_level="DEBUG", certificates=None):
        self.folder = str(folder)
        self.certificates = certificates
        self.machine, self.role, self.binary, self.name = machine, role, binary, machine.name
        self.port = 4646
        self.region = region
        self.data_dir = os.path.join(self.folder, "data")
        self.config_path = os.path.join(self.folder, "agent.hcl")
        self.log_path = os.path.join(self.folder, "agent.log")
        self.environment = {}
        self.process = self._started = self._reader = None
        self._ended = False
        self.blocks = (server, client, config, log_level)
        os.makedirs(self.folder, exist_ok=True)
        self.write_config()

    def write_config(self):
        server, client, config, log_level = self.blocks
        server_block = f"server {{\n  enabled = true\n{server}\n}}\n" if self.role == "server" else ""
        client_block = f"client {{\n  enabled = true\n{client}\n}}\n" if self.role == "client" else ""
        if self.certificates:
            config = self.certificates.block(self.role) + config
        with open(self.config_path, "w") as file:
            file.write(f"""name      = "{self.name}"
region    = "{self.region}"
data_dir  = "{self.data_dir}"
bind_addr = "{self.machine.address}"
log_level = "{log_level}"
{server_block}{client_block}
plugin "raw_exec" {{
  config {{
    enabled = true
  }}
}}
{config}
""")

    @property
    def address(self):
        return self.machine.address

    def connect(self, timeout):
        return _Connection(self.machine, self.port, timeout, self.certificates and self.certificates.context)

    def agent_words(self):
        return self.machine.command(*super().agent_words())

    def url(self):
        return f"{'https' if self.certificates else 'http'}://{self.machine.address}:{self.port}"

    def cli_environment(self):
        return {**super().cli_environment(), **(self.certificates.environment(self.role) if self.certificates else {})}

    def run_words(self, words):
        return self.machine.command(*words)

    def start(self, *arguments):
        self.launch(*arguments)
        return self.wait_started()

    def reload(self):
        """SIGHUP, and until the agent says that it is done."""
        before = len(re.findall("Reloading agent configuration", self.log()))
        self.process.send_signal(signal.SIGHUP)
        self.wait_log("(?s)(Reloading agent configuration.*){%d}" % (before + 1))

    def wait_peers(self, count):
        """Until so many servers vote."""
        self.wait_json("/v1/operator/raft/configuration", lambda c: len([s for s in c["Servers"] if s["Voter"]]) == count, f"{count} servers vote")


class Cluster:
    """Servers and clients on one network. Everything ends with close()."""

    def __init__(self, folder, *, servers=3, clients=3, server="", client="", config="", region="global", net=None, binary=harness.BINARY, tls=False, encrypt=True, small_disk=None):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.own_network = net is None
        self.network = net or network.Network()
        self.region = region
        self.binary = binary
        self.certificates = Certificates(os.path.join(self.folder, "tls"), binary, region) if tls else None
        if encrypt:
            server = f'  encrypt = "{base64.b64encode(os.urandom(32)).decode()}"\n{server}'
        self.templates = (server, client, config)
        suffix = "" if region == "global" else f"-{region}"
        self.server_machines = [self.network.machine(f"s{i + 1}{suffix}") for i in range(servers)]
        self.client_machines = [self.network.machine(f"c{i + 1}{suffix}") for i in range(clients)]
        self.expect = servers
        self.servers = [self.make_server(m) for m in self.server_machines]
        self.clients = [self.make_client(m) for m in self.client_machines]
        self.mounts = []
        if small_disk is not None:
            self.give_small_disk(self.servers[small_disk])

    def give_small_disk(self, member, size="48m"):
        """The member's data directory becomes a file system of its own that can be filled."""
        os.makedirs(member.data_dir)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", member.data_dir], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.mounts.append(member.data_dir)

    def join_list(self):
        return json.dumps([m.address for m in self.server_machines])

    def server_block(self):
        return (f"  bootstrap_expect = {self.expect}\n  server_join {{\n    retry_join = {self.join_list()}\n    retry_interval = \"1s\"\n  }}\n"
                f"{self.templates[0]}")

    def readdress(self, addresses):
        """Every server gets another address, and a configuration that names the new ones."""
        for member, address in zip(self.servers, addresses):
            member.machine.readdress(address)
        for member in self.servers:
            member.blocks = (self.server_block(), *member.blocks[1:])
            member.write_config()

    def make_server(self, machine):
        config = self.templates[2]
        block = self.server_block()
        return Member(machine, os.path.join(self.folder, machine.name), "server", server=block, config=config, region=self.region, binary=self.binary,
                      certificates=self.certificates)

    def make_client(self, machine):
        _, client, config = self.templates
        block = f"  servers = {self.join_list()}\n{client}"
        return Member(machine, os.path.join(self.folder, machine.name), "client", client=block, config=config, region=self.region, binary=self.binary,
                      certificates=self.certificates)

    @property
    def members(self):
        return [*self.servers, *self.clients]

    def start(self):
        self.start_servers()
        self.start_clients()
        return self

    def start_servers(self):
        each(self.servers, lambda m: m.start())
        self.wait_leader()

    def start_clients(self):
        each(self.clients, lambda m: m.start())
        if self.clients:
            self.wait_nodes({m.name for m in self.clients})

    # -- what the cluster says

    def alive(self):
        return [m for m in self.servers if m.process is not None and m.process.poll() is None]

    def leader(self, among=None):
        """The member that its peers follow, or None."""
        for member in among or self.alive():
            try:
                answer = member.http("GET", "/v1/status/leader", timeout=3)
                if answer.status == 200 and answer.json:
                    host = answer.json.rsplit(":", 1)[0]
                    for other in self.servers:
                        if other.address == host:
                            return other
            except OSError:
                continue
        return None

    def wait_leader(self, among=None, timeout=None):
        """Until a write is accepted; returns the leader."""
        end = time.monotonic() + (timeout or harness.DEADLINE)
        last = None
        while time.monotonic() < end:
            for member in among or self.alive():
                try:
                    last = member.http("PUT", "/v1/system/reconcile/summaries", timeout=3)
                    if last.status == 200:
                        found = self.leader(among)
                        if found is not None:
                            return found
                except OSError as problem:
                    last = problem
            harness.ask_again_soon()
        raise AssertionError(f"no leader was found; last answer: {last}\n{self.logs()}")

    def wait_nodes(self, names, status="ready", timeout=None):
        return self.any().wait("/v1/nodes", lambda nodes: {n["Name"] for n in nodes if n["Status"] == status} >= set(names), f"nodes {sorted(names)} are {status}", timeout)

    def any(self):
        """A server that answers."""
        for member in self.alive():
            try:
                if member.http("GET", "/v1/status/leader", timeout=3).status == 200:
                    return member
            except OSError:
                continue
        raise AssertionError(f"no server answers\n{self.logs()}")

    def wait_log(self, pattern):
        """Until some server has logged it."""
        end = time.monotonic() + harness.DEADLINE
        while time.monotonic() < end:
            for member in self.servers:
                if re.search(pattern, member.log()):
                    return member
            harness.ask_again_soon()
        raise AssertionError(f"no server logged {pattern!r}\n{self.logs()}")

    def logs(self):
        return "\n".join(f"--- {m.name}\n{m.log()[-2500:]}" for m in self.members)

    # -- ends

    def kill(self, members):
        """SIGKILL to all of them, as at once as it goes."""
        for member in members:
            member.process.kill()
        for member in members:
            member.process.wait(harness.DEADLINE)

    def close(self):
        try:
            if any(m.process is not None and m.process.poll() is None for m in self.servers):
                try:
                    self.any().stop_jobs()
                except Exception:  # a cluster that is broken on purpose may not answer
                    pass
            for member in self.members:
                if member.process is not None and member.process.poll() is None:
                    member.process.kill()
                    member.process.wait()
        finally:
            for member in self.members:
                harness.end_processes_below(member.folder)
            for mount in self.mounts:
                subprocess.run(["umount", mount], capture_output=True)
            if self.own_network:
                self.network.close()


def each(members, function):
    """For all of them at the same time."""
    with concurrent.futures.ThreadPoolExecutor(max(1, len(members))) as pool:
        return list(pool.map(function, members))

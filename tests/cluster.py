"""A cluster of real agents, each on a machine (network namespace) of its own, with Nomad's ports and addresses that only the test has."""
import concurrent.futures
import http.client
import json
import os
import time

import harness
import network


class _Connection(http.client.HTTPConnection):
    """HTTP from the agent's own machine: it works however the network between the machines is cut."""

    def __init__(self, machine, port, timeout):
        super().__init__("127.0.0.1" if machine.address is None else machine.address, port, timeout=timeout)
        self._machine = machine

    def connect(self):
        self.sock = self._machine.connect(self.host, self.port, self.timeout)


class Member(harness.Agent):
    """An agent on a machine. `role` is "server" or "client"."""

    def __init__(self, machine, folder, role, *, server="", client="", config="", region="global", binary=harness.BINARY, log_level="DEBUG"):
        self.folder = str(folder)
        self.machine, self.role, self.binary, self.name = machine, role, binary, machine.name
        self.port = 4646
        self.region = region
        self.data_dir = os.path.join(self.folder, "data")
        self.config_path = os.path.join(self.folder, "agent.hcl")
        self.log_path = os.path.join(self.folder, "agent.log")
        self.environment = {}
        self.process = self._started = self._reader = None
        self._ended = False
        self._blocks = (server, client, config, log_level)
        os.makedirs(self.folder, exist_ok=True)
        self.write_config()

    def write_config(self):
        server, client, config, log_level = self._blocks
        server_block = f"server {{\n  enabled = true\n{server}\n}}\n" if self.role == "server" else ""
        client_block = f"client {{\n  enabled = true\n{client}\n}}\n" if self.role == "client" else ""
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
        return _Connection(self.machine, self.port, timeout)

    def agent_words(self):
        return self.machine.command(*super().agent_words())

    def url(self):
        return f"http://{self.machine.address}:{self.port}"

    def run_words(self, words):
        return self.machine.command(*words)

    def start(self, *arguments):
        self.launch(*arguments)
        return self.wait_started()

    def log_has(self, text):
        return text in self.log()


class Cluster:
    """Servers and clients on one network. Everything ends with close()."""

    def __init__(self, folder, *, servers=3, clients=3, server="", client="", config="", region="global", net=None, binary=harness.BINARY):
        self.folder = str(folder)
        self.own_network = net is None
        self.network = net or network.Network()
        self.region = region
        self.binary = binary
        self.templates = (server, client, config)
        suffix = "" if region == "global" else f"-{region}"
        self.server_machines = [self.network.machine(f"s{i + 1}{suffix}") for i in range(servers)]
        self.client_machines = [self.network.machine(f"c{i + 1}{suffix}") for i in range(clients)]
        self.expect = servers
        self.servers = [self.make_server(m) for m in self.server_machines]
        self.clients = [self.make_client(m) for m in self.client_machines]

    def join_list(self):
        return json.dumps([m.address for m in self.server_machines])

    def make_server(self, machine):
        server, _, config = self.templates
        block = f"  bootstrap_expect = {self.expect}\n  server_join {{\n    retry_join = {self.join_list()}\n    retry_interval = \"1s\"\n  }}\n{server}"
        return Member(machine, os.path.join(self.folder, machine.name), "server", server=block, config=config, region=self.region, binary=self.binary)

    def make_client(self, machine):
        _, client, config = self.templates
        block = f"  servers = {self.join_list()}\n{client}"
        return Member(machine, os.path.join(self.folder, machine.name), "client", client=block, config=config, region=self.region, binary=self.binary)

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

    def leader(self):
        """The member that its peers follow, or None."""
        for member in self.alive():
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
                        found = self.leader()
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
            if self.own_network:
                self.network.close()


def each(members, function):
    """For all of them at the same time."""
    with concurrent.futures.ThreadPoolExecutor(max(1, len(members))) as pool:
        return list(pool.map(function, members))

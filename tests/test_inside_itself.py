"""A control plane that runs as a job on its own client, and comes back by itself after everything lost power."""
import contextlib
import os
import re
import signal

import harness
import pytest


def server_config(folder, name, ports, join=None, expect=0):
    text = f"""
name      = "{name}"
data_dir  = "{folder}/{name}"
bind_addr = "127.0.0.1"
log_level = "DEBUG"
ports {{
  http = {ports[0]}
  rpc  = {ports[1]}
  serf = {ports[2]}
}}
leave_on_terminate = true
server {{
  enabled          = true
  bootstrap_expect = {expect}
"""
    if join:
        text += f'  server_join {{\n    retry_join     = ["{join}"]\n    retry_interval = "1s"\n  }}\n'
    path = os.path.join(folder, f"{name}.hcl")
    with open(path, "w") as file:
        file.write(text + "}\n")
    return path


class Outside(harness.Agent):
    """An agent whose configuration the test wrote itself."""

    def __init__(self, folder, name, port, path):
        self.folder, self.name, self.port, self.config_path = str(folder), name, port, path
        self.binary = harness.BINARY
        self.log_path = os.path.join(self.folder, f"{name}.log")
        self.process = self._started = self._reader = None
        self._ended = False


def kill_all_below(folder):
    """As a power cut on this machine: agents, supervisors, tasks; nobody sees another one end."""
    victims = harness.processes_below(folder)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@pytest.mark.skipif(os.geteuid() != 0, reason="a client needs root")
def test_the_servers_job_survives_a_full_outage(tmp_path):
    first, _, _ = harness.free_ports()
    inner, low, high = harness.free_ports()
    folder = str(tmp_path)
    outer = Outside(folder, "outer", first, server_config(folder, "outer", (first, first + 1, first + 2), expect=1))
    inner_path = server_config(folder, "inner", (inner, inner + 1, inner + 2), join=f"127.0.0.1:{first + 2}")
    client_port, _, _ = harness.free_ports()
    client_path = os.path.join(folder, "client.hcl")
    with open(client_path, "w") as file:
        file.write(f"""
name      = "client"
data_dir  = "{folder}/client"
bind_addr = "127.0.0.1"
log_level = "DEBUG"
ports {{
  http = {client_port}
}}
client {{
  enabled           = true
  network_interface = "lo"
  servers           = ["127.0.0.1:{first + 1}", "127.0.0.1:{inner + 1}"]
  min_dynamic_port  = {low}
  max_dynamic_port  = {high}
}}
plugin "raw_exec" {{
  config {{
    enabled = true
  }}
}}
""")
    client = Outside(folder, "client", client_port, client_path)
    control = Outside(folder, "inner", inner, inner_path)  # run by the client, asked by the test
    try:
        outer.launch().wait_started()
        client.launch().wait_started()
        outer.wait("/v1/nodes", lambda nodes: any(n["Status"] == "ready" for n in nodes), "the client is ready")
        task = {"Name": "server", "Driver": "raw_exec", "Config": {"command": harness.BINARY, "args": ["agent", f"-config={inner_path}"]},
                "Resources": {"CPU": 50, "MemoryMB": 64}, "KillTimeout": 10_000_000_000, "KillSignal": "SIGTERM",
                "LogConfig": {"MaxFiles": 1, "MaxFileSizeMB": 5}}
        outer.register({"ID": "control-plane", "Name": "control-plane", "Type": "service", "Datacenters": ["dc1"],
                        "Meta": {"drover.start_without_servers": "true"},
                        "TaskGroups": [{"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 10}, "Tasks": [task]}]})
        outer.wait_running("control-plane")
        outer.wait_json("/v1/operator/raft/configuration", lambda c: len([s for s in c["Servers"] if s["Voter"]]) == 2, "the inner server votes")
        # The bootstrap server goes for good: the job is the cluster now.
        outer.stop()
        control.wait_json("/v1/operator/raft/configuration", lambda c: [s["Voter"] for s in c["Servers"]] == [True], "the inner server is alone")
        before = control.wait_running("control-plane")[0]

        kill_all_below(folder)
        client.process.wait(harness.DEADLINE)
        client.launch().wait_started()

        control.wait_json("/v1/status/leader", bool, "the cluster leads again")
        after = control.wait_running("control-plane")
        assert [a["ID"] for a in after] == [before["ID"]], "the same allocation runs, nothing was moved"
        assert re.search("no server answers: starting a task", client.log())
        control.register({"ID": "later", "Name": "later", "Type": "batch", "Datacenters": ["dc1"], "TaskGroups": [
            {"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 10},
             "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/true"}, "Resources": {"CPU": 10, "MemoryMB": 10},
                        "LogConfig": {"MaxFiles": 1, "MaxFileSizeMB": 1}}]}]})
        control.wait_allocs("later", lambda allocs: any(a["ClientStatus"] == "complete" for a in allocs), "new work runs")
    finally:
        for agent in (client, outer):
            if agent.process is not None and agent.process.poll() is None:
                agent.process.kill()
                agent.process.wait()
        kill_all_below(folder)
        harness.end_processes_below(folder)

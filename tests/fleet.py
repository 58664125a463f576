"""One server and several client nodes on loopback, each with ports of its own: for tests of what is placed where."""
import concurrent.futures
import os
import urllib.parse

import harness


class Node(harness.Agent):
    """An agent that is only a client of `server`."""

    def __init__(self, folder, server, *, name, client="", config="", binary=harness.BINARY):
        super().__init__(folder, name=name, with_server=False, client=f'  servers = ["127.0.0.1:{server.port + 1}"]\n{client}', config=config,
                         binary=binary)
        self.server = server

    def start(self, *arguments):
        self.launch(*arguments).wait_started()
        self.server.wait("/v1/nodes", lambda nodes: any(n["Name"] == self.name and n["Status"] == "ready" for n in nodes), f"{self.name} is ready")
        return self

    @property
    def id(self):
        (node,) = [n for n in self.server.get("/v1/nodes") if n["Name"] == self.name]
        return node["ID"]


class Fleet:
    """`nodes` are the client blocks of the nodes, by name."""

    def __init__(self, folder, nodes, *, server=""):
        self.server = harness.Agent(os.path.join(folder, "server"), name="server", with_client=False, server=server)
        self.nodes = {name: Node(os.path.join(folder, name), self.server, name=name, client=block) for name, block in nodes.items()}

    def start(self):
        self.server.launch().wait_started()
        with concurrent.futures.ThreadPoolExecutor(len(self.nodes) or 1) as pool:
            list(pool.map(lambda node: node.start(), self.nodes.values()))
        return self

    @property
    def agents(self):
        return [self.server, *self.nodes.values()]

    def close(self):
        try:
            if self.server.process is not None and self.server.process.poll() is None:
                self.server.stop_jobs()
        finally:
            for agent in reversed(self.agents):
                try:
                    agent.stop()
                finally:
                    harness.end_processes_below(agent.folder)

    def name_of(self, alloc):
        return alloc["NodeName"]

    def where(self, job):
        """The names of the nodes on which the job's allocations should run, sorted, one for each."""
        return sorted(a["NodeName"] for a in self.server.allocs(job) if a["DesiredStatus"] == "run" and a["ClientStatus"] in ("pending", "running"))

    def purge(self, *jobs):
        """Ends jobs between tests that share the fleet."""
        for job in jobs:
            self.server.http("DELETE", f"/v1/job/{urllib.parse.quote(job, safe='')}?purge=true")
        self.server.wait("/v1/allocations", lambda allocs: all(a["JobID"] not in jobs or a["ClientStatus"] not in ("running", "pending") for a in allocs),
                         f"{jobs} have ended")


def serve(request, tmp_path_factory, nodes):
    """The body of a fixture that all tests of a file share."""
    made = Fleet(tmp_path_factory.mktemp("fleet"), nodes)
    request.module.agents_of_module = made.agents
    try:
        yield made.start()
    finally:
        made.close()


def task(command="/bin/sleep", args=("600",), cpu=20, memory=16, **more):
    return {"Name": "t", "Driver": "raw_exec", "Config": {"command": command, "args": list(args)}, "Resources": {"CPU": cpu, "MemoryMB": memory},
            "KillTimeout": 2_000_000_000, **more}


def job(name, *, kind="service", count=1, work=None, group=None, **more):
    """A job of one group with one task; `group` and `more` are further members of group and job."""
    return {"ID": name, "Name": name, "Type": kind, "Datacenters": ["*"],
            "TaskGroups": [{"Name": "g", "Count": count, "Tasks": [work or task()], **(group or {})}], **more}


def quick_update(**more):
    """An update block under which an allocation is healthy as soon as it runs."""
    return {"MaxParallel": 1, "HealthCheck": "task_states", "MinHealthyTime": 0, "HealthyDeadline": 20_000_000_000, "ProgressDeadline": 30_000_000_000,
            "Stagger": 1_000_000_000, **more}

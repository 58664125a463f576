#!/usr/bin/env python3
"""Runs real Nomad agents together with ours, for developers; pytest does not collect this file.

    NOMAD=/path/to/nomad DROVER=/path/to/drover tests/interop_nomad.py [part ...]

Parts: clients, clients-tls (Nomad clients of our servers), servers, servers-tls (our client of Nomad servers), regions, regions-encrypt (a region of
each in one gossip pool), cli (Nomad's commands against our agents). Needs root: every agent has a network namespace of its own. One line per check;
the exit code is the number of checks that failed. What was seen is kept in docs/parity.md.
"""
import contextlib
import json
import os
import re
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cluster  # noqa: E402
import harness  # noqa: E402
import network  # noqa: E402

NOMAD = os.environ.get("NOMAD", "nomad")
CLIENT = """  network_interface = "eth0"
  options = { "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,consul,vault" }
"""
LOOP = "trap 'echo got-hup' HUP; echo version $V alloc $NOMAD_ALLOC_ID port $NOMAD_PORT_http; echo to-err >&2; i=0; while true; do i=$((i+1)); echo tick $i; sleep 0.5; done"


class Report:
    """One line per check; the others go on when one fails."""

    def __init__(self, part):
        self.part, self.failed = part, 0

    def check(self, name, function, *arguments):
        began = time.monotonic()
        try:
            function(*arguments)
        except Exception as problem:  # whatever it is, the next check is still of interest
            self.failed += 1
            where = traceback.extract_tb(problem.__traceback__)[1 if len(traceback.extract_tb(problem.__traceback__)) > 1 else 0]
            print(f"FAILED {self.part}: {name}: line {where.lineno}: {str(problem)[:1500]}", flush=True)
            return
        print(f"ok     {self.part}: {name} ({time.monotonic() - began:.1f} s)", flush=True)


def service(name, count=1, version="1", node=None, **more):
    """A job that prints a line every half second, on a named node where one is named."""
    constraints = [{"LTarget": "${node.unique.name}", "RTarget": node, "Operand": "="}] if node else []
    task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sh", "args": ["-c", LOOP]}, "Env": {"V": version}, "KillTimeout": 2_000_000_000,
            "Resources": {"CPU": 20, "MemoryMB": 20}, "LogConfig": {"MaxFiles": 1, "MaxFileSizeMB": 1}, **more}
    return {"ID": name, "Name": name, "Type": "service", "Datacenters": ["dc1"], "Constraints": constraints,
            "Update": {"MaxParallel": 1, "MinHealthyTime": 1_000_000_000, "HealthyDeadline": 60_000_000_000, "ProgressDeadline": 120_000_000_000},
            "TaskGroups": [{"Name": "g", "Count": count, "EphemeralDisk": {"SizeMB": 10}, "Networks": [{"DynamicPorts": [{"Label": "http"}]}], "Tasks": [task]}]}


def batch(name, script, node=None, **more):
    job = service(name, node=node)
    job.update(Type="batch", Update=None, **more)
    job["TaskGroups"][0]["Tasks"][0]["Config"]["args"][1] = script
    job["TaskGroups"][0]["RestartPolicy"] = {"Attempts": 0, "Mode": "fail", "Interval": 60_000_000_000, "Delay": 1_000_000_000}
    job["TaskGroups"][0]["ReschedulePolicy"] = {"Attempts": 0, "Unlimited": False}
    return job


class Walk:
    """What a user does with allocations on one node, asked through every server in turn with Nomad's commands."""

    def __init__(self, report, made, client, binary):
        self.report, self.cluster, self.client, self.binary = report, made, client, binary
        self.name = "walk-" + client.name
        self._turn = 0

    def server(self):
        """The next living server."""
        alive = self.cluster.alive()
        self._turn += 1
        return alive[self._turn % len(alive)]

    def ok(self, *words, **options):
        return self.server().ok(*words, binary=self.binary, **options)

    def node_id(self):
        return next(n["ID"] for n in self.server().get("/v1/nodes") if n["Name"] == self.client.name)

    def alloc(self):
        return self.server().wait_running(self.name)[0]["ID"]

    def all(self):
        for name in ("registered", "runs", "logs", "follow", "files", "exec_with_input", "stats", "signal", "restart", "stop", "update", "batch", "failing", "identity",
                     "meta", "eligibility", "drain", "client_killed", "heartbeats", "cut_off", "ends"):
            self.report.check(f"{self.client.name} {name}", getattr(self, name))

    def registered(self):
        node = self.server().get(f"/v1/node/{self.node_id()}")
        assert node["Status"] == "ready" and node["Drivers"]["raw_exec"]["Healthy"], node
        assert node["NodeResources"]["Memory"]["MemoryMB"] > 0 and node["Attributes"]["kernel.name"] == "linux", node
        assert "Status          = ready" in self.ok("node", "status", self.node_id()).out

    def runs(self):
        self.server().register(service(self.name, node=self.client.name))
        alloc = self.server().get(f"/v1/allocation/{self.alloc()}")
        assert alloc["NodeName"] == self.client.name and harness.alloc_port(alloc, "http") > 0
        self.server().wait(f"/v1/job/{self.name}/deployment", lambda d: d["Status"] == "successful", "the deployment succeeds")

    def logs(self):
        alloc = self.alloc()
        for server in self.cluster.alive():
            assert f"alloc {alloc}" in server.ok("alloc", "logs", alloc, binary=self.binary).out
            assert "to-err" in server.ok("alloc", "logs", "-stderr", alloc, binary=self.binary).out

    def follow(self):
        server = self.server()
        environment = dict(os.environ, **server.cli_environment())
        with harness.Follower(server.run_words([self.binary, "alloc", "logs", "-f", "-tail", "-n", "1", self.alloc()]), environment) as follower:
            for _ in range(3):
                follower.read_until(r"tick \d+\n")
                follower.forget()

    def files(self):
        alloc = self.alloc()
        assert "alloc/" in self.ok("alloc", "fs", alloc).out
        assert "t.stdout.0" in self.ok("alloc", "fs", alloc, "alloc/logs").out
        assert "Content Type" in self.ok("alloc", "fs", "-stat", alloc, "alloc/logs/t.stdout.0").out
        assert "version" in self.ok("alloc", "fs", alloc, "alloc/logs/t.stdout.0").out
        assert self.server().run("alloc", "fs", alloc, "no/such/file", binary=self.binary).code == 1

    def exec_with_input(self):
        alloc = self.alloc()
        done = self.server().run("alloc", "exec", alloc, "/bin/sh", "-c", "echo in $NOMAD_TASK_NAME; echo err >&2; exit 3", binary=self.binary)
        assert (done.code, done.out, done.err) == (3, "in t\n", "err\n"), repr(done)
        done = self.server().run("alloc", "exec", "-i", "-t=false", alloc, "/bin/cat", binary=self.binary, stdin="a line\n" * 1000)
        assert done.code == 0 and done.out == "a line\n" * 1000, repr(done)[:300]

    def stats(self):
        alloc = self.alloc()

        def measured():
            task = self.server().get(f"/v1/client/allocation/{alloc}/stats")["Tasks"]["t"]
            return task and task["ResourceUsage"]["CpuStats"] and task["Timestamp"] > 0

        self.until(measured, "the task's usage was measured")
        host = self.server().get(f"/v1/client/stats?node_id={self.node_id()}")
        assert host["Memory"]["Total"] > 0 and host["CPU"], host
        assert "Memory" in self.ok("alloc", "status", "-stats", alloc).out
        assert "Host Resource Utilization" in self.ok("node", "status", "-stats", self.node_id()).out

    def signal(self):
        alloc = self.alloc()
        self.ok("alloc", "signal", "-s", "SIGHUP", alloc)
        self.until(lambda: "got-hup" in self.ok("alloc", "logs", alloc).out, "the signal was seen")

    def restart(self):
        alloc = self.alloc()
        self.ok("alloc", "restart", alloc)
        self.server().wait(f"/v1/allocation/{alloc}", lambda a: a["TaskStates"]["t"]["Restarts"] == 1 and a["TaskStates"]["t"]["State"] == "running", "the task was restarted")

    def stop(self):
        alloc = self.alloc()
        self.ok("alloc", "stop", "-detach", alloc)
        self.server().wait(f"/v1/allocation/{alloc}", lambda a: a["ClientStatus"] == "complete", "the allocation stopped")
        assert self.alloc() != alloc

    def update(self):
        job = service(self.name, count=2, node=self.client.name)
        self.server().register(job)
        self.server().wait_running(self.name, 2)
        job["TaskGroups"][0]["Tasks"][0]["Env"]["V"] = "2"
        self.server().register(job)

        def done(d):
            return d["JobVersion"] == 2 and d["Status"] == "successful"

        self.server().wait(f"/v1/job/{self.name}/deployment", done, "version 2 is rolled out")
        for alloc in self.server().wait_running(self.name, 2):
            assert "version 2" in self.ok("alloc", "logs", alloc["ID"]).out
        self.server().register(service(self.name, node=self.client.name, version="2"))
        self.server().wait_running(self.name, 1)

    def batch(self):
        name = self.name + "-batch"
        self.server().register(batch(name, "echo done", self.client.name))
        self.server().wait_allocs(name, lambda a: [x["ClientStatus"] for x in a] == ["complete"], "the batch job completes")
        self.server().wait(f"/v1/job/{name}", lambda j: j["Status"] == "dead", "the batch job is dead")

    def failing(self):
        name = self.name + "-failing"
        self.server().register(batch(name, "exit 7", self.client.name))
        allocs = self.server().wait_allocs(name, lambda a: [x["ClientStatus"] for x in a] == ["failed"], "the batch job fails")
        assert any(e.get("ExitCode") == 7 for e in allocs[0]["TaskStates"]["t"]["Events"]), allocs

    def identity(self):
        name = self.name + "-identity"
        job = batch(name, "test -n \"$NOMAD_TOKEN\" && test -s $NOMAD_SECRETS_DIR/nomad_token", self.client.name)
        job["TaskGroups"][0]["Tasks"][0]["Identity"] = {"Name": "default", "Env": True, "File": True}
        self.server().register(job)
        self.server().wait_allocs(name, lambda a: [x["ClientStatus"] for x in a] == ["complete"], "a task with an identity has its token", timeout=20)

    def meta(self):
        node = self.node_id()
        self.ok("node", "meta", "apply", "-node-id", node, "color=blue", "size=9")
        self.server().wait(f"/v1/node/{node}", lambda n: (n["Meta"] or {}).get("color") == "blue", "the node says its new meta")
        assert re.search(r"color\s*=\s*blue", self.ok("node", "meta", "read", "-node-id", node).out)

    def eligibility(self):
        node = self.node_id()
        self.ok("node", "eligibility", "-disable", node)
        assert self.server().get(f"/v1/node/{node}")["SchedulingEligibility"] == "ineligible"
        self.ok("node", "eligibility", "-enable", node)

    def drain(self):
        node = self.node_id()
        done = self.ok("node", "drain", "-enable", "-yes", "-deadline", "30s", node, timeout=90)
        assert "Drain complete" in done.all or "drain complete" in done.all, repr(done)
        assert [a for a in self.server().allocs(self.name) if a["ClientStatus"] == "running"] == []
        self.ok("node", "drain", "-disable", "-yes", node)
        self.alloc()

    def client_killed(self):
        alloc = self.alloc()
        before = self.ok("alloc", "exec", alloc, "/bin/sh", "-c", "echo $PPID").code
        restarts = self.server().get(f"/v1/allocation/{alloc}")["TaskStates"]["t"]["Restarts"]
        self.client.kill()
        self.client.launch().wait_started()
        assert before == 0 and self.alloc() == alloc
        self.until(lambda: self.server().run("alloc", "exec", alloc, "/bin/true", binary=self.binary).code == 0, "the client answers again")
        assert self.server().get(f"/v1/allocation/{alloc}")["TaskStates"]["t"]["Restarts"] == restarts

    def heartbeats(self):
        node = f"/v1/node/{self.node_id()}"
        answer = self.server().http("GET", node)
        for _ in range(2):
            answer = self.server().http("GET", f"{node}?index={answer.index}&wait=20s")
            assert answer.json["Status"] == "ready", answer

    def cut_off(self):
        node = f"/v1/node/{self.node_id()}"
        self.cluster.network.cut(self.client.machine)
        try:
            self.server().wait(node, lambda n: n["Status"] == "down", "the silent node is down", timeout=120)
        finally:
            self.cluster.network.heal()
        self.server().wait(node, lambda n: n["Status"] == "ready", "the node is back", timeout=120)
        self.alloc()
        assert f"alloc {self.alloc()}" in self.ok("alloc", "logs", self.alloc()).out

    def ends(self):
        self.ok("job", "stop", "-detach", self.name)
        self.server().wait_allocs(self.name, lambda a: all(x["ClientStatus"] == "complete" for x in a), "everything of the job has ended")
        self.ok("job", "stop", "-purge", "-detach", self.name)
        self.until(lambda: self.server().http("GET", f"/v1/job/{self.name}").status == 404, "the job is gone")
        self.ok("system", "gc")

    def until(self, condition, what):
        end = time.monotonic() + harness.DEADLINE
        while not condition():
            assert time.monotonic() < end, f"never came: {what}"
            harness.ask_again_soon()


def leader_killed(made, client, binary):
    """The leader dies: the client goes on, its task too, and what is asked reaches it."""
    name = "through-the-change"
    made.any().register(service(name, node=client.name))
    alloc = made.any().wait_running(name)[0]["ID"]
    old = made.wait_leader()
    old.kill()
    new = made.wait_leader()
    assert new is not old
    new.register(batch("after-the-change", "echo done", client.name))
    new.wait_allocs("after-the-change", lambda a: [x["ClientStatus"] for x in a] == ["complete"], "a job after the change completes", timeout=90)
    assert new.wait_running(name)[0]["ID"] == alloc
    for server in made.alive():
        assert f"alloc {alloc}" in server.ok("alloc", "logs", alloc, binary=binary).out
    old.start()
    made.wait_leader()


@contextlib.contextmanager
def mixed(folder, *, servers, clients, server_binary, client_binary, tls=False, maker=None, **more):
    """A cluster whose servers and clients are different programs."""
    made = cluster.Cluster(folder, servers=servers, clients=clients, tls=tls, client=CLIENT, binary=maker or harness.BINARY, **more)
    for member in made.servers:
        member.binary = server_binary
    for member in made.clients:
        member.binary = client_binary
    try:
        yield made.start()
    finally:
        made.close()


def clients(report, folder, tls=False):
    with mixed(folder, servers=3, clients=2, server_binary=harness.BINARY, client_binary=NOMAD, tls=tls) as made:
        Walk(report, made, made.clients[0], NOMAD).all()
        report.check("the leader is killed", leader_killed, made, made.clients[0], NOMAD)


def servers(report, folder, tls=False):
    with mixed(folder, servers=1, clients=1, server_binary=NOMAD, client_binary=harness.BINARY, tls=tls, maker=NOMAD if tls else None) as made:
        Walk(report, made, made.clients[0], harness.BINARY).all()


def names_of(member):
    return {m["Name"]: m["Status"] for m in member.get("/v1/agent/members")["Members"]}


def regions(report, folder, encrypt=False):
    """Region `ours` and region `theirs`, one server and one client each."""
    net = network.Network()
    key = f'  encrypt = "{"A" * 43}="\n' if encrypt else ""
    made = []
    try:
        for region, binary in (("ours", harness.BINARY), ("theirs", NOMAD)):
            each = cluster.Cluster(os.path.join(folder, region), servers=1, clients=1, region=region, net=net, encrypt=False, binary=binary, server=key, client=CLIENT)
            made.append(each)
            each.start()
        ours, theirs = made
        report.check("they join", ours.servers[0].ok, "server", "join", theirs.servers[0].address)
        for near, far in ((ours, theirs), (theirs, ours)):
            who = f"{near.region} to {far.region}"
            report.check(f"{who}: members", near.servers[0].wait_json, "/v1/agent/members", lambda m: {x["Name"]: x["Status"] for x in m["Members"]} ==
                         {"s1-ours.ours": "alive", "s1-theirs.theirs": "alive"}, "both are alive")
            report.check(f"{who}: regions", near.servers[0].wait_json, "/v1/regions", lambda r: r == ["ours", "theirs"], "both regions are known")
            for binary in (NOMAD, harness.BINARY):
                report.check(f"{who}: a job from afar, {os.path.basename(binary)}'s commands", job_in_region, near.servers[0], far, binary)
        for near, far in ((ours, theirs), (theirs, ours)):
            report.check(f"{far.region} dead, asked from {near.region}", dead_region, near, far)
    finally:
        for each in made:
            each.close()
        net.close()


def job_in_region(near, far, binary):
    name = f"to-{far.region}-{os.path.basename(binary)}"
    job = service(name)
    job["Region"] = far.region
    near.register(job)
    near.wait(f"/v1/job/{name}/allocations?region={far.region}", lambda a: [x["ClientStatus"] for x in a] == ["running"], "it runs there")
    alloc = far.servers[0].wait_running(name)[0]["ID"]
    words = ("-region", far.region)
    assert near.http("GET", f"/v1/job/{name}").status == 404
    assert re.search(r"Status\s+= running", near.ok("job", "status", *words, name, binary=binary).out)
    assert alloc in near.ok("alloc", "logs", *words, alloc, binary=binary).out
    assert near.ok("alloc", "exec", *words, alloc, "/bin/echo", "hello", binary=binary).out == "hello\n"
    assert "alloc/" in near.ok("alloc", "fs", *words, alloc, binary=binary).out
    near.ok("alloc", "status", *words, "-stats", alloc, binary=binary)
    environment = dict(os.environ, **near.cli_environment())
    with harness.Follower(near.run_words([binary, "alloc", "logs", "-f", "-tail", "-n", "1", *words, alloc]), environment) as follower:
        follower.read_until(r"tick \d+\n(.*\n)*tick \d+\n")
    near.ok("alloc", "restart", *words, alloc, binary=binary)
    far.servers[0].wait(f"/v1/allocation/{alloc}", lambda a: a["TaskStates"]["t"]["Restarts"] == 1, "restarted from afar")
    node = near.get(f"/v1/nodes?region={far.region}")[0]["ID"]
    near.ok("node", "eligibility", *words, "-disable", node, binary=binary)
    near.ok("node", "eligibility", *words, "-enable", node, binary=binary)
    near.ok("job", "stop", *words, "-detach", name, binary=binary)
    far.servers[0].wait_allocs(name, lambda a: all(x["ClientStatus"] == "complete" for x in a), "stopped from afar")


def dead_region(near, far):
    far.kill(far.servers)
    began = time.monotonic()
    answer = near.servers[0].http("GET", f"/v1/jobs?region={far.region}")
    assert answer.status == 500, answer
    assert time.monotonic() - began < 15, f"{time.monotonic() - began} s: {answer}"
    assert near.servers[0].http("GET", "/v1/jobs").status == 200
    far.servers[0].start()
    far.wait_leader()
    near.servers[0].wait_json(f"/v1/nodes?region={far.region}", lambda nodes: len(nodes) == 1, "the region is back")


def cli(report, folder):
    """Commands of Nomad that the walks do not use, against our servers and a client of ours."""
    with mixed(folder, servers=3, clients=1, server_binary=harness.BINARY, client_binary=harness.BINARY) as made:
        server = made.wait_leader()
        for name in ("walk.nomad.hcl",):
            path = os.path.join(folder, name)
            with open(path, "w") as file:
                json.dump({"Job": service("cli")}, file)
        for words in cli_words(path, made):
            report.check(" ".join(words).replace(folder, ""), lambda words=words: server.ok(*words, binary=NOMAD, timeout=60))


def cli_words(path, made):
    node = made.any().get("/v1/nodes")[0]["ID"]
    snapshot = path + ".snap"
    peer = next(p for p in made.any().get("/v1/operator/raft/configuration")["Servers"] if not p["Leader"])["ID"]
    return [["server", "members"], ["server", "members", "-verbose"], ["status"], ["agent-info"], ["version"], ["operator", "raft", "list-peers"],
            ["operator", "autopilot", "get-config"], ["operator", "autopilot", "set-config", "-cleanup-dead-servers=true"], ["operator", "autopilot", "health"],
            ["operator", "scheduler", "get-config"], ["operator", "scheduler", "set-config", "-memory-oversubscription=true"], ["operator", "gossip", "keyring", "list"],
            ["operator", "api", "/v1/jobs"], ["operator", "metrics"], ["operator", "root", "keyring", "list"],
            ["job", "validate", "-json", path], ["job", "run", "-json", path], ["job", "status", "cli"], ["job", "inspect", "cli"], ["job", "history", "cli"],
            ["job", "allocs", "cli"], ["job", "deployments", "cli"], ["job", "scale", "-detach", "cli", "g", "2"], ["job", "scaling-events", "cli"],
            ["job", "eval", "-detach", "cli"], ["job", "restart", "-yes", "cli"], ["job", "tag", "apply", "-name", "v", "cli"], ["job", "tag", "unset", "-name", "v", "cli"],
            ["job", "revert", "cli", "0"], ["eval", "list"], ["deployment", "list"], ["node", "status", "-verbose", node], ["node", "pool", "list"],
            ["namespace", "list"], ["namespace", "apply", "extra"], ["namespace", "status", "extra"], ["namespace", "delete", "extra"], ["var", "put", "a/b", "k=v"],
            ["var", "get", "a/b"], ["var", "list"], ["var", "purge", "a/b"], ["service", "list"], ["volume", "status"], ["plugin", "status"], ["scaling", "policy", "list"],
            ["operator", "snapshot", "save", snapshot], ["operator", "snapshot", "inspect", snapshot], ["operator", "snapshot", "restore", snapshot],
            ["operator", "raft", "transfer-leadership", "-peer-id", peer], ["job", "stop", "-purge", "cli"], ["system", "gc"], ["system", "reconcile", "summaries"],
            ["operator", "debug", "-duration=2s", "-interval=1s", "-pprof-duration=0s", "-output", os.path.dirname(path)]]


PARTS = {"clients": clients, "clients-tls": lambda r, f: clients(r, f, tls=True), "servers": servers, "servers-tls": lambda r, f: servers(r, f, tls=True),
         "regions": regions, "regions-encrypt": lambda r, f: regions(r, f, encrypt=True), "cli": cli}


def main():
    failed = 0
    for part in sys.argv[1:] or PARTS:
        folder = tempfile.mkdtemp(prefix=f"drover-interop-{part}-")
        report = Report(part)
        report.check("all of it", PARTS[part], report, folder)
        if not report.failed and "KEEP" not in os.environ:
            harness.remove_folder(folder)
        else:
            print(f"       logs are in {folder}", flush=True)
        failed += report.failed
    return failed


if __name__ == "__main__":
    sys.exit(main())

"""Three servers and three clients on machines of their own, with TLS and gossip encryption: the issue's cluster as its users see it."""
import contextlib
import json
import os
import re
import threading

import cluster
import harness
import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

SLEEP = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sh", "args": ["-c", "echo started on $NOMAD_ALLOC_INDEX; exec sleep 86400"]},
         "Resources": {"CPU": 20, "MemoryMB": 16}, "LogConfig": {"MaxFiles": 1, "MaxFileSizeMB": 1}}


def job(name, count=1, **more):
    group = {"Name": "g", "Count": count, "Tasks": [SLEEP], "EphemeralDisk": {"SizeMB": 10}, **more}
    return {"ID": name, "Name": name, "Type": "service", "Datacenters": ["dc1"], "TaskGroups": [group]}


@pytest.fixture(scope="module")
def where(request, tmp_path_factory):
    made = cluster.Cluster(tmp_path_factory.mktemp("cluster"), tls=True)
    request.module.agents_of_module = made.members
    try:
        yield made.start()
    finally:
        made.close()


def test_all_servers_are_members_and_one_leads(where):
    for server in where.servers:
        out = server.ok("server", "members")
        rows = out.table()
        assert sorted(r["Name"] for r in rows) == ["s1.global", "s2.global", "s3.global"]
        assert [r["Status"] for r in rows] == ["alive"] * 3
        assert sorted(r["Leader"] for r in rows) == ["false", "false", "true"]
    peers = where.servers[0].ok("operator", "raft", "list-peers").table()
    assert len(peers) == 3
    assert sorted(r["State"] for r in peers) == ["follower", "follower", "leader"]
    assert {r["Voter"] for r in peers} == {"true"}


def test_every_server_answers_the_same(where):
    where.servers[0].register(job("same", 0))
    # Its evaluation changes it once more.
    where.servers[0].wait("/v1/job/same/evaluations", lambda evals: evals and all(e["Status"] == "complete" for e in evals), "it is evaluated")
    answers = [s.http("GET", "/v1/job/same") for s in where.servers]
    assert [a.status for a in answers] == [200] * 3
    assert len({json.dumps(a.json, sort_keys=True) for a in answers}) == 1
    for server in where.servers:
        assert server.http("GET", "/v1/job/same?stale").headers["X-Nomad-Knownleader"] == "true"


def test_a_job_is_written_at_any_server_and_runs_on_the_clients(where):
    for number, server in enumerate(where.servers):
        server.register(job(f"spread-{number}", 2))
    for number, server in enumerate(where.servers):
        allocs = server.wait_running(f"spread-{number}", 2)
        assert {a["NodeName"] for a in allocs} <= {c.name for c in where.clients}


def test_logs_files_and_exec_through_every_server(where):
    where.servers[0].register(job("reach", 1))
    alloc = where.servers[0].wait_running("reach")[0]
    for server in where.servers:
        assert "started on 0" in server.ok("alloc", "logs", alloc["ID"]).out
        assert "stdout" in server.ok("alloc", "fs", alloc["ID"], "alloc/logs").out
        assert server.ok("alloc", "exec", alloc["ID"], "/bin/echo", "hello from", server.name).out == f"hello from {server.name}\n"
        assert server.ok("alloc", "status", "-stats", alloc["ID"]).field("Client Status") == "running"
    with where.servers[2].follow("alloc", "logs", "-f", alloc["ID"]) as logs:
        logs.read_until("started on 0")


def monitored(asked, target, cause, expected):
    """What an agent's log says, seen through `asked`, when something happens there."""
    connection = asked.connect(harness.DEADLINE)
    try:
        connection.request("GET", f"/v1/agent/monitor?log_level=debug&plain=true&{target}")
        response = connection.getresponse()
        assert response.status == 200, response.read()
        cause()
        text = ""
        while not re.search(expected, text):
            piece = response.read1(4096)
            assert piece, text
            text += piece.decode()
    finally:
        connection.close()


def disturb(where, server):
    """Sends what is no RPC to one server, which logs it."""
    with where.client_machines[0].connect(server.address, 4647, 10) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert raw.recv(100) == b""


@contextlib.contextmanager
def repeated(cause):
    """Whoever begins to listen at some time hears it."""
    done = threading.Event()

    def run():
        while not done.wait(0.2):
            cause()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_the_log_of_every_node_and_server_is_seen_through_every_agent(where):
    nodes = {n["Name"]: n["ID"] for n in where.servers[0].get("/v1/nodes")}
    leader = where.wait_leader()
    for asked in (*where.servers, where.clients[0]):
        for client in where.clients:
            monitored(asked, f"node_id={nodes[client.name]}", client.reload, "certificate=.*client")
        for server in where.servers:
            monitored(asked, f"server_id={server.name}.global", lambda server=server: disturb(where, server), "connection refused")
        monitored(asked, "server_id=leader", lambda: disturb(where, leader), "connection refused")
        for wrong, status in (("node_id=00000000-0000-0000-0000-000000000000", 404), ("server_id=s9.global", 400), ("server_id=leader&node_id=x", 400)):
            assert asked.http("GET", f"/v1/agent/monitor?{wrong}").status == status
    with where.servers[1].follow("monitor", "-json", "-log-level", "debug", "-server-id", "leader") as lines, repeated(lambda: disturb(where, leader)):
        lines.read_until("connection refused")


def test_members_peers_and_agent_info_have_what_nomad_has(where):
    for server in where.servers:
        harness.assert_fields(server.get("/v1/agent/members"), harness.recorded_http("get-members.http"), ignore=("bootstrap", "mvn"))
        harness.assert_same_shape(server.ok("server", "members", "-verbose").out, "server-members.txt")
        assert sorted(server.get("/v1/status/peers")) == sorted(f"{s.address}:4647" for s in where.servers)
        info = server.ok("agent-info").out
        for name in sections_of(harness.recorded("agent-info.txt")[0]) - {"client", "vault"}:
            # These two are of Go's runtime.
            missing = keys_of(harness.recorded("agent-info.txt")[0], name) - keys_of(info, name) - {"goroutines", "max_procs"}
            assert not missing, (name, missing, info)
        assert "known_regions = 1" in info and "num_peers = 2" in info and re.search(r"members += 3", info)
    leader = where.wait_leader()
    assert [("state = Leader" in s.ok("agent-info").out) == (s is leader) for s in where.servers] == [True] * 3
    info = where.clients[0].ok("agent-info").out
    missing = keys_of(harness.recorded("agent-info.txt")[0], "client") - keys_of(info, "client")
    assert not missing, (missing, info)
    assert all(f"{s.address}:4647" in info for s in where.servers)


def sections_of(text):
    return set(re.findall(r"^(\w+)$", text, re.MULTILINE))


def keys_of(text, section):
    """The keys of one section of agent-info."""
    found = re.search(rf"^{section}\n((?:  .*\n?)*)", text, re.MULTILINE)
    assert found, f"no section {section} in:\n{text}"
    return set(re.findall(r"^  ([\w.]+) += ?", found.group(1), re.MULTILINE))


def test_a_client_agent_answers_the_api_itself(where):
    client = where.clients[0]
    assert {n["Name"] for n in client.get("/v1/nodes")} == {c.name for c in where.clients}
    assert len(client.get("/v1/agent/servers")) == 3
    out = client.ok("node", "config", "-servers").out
    assert sorted(out.split()) == sorted(f"{s.address}:4647" for s in where.servers)


def test_a_node_of_another_certificate_or_without_one_is_refused(where, tmp_path):
    machine = where.network.machine("plain")
    stranger = cluster.Member(machine, tmp_path / "plain", "client", client=f"  servers = {where.join_list()}\n")
    try:
        stranger.launch().wait_started()
        where.servers[0].wait_log(r"\[WARN\].*(TLS|plain)")
        assert "plain" not in {n["Name"] for n in where.any().get("/v1/nodes")}
    finally:
        stranger.close()


def test_a_server_with_the_wrong_gossip_key_stays_outside(where, tmp_path):
    machine = where.network.machine("wrongkey")
    block = where.server_block()
    wrong = re.sub(r'encrypt = "[^"]*"', 'encrypt = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="', block)
    assert wrong != block
    stranger = cluster.Member(machine, tmp_path / "wrongkey", "server", server=wrong, certificates=where.certificates)
    try:
        stranger.launch().wait_started()
        where.wait_log(r"\[(WARN|ERROR)\] +nomad.serf.*key|\[(WARN|ERROR)\].*gossip.*key")
        assert {m["Name"] for m in where.servers[0].get("/v1/agent/members")["Members"]} == {"s1.global", "s2.global", "s3.global"}
    finally:
        stranger.close()


def test_snapshots_are_saved_inspected_restored_and_refused_when_damaged(where, tmp_path):
    server = where.servers[1]
    server.register(job("kept", 0))
    path = str(tmp_path / "backup.snap")
    server.ok("operator", "snapshot", "save", path)
    shown = server.ok("operator", "snapshot", "inspect", path).out
    assert "Index" in shown and "Term" in shown
    server.ok("job", "stop", "-purge", "kept")
    damaged = bytearray(open(path, "rb").read())
    damaged[len(damaged) // 2] ^= 1
    bad = tmp_path / "damaged.snap"
    bad.write_bytes(damaged)
    refused = server.run("operator", "snapshot", "restore", str(bad))
    assert refused.code == 1, repr(refused)
    assert server.http("GET", "/v1/job/kept").status == 404
    server.ok("operator", "snapshot", "restore", path)
    for each in where.servers:
        each.wait("/v1/jobs", lambda jobs: any(j["ID"] == "kept" for j in jobs), "the job is back")


def test_leadership_is_handed_over(where):
    before = where.wait_leader()
    target = next(s for s in where.servers if s is not before)
    peers = before.get("/v1/operator/raft/configuration")["Servers"]
    peer = next(p["ID"] for p in peers if p["Node"] == f"{target.name}.global")
    before.ok("operator", "raft", "transfer-leadership", f"-peer-id={peer}")
    assert where.wait_leader() is not before


def test_autopilot_says_that_all_are_healthy(where):
    health = where.servers[0].wait_json("/v1/operator/autopilot/health", lambda h: h["Healthy"], "all servers are healthy")
    assert health["FailureTolerance"] == 1
    assert len(health["Servers"]) == 3
    out = where.servers[0].ok("operator", "autopilot", "get-config").out
    assert "CleanupDeadServers" in out


def test_gossip_keys_are_rotated_under_load(where):
    server = where.servers[0]
    fresh = server.ok("operator", "gossip", "keyring", "generate").out.strip()
    old = next(iter(server.get("/v1/agent/keyring/list")["Keys"]))
    for words in (("-install", fresh), ("-use", fresh), ("-remove", old)):
        server.ok("operator", "gossip", "keyring", words[0][1:], words[1])
    assert list(server.get("/v1/agent/keyring/list")["Keys"]) == [fresh]
    where.servers[1].register(job("after-rotation", 0))
    assert [m["Status"] for m in where.servers[2].get("/v1/agent/members")["Members"]] == ["alive"] * 3

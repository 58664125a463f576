"""What strangers and mistakes send to a cluster of three servers and a client with TLS: each is refused with a clear log line, and the cluster
goes on accepting writes. (A snapshot with a flipped bit: test_snapshot.py and test_cluster.py; a wrong gossip key: test_cluster.py.)"""
import contextlib
import os
import random
import re
import shutil
import socket
import ssl

import cluster
import harness
import network
import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

RPC, SERF = 4647, 4648


@pytest.fixture(scope="module")
def where(request, tmp_path_factory):
    made = cluster.Cluster(tmp_path_factory.mktemp("cluster"), clients=1, tls=True)
    request.module.agents_of_module = made.members
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def stranger(where, request):
    return where.network.machine(f"m{len(where.network.machines)}")


@pytest.fixture(autouse=True)
def goes_on(where, request):
    """After every test all servers accept a write and have the same members as before."""
    yield
    name = re.sub(r"\W", "-", request.node.name)
    for number, server in enumerate(where.servers):
        job = harness.idle_job(f"{name}-{number}")
        server.register({**job, "Type": "service", "TaskGroups": [{**job["TaskGroups"][0], "Count": 0}]})
    for server in where.servers:
        members = server.get("/v1/agent/members")["Members"]
        assert sorted(m["Name"] for m in members if m["Status"] == "alive") == ["s1.global", "s2.global", "s3.global"]
        assert server.process.poll() is None


def new_lines(member):
    """Waits for lines that the member logs from now on."""
    begin = len(member.log())

    def wait(pattern):
        member.wait_log(f"(?s)^.{{{begin},}}?(?-s:{pattern})")
        return [line for line in member.log()[begin:].splitlines() if re.search(pattern, line)]

    return wait


def member_of(where, machine, folder, **more):
    """An agent on another machine."""
    return cluster.Member(machine, folder, more.pop("role", "client"), **more)


@contextlib.contextmanager
def running(member):
    """Ends with a kill: an agent's close() would stop the cluster's jobs."""
    try:
        yield member.launch()
    finally:
        if member.process.poll() is None:
            member.kill()
        harness.end_processes_below(member.folder)


def own_servers(where, expect=1):
    return re.sub(r"bootstrap_expect = \d+", f"bootstrap_expect = {expect}", where.server_block())


# -- servers that do not belong here


def test_a_server_of_another_region_that_joins_is_no_member_of_raft(where, stranger, tmp_path):
    """Joining is federation, which is welcome; it becomes no peer of this region and leaves again."""
    certificates = cluster.Certificates(str(tmp_path / "tls"), where.binary, "mars")
    other = member_of(where, stranger, tmp_path / "mars", role="server", server=own_servers(where), region="mars", certificates=certificates)
    before = where.servers[0].get("/v1/operator/raft/configuration")["Servers"]
    with running(other):
        other.wait_started()
        where.servers[0].wait_json("/v1/regions", lambda r: "mars" in r, "the region is known")
        # Its CA is another one: nothing that needs its RPC port works, and the answer is quick and clear.
        answer = where.servers[0].http("GET", "/v1/jobs?region=mars", timeout=15)
        assert answer.status == 500 and "mars" in answer.text, answer
        assert where.servers[0].get("/v1/operator/raft/configuration")["Servers"] == before
    where.servers[0].run("server", "force-leave", "-prune", f"{other.name}.mars")
    for server in where.servers:
        server.wait_json("/v1/regions", lambda r: r == ["global"], "the region has gone")


def test_a_server_of_the_same_name_is_refused(where, stranger, tmp_path):
    twin = member_of(where, stranger, tmp_path / "twin", role="server", server=where.server_block(), certificates=where.certificates)
    twin.name = where.servers[1].name
    twin.write_config()
    with running(twin):
        where.wait_log(r"\[(WARN|ERROR)\].*(two servers claim one name|another server has this server's name)")
        for server in where.servers:
            peers = server.get("/v1/operator/raft/configuration")["Servers"]
            assert sorted(p["Address"] for p in peers) == sorted(f"{s.address}:{RPC}" for s in where.servers)


# -- certificates


def test_a_server_with_a_wrong_certificate_speaks_neither_rpc_nor_raft(where, stranger, tmp_path):
    wrong = cluster.Certificates(str(tmp_path / "tls"), where.binary)
    other = member_of(where, stranger, tmp_path / "wrong", role="server", server=where.server_block(), certificates=wrong)
    heard = {s: new_lines(s) for s in where.servers}
    with running(other):
        # It knows the gossip key, so it is a member; but whoever asks it finds another CA, and so does whoever it asks.
        leader = where.wait_leader()
        heard[leader](r"\[(WARN|ERROR|DEBUG)\].*(certificate|TLS)")
        for server in where.servers:
            assert len(server.get("/v1/operator/raft/configuration")["Servers"]) == 3
    where.servers[0].run("server", "force-leave", "-prune", f"{other.name}.global")
    for server in where.servers:
        server.wait_json("/v1/agent/members", lambda m: other.name + ".global" not in {e["Name"] for e in m["Members"] if e["Status"] == "alive"}, "it has gone")


def tls_dialogue(where, machine, role, first, data, port=RPC):
    """What comes back after the RPC port's TLS handshake, the byte that selects a protocol, and data."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(where.certificates.ca)
    context.check_hostname = False
    if role:
        context.load_cert_chain(where.certificates.path(role), where.certificates.path(role, "-key"))
    with machine.connect(where.servers[0].address, port, 10) as raw:
        raw.sendall(b"\x04")
        with context.wrap_socket(raw) as stream:
            stream.sendall(first + data)
            out = b""
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                while piece := stream.recv(4096):
                    out += piece
            return out


def packed(**texts):
    """A map of texts as msgpack."""
    out = bytes([0x80 + len(texts)])
    for text in (each for pair in texts.items() for each in pair):
        out += b"\xd9" + bytes([len(text)]) + text.encode()
    return out


def test_a_client_certificate_does_not_open_raft(where, stranger):
    heard = new_lines(where.servers[0])
    hello = packed(Region="global", ClusterID="", ServerID="11111111-2222-3333-4444-555555555555", Name="thief")
    answer = tls_dialogue(where, stranger, "client", b"\x02", b"DRVRAFT2" + len(hello).to_bytes(4, "little") + hello)
    assert b"server.global.nomad" in answer
    assert heard(r"\[WARN\].*Raft connection refused.*thief.*server\.global\.nomad")
    tls_dialogue(where, stranger, "client", b"\x02", b"x" * 64)
    assert heard(r"\[WARN\].*Raft connection refused.*does not speak Drover's Raft")


def test_without_a_certificate_nothing_is_open(where, stranger):
    heard = new_lines(where.servers[0])
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        assert tls_dialogue(where, stranger, None, b"\x01", b"x" * 64) == b""
    assert heard(r"\[WARN\].*connection refused.*the other side showed no certificate")


def test_the_https_port_wants_a_certificate_and_says_so_to_plain_http(where, stranger):
    with stranger.connect(where.servers[0].address, 4646, 10) as raw:
        raw.sendall(b"GET /v1/jobs HTTP/1.1\r\nHost: x\r\n\r\n")
        out = b""
        while piece := raw.recv(4096):
            out += piece
    assert out == b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


# -- a client id used twice


def test_a_copied_client_state_with_another_secret_is_refused(where, stranger, tmp_path):
    first = where.clients[0]
    other = member_of(where, stranger, tmp_path / "copy", client=f"  servers = {where.join_list()}\n", certificates=where.certificates)
    os.makedirs(os.path.join(other.data_dir, "client"))
    shutil.copy(os.path.join(first.data_dir, "client", "client-id"), os.path.join(other.data_dir, "client", "client-id"))
    with running(other):
        found = where.wait_log(r"\[WARN\].*a node was not registered: its id belongs to another node with another secret")
        assert found
        other.wait_log(r"node secret ID does not match")
        nodes = where.any().get("/v1/nodes")
        assert [n["Name"] for n in nodes if n["Status"] == "ready"] == [first.name]


def test_a_copied_data_directory_does_not_take_the_node_over_for_good(where, stranger, tmp_path):
    """Id and secret are the same, so the cluster cannot tell who is the copy; it says that there are two, and the first one's tasks go on."""
    first = where.clients[0]
    job = {"ID": "owned", "Name": "owned", "Type": "service", "Datacenters": ["dc1"], "TaskGroups": [
        {"Name": "g", "Count": 1, "EphemeralDisk": {"SizeMB": 300},
         "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep", "args": ["86400"]}, "Resources": {"CPU": 20, "MemoryMB": 16}}]}]}
    where.servers[0].register(job)
    alloc = where.servers[0].wait_running("owned")[0]
    other = member_of(where, stranger, tmp_path / "copy", client=f"  servers = {where.join_list()}\n", certificates=where.certificates)
    shutil.rmtree(other.data_dir, ignore_errors=True)
    os.makedirs(os.path.join(other.data_dir, "client"))
    for name in ("client-id", "secret-id"):
        shutil.copy(os.path.join(first.data_dir, "client", name), os.path.join(other.data_dir, "client", name))
    with running(other):
        where.wait_log(r"\[(WARN|ERROR)\].*two agents")
    first.wait("/v1/nodes", lambda nodes: any(n["Name"] == first.name and n["Status"] == "ready" for n in nodes), "the first one is back")
    again = where.servers[0].get(f"/v1/allocation/{alloc['ID']}")
    assert again["ClientStatus"] == "running" and again["TaskStates"]["t"]["Restarts"] == 0


# -- garbage

HELLO = bytes.fromhex("160301008d010000890303") + bytes(range(100))
GARBAGE = {
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a TLS handshake without the byte before it": HELLO,
    "random bytes": random.Random(7).randbytes(4096).replace(b"\x01", b"\x09", 1),
    "zeros": b"\0" * 4096,
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_on_the_rpc_port(where, stranger, what):
    heard = new_lines(where.servers[0])
    with stranger.connect(where.servers[0].address, RPC, 10) as raw:
        raw.sendall(GARBAGE[what])
        with contextlib.suppress(ConnectionError):
            assert raw.recv(4096) == b""
    assert len(heard(rf"\[WARN\].*connection refused: address={stranger.address}")) == 1


@pytest.mark.parametrize("first", [1, 2, 3, 5, 6])
def test_garbage_inside_tls(where, stranger, first):
    heard = new_lines(where.servers[0])
    tls_dialogue(where, stranger, "server", bytes([first]), b"\xc1" + random.Random(first).randbytes(2000))
    assert heard(rf"\[WARN\].*{stranger.address}")


def test_garbage_on_the_gossip_ports(where, stranger):
    server = where.servers[0]
    heard = new_lines(server)
    with network.inside(stranger.namespace):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with udp:
        for text in GARBAGE.values():
            udp.sendto(text[:1400], (server.address, SERF))
    assert heard(rf"\[(WARN|ERROR)\].*{stranger.address}")
    for text in GARBAGE.values():
        with stranger.connect(server.address, SERF, 10) as raw:
            raw.sendall(text)
            with contextlib.suppress(ConnectionError):
                while raw.recv(4096):
                    pass


# -- many connections


def idle_connections(machine, address, port, count):
    made = []
    with network.inside(machine.namespace):
        for _ in range(count):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex((address, port))
            made.append(each)
    return made


def test_ten_thousand_idle_connections_are_limited_for_one_address(where, stranger):
    server = where.servers[0]
    heard = new_lines(server)
    begin = len(server.log())
    made = idle_connections(stranger, server.address, RPC, 10_000)
    try:
        lines = heard(r"\[WARN\].*connection refused.*too many connections from this address")
        assert lines[0].count(stranger.address) == 1
        server.register(harness.idle_job("meanwhile"))
    finally:
        for each in made:
            each.close()
    # A flood of connections is no flood of lines.
    assert server.log()[begin:].count("too many connections from this address") < 100


def test_with_the_limit_off_ten_thousand_idle_connections_change_nothing(tmp_path):
    made = cluster.Cluster(tmp_path / "open", clients=0, tls=True, config="limits { rpc_max_conns_per_client = 0 rpc_handshake_timeout = \"0s\" }")
    try:
        made.start_servers()
        leader = made.wait_leader()
        idle = idle_connections(made.network.machine("crowd"), leader.address, RPC, 10_000)
        try:
            for number, server in enumerate(made.servers):
                server.register(harness.idle_job(f"meanwhile-{number}"))
            assert made.leader() is leader
            assert "connection refused" not in leader.log()
            still_open = [each for each in idle if each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0]
            assert len(still_open) == len(idle)
        finally:
            for each in idle:
                each.close()
        leader.register(harness.idle_job("afterwards"))
    finally:
        made.close()

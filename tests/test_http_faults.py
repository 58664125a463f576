"""Requests that no honest client sends: two meanings in one, lines in places where none belong, paths that lead elsewhere, clients that go or take nothing."""
import http.client
import json
import os
import socket
import struct
import uuid

import pytest

import harness
from test_acl import Guarded, READER


@pytest.fixture(scope="module")
def site(tmp_path_factory, request):
    agent = Guarded(tmp_path_factory.mktemp("http-faults"))
    request.module.agents_of_module = [agent]
    try:
        yield agent.start()
    finally:
        agent.close()


def dialogue(agent, data):
    """Everything that comes back until the server closes; the request's own end says that nothing follows."""
    with socket.create_connection(("127.0.0.1", agent.port), timeout=harness.DEADLINE) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def statuses(answer):
    return [line.split()[1].decode() for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.")]


# A second request hides where a proxy in front would see a body.
HIDDEN = b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("head", [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    b"Content-Length: 5\r\nContent-Length: 50\r\n",
    b"Content-Length: 5, 50\r\n",
    b"Content-Length: +5\r\n",
    b"Content-Length: -5\r\n",
    b"Content-Length: 0x5\r\n",
    b"Content-Length: 99999999999999999999999\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Content-Length : 5\r\n",
    b"X: a\x00b\r\n",
    b"X: a\rY: b\r\n",
    b": no name\r\n",
    b"no colon\r\n",
    b"Host: y\r\n",
], ids=repr)
def test_a_request_has_one_meaning_or_none(site, head):
    answer = dialogue(site, b"POST /v1/jobs/parse HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n" + b"0\r\n\r\n" + HIDDEN)
    seen = statuses(answer)
    assert len(seen) <= 1, f"the hidden request was answered: {answer!r}"
    assert not seen or seen[0] in ("400", "413", "501"), answer


@pytest.mark.parametrize("body", [b"fffffffffffffffff\r\n", b"-1\r\nabc\r\n", b"5\r\nabc\r\n0\r\n\r\n", b"3\r\nabcdef\r\n0\r\n\r\n"], ids=repr)
def test_chunks_that_lie_end_the_connection(site, body):
    answer = dialogue(site, b"POST /v1/jobs/parse HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body + HIDDEN)
    seen = statuses(answer)
    assert len(seen) <= 1 and "200" not in seen, answer


@pytest.mark.parametrize("name", ["X-Nomad-Token", "X-Nomad-Namespace", "Origin", "X-Request-Id"])
def test_no_header_comes_back_as_two(site, name):
    for value in ("a%0d%0aInjected: yes", "a\tb", "\u00e9".encode().decode("latin-1")):
        answer = dialogue(site, f"GET /v1/jobs HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        assert b"\r\nInjected:" not in answer, answer
    answer = dialogue(site, b"GET /v1/jobs?region=a%0d%0aInjected:%20yes&namespace=b%0d%0aInjected:%20yes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"\r\nInjected:" not in answer and len(statuses(answer)) == 1, answer


@pytest.mark.parametrize("path", ["/v1/../v1/acl/tokens", "/v1/./acl/tokens", "//v1//acl/tokens", "/v1/jobs/../acl/tokens", "/v1/jobs/%2e%2e/acl/tokens", "/v1/acl%2ftokens",
                                  "/v1/acl/tokens/", "/V1/ACL/TOKENS", "/v1/acl/tokens%00", "/v1/acl/tokens;x", "/v1/acl/tokens%20"])
def test_no_spelling_of_a_path_passes_the_check(site, path):
    """Whatever a route is called, who has no token sees no tokens."""
    answer = dialogue(site, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert statuses(answer)[0] in ("301", "307", "400", "403", "404"), answer
    assert b"AccessorID" not in answer


def test_files_are_read_within_the_allocation_only(site):
    job = harness.idle_job("files")
    job["Datacenters"] = ["*"]
    job["TaskGroups"][0]["Tasks"][0]["Config"] = {"command": "/bin/sleep", "args": ["600"]}
    site.register(job)
    (alloc,) = site.wait_running("files")
    os.symlink("/etc/passwd", os.path.join(site.data_dir, "alloc", alloc["ID"], "t", "local", "out"))
    for path in ("../../../../../../../../etc/passwd", "/../../../../../../../../etc/passwd", "t/local/../../../../../../../../../etc/passwd", "t/local/out", "%2e%2e/%2e%2e/etc/passwd",
                 "t/secrets/../../../../client/state.db", "..%2f..%2f..%2fetc%2fpasswd"):
        answer = site.http("GET", f"/v1/client/fs/cat/{alloc['ID']}?path={path}")
        assert answer.status >= 400 and "root:" not in answer.text, (path, answer)
    assert site.http("GET", f"/v1/client/fs/cat/..%2f..%2fetc?path=passwd").status in (400, 404)


def test_a_token_is_not_guessed_piece_by_piece(site):
    """Every wrong token is refused alike, however much of it is right."""
    right = site.give("right", READER)
    assert site.as_(right, "GET", "/v1/jobs").status == 200
    wrong = [right[:-1] + ("0" if right[-1] != "0" else "1"), right.upper() if right.upper() != right else right[::-1], right[:8], right + "0", " " + right[1:], str(uuid.uuid4())]
    answers = {(answer.status, answer.text) for answer in (site.as_(token, "GET", "/v1/jobs") for token in wrong)}
    assert len(answers) == 1 and {status for status, _ in answers} == {403}, answers


def connections(agent):
    """How many connections to its HTTP port the agent holds."""
    port = f"{agent.port:04X}"
    inodes = set()
    for fd in os.listdir(f"/proc/{agent.process.pid}/fd"):
        try:
            inodes.add(os.readlink(f"/proc/{agent.process.pid}/fd/{fd}"))
        except OSError:
            pass
    count = 0
    with open(f"/proc/{agent.process.pid}/net/tcp") as lines:
        for words in map(str.split, list(lines)[1:]):
            count += words[1].endswith(":" + port) and words[3] != "0A" and f"socket:[{words[9]}]" in inodes
    return count


def wait_connections(agent, count):
    for _ in range(int(harness.DEADLINE * 20)):
        if connections(agent) <= count:
            return
        harness.ask_again_soon()
    raise AssertionError(f"{connections(agent)} connections are held still, {count} should be")


@pytest.mark.parametrize("how", ["reset", "closed"])
def test_clients_that_vanish_leave_nothing(site, how):
    index = site.http("GET", "/v1/nodes").index
    before = connections(site)
    clients = []
    for number in range(50):
        client = socket.create_connection(("127.0.0.1", site.port), timeout=harness.DEADLINE)
        path = f"/v1/nodes?index={index + 1000}&wait=300s" if number % 2 else "/v1/event/stream"
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Nomad-Token: {site.token}\r\n\r\n".encode())
        clients.append(client)
    for client in clients:
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    wait_connections(site, before)


def test_a_reader_that_takes_nothing_stops_nobody(site):
    """A subscriber that does not read gets no more than its share; others get every event, and the agent answers."""
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.connect(("127.0.0.1", site.port))
    lazy.sendall(f"GET /v1/event/stream?topic=Job HTTP/1.1\r\nHost: x\r\nX-Nomad-Token: {site.token}\r\n\r\n".encode())
    with lazy:
        keen = http.client.HTTPConnection("127.0.0.1", site.port, timeout=harness.DEADLINE)
        keen.request("GET", "/v1/event/stream?topic=Job", headers={"X-Nomad-Token": site.token})
        answer = keen.getresponse()
        seen = set()
        for number in range(60):
            site.register({**harness.idle_job(f"large-{number}"), "Meta": {"text": "x" * 20_000}})
        while f"large-{59}" not in seen:
            seen |= {event["Key"] for event in json.loads(answer.readline()).get("Events") or []}
        assert {f"large-{number}" for number in range(60)} <= seen
        keen.close()
        assert site.http("GET", "/v1/agent/health").status == 200

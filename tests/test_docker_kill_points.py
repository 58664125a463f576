"""The agent is killed at each step of a container's start and end: the next one finishes what was begun, once, and leaves nothing behind."""
import contextlib
import os
import re
import socket
import threading

import pytest

import dockerd
import harness
from test_docker import job, logs, shell, wait_driver, wait_line

pytestmark = pytest.mark.skipif(not dockerd.usable(), reason="needs root, dockerd and busybox")


class Proxy:
    """Stands between an agent and dockerd, and holds one call: the request before dockerd sees it, or the answer after dockerd has done it."""

    def __init__(self, path, target):
        self.path, self.target = path, target
        self.pattern = self.when = None
        self.held = threading.Event()
        self.sockets = []
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, pattern, when):
        self.held.clear()
        self.pattern, self.when = re.compile(pattern), when

    def disarm(self):
        self.pattern = None
        with self.lock:
            held, self.sockets = self.sockets, []
        for one in held:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()
        self.disarm()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.target)
            except OSError:
                client.close()
                continue
            with self.lock:
                self.sockets += [client, server]
            hold = threading.Event()
            threading.Thread(target=self._requests, args=(client, server, hold), daemon=True).start()
            threading.Thread(target=self._answers, args=(server, client, hold), daemon=True).start()

    def _requests(self, client, server, hold):
        try:
            while data := client.recv(65536):
                pattern = self.pattern
                if pattern and pattern.match(data.split(b"\r\n", 1)[0].decode(errors="replace")):
                    self.pattern = None
                    if self.when == "before":
                        self.held.set()
                        return  # and no more of this connection
                    hold.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _answers(self, server, client, hold):
        try:
            while data := server.recv(65536):
                if hold.is_set():
                    self.held.set()
                    return
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.fixture(scope="module")
def docker(tmp_path_factory):
    made = dockerd.Dockerd(tmp_path_factory.mktemp("dp"))
    try:
        made.start()
        made.busybox()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def proxy(docker):
    made = Proxy(os.path.join(docker.folder, "p.sock"), docker.socket)
    yield made
    made.close()


@pytest.fixture(scope="module")
def agent(request, tmp_path_factory, proxy):
    made = harness.Agent(tmp_path_factory.mktemp("points"), config=dockerd.agent_config(proxy.path, 'gc { image = false }'))
    request.module.agents_of_module = [made]
    try:
        made.start()
        wait_driver(made, lambda info: info["Healthy"])
        yield made
    finally:
        made.close()


def restart(agent, proxy):
    assert proxy.held.wait(harness.DEADLINE), f"the call never came\n{agent.log()[-3000:]}"
    agent.kill()
    proxy.disarm()
    agent.start()
    wait_driver(agent, lambda info: info["Healthy"])


STARTS = [("image", r"GET /v[\d.]+/images/", "before"), ("create", r"POST .*/containers/create", "before"), ("created", r"POST .*/containers/create", "after"),
          ("start", r"POST .*/containers/\w+/start", "before"), ("started", r"POST .*/containers/\w+/start", "after"),
          ("look", r"GET .*/containers/\w{64}/json", "before"), ("wait", r"POST .*/wait", "before")]
ENDS = [("kill", r"POST .*/kill", "before"), ("killed", r"POST .*/kill", "after"), ("remove", r"DELETE .*/containers/", "before"), ("removed", r"DELETE .*/containers/", "after")]


@pytest.mark.parametrize("name, pattern, when", STARTS, ids=[s[0] for s in STARTS])
def test_killed_while_it_starts(agent, proxy, docker, name, pattern, when):
    ident = f"starts-{name}"
    proxy.arm(pattern, when)
    agent.register(job(ident, shell("echo here; trap 'exit 0' TERM; while true; do sleep 1 & wait; done")))
    restart(agent, proxy)
    (alloc,) = agent.wait_running(ident)
    wait_line(agent, alloc, "here\n")
    mine = [c for c in docker.containers() if alloc["ID"] in c["Names"][0]]
    assert len(mine) == 1 and mine[0]["State"] == "running"
    assert logs(agent, alloc) == "here\n", "it was started once"
    agent.ok("job", "stop", "-detach", "-purge", ident)
    docker.wait_gone(lambda c: alloc["ID"] in c["Names"][0])


@pytest.mark.parametrize("name, pattern, when", ENDS, ids=[e[0] for e in ENDS])
def test_killed_while_it_ends(agent, proxy, docker, name, pattern, when):
    ident = f"ends-{name}"
    agent.register(job(ident, shell("echo here; trap 'exit 0' TERM; while true; do sleep 1 & wait; done")))
    (alloc,) = agent.wait_running(ident)
    wait_line(agent, alloc, "here\n")
    proxy.arm(pattern, when)
    agent.ok("job", "stop", "-detach", ident)
    restart(agent, proxy)
    agent.wait_allocs(ident, lambda allocs: all(a["ClientStatus"] in ("complete", "failed") for a in allocs), f"{ident} has ended")
    docker.wait_gone(lambda c: alloc["ID"] in c["Names"][0])
    assert logs(agent, alloc) == "here\n"

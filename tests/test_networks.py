"""Networks of allocations on a machine of the test's own (a network namespace): bridge, none, CNI, host networks, and that nothing is left."""
import http.client
import json
import os
import socket
import subprocess

import pytest

import harness
import network
from fleet import job, task

BUSYBOX = "/bin/busybox"
CNI_PLUGINS = "/usr/lib/cni"


class _Connection(http.client.HTTPConnection):
    def __init__(self, namespace, port, timeout):
        super().__init__("127.0.0.1", port, timeout=timeout)
        self.namespace = namespace

    def connect(self):
        with network.inside(self.namespace):
            self.sock = socket.create_connection((self.host, self.port), self.timeout)


class Inside(harness.Agent):
    """An agent in a namespace with two interfaces, eth0 (the default route) and lan0; both ends of each link are there."""

    def __init__(self, folder, namespace, **options):
        self.namespace = namespace
        super().__init__(folder, **options)
        with open(self.config_path) as file:
            text = file.read()
        with open(self.config_path, "w") as file:
            file.write(text.replace('  network_interface = "lo"\n', ""))

    def connect(self, timeout):
        return _Connection(self.namespace, self.port, timeout)

    def here(self, words):
        return ["nsenter", f"--net=/var/run/netns/{self.namespace}", *words]

    def agent_words(self):
        return self.here(super().agent_words())

    def run_words(self, words):
        return self.here(words)

    def command(self, *words):
        return subprocess.run(self.here(list(words)), capture_output=True, text=True, timeout=harness.DEADLINE)

    def fetch(self, host, port, path="/"):
        """What a web server says to a caller on this machine; None if nobody answers."""
        with network.inside(self.namespace):
            try:
                made = socket.create_connection((host, port), 5)
            except OSError:
                return None
        connection = http.client.HTTPConnection(host, port)
        connection.sock = made
        with made:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def wait_fetch(self, host, port, path="/"):
        found = None
        for _ in range(500):
            found = self.fetch(host, port, path)
            if found is not None:
                return found
            harness.ask_again_soon()
        raise AssertionError(f"nobody answers on {host}:{port}\n{self.log()[-3000:]}")

    def links(self):
        return {each["ifname"] for each in json.loads(self.command("ip", "-j", "link").stdout)} - {"lo", "eth0", "lan0", "eth0-far", "lan0-far"}

    def rules(self):
        return self.command("nft", "list", "ruleset").stdout


def namespaces():
    return {name for name in os.listdir("/var/run/netns") if len(name) == 36}


_numbers = iter(range(1000))


@pytest.fixture
def machine():
    name = f"dn{os.getpid()}x{next(_numbers)}"
    network.ip("netns", "add", name)
    try:
        network.ip("link", "set", "lo", "up", namespace=name)
        for link, address in (("eth0", "10.77.0.5/24"), ("lan0", "192.168.77.5/24")):
            network.ip("link", "add", link, "type", "veth", "peer", "name", f"{link}-far", namespace=name)
            network.ip("addr", "add", address, "dev", link, namespace=name)
            network.ip("link", "set", link, "up", namespace=name)
            network.ip("link", "set", f"{link}-far", "up", namespace=name)
        network.ip("-6", "addr", "add", "fd77::5/64", "dev", "eth0", "nodad", namespace=name)
        network.ip("route", "add", "default", "via", "10.77.0.1", namespace=name)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


@pytest.fixture
def make(machine, tmp_path, request):
    made = []
    request.node.agents = made
    before = namespaces()

    def one(**options):
        agent = Inside(str(tmp_path / f"agent{len(made)}"), machine, **options)
        made.append(agent)
        return agent.start()

    yield one
    for agent in made:
        agent.close()
    assert namespaces() <= before, "a network namespace was left"


def web(text, port="${NOMAD_PORT_http}", driver="raw_exec", **more):
    """A small web server that answers with `text`, and a page `env` with its environment."""
    script = f"mkdir -p www && echo {text} > www/index.html && env > www/env.txt && exec {BUSYBOX} httpd -f -p {port} -h www"
    return {**task("/bin/sh", ("-c", script), **more), "Driver": driver}


def fetch_inside(agent, alloc, where, task_name="t"):
    """What a web server says to a task."""
    host, port = where.rsplit(":", 1)
    script = f"exec 3<>/dev/tcp/{host}/{port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && timeout 10 cat <&3 | tail -n 1"
    return agent.ok("alloc", "exec", "-task", task_name, alloc["ID"], "/usr/bin/timeout", "20", "/bin/bash", "-c", script).out


def bridged(*ports, mode="bridge", **more):
    return {"Networks": [{"Mode": mode, "DynamicPorts": [{"Label": "http", "To": 8080}, *ports], **more}]}


def details(agent, alloc):
    return agent.get(f"/v1/allocation/{alloc['ID']}")


def port_of(alloc, label="http"):
    return next(p for p in alloc["AllocatedResources"]["Shared"]["Ports"] if p["Label"] == label)


def test_bridge_maps_ports_and_leaves_nothing(make):
    agent = make()
    assert any(n["Mode"] == "bridge" for n in agent.get(f"/v1/node/{agent.get('/v1/nodes')[0]['ID']}")["NodeResources"]["Networks"])
    group = {**bridged(), "Services": [{"Name": "web", "PortLabel": "http", "Provider": "nomad"},
                                       {"Name": "direct", "PortLabel": "http", "Provider": "nomad", "AddressMode": "alloc"}]}
    agent.register(job("web", count=2, group=group, work=web("hello")))
    allocs = [details(agent, a) for a in agent.wait_running("web", 2)]
    addresses = set()
    for alloc in allocs:
        status, port = alloc["NetworkStatus"], port_of(alloc)
        assert status["InterfaceName"] == "eth0" and status["Address"].startswith("172.26.64.")
        addresses.add(status["Address"])
        # By its own address, by the host's, and by loopback.
        assert agent.wait_fetch(status["Address"], 8080) == "hello\n"
        assert agent.fetch("10.77.0.5", port["Value"]) == "hello\n"
        assert agent.fetch("127.0.0.1", port["Value"]) == "hello\n"
        env = dict(line.split("=", 1) for line in agent.fetch(status["Address"], 8080, "/env.txt").splitlines() if "=" in line)
        assert env["NOMAD_ALLOC_IP_http"] == status["Address"] and env["NOMAD_ALLOC_ADDR_http"] == f"{status['Address']}:8080"
        assert env["NOMAD_PORT_http"] == "8080" and env["NOMAD_HOST_ADDR_http"] == f"10.77.0.5:{port['Value']}"
        assert env["NOMAD_ALLOC_INTERFACE_http"] == "eth0"
    assert len(addresses) == 2
    found = agent.wait("/v1/service/direct", lambda all_: len(all_) == 2, "both are registered")
    assert {(s["Address"], s["Port"]) for s in found} == {(a, 8080) for a in addresses}
    # From one to the other, directly and by the host's address.
    first, other = allocs
    for target in (f"{other['NetworkStatus']['Address']}:8080", f"10.77.0.5:{port_of(other)['Value']}"):
        assert fetch_inside(agent, first, target) == "hello\n", target
    agent.ok("job", "stop", "-purge", "web")
    agent.wait("/v1/allocations", lambda all_: all(a["ClientStatus"] == "complete" for a in all_), "all has ended")
    for _ in range(500):
        if not agent.links() and "drover" not in agent.rules() and not (namespaces() & {a["ID"] for a in allocs}):
            break
        harness.ask_again_soon()
    assert agent.links() == set() and "drover" not in agent.rules()
    assert not namespaces() & {a["ID"] for a in allocs}


def test_hairpin_mode_lets_a_task_reach_itself_by_its_mapped_port(make):
    agent = make(client="  bridge_network_hairpin_mode = true\n")
    agent.register(job("web", group=bridged(), work=web("me")))
    (alloc,) = [details(agent, a) for a in agent.wait_running("web")]
    agent.wait_fetch("10.77.0.5", port_of(alloc)["Value"])
    assert fetch_inside(agent, alloc, f"10.77.0.5:{port_of(alloc)['Value']}") == "me\n"


def test_an_agent_that_is_killed_finds_its_networks_and_removes_what_is_left(make):
    agent = make()
    agent.register(job("web", group=bridged(), work=web("still here")))
    agent.register(job("gone", group=bridged(), work=web("gone")))
    (kept,) = [details(agent, a) for a in agent.wait_running("web")]
    (gone,) = [details(agent, a) for a in agent.wait_running("gone")]
    assert agent.wait_fetch("10.77.0.5", port_of(kept)["Value"]) == "still here\n"
    agent.wait_fetch("10.77.0.5", port_of(gone)["Value"])
    agent.kill()
    # Mapped ports are the kernel's: they work without any agent.
    assert agent.fetch("10.77.0.5", port_of(kept)["Value"]) == "still here\n"
    # Somebody empties the packet filter while nobody looks.
    agent.command("nft", "flush", "ruleset")
    assert agent.fetch("10.77.0.5", port_of(kept)["Value"]) is None
    agent.start()
    assert agent.wait_fetch("10.77.0.5", port_of(kept)["Value"]) == "still here\n"
    agent.wait_running("web")
    assert details(agent, kept)["ID"] == kept["ID"] and details(agent, kept)["NetworkStatus"] == kept["NetworkStatus"]
    agent.ok("job", "stop", "gone")
    agent.wait_allocs("gone", lambda all_: all(a["ClientStatus"] == "complete" for a in all_), "it has ended")
    agent.register(job("third", group=bridged(), work=web("third")))
    (third,) = [details(agent, a) for a in agent.wait_running("third")]
    assert third["NetworkStatus"]["Address"] != kept["NetworkStatus"]["Address"]
    assert agent.wait_fetch("10.77.0.5", port_of(third)["Value"]) == "third\n"


def test_exec_tasks_share_the_namespace_and_see_their_own_names(make):
    agent = make()
    group = bridged(Hostname="shop", DNS={"Servers": ["10.9.9.9"], "Searches": ["example.com"], "Options": ["ndots:2"]})
    script = "cat /etc/hosts /etc/resolv.conf > /local/names; exec /bin/sleep 600"
    isolated = {**task("/bin/sh", ("-c", script)), "Name": "names", "Driver": "exec"}
    body = job("shop", group=group, work=web("exec"))
    body["TaskGroups"][0]["Tasks"].append(isolated)
    agent.register(body)
    (alloc,) = agent.wait_running("shop")
    own = details(agent, alloc)["NetworkStatus"]["Address"]
    assert agent.wait_fetch(own, 8080) == "exec\n"
    names = agent.wait_json(f"/v1/client/fs/stat/{alloc['ID']}?path=names/local/names", lambda s: s["Size"] > 0, "the file is there") and \
        agent.ok("alloc", "fs", alloc["ID"], "names/local/names").out
    assert f"{own} shop\n" in names and "nameserver 10.9.9.9\n" in names and "search example.com\n" in names and "options ndots:2\n" in names
    # The other task is reached by loopback: it is the same namespace.
    assert fetch_inside(agent, alloc, "127.0.0.1:8080", "names") == "exec\n"


def test_none_has_loopback_alone(make):
    agent = make()
    agent.register(job("alone", group={"Networks": [{"Mode": "none"}]}, work=task("/bin/sh", ("-c", "ip -o link > links; exec sleep 600"))))
    (alloc,) = agent.wait_running("alone")
    links = agent.wait_json(f"/v1/client/fs/stat/{alloc['ID']}?path=t/links", lambda s: s["Size"] > 0, "it has looked") and agent.ok("alloc", "fs", alloc["ID"], "t/links").out
    assert " lo: <LOOPBACK,UP" in links and "eth0" not in links and "lan0" not in links


def test_two_families(make):
    agent = make(client='  bridge_network_subnet      = "10.88.0.0/24"\n  bridge_network_subnet_ipv6 = "fd88::/64"\n  bridge_network_name = "br-two"\n')
    agent.register(job("web", group=bridged(), work=web("both")))
    (alloc,) = [details(agent, a) for a in agent.wait_running("web")]
    status = alloc["NetworkStatus"]
    assert status["Address"].startswith("10.88.0.") and status["AddressIPv6"].startswith("fd88::")
    assert agent.wait_fetch(status["Address"], 8080) == "both\n"
    assert agent.wait_fetch(status["AddressIPv6"], 8080) == "both\n"
    assert agent.fetch("fd77::5", port_of(alloc)["Value"]) == "both\n"
    assert "br-two" in agent.links()


def test_host_networks_by_interface_and_cidr(make):
    blocks = ('  host_network "lan" {\n    interface = "lan0"\n    reserved_ports = "20000-20010"\n  }\n'
              '  host_network "six" {\n    cidr = "fd77::/64"\n  }\n  host_network "moon" {\n    cidr = "198.51.100.0/24"\n  }\n')
    agent = make(client=blocks)
    ports = [{"Label": "lan", "HostNetwork": "lan"}, {"Label": "six", "HostNetwork": "six"}, {"Label": "plain"}]
    agent.register(job("web", group={"Networks": [{"Mode": "host", "DynamicPorts": ports}]}, work=web("lan", port="${NOMAD_ADDR_lan}")))
    (alloc,) = [details(agent, a) for a in agent.wait_running("web")]
    assert {p["Label"]: p["HostIP"] for p in alloc["AllocatedResources"]["Shared"]["Ports"]} == {"lan": "192.168.77.5", "six": "fd77::5", "plain": "10.77.0.5"}
    assert not 20000 <= port_of(alloc, "lan")["Value"] <= 20010
    assert agent.wait_fetch("192.168.77.5", port_of(alloc, "lan")["Value"]) == "lan\n"
    assert agent.fetch("10.77.0.5", port_of(alloc, "lan")["Value"]) is None
    agent.register(job("moon", group={"Networks": [{"DynamicPorts": [{"Label": "x", "HostNetwork": "moon"}]}]}))
    blocked = agent.wait("/v1/job/moon/evaluations", lambda all_: [e for e in all_ if e.get("FailedTGAllocs")], "it is not placed")
    (reasons,) = {json.dumps(e["FailedTGAllocs"]["g"]["ConstraintFiltered"]) for e in blocked if e.get("FailedTGAllocs")}
    assert json.loads(reasons) == {'missing host network "moon" for port "x"': 1}


CONFLIST = {"cniVersion": "1.0.0", "name": "lab", "plugins": [
    {"type": "bridge", "bridge": "cni-lab", "isGateway": True, "ipMasq": False,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.99.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "tuning", "sysctl": {"net.ipv4.ip_default_ttl": "42"}}]}


def test_cni(make, tmp_path):
    config = tmp_path / "cni"
    config.mkdir()
    body = json.loads(json.dumps(CONFLIST))
    body["plugins"][0]["ipam"]["dataDir"] = str(tmp_path / "ipam")
    (config / "10-lab.conflist").write_text(json.dumps(body))
    (config / "20-broken.conf").write_text("{")
    agent = make(client=f'  cni_path       = "{CNI_PLUGINS}"\n  cni_config_dir = "{config}"\n')
    node = agent.get(f"/v1/node/{agent.get('/v1/nodes')[0]['ID']}")
    assert node["Attributes"]["plugins.cni.version.bridge"].removeprefix("v")[0].isdigit()
    assert "cni/lab" in [n["Mode"] for n in node["NodeResources"]["Networks"]]
    agent.register(job("web", group=bridged(mode="cni/lab"), work=web("cni", port="8080")))
    (alloc,) = [details(agent, a) for a in agent.wait_running("web")]
    status = alloc["NetworkStatus"]
    assert status["Address"].startswith("10.99.0.") and status["InterfaceName"] == "eth0"
    assert agent.wait_fetch(status["Address"], 8080) == "cni\n"
    agent.kill()
    agent.start()
    agent.wait_running("web")
    assert agent.wait_fetch(status["Address"], 8080) == "cni\n"
    agent.ok("job", "stop", "-purge", "web")
    agent.wait("/v1/allocations", lambda all_: all(a["ClientStatus"] == "complete" for a in all_), "it has ended")
    for _ in range(500):
        if alloc["ID"] not in namespaces():
            break
        harness.ask_again_soon()
    assert not list((tmp_path / "ipam" / "lab").glob("10.99.0.[0-9]*")), "its address is free again"


def test_what_cannot_be_made_says_why(make, tmp_path):
    config = tmp_path / "cni"
    config.mkdir()
    (config / "bad.conflist").write_text(json.dumps({"cniVersion": "1.0.0", "name": "bad", "plugins": [{"type": "no-such-plugin"}]}))
    agent = make(client=f'  cni_path       = "{CNI_PLUGINS}"\n  cni_config_dir = "{config}"\n')
    agent.register(job("bad", kind="batch", group={**bridged(mode="cni/bad"), "ReschedulePolicy": {"Attempts": 0, "Unlimited": False}}))
    failed = agent.wait_allocs("bad", lambda all_: any(a["ClientStatus"] == "failed" for a in all_), "it fails")
    event = failed[0]["TaskStates"]["t"]["Events"][-1]["DisplayMessage"]
    assert 'CNI plugin "no-such-plugin" is not in /usr/lib/cni' in event, event
    agent.register(job("never", group=bridged(mode="cni/unknown")))
    agent.wait("/v1/job/never/evaluations", lambda all_: [e for e in all_ if e.get("FailedTGAllocs")], "it is not placed")
    answer = agent.http("PUT", "/v1/jobs", {"Job": job("worse", group={"Networks": [{"Mode": "tunnel"}]})})
    assert answer.status in (400, 500) and 'Network mode "tunnel" is unknown' in answer.text

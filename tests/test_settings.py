"""Settings of agents whose effect nobody else looks at: addresses, the page, when the servers forget, snapshots, heartbeats; and a node that is away for a while."""
import json
import os
import socket

import pytest

import cluster
import harness
from test_agent_config import sleeper


def connects(address, port):
    try:
        socket.create_connection((address, port), timeout=harness.DEADLINE).close()
        return True
    except ConnectionRefusedError:
        return False


SERVER = """
  raft_snapshot_threshold = 20
  raft_trailing_logs      = 5
  job_gc_interval         = "1s"
  eval_gc_threshold       = "1s"
  batch_eval_gc_threshold = "1s"
  deployment_gc_threshold = "1s"
  node_gc_threshold       = "1s"
  min_heartbeat_ttl       = "1s"
  heartbeat_grace         = "1s"
"""
CONFIG = 'addresses {{\n  rpc  = "127.0.0.3"\n  serf = "127.0.0.4"\n}}\nui {{\n  enabled = false\n}}\nlog_file = "{log}"\nlog_rotate_duration = "1s"\n'


@pytest.fixture(scope="module")
def site(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("settings")
    log = folder / "own" / "agent.log"
    log.parent.mkdir()
    agent = harness.Agent(folder / "one", server=SERVER, client='  node_pool = "gold"\n', config=CONFIG.format(log=log))
    request.module.agents_of_module = [agent]
    try:
        yield agent.start()
    finally:
        agent.close()


def test_each_listener_has_its_own_address(site):
    for kind, address, port in (("http", "127.0.0.1", site.port), ("rpc", "127.0.0.3", site.port + 1), ("serf", "127.0.0.4", site.port + 2)):
        assert [a for a in ("127.0.0.1", "127.0.0.3", "127.0.0.4") if connects(a, port)] == [address], kind
    (member,) = site.get("/v1/agent/members")["Members"]
    assert (member["Addr"], member["Port"]) == ("127.0.0.4", site.port + 2) and member["Tags"]["port"] == str(site.port + 1)


def test_the_page_can_be_off(site):
    off = site.http("GET", "/ui/")
    assert off.status == 404 and "ui.enabled" in off.text


def test_a_node_is_in_its_pool(site):
    (node,) = site.get("/v1/nodes")
    assert node["NodePool"] == "gold" and [n["ID"] for n in site.get("/v1/node/pool/gold/nodes")] == [node["ID"]]


def test_what_is_over_is_forgotten_and_the_log_is_cut(site):
    batch = {**sleeper("counted", Config={"command": "/bin/true"}), "Type": "batch", "NodePool": "gold"}
    site.register(batch)
    site.register({**sleeper("served"), "NodePool": "gold", "Update": {"MinHealthyTime": 10**8, "HealthyDeadline": 10**11, "ProgressDeadline": 2 * 10**11}})
    site.wait_running("served", 1)
    deployments = site.wait("/v1/job/served/deployments", lambda found: found and found[0]["Status"] == "successful", "the deployment is over")
    site.wait("/v1/job/counted", lambda job: job["Status"] == "dead", "the batch job is done")
    site.wait_json("/v1/job/counted/evaluations", lambda evals: evals == [], "its evaluations are forgotten")
    assert site.get("/v1/job/counted")["Status"] == "dead", "the job is kept for longer"
    unblocked = site.http("PUT", f"/v1/deployment/unblock/{deployments[0]['ID']}", {"DeploymentID": deployments[0]["ID"]})
    assert unblocked.status in (400, 404) and "deployment" in unblocked.text, "none is ever blocked here"
    site.ok("job", "stop", "-detach", "served")
    site.wait_json("/v1/job/served/deployments", lambda found: found == [], "the deployment is forgotten")
    site.wait_json("/v1/agent/self", lambda self: int(self["stats"]["raft"]["last_snapshot_index"]) > 0, "the log is a snapshot now")
    log = os.path.join(os.path.dirname(site.folder), "own")

    def is_turned(_):
        site.register(harness.idle_job("noisy"))  # a file is turned by a line that comes when it is old enough
        return len(os.listdir(log)) > 1

    site.wait_json("/v1/agent/health", is_turned, "the agent's log file is turned")


def node_of(folder, name, server):
    """An agent that is only a client; the servers' address is not the usual one here."""
    return harness.Agent(folder, name=name, with_server=False, client=f'  servers = ["{server}"]\n')


def wait_ready(site, name):
    site.wait("/v1/nodes", lambda nodes: any(n["Name"] == name and n["Status"] == "ready" for n in nodes), f"{name} is ready")


def test_a_node_that_is_away_keeps_its_work_and_one_that_is_gone_is_forgotten(site, tmp_path):
    """group.disconnect: its allocations are unknown meanwhile, and nobody replaces them."""
    node = node_of(tmp_path, "other", f"127.0.0.3:{site.port + 1}")
    try:
        node.launch()
        wait_ready(site, "other")
        away = sleeper("away")
        away["TaskGroups"][0]["Disconnect"] = {"LostAfter": 3600 * 10**9, "Replace": False}
        site.register(away)
        (alloc,) = site.wait_running("away", 1)
        node.kill()

        def is_unknown(allocs):
            return [a["ClientStatus"] for a in allocs] == ["unknown"]

        site.wait("/v1/job/away/allocations", is_unknown, "nobody knows how it is")
        site.wait("/v1/nodes", lambda nodes: any(n["Name"] == "other" and n["Status"] == "disconnected" for n in nodes), "the node is only away")
        node.launch()
        (back,) = site.wait("/v1/job/away/allocations", lambda allocs: [a["ClientStatus"] for a in allocs] == ["running"], "it came back")
        assert back["ID"] == alloc["ID"]
        site.ok("job", "stop", "-detach", "away")
        site.wait("/v1/job/away/allocations", lambda allocs: all(a["ClientStatus"] == "complete" for a in allocs), "it is stopped")
        node.kill()
        site.wait_json("/v1/nodes", lambda nodes: [n["Name"] for n in nodes] == ["node-one"], "the node is forgotten")
    finally:
        node.close()


def test_the_servers_of_a_node_are_changed_by_hand(site, tmp_path):
    node = node_of(tmp_path, "moved", "127.0.0.1:1")
    try:
        node.launch().wait_started()
        assert node.http("PUT", "/v1/agent/servers").status == 400
        changed = node.http("PUT", f"/v1/agent/servers?address=127.0.0.3:{site.port + 1}")
        assert changed.status == 200, changed
        wait_ready(site, "moved")
    finally:
        node.close()


def test_quotas_are_written_by_name_and_their_use_is_listed(site, tmp_path):
    limits = [{"Region": "global", "RegionLimit": {"CPU": 100}}]
    assert site.http("PUT", "/v1/quota/small", {"Name": "small", "Limits": limits}).status == 200
    assert site.get("/v1/quota/small")["Limits"][0]["RegionLimit"]["CPU"] == 100
    assert [usage["Name"] for usage in site.get("/v1/quota-usages")] == ["small"]
    written = site.ok("quota", "init", cwd=str(tmp_path))
    assert (tmp_path / "spec.hcl").exists() and "spec.hcl" in written.out
    site.ok("quota", "apply", str(tmp_path / "spec.hcl"))
    site.ok("quota", "init", "-json", cwd=str(tmp_path))
    assert json.loads((tmp_path / "spec.json").read_text())["Name"]
    again = site.run("quota", "init", cwd=str(tmp_path))
    assert again.code == 1 and "exists" in again.err
    assert len(site.get("/v1/quota-usages")) == 2


def volumes_go_through_the_server_that_has_the_node(site, leader, follower):
    """The node's session is a follower's: the leader asks that one (ClientHostVolume.Create, Register and Delete)."""
    (node,) = site.clients
    node.blocks = (node.blocks[0], f'  servers = ["{follower.address}"]\n', *node.blocks[2:])
    node.write_config()
    site.start_clients()
    made = {}
    for word in ("create", "register"):
        spec = os.path.join(site.folder, f"{word}.hcl")
        with open(spec, "w") as file:
            path = f'host_path = "{node.folder}"\nnode_id = "{leader.get("/v1/nodes")[0]["ID"]}"\n' if word == "register" else 'plugin_id = "mkdir"\n'
            file.write(f'name = "{word}"\ntype = "host"\n{path}capability {{\n  access_mode = "single-node-writer"\n  attachment_mode = "file-system"\n}}\n')
        with open(spec) as file:
            done = leader.run("volume", word, "-", stdin=file.read())
        assert done.code == 0, done
        (made[word],) = [volume for volume in leader.get("/v1/volumes?type=host") if volume["Name"] == word]
    for volume in made.values():
        leader.wait(f"/v1/volume/host/{volume['ID']}", lambda shown: shown["State"] == "ready", "the node has it")
        leader.ok("volume", "delete", "-type", "host", volume["ID"])


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_a_dead_server_is_removed_by_hand(tmp_path):
    site = cluster.Cluster(tmp_path, clients=1, config="autopilot {\n  cleanup_dead_servers = false\n}\n")
    try:
        site.start_servers()
        leader = site.wait_leader()
        dead, follower = [server for server in site.servers if server is not leader]
        volumes_go_through_the_server_that_has_the_node(site, leader, follower)
        (peer,) = [s for s in leader.get("/v1/operator/raft/configuration")["Servers"] if s["Node"].startswith(dead.name)]
        dead.kill()
        removed = leader.ok("operator", "raft", "remove-peer", f"-peer-id={peer['ID']}")
        assert peer["ID"] in removed.out
        left = leader.wait_json("/v1/operator/raft/configuration", lambda c: len(c["Servers"]) == 2, "two are left")
        assert peer["ID"] not in {s["ID"] for s in left["Servers"]}
        gone = leader.run("operator", "raft", "remove-peer", f"-peer-id={peer['ID']}")
        assert gone.code == 1 and "not found" in gone.err
    finally:
        site.close()

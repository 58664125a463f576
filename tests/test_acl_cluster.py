"""Three servers and a client with access control: nodes register and work by their secrets, every agent refuses and allows alike."""
import harness
from cluster import Cluster, each
from test_acl import LOOP, READER


def test_a_cluster_with_access_control(tmp_path):
    cluster = Cluster(tmp_path, servers=3, clients=1, config="acl { enabled = true }\n", tls=True)
    try:
        each(cluster.servers, lambda m: m.start())
        first = cluster.servers[0]
        first.wait_json("/v1/status/leader", lambda leader: leader, "somebody leads")
        secret = first.ok("acl", "bootstrap").field("Secret ID")
        for member in cluster.members:
            member.token = secret
        leader = cluster.wait_leader()
        cluster.start_clients()
        leader.ok("acl", "policy", "apply", "reader", "-", stdin=READER)
        reader = leader.ok("acl", "token", "create", "-policy=reader").field("Secret ID")
        path = harness.write_job(tmp_path, "loop.nomad.hcl", LOOP)
        leader.ok("job", "run", "-detach", path)
        alloc = leader.wait_running("loop")[0]["ID"]
        for member in cluster.members:
            for token, url, status in [
                (reader, "/v1/job/loop", 200), ("", "/v1/job/loop", 403), (reader, f"/v1/client/allocation/{alloc}/stats", 200),
                (reader, f"/v1/client/fs/logs/{alloc}?task=t&type=stdout&plain=true", 403),
                (secret, f"/v1/client/fs/logs/{alloc}?task=t&type=stdout&plain=true", 200),
                (reader, "/v1/agent/self", 403), (secret, "/v1/agent/self", 200), ("", "/v1/agent/self", 403),
            ]:
                answer = member.http("GET", url, headers={"X-Nomad-Token": token})
                assert answer.status == status, f"{member.name} {url}: {answer}"
        # A token made through one server is known to every other at once.
        for member in cluster.servers:
            made = member.ok("acl", "token", "create", "-policy=reader").field("Secret ID")
            for other in cluster.servers:
                assert other.http("GET", f"/v1/client/allocation/{alloc}/stats", headers={"X-Nomad-Token": made}).status == 200, other.name
        # The leader dies; nodes and tokens go on with another one.
        cluster.kill([leader])
        other = cluster.wait_leader()
        assert other.http("GET", "/v1/job/loop", headers={"X-Nomad-Token": reader}).status == 200
        cluster.wait_nodes({m.name for m in cluster.clients})
        other.ok("job", "stop", "-purge", "-detach", "loop")
    finally:
        cluster.close()

"""Two regions with access control: policies, roles, auth methods, binding rules and global tokens are those of the authoritative one."""
import json
import os
import uuid

import cluster
import network
import pytest

from test_acl import READER

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(scope="module")
def regions(request, tmp_path_factory):
    net, made, secret = network.Network(), [], str(uuid.uuid4())
    config = f'acl {{\n  enabled = true\n  replication_token = "{secret}"\n}}\n'
    try:
        for region in ("home", "away"):
            made.append(cluster.Cluster(tmp_path_factory.mktemp(region), servers=1, clients=0, region=region, net=net, encrypt=False, config=config,
                                        server='  authoritative_region = "home"\n'))
        request.module.agents_of_module = [m for each in made for m in each.members]
        home, away = (each.servers[0] for each in made)
        for server in (home, away):
            server.start()
            server.wait_json("/v1/status/leader", lambda leader: leader, "somebody leads")
        assert home.ok("acl", "bootstrap", "-", stdin=secret).field("Secret ID") == secret
        home.ok("server", "join", away.address, env={"NOMAD_TOKEN": secret})
        home.token = away.token = secret
        yield home, away
    finally:
        for each in made:
            each.close()
        net.close()


def known(server, path, name, key="Name", there=True):
    server.wait_json(path, lambda list_: any(each[key] == name for each in list_) == there, f"{name} is {'' if there else 'not '}in {path}")


def test_the_first_token_is_good_everywhere(regions):
    _, away = regions
    known(away, "/v1/acl/tokens", "Bootstrap Token")
    assert away.http("GET", "/v1/agent/members").status == 200


def test_what_home_writes_comes_and_goes(regions):
    home, away = regions
    home.ok("acl", "policy", "apply", "reader", "-", stdin=READER)
    role = home.ok("acl", "role", "create", "-name=readers", "-policy=reader").field("ID")
    secret = home.ok("acl", "token", "create", "-name=everywhere", "-global=true", "-role-id=" + role)
    known(away, "/v1/acl/policies", "reader")
    known(away, "/v1/acl/roles", "readers")
    known(away, "/v1/acl/tokens", "everywhere")
    everywhere = secret.field("Secret ID")
    assert away.http("GET", "/v1/jobs", headers={"X-Nomad-Token": everywhere}).status == 200
    home.ok("acl", "policy", "apply", "reader", "-", stdin='node { policy = "read" }\n')
    away.wait_json("/v1/acl/policy/reader", lambda p: "node" in p["Rules"], "the changed policy has come")
    assert away.http("GET", "/v1/jobs", headers={"X-Nomad-Token": everywhere}).status == 403
    home.ok("acl", "token", "delete", secret.field("Accessor ID"))
    known(away, "/v1/acl/tokens", "everywhere", there=False)
    assert away.http("GET", "/v1/nodes", headers={"X-Nomad-Token": everywhere}).status == 403
    home.ok("acl", "role", "delete", role)
    known(away, "/v1/acl/roles", "readers", there=False)


def test_what_is_written_away_is_written_at_home(regions):
    home, away = regions
    away.ok("acl", "policy", "apply", "by-away", "-", stdin=READER)
    assert "by-away" in [p["Name"] for p in home.http("GET", "/v1/acl/policies").json]
    made = away.ok("acl", "token", "create", "-name=made-away", "-global=true", "-policy=by-away").field("Accessor ID")
    assert home.http("GET", f"/v1/acl/token/{made}").json["Name"] == "made-away"
    known(away, "/v1/acl/tokens", "made-away")
    away.ok("acl", "token", "delete", made)
    assert home.http("GET", f"/v1/acl/token/{made}").status == 404
    known(away, "/v1/acl/tokens", "made-away", there=False)


def test_tokens_of_one_region_stay_there(regions):
    home, away = regions
    home.ok("acl", "policy", "apply", "local", "-", stdin=READER)
    known(away, "/v1/acl/policies", "local")
    here = away.ok("acl", "token", "create", "-name=only-away", "-policy=local").field("Secret ID")
    home.ok("acl", "token", "create", "-name=only-home", "-policy=local")
    # Something that is replicated after both: what has not come by then does not come.
    home.ok("acl", "token", "create", "-name=marker", "-global=true", "-policy=local")
    known(away, "/v1/acl/tokens", "marker")
    names = [t["Name"] for t in away.http("GET", "/v1/acl/tokens").json]
    assert "only-away" in names and "only-home" not in names
    assert away.http("GET", "/v1/jobs", headers={"X-Nomad-Token": here}).status == 200
    assert home.http("GET", "/v1/jobs", headers={"X-Nomad-Token": here}).status == 403


def test_auth_methods_and_rules_come_with_their_secrets(regions):
    home, away = regions
    config = {"OIDCDiscoveryURL": "http://127.0.0.1:1", "OIDCClientID": "drover", "OIDCClientSecret": "hush", "AllowedRedirectURIs": ["http://localhost/cb"]}
    home.ok("acl", "auth-method", "create", "-name=corp", "-type=OIDC", "-token-locality=global", "-max-token-ttl=1h", f"-config={json.dumps(config)}")
    rule = home.ok("acl", "binding-rule", "create", "-auth-method=corp", "-bind-type=management").field("ID")
    known(away, "/v1/acl/auth-methods", "corp")
    known(away, "/v1/acl/binding-rules", rule, key="ID")
    assert "hush" not in away.http("GET", "/v1/acl/auth-method/corp").text
    home.ok("acl", "auth-method", "delete", "corp")
    known(away, "/v1/acl/auth-methods", "corp", there=False)


def test_namespaces_node_pools_and_quotas_are_those_of_home(regions):
    home, away = regions
    home.http("POST", "/v1/quota", {"Name": "small", "Limits": [{"Region": "home", "RegionLimit": {"CPU": 100}}]})
    away.ok("namespace", "apply", "-description=theirs", "-quota=small", "team")
    away.ok("node", "pool", "apply", "-", stdin='node_pool "gpu" {\n  description = "cards"\n}\n')
    assert home.http("GET", "/v1/namespace/team").json["Quota"] == "small"
    assert home.http("GET", "/v1/node/pool/gpu").json["Description"] == "cards"
    for path, name in (("/v1/namespaces", "team"), ("/v1/node/pools", "gpu"), ("/v1/quotas", "small")):
        known(away, path, name)
    home.ok("namespace", "apply", "-description=ours", "team")
    away.wait_json("/v1/namespace/team", lambda ns: ns["Description"] == "ours", "the change has come")
    task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/true"}, "Resources": {"CPU": 1, "MemoryMB": 10}}
    job = {"ID": "waits", "Namespace": "team", "Datacenters": ["nowhere"], "NodePool": "gpu", "TaskGroups": [{"Name": "g", "Tasks": [task]}]}
    assert away.http("PUT", "/v1/jobs", {"Job": job}).status == 200
    home.ok("node", "pool", "delete", "gpu")
    home.ok("namespace", "delete", "team")
    home.ok("acl", "token", "create", "-name=after", "-global=true", "-type=management")
    known(away, "/v1/acl/tokens", "after")
    assert {"team", "default"} <= {ns["Name"] for ns in away.http("GET", "/v1/namespaces").json}, "what is used here stays"
    assert away.http("DELETE", "/v1/job/waits?purge=true&namespace=team").status == 200
    known(away, "/v1/namespaces", "team", there=False)


def test_a_region_goes_on_alone_and_catches_up(regions):
    home, away = regions
    home.kill()
    assert away.http("GET", "/v1/acl/tokens").status == 200
    home.start()
    home.wait_json("/v1/acl/policies", lambda list_: True, "home is back")
    home.ok("acl", "policy", "apply", "after", "-", stdin=READER)
    known(away, "/v1/acl/policies", "after")

"""Services and checks of provider nomad: what is registered, checked, chosen, removed, and what deployments make of it."""
import http.server
import re
import threading

import pytest

from fleet import Fleet, job, task

SECOND = 1_000_000_000


class Web:
    """A real HTTP server on loopback whose answer a test decides."""

    def __init__(self):
        self.status = 200
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(web.status)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"hello")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def web():
    made = Web()
    yield made
    made.close()


@pytest.fixture
def agent(shared_agent):
    yield shared_agent
    for each in shared_agent.get("/v1/jobs"):
        shared_agent.http("DELETE", f"/v1/job/{each['ID']}?purge=true")
    shared_agent.wait("/v1/allocations", lambda allocs: all(a["ClientStatus"] not in ("running", "pending") for a in allocs), "all has ended")


def service(name, port, **more):
    return {"Name": name, "PortLabel": str(port), "Provider": "nomad", **more}


def check(kind="http", **more):
    return {"Name": "alive", "Type": kind, "Path": "/", "Interval": SECOND, "Timeout": 2 * SECOND, **more}


def of_service(agent, name, count):
    return agent.wait(f"/v1/service/{name}", lambda found: len(found) == count, f"{count} instances of {name}")


def test_registered_with_its_port_and_removed_with_its_task(agent):
    group = {"Networks": [{"Mode": "host", "DynamicPorts": [{"Label": "http"}]}],
             "Services": [service("web", "http", Tags=["v1", "${NOMAD_ALLOC_INDEX}"])]}
    def wanted(count):
        return job("web", count=count, group=group, work=task(Services=[service("inside", "http")]))

    agent.register(wanted(2))
    allocs = {a["ID"]: a for a in agent.wait_running("web", 2)}
    found = of_service(agent, "web", 2)
    of_service(agent, "inside", 2)
    for each in found:
        alloc = agent.get(f"/v1/allocation/{each['AllocID']}")
        (port,) = alloc["AllocatedResources"]["Shared"]["Ports"]
        assert (each["Address"], each["Port"]) == (port["HostIP"], port["Value"])
        assert each["ID"] == f"_nomad-task-{alloc['ID']}-group-g-web-http"
        assert each["Tags"][0] == "v1" and each["Tags"][1] in ("0", "1")
        assert {s["ServiceName"] for s in agent.get(f"/v1/allocation/{alloc['ID']}/services")} == {"web", "inside"}
    assert len(agent.get("/v1/job/web/services")) == 4
    (listed,) = agent.get("/v1/services")
    assert [s["ServiceName"] for s in listed["Services"]] == ["inside", "web"]
    assert {row["Service Name"] for row in agent.ok("service", "list").table()} == {"inside", "web"}
    assert len(agent.ok("service", "info", "web").table()) == 2
    # The same key chooses the same instance, another number more of them.
    first = agent.get("/v1/service/web?choose=1|caller")
    assert first == agent.get("/v1/service/web?choose=1%7Ccaller") and len(first) == 1
    assert len(agent.get("/v1/service/web?choose=9|caller")) == 2
    assert agent.http("GET", "/v1/service/web?choose=one").status == 400
    (page,) = agent.get("/v1/service/web?per_page=1")
    assert page in found
    assert agent.get(f"/v1/service/web?filter=AllocID==%22{next(iter(allocs))}%22")[0]["AllocID"] == next(iter(allocs))
    agent.register(wanted(1))
    of_service(agent, "web", 1)
    agent.ok("job", "stop", "-purge", "web")
    of_service(agent, "web", 0)
    of_service(agent, "inside", 0)
    assert agent.get("/v1/services") == []
    assert agent.ok("service", "list").out.strip() == "No service registrations found"


def test_a_registration_is_deleted_by_hand(agent):
    agent.register(job("web", group={"Services": [service("web", "8080")]}))
    (found,) = of_service(agent, "web", 1)
    assert agent.http("DELETE", "/v1/service/web/nope").status == 404
    assert "Successfully deleted service registration" in agent.ok("service", "delete", "web", found["ID"]).out
    of_service(agent, "web", 0)


def test_an_agent_that_dies_and_comes_back_knows_its_services(make_agent):
    agent = make_agent("reborn").start()
    agent.register(job("web", group={"Services": [service("web", "8080")]}))
    agent.wait_running("web")
    (before,) = of_service(agent, "web", 1)
    agent.kill()
    agent.start()
    (after,) = of_service(agent, "web", 1)
    assert after["ID"] == before["ID"]
    assert agent.wait_running("web")[0]["ID"] == before["AllocID"]
    # Registered once more by the new agent, so that the end of the task removes it.
    agent.ok("job", "stop", "web")
    of_service(agent, "web", 0)


def test_checks_are_shown_and_follow_the_server(agent, web):
    checks = [check(), check("tcp", Name="open"), check("script", Name="inside", TaskName="t", Command="/bin/sh", Args=["-c", "echo $NOMAD_TASK_NAME"])]
    agent.register(job("web", group={"Services": [service("web", web.port, Checks=checks)]}))
    (alloc,) = agent.wait_running("web")
    path = f"/v1/client/allocation/{alloc['ID']}/checks"

    def all_are(status):
        return lambda results: len(results) == 3 and all(r["Status"] == status for r in results.values())

    results = agent.wait_json(path, all_are("success"), "all checks pass")
    assert {r["Output"].strip() for r in results.values()} == {"nomad: http ok", "nomad: tcp ok", "t"}
    assert {r["Check"]: r.get("StatusCode", 0) for r in results.values()} == {"alive": 200, "open": 0, "inside": 0}
    shown = agent.ok("alloc", "checks", alloc["ID"])
    assert shown.out.startswith("Status of 3 Nomad Service Checks\n\nID "), shown
    assert len(re.findall(r"^Status += success$", shown.out, re.MULTILINE)) == 3, shown
    missing = agent.run("service", "info", "nobody")
    assert (missing.code, missing.all) == (1, 'Error listing service registrations: No service registrations with prefix "nobody" found\n')
    assert "Nomad Service Checks:" in agent.ok("alloc", "status", alloc["ID"]).out
    web.status = 500
    agent.wait_json(path, lambda results: any(r["Status"] == "failure" and r["StatusCode"] == 500 for r in results.values()), "the http check fails")


def test_a_check_that_fails_restarts_the_task(agent, web):
    web.status = 500
    of_task = service("web", web.port, Checks=[check(CheckRestart={"Limit": 2, "Grace": SECOND // 2})])
    agent.register(job("web", work=task(Services=[of_task]), group={"RestartPolicy": {"Attempts": 5, "Interval": 600 * SECOND, "Delay": 0, "Mode": "fail"}}))
    (alloc,) = agent.wait_running("web")
    restarted = agent.wait(f"/v1/allocation/{alloc['ID']}", lambda a: (a["TaskStates"] or {}).get("t", {}).get("Restarts", 0) >= 1, "a restart")
    assert any('healthcheck: check "alive" unhealthy' in e["DisplayMessage"] for e in restarted["TaskStates"]["t"]["Events"])


def test_a_rolling_update_waits_for_the_check(agent, web):
    update = {"MaxParallel": 1, "HealthCheck": "checks", "MinHealthyTime": 0, "HealthyDeadline": 60 * SECOND, "ProgressDeadline": 120 * SECOND}

    def rolling(version):
        group = {"Services": [service("web", web.port, Checks=[check()])]}
        return job("web", count=2, group=group, Update=update, work=task(Env={"VERSION": version}))

    agent.register(rolling("1"))
    agent.wait("/v1/job/web/deployments", lambda all_: any(d["Status"] == "successful" for d in all_), "the first deployment")
    web.status = 500
    agent.register(rolling("2"))
    new = agent.wait_allocs("web", lambda allocs: [a for a in allocs if a["JobVersion"] == 1 and a["ClientStatus"] == "running"], "the first new allocation runs")
    (first,) = [a for a in new if a["JobVersion"] == 1]
    agent.wait_json(f"/v1/client/allocation/{first['ID']}/checks", lambda r: any(c["Status"] == "failure" for c in r.values()), "its check fails")
    held = agent.allocs("web")
    assert len([a for a in held if a["JobVersion"] == 1]) == 1, "the update goes no further"
    assert not (first["DeploymentStatus"] or {}).get("Healthy")
    web.status = 200
    agent.wait("/v1/job/web/deployments", lambda all_: [d for d in all_ if d["JobVersion"] == 1 and d["Status"] == "successful"], "the update is done")
    assert len([a for a in agent.allocs("web") if a["JobVersion"] == 1 and a["ClientStatus"] == "running"]) == 2


@pytest.fixture
def two_nodes(request, tmp_path):
    made = Fleet(str(tmp_path), {"one": "", "two": ""}, server='  heartbeat_grace = "1s"\n  min_heartbeat_ttl = "1s"\n')
    request.node.agents = made.agents
    try:
        yield made.start()
    finally:
        made.close()


def test_a_node_that_is_lost_takes_its_services_along(two_nodes):
    fleet = two_nodes
    fleet.server.register(job("web", group={"Services": [service("web", "8080")]}))
    (alloc,) = fleet.server.wait_running("web")
    of_service(fleet.server, "web", 1)
    fleet.nodes[alloc["NodeName"]].kill()
    found = fleet.server.wait("/v1/service/web", lambda all_: len(all_) == 1 and all_[0]["AllocID"] != alloc["ID"], "only the replacement is known")
    assert found[0]["NodeID"] != alloc["NodeID"]


@pytest.mark.parametrize("wrong, said", [
    ({"Checks": [check(Path="")]}, "http type must have http path"),
    ({"Checks": [check(Interval=0)]}, "Missing required value interval"),
    ({"Checks": [check(Type="ping")]}, 'Check type'),
    ({"Checks": [check(Expose=True)]}, "expose may only be set for Consul service checks"),
    ({"PortLabel": "nope"}, 'Port label "nope" referenced by service "web" does not exist'),
    ({"Name": "no good"}, "RFC 1123"),
    ({"Connect": {"Native": True}}, "Service with provider nomad cannot include Connect blocks"),
])
def test_what_is_wrong_is_said(agent, wrong, said):
    answer = agent.http("PUT", "/v1/jobs", {"Job": job("bad", group={"Services": [{**service("web", "8080"), **wrong}]})})
    assert answer.status in (400, 500) and said in answer.text, answer
    assert agent.http("GET", "/v1/job/bad").status == 404


def test_consul_is_said_not_to_be_there(agent):
    answer = agent.register(job("mesh", group={"Services": [{"Name": "web", "PortLabel": "8080"}]}))
    assert 'provider "consul"' in answer["Warnings"]
    blocked = agent.wait("/v1/job/mesh/evaluations", lambda all_: [e for e in all_ if e.get("FailedTGAllocs")], "it is not placed")
    (failed,) = [e for e in blocked if e.get("FailedTGAllocs")][:1]
    assert failed["FailedTGAllocs"]["g"]["ConstraintFiltered"] == {"${attr.consul.version} semver >= 1.8.0": 1}

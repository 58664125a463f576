"""The event stream: what changes, in order, to those who asked for it."""
import http.client
import json
import os
import socket

import pytest

import harness


class Events:
    """One subscription; lines are read as they come."""

    def __init__(self, agent, query="", timeout=harness.DEADLINE, headers=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=timeout)
        self.connection.request("GET", f"/v1/event/stream?{query}", headers=headers or {})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.line() == {}, "the first line says that the subscription is there"

    def line(self):
        return json.loads(self.answer.readline())

    def until(self, condition):
        """Every event up to the first that meets the condition."""
        seen = []
        while True:
            for event in self.line().get("Events") or []:
                seen.append(event)
                if condition(event):
                    return seen

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def sleeper(name):
    job = harness.idle_job(name)
    job["Datacenters"] = ["*"]
    job["TaskGroups"][0]["Tasks"][0]["Config"] = {"command": "/bin/sleep", "args": ["600"]}
    return job


def is_running(event):
    return event["Topic"] == "Allocation" and event["Payload"]["Allocation"]["ClientStatus"] == "running"


def test_a_job_from_registration_to_purge(shared_agent):
    agent = shared_agent
    with Events(agent, f"index={10**9}") as events:
        agent.register(sleeper("followed"))
        seen = events.until(is_running)
        agent.http("DELETE", "/v1/job/followed?purge=true")
        seen += events.until(lambda e: e["Topic"] == "Job" and e["Payload"].get("Deleted"))
    kinds = [(e["Topic"], e["Type"]) for e in seen]
    assert ("Job", "JobRegistered") in kinds and ("Evaluation", "JobRegistered") in kinds, kinds
    assert ("Allocation", "PlanResult") in kinds and ("Allocation", "AllocationUpdated") in kinds, kinds
    assert ("Job", "JobDeregistered") in kinds, kinds
    indexes = [e["Index"] for e in seen]
    assert indexes == sorted(indexes)
    placed = next(e for e in seen if e["Topic"] == "Allocation")
    assert placed["Namespace"] == "default" and "followed" in placed["FilterKeys"]
    assert placed["Payload"]["Allocation"]["Job"] is None


def test_topics_keys_and_replay(shared_agent):
    agent = shared_agent
    for name in ("one", "two"):
        agent.register(sleeper(name))
        agent.wait_running(name)
    index = agent.http("GET", "/v1/job/one").json["CreateIndex"]
    with Events(agent, f"topic=Job:two&index={index}") as events:
        (first,) = events.until(lambda e: True)
        assert (first["Topic"], first["Key"], first["Type"]) == ("Job", "two", "JobRegistered")
    with Events(agent, f"topic=Allocation:one&topic=Deployment&index={index}") as events:
        seen = events.until(is_running)
        assert {e["Payload"]["Allocation"]["JobID"] for e in seen if e["Topic"] == "Allocation"} == {"one"}
    with Events(agent, f"namespace=other&index={index}") as events:
        agent.http("POST", "/v1/namespace", {"Name": "other"})
        agent.register({**harness.idle_job("elsewhere"), "Namespace": "other"})
        seen = events.until(lambda e: e["Topic"] == "Job")
        assert {e["Namespace"] for e in seen} <= {"", "other"}
    agent.http("DELETE", "/v1/job/elsewhere?namespace=other&purge=true")


@pytest.mark.parametrize("query,text", [("index=soon", "Unable to parse index"), ("topic=Job:a:b", "Invalid topic query"),
                                        ("topic=Jobs", "there is no topic \"Jobs\""), ("region=mars", "No path to region")])
def test_bad_queries(shared_agent, query, text):
    answer = shared_agent.http("GET", f"/v1/event/stream?{query}")
    assert answer.status in (400, 500) and text in answer.text, repr(answer)


def test_a_reader_that_goes_is_forgotten_and_many_are_served(shared_agent):
    agent = shared_agent
    readers = [Events(agent, f"topic=Job&index={10**9}") for _ in range(40)]
    for reader in readers[:10]:
        reader.connection.sock.shutdown(socket.SHUT_RDWR)
    agent.register(harness.idle_job("shown-to-all"))
    for reader in readers[10:]:
        assert any(e["Key"] == "shown-to-all" for e in reader.until(lambda e: e["Key"] == "shown-to-all"))
    for reader in readers:
        reader.close()


def test_the_command_line_and_a_restart(make_agent):
    agent = make_agent().start()
    with Events(agent, "topic=Node") as events:
        assert events.until(lambda e: e["Payload"]["Node"]["Status"] == "ready")[-1]["Payload"]["Node"]["SecretID"] == ""
        agent.kill()
        with pytest.raises((OSError, http.client.HTTPException, ValueError)):
            while True:
                events.line()
    agent.start()
    with Events(agent, "topic=Job"):
        pass
    agent.stop()
    with open(agent.config_path) as file:
        text = file.read()
    with open(agent.config_path, "w") as file:
        file.write(text.replace("bootstrap_expect = 1", "bootstrap_expect    = 1\n  enable_event_broker = false"))
    agent.start()
    answer = agent.http("GET", "/v1/event/stream")
    assert answer.status == 501 and "event broker not enabled" in answer.text, repr(answer)


def test_events_of_another_region_and_through_a_client(make_agent):
    server = make_agent("server", with_client=False)
    server.launch().wait_started()
    client = make_agent("client", name="node-two", with_server=False, client=f'servers = ["127.0.0.1:{server.port + 1}"]')
    client.launch().wait_started()
    client.wait_json("/v1/nodes", lambda nodes: any(n["Status"] == "ready" for n in nodes), "the node is ready")
    with Events(client, "topic=Node") as events:
        assert events.until(lambda e: True)[0]["Topic"] == "Node"

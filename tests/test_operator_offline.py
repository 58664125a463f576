"""Commands that read a stopped server's directory or a snapshot file, and those that say how an agent is."""
import json
import os

import harness


def written(agent):
    """A server that has stored a job and a variable, and a secret that must not be shown."""
    agent.launch().wait_started()
    agent.wait_log("initialized keyring")
    agent.register(harness.idle_job("kept"))
    agent.ok("var", "put", "nomad/jobs/kept", "password=very-secret-word")
    return agent


def test_a_stopped_server_shows_its_log_and_its_state(make_agent):
    agent = written(make_agent(with_client=False))
    refused = agent.run("operator", "raft", "info", agent.data_dir)
    assert refused.code == 1 and "a server runs on" in refused.err
    agent.stop()
    info = agent.ok("operator", "raft", "info", agent.data_dir).out
    pairs = dict(line.split(":", 1) for line in info.splitlines())
    last = int(pairs["last index"])
    assert int(pairs["length"]) == last - int(pairs["first index"]) + 1 and pairs["path"].strip().endswith("/server/raft")
    entries = [json.loads(line) for line in agent.ok("operator", "raft", "logs", agent.data_dir).out.splitlines()]
    assert [e["Index"] for e in entries] == list(range(int(pairs["first index"]), last + 1))
    (registered,) = [e for e in entries if e["Type"] == "job_register"]
    assert registered["Body"]["Job"]["ID"] == "kept" and entries[0]["Type"] == "configuration"
    state = json.loads(agent.ok("operator", "raft", "state", agent.data_dir).out)
    assert [j["ID"] for j in state["Jobs"]] == ["kept"] and state["Index"] == last
    assert "very-secret-word" not in json.dumps(state) + json.dumps(entries)
    before = json.loads(agent.ok("operator", "raft", "state", f"-last-index={registered['Index'] - 1}", agent.data_dir).out)
    assert before["Jobs"] == []
    agent.launch().wait_started()
    agent.wait_json("/v1/job/kept", lambda job: job["ID"] == "kept", "the job is there again")


def test_a_snapshot_shows_its_state_and_loses_its_keys(make_agent, tmp_path):
    agent = written(make_agent(with_client=False))
    file = str(tmp_path / "state.snap")
    agent.ok("operator", "snapshot", "save", file)
    state = json.loads(agent.ok("operator", "snapshot", "state", file).out)
    assert [j["ID"] for j in state["Jobs"]] == ["kept"] and len(state["RootKeys"]) == 1
    only = json.loads(agent.ok("operator", "snapshot", "state", "-filter", 'ID == "kept"', file).out)
    assert only["Jobs"] and not only["Namespaces"]
    size = os.path.getsize(file)
    assert "redacted" in agent.ok("operator", "snapshot", "redact", file).out
    assert os.path.getsize(file) < size
    assert "job" in agent.ok("operator", "snapshot", "inspect", file).out.lower()
    assert len(json.loads(agent.ok("operator", "snapshot", "state", file).out)["RootKeys"]) == 1


def test_wrong_inputs_are_sentences(make_agent, tmp_path):
    agent = make_agent(with_client=False)
    nowhere = agent.run("operator", "raft", "state", str(tmp_path))
    assert nowhere.code == 1 and "is no data directory of a server" in nowhere.err
    broken = tmp_path / "broken.snap"
    broken.write_bytes(b"no snapshot")
    assert "reading snapshot" in agent.run("operator", "snapshot", "state", str(broken)).err
    assert "Invalid filter expression" in agent.run("operator", "snapshot", "state", "-filter", "ID ==", str(broken)).err
    unknown = agent.run("man", "job", "rum")
    assert unknown.code == 1 and 'There is no command "job rum"' in unknown.err


def test_check_says_by_its_exit_code_how_the_agent_is(make_agent):
    agent = make_agent()
    down = agent.run("check")
    assert down.code == 2 and "unable to query agent info" in down.out
    agent.launch().wait_started()
    assert agent.run("check").code == 0
    few = agent.run("check", "-min-peers=2")
    assert few.code == 2 and few.out.strip() == "known peers: 0, is less than expected number of peers: 2"


def test_manual_pages(make_agent, tmp_path):
    agent = make_agent()
    pages = tmp_path / "man1"
    assert "manual pages written" in agent.ok("man", "-out", str(pages)).out
    assert ".SH SYNOPSIS" in (pages / "drover-job-run.1").read_text()
    assert agent.ok("man", "job", "run").out == (pages / "drover-job-run.1").read_text()


def test_a_node_tells_what_it_remembers(make_agent):
    agent = make_agent().start()
    job = harness.idle_job("remembered")
    job.update(Datacenters=["*"])
    job["TaskGroups"][0]["Tasks"][0]["Config"] = {"command": "/bin/sleep", "args": ["600"]}
    agent.register(job)
    (alloc,) = agent.wait_running("remembered")
    state = agent.data_dir + "/client"
    for where in (agent.data_dir, state):
        (shown,) = [json.loads(agent.ok("operator", "client-state", where).out)["Allocations"][alloc["ID"]]]
        assert shown["Alloc"]["JobID"] == "remembered" and shown["Tasks"]["t"]["RemoteState"]["State"] in ("pending", "running")
    agent.stop()
    assert alloc["ID"] in json.loads(agent.ok("operator", "client-state", state).out)["Allocations"]
    wrong = agent.run("operator", "client-state", "/nowhere")
    assert wrong.code == 1 and "failed to open client state" in wrong.err and "no such file" in wrong.err
    assert agent.run("operator", "client-state").code == 1

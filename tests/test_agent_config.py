"""Keys of the agent's configuration that change what it does, as a user sees it."""
import json
import shutil
import socket

import pytest

import harness

CLIENT = 'reservable_cores = "0"\n  default_ineligible = true\n  no_host_uuid = false\n  gc_volumes_on_node_gc = true\n'


def node_of(agent):
    (stub,) = agent.get("/v1/nodes")
    return agent.get(f"/v1/node/{stub['ID']}")


def test_what_a_node_says_of_itself(make_agent):
    agent = make_agent(client=CLIENT)
    agent.start()
    node = node_of(agent)
    assert node["SchedulingEligibility"] == "ineligible"
    assert node["Attributes"]["cpu.reservablecores"] == "1" and node["NodeResources"]["Cpu"]["ReservableCpuCores"] == [0]
    assert node["GCVolumesOnNodeGC"]
    # Made eligible by hand, it stays so over a restart: the key is for new nodes.
    agent.ok("node", "eligibility", "-enable", node["ID"])
    agent.kill()
    agent.start()
    assert node_of(agent)["SchedulingEligibility"] == "eligible"
    # With no_host_uuid = false the machine's own id makes the node's, whatever happened to the data directory.
    agent.kill()
    shutil.rmtree(agent.data_dir)
    agent.start()
    assert node_of(agent)["ID"] == node["ID"]


def test_what_a_new_cluster_starts_with(make_agent):
    scheduler = ('default_scheduler_config {\n  scheduler_algorithm = "spread"\n  memory_oversubscription_enabled = true\n'
                 '  preemption_config {\n    batch_scheduler_enabled = true\n    service_scheduler_enabled = true\n  }\n}\n')
    agent = make_agent(with_client=False, server=scheduler,
                       config='autopilot {\n  cleanup_dead_servers = false\n  last_contact_threshold = "300ms"\n  max_trailing_logs = 99\n}\n')
    agent.launch().wait_started()
    config = agent.wait_json("/v1/operator/scheduler/configuration", lambda c: c["SchedulerConfig"]["SchedulerAlgorithm"] == "spread", "it is stored")["SchedulerConfig"]
    assert config["MemoryOversubscriptionEnabled"]
    assert {k for k, v in config["PreemptionConfig"].items() if v} == {"BatchSchedulerEnabled", "ServiceSchedulerEnabled", "SystemSchedulerEnabled"}
    autopilot = agent.get("/v1/operator/autopilot/configuration")
    assert not autopilot["CleanupDeadServers"] and autopilot["LastContactThreshold"] == "300ms" and autopilot["MaxTrailingLogs"] == 99
    assert autopilot["ServerStabilizationTime"] == "10s"


def test_datadog_gets_labels_as_tags(make_agent):
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    datagrams.settimeout(harness.DEADLINE)
    agent = make_agent(with_client=False, config=f'telemetry {{\n  datadog_address = "127.0.0.1:{datagrams.getsockname()[1]}"\n  datadog_tags = ["env:test"]\n  use_node_name = true\n}}\n')
    agent.launch().wait_started()
    text = ""
    while "nomad.raft.appliedIndex:" not in text:
        text += datagrams.recv(65536).decode()
    assert "nomad.nomad.broker.total_ready:0|g|#env:test,host:node-one\n" in text
    datagrams.close()


def test_task_meta_as_labels(make_agent):
    agent = make_agent(config='telemetry {\n  publish_allocation_metrics = true\n  include_alloc_metadata_in_metrics = true\n'
                              '  allowed_metadata_keys_in_metrics = ["cost-center"]\n  prometheus_metrics = true\n}\n')
    agent.start()
    work = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep", "args": ["3600"]}, "Meta": {"cost-center": "7", "other": "x"},
            "Resources": {"CPU": 50, "MemoryMB": 32}}
    agent.register({"ID": "labelled", "Name": "labelled", "Type": "service", "Datacenters": ["*"], "Meta": {"cost-center": "outer"},
                    "TaskGroups": [{"Name": "g", "Count": 1, "Tasks": [work]}]})
    agent.wait_running("labelled", 1)

    def labels_in(metrics):
        return [g["Labels"] for g in metrics["Gauges"] if g["Name"] == "nomad.client.allocs.cpu.total_ticks"]

    (found,) = labels_in(agent.wait_json("/v1/metrics", labels_in, "the task is measured"))
    assert found["cost_center"] == "7" and "other" not in found


def test_wrong_values_are_sentences(make_agent):
    for client, config, said in [('reservable_cores = "0-"\n', "", "client.reservable_cores"),
                                 ("", 'syslog_facility = "LOCAL9"\n', "syslog_facility"),
                                 ("", 'telemetry {\n  datadog_address = "datadog"\n}\n', "telemetry.datadog_address")]:
        agent = make_agent(client=client, config=config)
        agent.launch()
        assert agent.wait_ended() != 0 and said in agent.log()


def sleeper(name, count=1, **task):
    work = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep", "args": ["3600"]}, "Resources": {"CPU": 20, "MemoryMB": 16}, **task}
    return {"ID": name, "Name": name, "Type": "service", "Datacenters": ["*"], "TaskGroups": [{"Name": "g", "Count": count, "Tasks": [work]}]}


NODE = """
  state_dir = "{folder}/state-of-node"
  alloc_dir = "{folder}/allocs-of-node"
  node_class = "gold"
  network_speed = 1234
  cpu_total_compute = 5000
  memory_total_mb = 4321
  disk_total_mb = 99999
  node_max_allocs = 2
  max_kill_timeout = "7s"
  disable_remote_exec = true
  options = {{
    "driver.raw_exec.enable" = "1"
  }}
  reserved {{
    cpu            = 100
    memory         = 21
    disk           = 50
    reserved_ports = "22,8000-8002"
    cores          = "1"
  }}
"""


def test_what_a_node_has_and_what_is_kept(make_agent, tmp_path):
    agent = make_agent(client=NODE.format(folder=tmp_path))
    agent.start()
    node = node_of(agent)
    resources, reserved = node["NodeResources"], node["ReservedResources"]
    assert node["NodeClass"] == "gold" and node["NodeMaxAllocs"] == 2
    assert resources["Cpu"]["CpuShares"] == 5000 and resources["Memory"]["MemoryMB"] == 4321 and resources["Disk"]["DiskMB"] == 99999
    assert {n["MBits"] for n in resources["Networks"] if n["Device"] == "lo"} == {1234}
    assert (reserved["Cpu"]["CpuShares"], reserved["Memory"]["MemoryMB"], reserved["Disk"]["DiskMB"]) == (100, 21, 50)
    assert reserved["Networks"]["ReservedHostPorts"] == "22,8000-8002"
    assert 1 not in resources["Cpu"]["ReservableCpuCores"]
    # No more allocations than the node takes, whatever room it has.
    agent.register(sleeper("many", count=3, KillTimeout=3600 * 10**9))
    allocs = agent.wait_running("many", 2)
    evals = agent.wait("/v1/job/many/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "one waits")
    assert evals
    for alloc in allocs:
        assert (tmp_path / "allocs-of-node" / alloc["ID"] / "t").is_dir()
    assert (tmp_path / "state-of-node" / "state.db").exists()
    refused = agent.run("alloc", "exec", allocs[0]["ID"], "/bin/true")
    assert refused.code != 0 and "disabled" in refused.err + refused.out


SERVER = """
  num_schedulers       = 1
  enabled_schedulers   = ["service", "batch"]
  job_default_priority = 33
  job_max_priority     = 200
  job_max_count        = 4
  job_max_source_size  = "1K"
  job_tracked_versions = 2
  job_gc_interval      = "1s"
  job_gc_threshold     = "1s"
  eval_gc_threshold    = "1s"
  deployment_gc_threshold = "1s"
"""


def schedulers_are_changed_while_they_run(agent):
    path = "/v1/agent/schedulers/config"
    shown = agent.get(path)
    for wrong, said in [({"num_schedulers": 1000}, "num_schedulers is 1000"), ({"num_schedulers": -1}, "num_schedulers is -1"),
                        ({"enabled_schedulers": ["batch"]}, "must name _core"), ({"enabled_schedulers": ["_core", "magic"]}, '"magic"')]:
        answer = agent.http("PUT", path, {**shown, **wrong})
        assert answer.status == 400 and said in answer.text, repr(answer)
    for wrong in (b"", b"null", b"[", b'{"num_schedulers": "many"}'):
        assert agent.http("PUT", path, wrong, raw=True).status == 400
    assert agent.get(path) == shown
    # What is shown is taken back.
    assert agent.http("PUT", path, shown).json == shown
    # A type that nobody takes waits, and is done as soon as somebody takes it again.
    agent.http("PUT", path, {**shown, "enabled_schedulers": ["batch", "_core"]})
    agent.register(sleeper("held"))
    agent.register({**sleeper("taken"), "Type": "batch"})
    agent.wait("/v1/job/taken/evaluations", lambda evals: evals and all(e["Status"] != "pending" for e in evals), "the batch job was looked at")
    assert [e["Status"] for e in agent.get("/v1/job/held/evaluations")] == ["pending"]
    agent.http("PUT", path, {**shown, "num_schedulers": 0})
    assert not agent.get("/v1/agent/schedulers")["schedulers"]
    assert [e["Status"] for e in agent.get("/v1/job/held/evaluations")] == ["pending"]
    assert agent.http("POST", path, shown).json == shown
    assert len(agent.get("/v1/agent/schedulers")["schedulers"]) == 1
    agent.wait("/v1/job/held/evaluations", lambda evals: evals[0]["Status"] != "pending", "the service job was looked at")


def test_what_a_server_allows(make_agent):
    agent = make_agent(with_client=False, server=SERVER)
    agent.launch().wait_started()
    agent.register({**sleeper("plain"), "Priority": 0})  # not set, as Nomad's clients say it
    assert agent.get("/v1/job/plain")["Priority"] == 33
    agent.register({**sleeper("urgent"), "Priority": 200})
    for job, said in [({**sleeper("over"), "Priority": 201}, "200"), (sleeper("crowd", count=5), "4")]:
        answer = agent.http("PUT", "/v1/jobs", {"Job": job})
        assert answer.status in (400, 500) and said in answer.text, repr(answer)
    answer = agent.http("PUT", "/v1/jobs", {"Job": sleeper("sourced"), "Submission": {"Format": "hcl2", "Source": "x" * 2000}})
    assert answer.status == 200 and "source" in answer.json["Warnings"].lower(), repr(answer)
    for cpu in (21, 22, 23):
        agent.register(sleeper("plain", Resources={"CPU": cpu, "MemoryMB": 16}))
    assert [v["Version"] for v in agent.get("/v1/job/plain/versions")["Versions"]] == [3, 2]
    assert {tuple(s["enabled_schedulers"]) for s in agent.get("/v1/agent/schedulers")["schedulers"]} == {("service", "batch", "_core")}
    assert agent.get("/v1/agent/schedulers/config")["num_schedulers"] == 1
    schedulers_are_changed_while_they_run(agent)
    # What has ended is forgotten by itself.
    agent.http("DELETE", "/v1/job/urgent")
    agent.wait_json("/v1/jobs?prefix=urgent", lambda jobs: jobs == [], "the collector took it", timeout=60)


def test_logs_go_to_a_file_that_is_rotated(make_agent, tmp_path):
    log = tmp_path / "logs" / "agent.log"
    log.parent.mkdir()
    agent = make_agent(with_client=False, config=f'log_file = "{log}"\nlog_json = true\nlog_rotate_bytes = 4096\nlog_rotate_max_files = 3\n')
    agent.launch()
    agent.wait_json("/v1/status/leader", bool, "the agent answers")
    for number in range(60):
        agent.register(harness.idle_job(f"noisy-{number}"))
    agent.wait_json("/v1/agent/health", lambda _: len(list(log.parent.iterdir())) >= 3, "files are rotated")
    agent.stop()
    files = list(log.parent.iterdir())
    assert len(files) <= 4 and all(f.stat().st_size <= 4096 + 1024 for f in files)
    assert all(json.loads(line)["@level"] for f in files for line in f.read_text().splitlines())


def test_addresses_that_are_told_to_others(make_agent):
    agent = make_agent(config='advertise {\n  http = "127.0.0.1:4000"\n  rpc = "127.0.0.1:4001"\n  serf = "127.0.0.1:4002"\n}\n')
    agent.launch().wait_started()
    member = agent.get("/v1/agent/members")["Members"][0]
    assert member["Port"] == 4002
    config = agent.get("/v1/agent/self")["config"]["AdvertiseAddrs"]
    assert (config["HTTP"], config["RPC"], config["Serf"]) == ("127.0.0.1:4000", "127.0.0.1:4001", "127.0.0.1:4002")


def test_a_task_sees_only_what_the_chroot_has(make_agent):
    agent = make_agent(client='chroot_env = {\n    "/bin" = "/bin"\n    "/usr/bin" = "/usr/bin"\n    "/lib" = "/lib"\n    "/usr/lib" = "/usr/lib"\n    "/lib64" = "/lib64"\n    "/etc/hostname" = "/etc/named"\n  }\n')
    agent.start()
    agent.register({**sleeper("jailed", Driver="exec", Config={"command": "/bin/sh", "args": ["-c", "ls /etc; ls -d /usr/share 2>&1; echo done; exec sleep 3600"]}), "Type": "service"})
    (alloc,) = agent.wait_running("jailed")
    agent.wait_json("/v1/agent/health", lambda _: "done" in agent.run("alloc", "logs", alloc["ID"]).out, "it has looked round")
    seen = agent.ok("alloc", "logs", alloc["ID"]).out
    assert "named" in seen and "passwd" not in seen and "cannot access '/usr/share'" in seen, seen


def test_service_discovery_can_be_off(make_agent):
    agent = make_agent(client="nomad_service_discovery = false\n")
    agent.start()
    job = sleeper("served")
    job["TaskGroups"][0]["Services"] = [{"Name": "web", "Provider": "nomad", "PortLabel": "8080"}]
    agent.register(job)
    agent.wait("/v1/job/served/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "no node takes it")
    assert agent.get("/v1/services") == []


def test_too_many_connections_of_one_client_are_refused(make_agent):
    agent = make_agent(with_client=False, config="limits {\n  http_max_conns_per_client = 5\n}\n")
    agent.launch().wait_started()
    open_ones = [socket.create_connection(("127.0.0.1", agent.port)) for _ in range(5)]
    answers = []
    for connection in open_ones:
        connection.sendall(b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n")
        answers.append(connection.recv(65536).split(b" ")[1])
    assert answers == [b"200"] * 5
    with socket.create_connection(("127.0.0.1", agent.port)) as sixth:
        sixth.settimeout(harness.DEADLINE)
        refused = sixth.recv(65536)
        assert refused == b"" or b" 429 " in refused
    for connection in open_ones:
        connection.close()


@pytest.mark.parametrize("joins, first", [('  retry_join = ["{serf}"]\n  retry_interval = "100ms"\n', "joiner"),
                                          ('  server_join {{\n    retry_join = ["{serf}"]\n    retry_interval = "100ms"\n  }}\n', "joiner"),
                                          ('  start_join = ["{serf}"]\n', "founder"),
                                          ('  server_join {{\n    start_join = ["{serf}"]\n  }}\n', "founder")],
                         ids=["retry_join", "server_join.retry_join", "start_join", "server_join.start_join"])
def test_a_server_finds_the_others(make_agent, joins, first):
    """By each of the four ways to say where they are; those that try again may start before whom they look for."""
    founder = make_agent("founder", name="founder", with_client=False)
    joiner = make_agent("joiner", name="joiner", with_client=False, server=joins.format(serf=f"127.0.0.1:{founder.port + 2}"))
    with open(joiner.config_path) as file:
        text = file.read().replace("bootstrap_expect = 1", "bootstrap_expect = 0")
    with open(joiner.config_path, "w") as file:
        file.write(text)
    order = [joiner, founder] if first == "joiner" else [founder, joiner]
    for each in order:
        each.launch()
        if each is founder:
            each.wait_started()
    founder.wait_json("/v1/operator/raft/configuration", lambda c: len(c["Servers"]) == 2, "both are members")
    joiner.wait_json("/v1/status/leader", lambda leader: leader == f"127.0.0.1:{founder.port + 1}", "the joiner knows who leads")


def test_a_join_that_fails_too_often_ends_the_agent(make_agent):
    joiner = make_agent("joiner", name="joiner", with_client=False, server='  retry_join = ["127.0.0.1:1"]\n  retry_interval = "50ms"\n  retry_max = 2\n')
    joiner.launch()
    assert joiner.process.wait(harness.DEADLINE) == 1
    assert "could not join" in joiner.log()

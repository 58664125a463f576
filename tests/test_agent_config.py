"""Keys of the agent's configuration that change what it does, as a user sees it."""
import shutil
import socket

import harness

CLIENT = 'reservable_cores = "0"\n  default_ineligible = true\n  no_host_uuid = false\n  gc_volumes_on_node_gc = true\n'


def node_of(agent):
    (stub,) = agent.get("/v1/nodes")
    return agent.get(f"/v1/node/{stub['ID']}")


def test_what_a_node_says_of_itself(make_agent):
    agent = make_agent(client=CLIENT)
    agent.launch().wait_started()
    node = node_of(agent)
    assert node["SchedulingEligibility"] == "ineligible"
    assert node["Attributes"]["cpu.reservablecores"] == "1" and node["NodeResources"]["Cpu"]["ReservableCpuCores"] == [0]
    assert node["GCVolumesOnNodeGC"]
    # Made eligible by hand, it stays so over a restart: the key is for new nodes.
    agent.ok("node", "eligibility", "-enable", node["ID"])
    agent.kill()
    agent.launch().wait_started()
    assert node_of(agent)["SchedulingEligibility"] == "eligible"
    # With no_host_uuid = false the machine's own id makes the node's, whatever happened to the data directory.
    agent.kill()
    shutil.rmtree(agent.data_dir)
    agent.launch().wait_started()
    assert node_of(agent)["ID"] == node["ID"]


def test_what_a_new_cluster_starts_with(make_agent):
    scheduler = ('default_scheduler_config {\n  scheduler_algorithm = "spread"\n  memory_oversubscription_enabled = true\n'
                 '  preemption_config {\n    batch_scheduler_enabled = true\n    service_scheduler_enabled = true\n  }\n}\n')
    agent = make_agent(with_client=False, server=scheduler,
                       config='autopilot {\n  cleanup_dead_servers = false\n  last_contact_threshold = "300ms"\n  max_trailing_logs = 99\n}\n')
    agent.launch().wait_started()
    config = agent.get("/v1/operator/scheduler/configuration")["SchedulerConfig"]
    assert config["SchedulerAlgorithm"] == "spread" and config["MemoryOversubscriptionEnabled"]
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
    agent.launch().wait_started()
    work = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep", "args": ["3600"]}, "Meta": {"cost-center": "7", "other": "x"},
            "Resources": {"CPU": 50, "MemoryMB": 32}}
    agent.register({"ID": "labelled", "Name": "labelled", "Type": "service", "Datacenters": ["*"], "Meta": {"cost-center": "outer"},
                    "TaskGroups": [{"Name": "g", "Count": 1, "Tasks": [work]}]})
    agent.wait_running("labelled", 1)

    def rows():
        return [g["Labels"] for g in agent.get("/v1/metrics")["Gauges"] if g["Name"] == "nomad.client.allocs.memory.usage"]
    while not (found := rows()):
        harness.ask_again_soon()
    (found,) = found
    assert found["cost_center"] == "7" and "other" not in found


def test_wrong_values_are_sentences(make_agent):
    for client, config, said in [('reservable_cores = "0-"\n', "", "client.reservable_cores"),
                                 ("", 'syslog_facility = "LOCAL9"\n', "syslog_facility"),
                                 ("", 'telemetry {\n  datadog_address = "datadog"\n}\n', "telemetry.datadog_address")]:
        agent = make_agent(client=client, config=config)
        agent.launch()
        assert agent.wait_ended() != 0 and said in agent.log()

"""What agents count, read by Prometheus itself."""
import contextlib
import json
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request

import pytest

import harness

TELEMETRY = """
telemetry {
  prometheus_metrics         = true
  publish_allocation_metrics = true
  publish_node_metrics       = true
}
"""


def sleeper(name):
    return {"ID": name, "Name": name, "Datacenters": ["*"],
            "TaskGroups": [{"Name": "g", "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep", "args": ["600"]},
                                                    "Resources": {"CPU": 50, "MemoryMB": 20}}]}]}


@pytest.fixture(scope="module")
def site(tmp_path_factory, request):
    agent = harness.Agent(tmp_path_factory.mktemp("metrics"), config=TELEMETRY)
    request.module.agents_of_module = [agent]
    try:
        agent.start()
        agent.register(sleeper("counted"))
        agent.wait_running("counted")
        yield agent
    finally:
        agent.close()


def test_names_and_labels(site):
    answer = site.get("/v1/metrics")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC", answer["Timestamp"])
    gauges = {}
    for gauge in answer["Gauges"]:
        gauges.setdefault(gauge["Name"], []).append(gauge)
    for name in ("nomad.nomad.broker.total_ready", "nomad.nomad.broker.total_unacked", "nomad.nomad.broker.total_pending", "nomad.nomad.broker.total_waiting",
                 "nomad.nomad.blocked_evals.total_blocked", "nomad.nomad.blocked_evals.total_escaped", "nomad.nomad.plan.queue_depth",
                 "nomad.nomad.heartbeat.active", "nomad.nomad.autopilot.healthy", "nomad.raft.appliedIndex", "nomad.raft.peers", "nomad.runtime.alloc_bytes",
                 "nomad.nomad.job_status.running", "nomad.client.allocated.cpu", "nomad.client.allocated.memory", "nomad.client.unallocated.cpu",
                 "nomad.client.allocations.running", "nomad.client.tasks.running", "nomad.client.host.memory.total", "nomad.client.host.cpu.idle",
                 "nomad.client.host.disk.used_percent", "nomad.client.uptime", "nomad.client.allocs.cpu.total_percent", "nomad.client.allocs.memory.rss",
                 "nomad.nomad.agent.http.connections"):
        assert name in gauges, name
    (cpu,) = gauges["nomad.client.allocated.cpu"]
    assert cpu["Value"] == 50 and set(cpu["Labels"]) == {"node_id", "datacenter", "node_class", "node_pool", "node_status", "node_scheduling_eligibility", "host"}
    (rss,) = gauges["nomad.client.allocs.memory.rss"]
    assert rss["Value"] > 0 and {"job", "task_group", "alloc_id", "task", "namespace", "host"} <= set(rss["Labels"])
    running = [g for g in gauges["nomad.nomad.job_summary.running"] if g["Labels"]["job"] == "counted"]
    assert [g["Value"] for g in running] == [1] and running[0]["Labels"]["task_group"] == "g"
    assert any(c["Name"] == "nomad.raft.apply" and c["Count"] > 0 for c in answer["Counters"])


def test_text_form_is_what_promtool_wants(site):
    answer = site.http("GET", "/v1/metrics?format=prometheus")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert shutil.which("promtool"), "promtool is missing: scripts/test installs it (package prometheus)"
    done = subprocess.run(["promtool", "check", "metrics"], input=answer.text, capture_output=True, text=True)
    # Names are Nomad's: promtool's taste (capitals, missing suffixes) is not asked.
    problems = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line.lower() and "should" not in line]
    assert done.returncode in (0, 3) and not problems, done.stdout + done.stderr


def test_bad_format_and_switched_off(site, make_agent):
    answer = site.http("GET", "/v1/metrics?format=xml")
    assert answer.status == 400 and "prometheus" in answer.text
    plain = make_agent("plain", with_client=False, config='telemetry {\n  disable_hostname = true\n  prefix_filter = ["-nomad.raft"]\n}\n')
    plain.launch().wait_started()
    assert plain.http("GET", "/v1/metrics?format=prometheus").status == 415
    gauges = plain.get("/v1/metrics")["Gauges"]
    assert gauges and all("host" not in (g["Labels"] or {}) for g in gauges)
    assert not any(g["Name"].startswith("nomad.raft") for g in gauges)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """Debian's Prometheus as it runs."""

    def __init__(self, port, process, log):
        self.port, self.process, self.log = port, process, log

    def ask(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=10) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def wait(self, query, condition=bool):
        for _ in range(int(harness.DEADLINE * 20)):
            data = self.ask("query?query=" + urllib.parse.quote(query))
            if data and condition(data["result"]):
                return data["result"]
            assert self.process.poll() is None, self.log.read_text()
            harness.ask_again_soon()
        raise AssertionError(f"Prometheus never had {query}:\n" + self.log.read_text()[-3000:])


@contextlib.contextmanager
def running_prometheus(config, folder):
    program = shutil.which("prometheus")
    assert program, "prometheus is missing: scripts/test installs it (package prometheus)"
    port = free_port()
    (folder / "prometheus.yml").write_text(config)
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
                                    f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        try:
            yield Prometheus(port, process, folder / "log")
        finally:
            process.terminate()
            process.wait(harness.DEADLINE)


def test_prometheus_scrapes(site, tmp_path):
    config = f"""
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: nomad
    metrics_path: /v1/metrics
    params: {{format: [prometheus]}}
    static_configs:
      - targets: ["127.0.0.1:{site.port}"]
"""
    with running_prometheus(config, tmp_path) as prometheus:
        for query in ("nomad_client_allocs_memory_rss", "nomad_nomad_job_summary_running", "nomad_raft_apply", "nomad_client_host_memory_total"):
            prometheus.wait(query)
        assert prometheus.wait("up")[0]["value"][1] == "1"


def test_statsd_and_statsite_are_told(make_agent):
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    datagrams.settimeout(harness.DEADLINE)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(harness.DEADLINE)
    addresses = [s.getsockname()[1] for s in (datagrams, listener)]
    agent = make_agent(with_client=False, config=f'telemetry {{\n  statsd_address = "127.0.0.1:{addresses[0]}"\n  statsite_address = "127.0.0.1:{addresses[1]}"\n  disable_hostname = true\n}}\n')
    agent.launch().wait_started()
    text = ""
    while "nomad.raft.appliedIndex:" not in text:
        piece = datagrams.recv(65536)
        assert len(piece) <= 1400 and piece.endswith(b"\n")
        text += piece.decode()
    assert re.search(r"^nomad\.nomad\.broker\.total_ready:0\|g$", text, re.MULTILINE)
    connection, _ = listener.accept()
    with connection, connection.makefile() as lines:
        assert re.fullmatch(r"nomad\.\S+:\S+\|g\n", lines.readline())
    datagrams.close()
    listener.close()


def test_a_wrong_statsd_address_is_said(make_agent):
    agent = make_agent(with_client=False, config='telemetry {\n  statsd_address = "nowhere"\n}\n')
    agent.launch()
    assert agent.wait_ended() != 0 and "telemetry.statsd_address" in agent.log()

"""External drivers: programs of their own that speak Nomad's plugin protocol. The driver of these tests runs on grpcio (driver_plugin.py)."""
import json
import os
import signal
import time

import pytest

import harness

# Debian's, which has grpcio.
PYTHON = "/usr/bin/python3"
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "driver_plugin.py")


def job(name, command, args=(), *, kind="service", extra="", task="", restart="attempts = 0\n      mode = \"fail\""):
    return f"""
job "{name}" {{
  type = "{kind}"
  group "g" {{
    restart {{
      {restart}
    }}
    reschedule {{
      attempts  = 0
      unlimited = false
    }}
    task "t" {{
      driver       = "tester"
      kill_timeout = "5s"
      config {{
        command = "{command}"
        args    = {json.dumps(list(args))}
{extra}
      }}
{task}
      resources {{
        cpu    = 100
        memory = 32
      }}
    }}
  }}
}}
"""


def write_plugin(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(folder, exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)


class Site(harness.Agent):
    def __init__(self, folder, **options):
        plugins = f"{folder}/plugins"
        super().__init__(folder, config=f"""
plugin_dir = "{plugins}"

plugin "tester" {{
  config {{
    word = "given"
  }}
}}

plugin "tester-file" {{
  args = ["-v", "two words"]
}}
""", **options)
        self.notes = f"{folder}/notes"
        os.makedirs(self.notes)
        write_plugin(plugins, "tester-file", f'#!/bin/sh\nTESTER_FOLDER="{self.notes}" exec {PYTHON} -u {PROGRAM} "$@"\n')

    def driver(self, name="tester"):
        (node,) = self.get("/v1/nodes")
        return self.get(f"/v1/node/{node['ID']}")["Drivers"].get(name)

    def wait_driver(self, healthy=True, name="tester"):
        (node,) = self.get("/v1/nodes")
        return self.wait(f"/v1/node/{node['ID']}", lambda n: n["Drivers"].get(name, {}).get("Healthy") == healthy, f"driver {name} healthy: {healthy}")

    def plugin_pid(self):
        (node,) = self.get("/v1/nodes")
        # An agent that begins again registers its node before it has heard from the plugin.
        node = self.wait(f"/v1/node/{node['ID']}", lambda n: "driver.tester.pid" in n["Attributes"], "the plugin has said its pid")
        return int(node["Attributes"]["driver.tester.pid"])

    def run_job(self, text, status="complete"):
        path = harness.write_job(self.folder, "job.nomad.hcl", text)
        self.ok("job", "run", "-detach", path)
        name = text.split('"')[1]
        (alloc,) = self.wait_allocs(name, lambda allocs: len(allocs) == 1 and allocs[0]["ClientStatus"] == status, f"{name} is {status}")
        return self.get(f"/v1/allocation/{alloc['ID']}")

    def started(self):
        with open(f"{self.notes}/started") as file:
            return json.load(file)

    def output(self, alloc, stream="stdout"):
        return self.http("GET", f"/v1/client/fs/logs/{alloc['ID']}?task=t&type={stream}&plain=true").text

    def wait_output(self, alloc, condition):
        """Until the task's output is as wanted; gives it."""
        end = time.monotonic() + harness.DEADLINE
        while time.monotonic() < end:
            out = self.output(alloc)
            if condition(out):
                return out
            harness.ask_again_soon()
        raise AssertionError(f"never came; the output is {out[-500:]!r}\n{self.log()[-3000:]}")


def said(alloc):
    return [e["DisplayMessage"] for e in alloc["TaskStates"]["t"]["Events"]]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    agent = Site(tmp_path_factory.mktemp("plugins") / "a")
    agent.start()
    agent.wait_driver()
    yield agent
    agent.close()


def test_a_driver_of_its_own_appears_on_the_node(site):
    node = site.wait_driver()
    assert node["Drivers"]["tester"]["HealthDescription"] == "Healthy"
    assert node["Attributes"]["driver.tester"] == "1"
    # The configuration of the agent reached it, and figures come with their unit.
    assert node["Attributes"]["driver.tester.word"] == "given"
    assert node["Attributes"]["driver.tester.size"] == "5MB"
    assert "tester is up" in site.log() and "-v two words" in site.log()


def test_a_task_runs_and_its_output_is_kept(site):
    extra = """
        count = "7"
        labels {
          a = "b"
        }
        mount {
          source = "x"
          ro     = true
        }
        mount {
          source = "y"
        }
"""
    done = site.run_job(job("prints", "/bin/sh", ["-c", "echo $GREETING from $NOMAD_TASK_NAME in $PWD; echo oops >&2; i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done"],
                            kind="batch", extra=extra))
    out = site.output(done)
    assert out.startswith(f"hello from t in {site.data_dir}/alloc/{done['ID']}/t\n")
    assert out.endswith("line 1999\n") and out.count("\n") == 2001
    assert site.output(done, "stderr") == "oops\n"
    config = site.started()["config"]
    assert config["count"] == 7 and config["labels"] == {"a": "b"} and config["greeting"] == "hello"
    assert config["mount"] == [{"source": "x", "ro": True}, {"source": "y", "ro": None}]
    assert "Exit Code: 0" in "".join(said(done))


def test_how_a_task_ends_is_told(site):
    failed = site.run_job(job("fails", "/bin/sh", ["-c", "exit 3"], kind="batch"), status="failed")
    assert any("Exit Code: 3" in m for m in said(failed))


@pytest.mark.parametrize("name, extra, words", [
    ("unknown", 'greting = "hi"', 'No argument or block type is named "greting"; did you mean "greeting"?'),
    ("kind", 'count = "many"', 'inappropriate value for attribute "count"'),
    ("inner", "mount {\n ro = true\n }", 'the argument "mount.source" is required'),
])
def test_a_wrong_configuration_is_named(site, name, extra, words):
    failed = site.run_job(job(f"wrong-{name}", "/bin/true", kind="batch", extra=extra), status="failed")
    assert any(words in m for m in said(failed)), said(failed)


def test_what_a_driver_refuses_is_tried_again_if_it_says_so(site):
    restart = 'attempts = 1\n      delay = "1s"\n      interval = "1h"\n      mode = "fail"'
    for command, tries in (("retry", 2), ("fatal", 1), ("recoverable", 2)):
        failed = site.run_job(job(f"start-{command}", command, kind="batch", restart=restart), status="failed")
        refused = [e for e in failed["TaskStates"]["t"]["Events"] if e["Type"] == "Driver Failure"]
        assert len(refused) == tries, (command, said(failed))


def test_signals_commands_and_figures(site):
    alloc = site.run_job(job("talks", "/bin/sh", ["-c", "trap 'echo caught' USR1; echo ready; while :; do sleep 0.1; done"]), status="running")
    site.wait_output(alloc, lambda out: "ready" in out)
    site.ok("alloc", "signal", "-s", "SIGUSR1", alloc["ID"], "t")
    site.wait_output(alloc, lambda out: "caught" in out)
    ran = site.run("alloc", "exec", "-i=false", "-t=false", alloc["ID"], "/bin/sh", "-c", "echo inside; echo wrong >&2; exit 4")
    assert (ran.code, ran.out, ran.err) == (4, "inside\n", "wrong\n")
    fed = site.run("alloc", "exec", "-t=false", alloc["ID"], "cat", stdin="what goes in\n")
    assert fed.out == "what goes in\n"
    usage = site.get(f"/v1/client/allocation/{alloc['ID']}/stats")["Tasks"]["t"]["ResourceUsage"]
    assert usage["MemoryStats"]["RSS"] == 7 << 20 and "RSS" in usage["MemoryStats"]["Measured"]
    site.ok("job", "stop", "-detach", "talks")
    site.wait_allocs("talks", lambda allocs: allocs[0]["ClientStatus"] == "complete", "it has ended")


def test_a_task_that_ignores_its_signal_is_killed_in_time(site):
    alloc = site.run_job(job("stubborn", "/bin/sh", ["-c", "trap '' INT TERM; echo ready; while :; do sleep 0.1; done"], task='kill_signal = "SIGTERM"').replace('"5s"', '"1s"'), status="running")
    site.wait_output(alloc, lambda out: "ready" in out)
    site.ok("job", "stop", "-detach", "stubborn")
    (ended,) = site.wait_allocs("stubborn", lambda allocs: allocs[0]["ClientStatus"] == "complete", "it has ended")
    assert any("Signal: 9" in m for m in said(site.get(f"/v1/allocation/{ended['ID']}")))


def counting(name):
    return job(name, "/bin/sh", ["-c", "echo pid $$; i=0; while :; do echo tick $i; i=$((i+1)); sleep 0.05; done"])


def ticks(text):
    return [int(line.split()[1]) for line in text.splitlines() if line.startswith("tick ")]


def wait_more_ticks(site, alloc, than):
    return site.wait_output(alloc, lambda out: len(ticks(out)) > than)


def test_a_task_survives_the_end_of_the_agent(tmp_path):
    site = Site(tmp_path / "a")
    try:
        site.start()
        site.wait_driver()
        alloc = site.run_job(counting("stays"), status="running")
        site.wait_output(alloc, lambda out: "tick 3" in out)
        plugin = site.plugin_pid()
        site.kill()
        site.start()
        site.wait_driver()
        assert site.plugin_pid() == plugin, "the plugin is found again"
        before = ticks(site.output(alloc))
        wait_more_ticks(site, alloc, len(before) + 5)
        now = site.output(alloc)
        assert ticks(now) == list(range(len(ticks(now)))), "no line is lost or doubled"
        assert now.count("pid ") == 1
        again = site.get(f"/v1/allocation/{alloc['ID']}")
        assert again["ClientStatus"] == "running" and again["TaskStates"]["t"]["Restarts"] == 0
        site.ok("job", "stop", "-detach", "stays")
        site.wait_allocs("stays", lambda allocs: allocs[0]["ClientStatus"] == "complete", "it has ended")
    finally:
        site.close()


def test_a_plugin_that_is_replaced_or_removed(tmp_path):
    site = Site(tmp_path / "a")
    program = f"{site.folder}/plugins/tester-file"
    try:
        site.start()
        site.wait_driver()
        alloc = site.run_job(counting("stays"), status="running")
        site.wait_output(alloc, lambda out: "tick 3" in out)
        old = site.plugin_pid()
        site.stop()
        # Another file of that name, as an upgrade makes it.
        os.rename(program, program + ".old")
        with open(program + ".old") as file:
            write_plugin(f"{site.folder}/plugins", "tester-file", file.read() + "# newer\n")
        os.chmod(program + ".old", 0o644)
        site.start()
        (node,) = site.get("/v1/nodes")
        site.wait(f"/v1/node/{node['ID']}", lambda n: n["Drivers"]["tester"]["Healthy"] and int(n["Attributes"]["driver.tester.pid"]) != old, "the new one runs")
        wait_more_ticks(site, alloc, len(ticks(site.output(alloc))) + 5)
        assert site.get(f"/v1/allocation/{alloc['ID']}")["TaskStates"]["t"]["Restarts"] == 0
        site.ok("job", "stop", "-detach", "stays")
        site.wait_allocs("stays", lambda allocs: allocs[0]["ClientStatus"] == "complete", "it has ended")
        new = site.plugin_pid()
        site.stop()
        os.unlink(program)
        site.start()
        harness.wait_process_end(new)
        assert site.driver() is None
    finally:
        site.close()


def running(site, words):
    return [pid for pid in harness.processes_below(site.folder) if words in harness.command_line(pid) and "TESTER_EXIT" not in harness.command_line(pid)]


def test_an_agent_that_is_killed_while_a_task_starts(tmp_path):
    site = Site(tmp_path / "a")
    try:
        site.start()
        site.wait_driver()
        path = harness.write_job(site.folder, "job.nomad.hcl", job("slow", "/bin/sleep", ["4321"], extra='greeting = "slowly"'))
        site.ok("job", "run", "-detach", path)
        end = time.monotonic() + harness.DEADLINE
        while not running(site, "sleep 4321"):
            assert time.monotonic() < end, site.log()
            harness.ask_again_soon()
        # The driver has started it and not said so yet.
        (first,) = running(site, "sleep 4321")
        site.kill()
        open(f"{site.notes}/go", "w").close()
        site.start()
        (alloc,) = site.wait_allocs("slow", lambda allocs: len(allocs) == 1 and allocs[0]["ClientStatus"] == "running", "it runs")
        harness.wait_process_end(first)
        assert len(running(site, "sleep 4321")) == 1, "it runs once"
        collectors = [pid for pid in running(site, "--fifo-logs")]
        assert len(collectors) == 1, "and one collector reads its output"
        site.ok("job", "stop", "-detach", "slow")
        site.wait_allocs("slow", lambda allocs: allocs[0]["ClientStatus"] == "complete", "it has ended")
        for pid in collectors:
            harness.wait_process_end(pid)
        assert not running(site, "sleep 4321")
    finally:
        site.close()


def test_a_task_survives_the_end_of_its_plugin(site):
    alloc = site.run_job(counting("outlives"), status="running")
    site.wait_output(alloc, lambda out: "tick 3" in out)
    plugin = site.plugin_pid()
    os.kill(plugin, signal.SIGKILL)
    (node,) = site.get("/v1/nodes")
    site.wait(f"/v1/node/{node['ID']}", lambda n: n["Drivers"]["tester"]["Healthy"] and int(n["Attributes"]["driver.tester.pid"]) != plugin, "a new plugin runs")
    wait_more_ticks(site, alloc, len(ticks(site.output(alloc))) + 5)
    again = site.get(f"/v1/allocation/{alloc['ID']}")
    assert again["ClientStatus"] == "running" and again["TaskStates"]["t"]["Restarts"] == 0
    site.ok("job", "stop", "-detach", "outlives")
    site.wait_allocs("outlives", lambda allocs: allocs[0]["ClientStatus"] == "complete", "it has ended")


def test_an_unhealthy_driver_gets_no_work(site):
    flag = f"{site.notes}/unhealthy"
    open(flag, "w").close()
    try:
        node = site.wait_driver(healthy=False)
        assert node["Drivers"]["tester"]["HealthDescription"] == "not well"
        path = harness.write_job(site.folder, "job.nomad.hcl", job("waits", "/bin/true", kind="batch"))
        site.ok("job", "run", "-detach", path)
        site.wait("/v1/job/waits/evaluations", lambda evals: any(e["Status"] == "blocked" for e in evals), "it waits for a driver")
    finally:
        os.unlink(flag)
    site.wait_allocs("waits", lambda allocs: len(allocs) == 1 and allocs[0]["ClientStatus"] == "complete", "it ran once the driver was well")


def test_what_is_no_driver_does_no_harm(tmp_path):
    site = Site(tmp_path / "a")
    plugins = f"{site.folder}/plugins"
    write_plugin(plugins, "says-nothing", "#!/bin/sh\necho no idea what you want >&2\nexit 1\n")
    write_plugin(plugins, "greets-wrongly", "#!/bin/sh\necho 'hello|world'\nsleep 1000\n")
    write_plugin(plugins, "twice", f'#!/bin/sh\nTESTER_FOLDER="{site.notes}" TESTER_NAME=raw_exec exec {PYTHON} -u {PROGRAM}\n')
    with open(f"{plugins}/README", "w") as file:
        file.write("not a program")
    try:
        site.start()
        site.wait_driver()
        site.wait_log(r"ended before it said where it listens: no idea what you want")
        site.wait_log(r"it says .*hello\|world.* which is no greeting of a plugin")
        site.wait_log(r'there is a driver .*raw_exec.* already')
        assert site.driver("raw_exec")["HealthDescription"] == "Healthy"
    finally:
        site.close()


def test_a_configuration_that_the_plugin_refuses(tmp_path):
    site = Site(tmp_path / "a")
    with open(site.config_path) as file:
        text = file.read()
    with open(site.config_path, "w") as file:
        file.write(text.replace('word = "given"', 'wrod = "given"'))
    try:
        site.start()
        site.wait_log(r'No argument or block type is named .*wrod.*did you mean .*word')
        assert not (site.driver() or {}).get("Healthy")
    finally:
        site.close()

"""What goes on around a running task: actions, templates that roll, the task's own API socket, schedules, log sinks."""
import json
import os
import socket

import harness
import pytest
from harness import write_job

SLEEPER = """
job "{name}" {{
  group "g" {{
    count = {count}
    task "main" {{
      driver = "raw_exec"
      config {{
        command = "/bin/sh"
        args    = ["-c", "exec sleep 3600"]
      }}
      resources {{
        cpu    = 20
        memory = 16
      }}
{more}
    }}
  }}
}}
"""

ACTIONS = """
      action "greet" {
        command = "/bin/sh"
        args    = ["-c", "echo hello from $NOMAD_TASK_NAME; echo aside >&2; exit 7"]
      }
      action "copy" {
        command = "/bin/cat"
      }
"""


@pytest.fixture(scope="module")
def actor(shared_agent, tmp_path_factory):
    path = write_job(tmp_path_factory.mktemp("job"), "actor.nomad.hcl", SLEEPER.format(name="actor", count=1, more=ACTIONS))
    shared_agent.ok("job", "run", "-detach", path)
    (alloc,) = shared_agent.wait_running("actor")
    yield shared_agent, alloc["ID"]
    shared_agent.ok("job", "stop", "-purge", "-detach", "actor")


def test_actions_run_inside_a_task(actor):
    agent, alloc = actor
    greet, copy = agent.get("/v1/job/actor/actions")
    assert greet["Name"] == "greet" and greet["TaskName"] == "main" and greet["TaskGroupName"] == "g" and greet["Command"] == "/bin/sh"
    assert copy["Name"] == "copy"
    assert [r["Action Name"] for r in agent.ok("job", "status", "actor").table("Actions")] == ["greet", "copy"]

    by_alloc = agent.run("job", "action", "-job", "actor", "-alloc", alloc[:8], "greet")
    assert (by_alloc.code, by_alloc.out, by_alloc.err) == (7, "hello from main\n", "aside\n")
    by_group = agent.run("action", "-job=act", "-group=g", "-task=main", "greet")
    assert (by_group.code, by_group.out) == (7, "hello from main\n")
    assert agent.ok("job", "action", "-job", "actor", "-alloc", alloc, "copy", stdin="typed").out == "typed"


@pytest.mark.parametrize("words, wrong", [
    ([], "An action name is required"),
    (["greet"], "A job ID is required"),
    (["-job", "actor", "greet"], "A group name is required if no allocation is provided"),
    (["-job", "actor", "-group", "g", "greet"], "A task name is required if no allocation is provided"),
    (["-job", "actor", "-group", "g", "-task", "main", "-t", "-i=false", "greet"], "-i must be enabled if running with tty"),
    (["-job", "actor", "-group", "g", "-task", "other", "greet"], "Could not find task named: other, found:\n  * main"),
    (["-job", "actor", "-group", "nowhere", "-task", "main", "greet"], 'No allocations of job "actor" in group "nowhere"'),
    (["-job", "actor", "-group", "g", "-task", "main", "unknown"], "failed to exec into task: action unknown not found in task main"),
])
def test_what_no_action_is(actor, words, wrong):
    agent, _ = actor
    done = agent.run("job", "action", *words)
    assert done.code == 1 and wrong in done.err, done


def test_an_action_of_another_job(actor):
    agent, alloc = actor
    done = agent.run("job", "action", "-job", "elsewhere", "-alloc", alloc, "greet")
    assert done.code == 1 and f"job elsewhere does not have allocation {alloc}" in done.err
    for path, missing in (("task=main&action=greet", "allocation ID is missing"), (f"task=main&allocID={alloc}", "action name is missing"),
                          (f"action=greet&allocID={alloc}", "task name is missing"), (f"task=main&action=greet&allocID={alloc}", "WebSocket")):
        answer = agent.http("GET", f"/v1/job/actor/action?{path}")
        assert answer.status == 400 and missing in answer.text


def paused_of(agent, job):
    (alloc,) = agent.allocs(job)
    return (alloc["TaskStates"] or {}).get("main", {}).get("Paused")


def wait_task(agent, job, condition, what):
    return agent.wait_allocs(job, lambda allocs: len(allocs) == 1 and condition((allocs[0]["TaskStates"] or {}).get("main") or {}), what)[0]


def schedule(start, end):
    return f"""
      schedule {{
        cron {{
          start    = "{start}"
          end      = "{end}"
          timezone = "UTC"
        }}
      }}
"""


def texts(alloc):
    return [event["DisplayMessage"] for event in alloc["TaskStates"]["main"]["Events"]]


def test_a_task_waits_for_its_time_and_who_overrides_it(make_agent, tmp_path):
    agent = make_agent().start()
    agent.ok("job", "run", "-detach", write_job(tmp_path, "later.nomad.hcl", SLEEPER.format(name="later", count=1, more=schedule("0 0 1 1 * 2050", "0 12"))))
    alloc = wait_task(agent, "later", lambda t: t.get("Paused") == "scheduled_pause", "the task waits")
    assert alloc["TaskStates"]["main"]["State"] == "pending" and "Pausing due to schedule" in texts(alloc)
    assert agent.ok("alloc", "pause", "-status", alloc["ID"]).out == 'Pause state: "scheduled_pause"\n'

    agent.ok("alloc", "pause", "-state", "run", alloc["ID"])
    alloc = wait_task(agent, "later", lambda t: t.get("State") == "running", "the task runs")
    assert "Running due to override" in texts(alloc)
    # An agent that comes back finds the task running, and what overrides its schedule.
    agent.kill()
    agent.start()
    assert agent.ok("alloc", "pause", "-status", alloc["ID"], "main").out == 'Pause state: "force_run"\n'
    agent.ok("alloc", "pause", "-state=scheduled", alloc["ID"])
    alloc = wait_task(agent, "later", lambda t: t.get("State") == "pending", "the task waits again")
    assert alloc["TaskStates"]["main"]["Restarts"] == 0 and not alloc["TaskStates"]["main"]["Failed"]
    agent.ok("job", "stop", "-detach", "later")
    wait_task(agent, "later", lambda t: t.get("State") == "dead", "a waiting task is stopped")


def test_a_task_in_its_time_is_paused_and_goes_on(shared_agent, tmp_path):
    agent = shared_agent
    # Whole days, but for their last minute.
    agent.ok("job", "run", "-detach", write_job(tmp_path, "now.nomad.hcl", SLEEPER.format(name="now", count=1, more=schedule("0 0 * * * *", "59 23"))))
    alloc = wait_task(agent, "now", lambda t: t.get("State") == "running", "the task runs")
    agent.ok("alloc", "pause", alloc["ID"], "main")
    alloc = wait_task(agent, "now", lambda t: t.get("State") == "pending" and t.get("Paused") == "force_pause", "the task is paused")
    assert "Pausing due to override" in texts(alloc) and alloc["ClientStatus"] != "failed"
    answer = agent.http("PUT", f"/v1/client/allocation/{alloc['ID']}/pause", {"Task": "main", "ScheduleState": "scheduled"})
    assert answer.status == 200, answer
    alloc = wait_task(agent, "now", lambda t: t.get("State") == "running" and not t.get("Paused"), "the task goes on")
    assert "Running due to schedule" in texts(alloc)
    wrong = agent.http("PUT", f"/v1/client/allocation/{alloc['ID']}/pause", {"Task": "main", "ScheduleState": "maybe"})
    assert wrong.status == 400 and "Not a valid task schedule state" in wrong.text
    assert 'Pause action must be one of "pause", "run", or "scheduled" but got "stop"' in agent.run("alloc", "pause", "-state=stop", alloc["ID"]).err
    agent.ok("job", "stop", "-purge", "-detach", "now")


@pytest.mark.parametrize("start, end, sentence", [
    ("0 9 * * *", "0 17", "schedule cron.start must contain 6 fields"),
    ("0 9 * * MON,TUE *", "0 17", 'schedule cron.start must not contain "/" or ","'),
    ("0 9 * * * *", "17", "schedule cron.end must contain 2 fields"),
    ("0 99 * * * *", "0 17", 'schedule cron.start "0 99 * * * *"'),
])
def test_schedules_that_are_none(shared_agent, tmp_path, start, end, sentence):
    done = shared_agent.run("job", "run", "-detach", write_job(tmp_path, "bad.nomad.hcl", SLEEPER.format(name="bad", count=1, more=schedule(start, end))))
    assert done.code == 1 and sentence in done.all, done


TALKER = """
job "{name}" {{
  group "g" {{
    task "main" {{
      driver = "raw_exec"
      config {{
        command = "/bin/sh"
        args    = ["-c", "n=0; while [ ! -e $NOMAD_TASK_DIR/stop ]; do n=$((n+1)); echo line $n; sleep 0.05; done; echo the end >&2"]
      }}
      resources {{
        cpu    = 20
        memory = 16
      }}
      logs {{
{sinks}
      }}
    }}
  }}
}}
"""


def sink_file(agent, alloc, name):
    return os.path.join(agent.data_dir, "alloc", alloc["ID"], "alloc", "logs", f"main.{name}.json.0")


def wait_lines(path, count, wanted=lambda line: True):
    for _ in range(3000):
        if os.path.exists(path):
            with open(path) as file:
                lines = [json.loads(line) for line in file.read().splitlines(keepends=True) if line.endswith("\n")]
            if len(lines) >= count and any(wanted(line) for line in lines):
                return lines
        harness.ask_again_soon()
    raise AssertionError(f"{path} never had {count} lines")


class Syslog:
    """A server of syslog over TCP that keeps what it is told."""

    def __init__(self, port=0):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]

    def messages(self, count):
        peer, _ = self.listener.accept()
        peer.settimeout(harness.DEADLINE)
        stream = peer.makefile("rb")
        out = []
        while len(out) < count:
            length = b""
            while not length.endswith(b" "):
                length += stream.read(1)
            out.append(stream.read(int(length)).decode())
        peer.close()
        return out


def test_lines_go_to_files_and_to_syslog(make_agent, tmp_path):
    agent = make_agent().start()
    server = Syslog()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    datagrams.settimeout(harness.DEADLINE)
    sinks = f"""
        sink "all" {{
          type = "file"
        }}
        sink "tcp" {{
          type     = "syslog"
          address  = "tcp://127.0.0.1:{server.port}"
          facility = "daemon"
        }}
        sink "udp" {{
          type    = "syslog"
          address = "udp://127.0.0.1:{datagrams.getsockname()[1]}"
        }}
"""
    agent.ok("job", "run", "-detach", write_job(tmp_path, "talker.nomad.hcl", TALKER.format(name="talker", sinks=sinks)))
    (alloc,) = agent.wait_running("talker")
    first = server.messages(3)
    assert [message.rsplit("] ", 1)[1] for message in first] == ["line 1", "line 2", "line 3"]
    assert first[0].startswith("<30>1 ") and f'job="talker" group="g" task="main" alloc="{alloc["ID"]}"' in first[0]
    assert datagrams.recv(4096).decode().endswith("] line 1")
    lines = wait_lines(sink_file(agent, alloc, "all"), 3)
    assert [line["message"] for line in lines[:3]] == ["line 1", "line 2", "line 3"]
    assert {key: lines[0][key] for key in ("stream", "job", "group", "task", "alloc", "node", "namespace")} == {
        "stream": "stdout", "job": "talker", "group": "g", "task": "main", "alloc": alloc["ID"], "node": "node-one", "namespace": "default"}

    # A server that is gone disturbs nothing: not the task, not the other sinks.
    server.listener.close()
    wait_lines(sink_file(agent, alloc, "all"), len(lines) + 5)
    agent.kill()
    agent.start()
    count = len(wait_lines(sink_file(agent, alloc, "all"), 1))
    again = wait_lines(sink_file(agent, alloc, "all"), count + 5)
    numbers = [int(line["message"].split()[1]) for line in again]
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1)), "none is missing"
    # What a task says last is taken on, too.
    with open(os.path.join(agent.data_dir, "alloc", alloc["ID"], "main", "local", "stop"), "w"):
        pass
    wait_lines(sink_file(agent, alloc, "all"), 1, lambda line: line["stream"] == "stderr" and line["message"] == "the end")
    counters = {c["Name"]: c["Sum"] for c in agent.get("/v1/metrics")["Counters"]}
    assert counters["nomad.client.log_sinks.lines"] > 0 and counters["nomad.client.log_sinks.bytes_dropped"] == 0
    assert counters["nomad.client.log_sinks.failures"] > 0
    assert agent.get("/v1/job/talker")["TaskGroups"][0]["Tasks"][0]["LogConfig"]["Sinks"][0] == {"Name": "all", "Type": "file", "Address": "", "Facility": ""}


@pytest.mark.parametrize("sinks, sentence", [
    ('sink "a b" {\n type = "file"\n}', 'Log sink "a b": its name must have'),
    ('sink "a" {\n type = "disk"\n}', 'Log sink "a" type'),
    ('sink "a" {\n type = "syslog"\n address = "10.0.0.1:514"\n}', "address must be udp://HOST:PORT or tcp://HOST:PORT"),
    ('sink "a" {\n type = "file"\n}\nsink "a" {\n type = "file"\n}', 'Log sink "a" is defined twice'),
    ('disabled = true\nsink "a" {\n type = "file"\n}', "Log sinks need logs"),
])
def test_sinks_that_are_none(shared_agent, tmp_path, sinks, sentence):
    done = shared_agent.run("job", "run", "-detach", write_job(tmp_path, "bad.nomad.hcl", TALKER.format(name="bad", sinks=sinks)))
    assert done.code == 1 and sentence in done.all, done


def test_the_doctor(shared_agent):
    healthy = shared_agent.ok("agent", "doctor")
    rows = {row["Check"]: row["State"] for row in healthy.table("This machine")}
    assert rows["user"] == rows["kernel"] == rows["ports"] == rows["disk"] == "ok" or rows["disk"] == "warning"
    assert "Addresses" in healthy.out and "the leader is 127.0.0.1:" in healthy.out and "ready and eligible" in healthy.out
    facts = json.loads(shared_agent.ok("agent", "doctor", "-json").out)
    assert facts["AgentAnswers"] and facts["Networks"]
    assert {row["Name"]: row["State"] for row in facts["Agent"]}["drivers"] == "ok"
    # Without an agent, and with a data directory that cannot be one.
    lonely = shared_agent.run("agent", "doctor", "-json", "-data-dir=/proc/none", env={"NOMAD_ADDR": "http://127.0.0.1:1"})
    facts = json.loads(lonely.out)
    assert not facts["AgentAnswers"] and facts["Agent"] == []
    assert {row["Name"] for row in facts["Machine"]} >= {"cgroups", "namespaces", "docker", "clock", "ports"}
    assert shared_agent.run("agent", "doctor", "more").code == 1


ASKER = """
job "{name}" {{
  group "g" {{
    task "main" {{
      driver = "{driver}"
      {user}
      identity {{
        env = true
      }}
      config {{
        command = "/bin/sh"
        args    = ["-c", <<-EOT
          ask() {{ curl -s -o /dev/null -w '%%{{http_code}} ' --unix-socket "$NOMAD_SECRETS_DIR/api.sock" "$@" http://localhost/v1/jobs; }}
          {{ ask; ask -H 'X-Nomad-Token: wrong'; ask -H "Authorization: Bearer $NOMAD_TOKEN"; echo "$NOMAD_UNIX_ADDR"; }} > "$NOMAD_TASK_DIR/new"
          mv "$NOMAD_TASK_DIR/new" "$NOMAD_TASK_DIR/codes"
          exec sleep 3600
EOT
        ]
      }}
      resources {{
        cpu    = 20
        memory = 32
      }}
    }}
  }}
}}
"""


@pytest.mark.parametrize("driver, user", [("raw_exec", ""), ("exec", ""), ("exec", 'user = "daemon"')])
def test_a_task_asks_the_api_by_its_own_socket(shared_agent, tmp_path, driver, user):
    agent = shared_agent
    name = "asker-" + driver.replace("_", "-") + ("-user" if user else "")
    agent.ok("job", "run", "-detach", write_job(tmp_path, "asker.nomad.hcl", ASKER.format(name=name, driver=driver, user=user)))
    (alloc,) = agent.wait_running(name)
    folder = os.path.join(agent.data_dir, "alloc", alloc["ID"], "main")
    codes = os.path.join(folder, "local", "codes")
    for _ in range(3000):
        if os.path.exists(codes):
            break
        harness.ask_again_soon()
    with open(codes) as file:
        text = file.read().strip()
    secrets = "/secrets" if driver == "exec" else os.path.join(folder, "secrets")
    assert text == f"401 403 200 unix://{secrets}/api.sock"
    assert os.path.exists(os.path.join(folder, "secrets", "api.sock"))
    agent.ok("job", "stop", "-detach", name)
    agent.wait_allocs(name, lambda allocs: allocs[0]["ClientStatus"] == "complete", "the task ended")
    assert not os.path.exists(os.path.join(folder, "secrets", "api.sock"))


def wait_file(path):
    for _ in range(3000):
        if os.path.exists(path):
            with open(path) as file:
                text = file.read()
            if text.endswith("\n"):
                return text
        harness.ask_again_soon()
    raise AssertionError(f"{path} was never written")


RIGHTS = """
job "{name}" {{
  type = "batch"
  group "g" {{
    task "main" {{
      driver = "{driver}"
      config {{
        command = "/bin/sh"
        args    = ["-c", "{script}"]
        {config}
      }}
      resources {{
        cpu    = 20
        memory = 32
      }}
    }}
  }}
}}
"""


def test_a_task_gains_no_rights(shared_agent, tmp_path):
    agent = shared_agent
    script = "cat /proc/self/status > $NOMAD_TASK_DIR/new; echo >> $NOMAD_TASK_DIR/new; mv $NOMAD_TASK_DIR/new $NOMAD_TASK_DIR/status"
    for name, config, wanted in (("rights-kept", "", "0"), ("rights-none", "no_new_privileges = true", "1")):
        agent.ok("job", "run", "-detach", write_job(tmp_path, "rights.nomad.hcl", RIGHTS.format(name=name, driver="exec", script=script, config=config)))
        (alloc,) = agent.wait_allocs(name, lambda allocs: len(allocs) == 1 and allocs[0]["ClientStatus"] == "complete", f"{name} ends")
        assert f"NoNewPrivs:\t{wanted}\n" in wait_file(os.path.join(agent.data_dir, "alloc", alloc["ID"], "main", "local", "status"))


def test_a_raw_task_joins_the_groups_that_its_job_names(shared_agent, tmp_path):
    agent = shared_agent
    name = f"drover-test-{os.getpid()}"
    old = os.path.exists("/sys/fs/cgroup/pids/cgroup.procs")
    group = f"/sys/fs/cgroup/pids/{name}" if old else f"/sys/fs/cgroup/{name}"
    os.mkdir(group)
    try:
        script = "cat /proc/self/cgroup > $NOMAD_TASK_DIR/new; mv $NOMAD_TASK_DIR/new $NOMAD_TASK_DIR/groups"
        config = f'cgroup_v1_override = [{{ pids = "{name}" }}]' if old else f'cgroup_v2_override = "{name}"'
        agent.ok("job", "run", "-detach", write_job(tmp_path, "joins.nomad.hcl", RIGHTS.format(name="joins", driver="raw_exec", script=script, config=config)))
        (alloc,) = agent.wait_allocs("joins", lambda allocs: len(allocs) == 1 and allocs[0]["ClientStatus"] == "complete", "joins ends")
        lines = wait_file(os.path.join(agent.data_dir, "alloc", alloc["ID"], "main", "local", "groups")).splitlines()
        assert any(line.endswith(f":pids:/{name}" if old else f"::/{name}") for line in lines), lines
    finally:
        os.rmdir(group)
    agent.ok("job", "run", "-detach", write_job(tmp_path, "joins.nomad.hcl", RIGHTS.format(name="joins-not", driver="raw_exec", script="true", config=config)))
    allocs = agent.wait_allocs("joins-not", lambda allocs: any(a["ClientStatus"] == "failed" for a in allocs), "it fails")
    assert any("is no control group that tasks can be put into" in text for a in allocs if a["TaskStates"] for text in texts(a))

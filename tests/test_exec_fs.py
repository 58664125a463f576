"""Looking into a running allocation: logs, files, commands inside, signals, restarts; with both drivers."""
import os
import socket
import struct

import pytest

import harness
from harness import write_job

SCRIPT = """
trap 'echo got-usr1' USR1
echo started-$NOMAD_ALLOC_ID
echo to-stderr >&2
n=0
while [ ! -e $NOMAD_TASK_DIR/stop ]; do
  n=$((n+1)); echo tick $n
  sleep 0.2 & wait $!
done
"""


@pytest.fixture(scope="module", params=["raw_exec", "exec"])
def task(request, shared_agent, tmp_path_factory):
    agent = shared_agent
    name = f"look-{request.param.replace('_', '-')}"
    path = write_job(tmp_path_factory.mktemp("job"), "look.nomad.hcl", f"""
job "{name}" {{
  update {{
    min_healthy_time = "0s"
  }}
  group "g" {{
    restart {{
      attempts = 5
      delay    = "100ms"
      mode     = "fail"
    }}
    task "main" {{
      driver = "{request.param}"
      config {{
        command = "/bin/sh"
        args    = ["-c", <<-SCRIPT
{SCRIPT}
SCRIPT
        ]
      }}
      resources {{
        cpu    = 50
        memory = 32
      }}
    }}
  }}
}}
""")
    agent.ok("job", "run", "-detach", path)
    (alloc,) = agent.wait_running(name)
    agent.job_name = name
    agent.alloc_id = alloc["ID"]
    yield agent
    agent.ok("job", "stop", "-detach", name)


def task_state(agent):
    return agent.get(f"/v1/allocation/{agent.alloc_id}")["TaskStates"]["main"]


def test_logs_follow(task):
    with task.follow("alloc", "logs", "-f", task.alloc_id) as logs:
        logs.read_until(f"started-{task.alloc_id}")
        first = int(logs.read_until(r"tick (\d+)\n").group(1))
        logs.read_until(f"tick {first + 2}\n")
    with task.follow("alloc", "logs", "-f", "-stderr", task.alloc_id, "main") as logs:
        logs.read_until("to-stderr")


def test_logs_tail(task):
    with task.follow("alloc", "logs", "-f", task.alloc_id) as logs:
        logs.read_until("tick 3\n")
    # The task goes on writing while its log is read: a line more may have come.
    lines = task.ok("alloc", "logs", "-stdout", "-tail", "-n", "2", task.alloc_id).out.splitlines()
    assert 2 <= len(lines) <= 4 and all(line.startswith("tick ") for line in lines), lines
    assert task.ok("alloc", "logs", "-stderr", "-tail", "-c", "4", task.alloc_id).out == "err\n"
    whole = task.ok("alloc", "logs", "-stdout", task.alloc_id).out
    assert whole.startswith(f"started-{task.alloc_id}\n")
    both = task.ok("alloc", "logs", task.alloc_id).out
    assert "to-stderr\n" in both and "tick 1\n" in both
    assert "started-" in task.ok("alloc", "logs", "-job", task.job_name).out


def test_logs_over_http(task):
    answer = task.http("GET", f"/v1/client/fs/logs/{task.alloc_id}?task=main&type=stdout&plain=true")
    assert answer.status == 200 and answer.text.startswith(f"started-{task.alloc_id}")
    missing = task.http("GET", f"/v1/client/fs/logs/{task.alloc_id}?task=nope&type=stdout&plain=true")
    assert missing.status in (400, 404) and "nope" in missing.text, missing


def leave_a_stream(task, path):
    """Closes with a reset after the head and some bytes: what the agent sends next fails instead of being buffered."""
    gone = socket.create_connection(("127.0.0.1", task.port), timeout=harness.DEADLINE)
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gone.sendall(f"GET /v1/client/fs/{path} HTTP/1.1\r\nHost: drover\r\n\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < 10:
        received += gone.recv(4096)
    gone.close()
    assert received.startswith(b"HTTP/1.1 200 "), received


def test_clients_that_leave_their_streams(task):
    """Heads were sent, the rest cannot be: nothing more is said to these clients, and the agent goes on."""
    for path in ("logs/{}?task=main&type=stdout&follow=true", "logs/{}?task=main&type=stdout&follow=true&plain=true", "stream/{}?path=alloc/logs/main.stdout.0&follow=true"):
        leave_a_stream(task, path.format(task.alloc_id))
    # More than the connection takes at once: the agent waits to write when the client goes.
    task.ok("alloc", "exec", "-i=false", "-t=false", task.alloc_id, "/bin/sh", "-c", "truncate -s 64M $NOMAD_ALLOC_DIR/data/large")
    for path in ("cat/{}?path=alloc/data/large", "readat/{}?path=alloc/data/large&offset=0&limit=60000000", "stream/{}?path=alloc/data/large"):
        leave_a_stream(task, path.format(task.alloc_id))
    # Two ticks later there was something to send to each of them.
    with task.follow("alloc", "logs", "-f", "-tail", "-n", "1", task.alloc_id) as logs:
        first = int(logs.read_until(r"tick (\d+)\n").group(1))
        logs.read_until(f"tick {first + 2}\n")
    assert task.http("GET", "/v1/agent/self").status == 200
    assert task.process.poll() is None


def test_files(task):
    task.ok("alloc", "exec", "-i=false", "-t=false", task.alloc_id, "/bin/sh", "-c", "echo inside > $NOMAD_TASK_DIR/note; echo shared > $NOMAD_ALLOC_DIR/data/note")
    assert task.ok("alloc", "fs", task.alloc_id, "main/local/note").out == "inside\n"
    assert task.ok("alloc", "fs", task.alloc_id, "alloc/data/note").out == "shared\n"
    stat = task.ok("alloc", "fs", "-stat", task.alloc_id, "main/local/note")
    assert "7 B" in stat.out and "note" in stat.out
    listing = {row["Name"] for row in task.ok("alloc", "fs", task.alloc_id, "alloc/logs/").table()}
    assert {"main.stdout.0", "main.stderr.0"} <= listing
    assert task.ok("alloc", "fs", "-tail", "-n", "1", task.alloc_id, "main/local/note").out.strip() == "inside"
    # Nothing outside of the allocation, and no secrets.
    for path in ("../../../../etc/passwd", "main/local/nope", "main/secrets/api.sock"):
        done = task.run("alloc", "fs", task.alloc_id, path)
        assert done.code == 1 and "root:" not in done.out, done
    answer = task.http("GET", f"/v1/client/fs/readat/{task.alloc_id}?path=main/local/note&offset=2&limit=3")
    assert answer.text == "sid"
    assert task.http("GET", f"/v1/client/fs/cat/{task.alloc_id}?path=main/local/nope").status in (404, 500)


def test_exec(task):
    done = task.ok("alloc", "exec", "-i=false", "-t=false", task.alloc_id, "/bin/sh", "-c", "echo out; echo err >&2")
    assert (done.out, done.err) == ("out\n", "err\n")
    assert task.run("alloc", "exec", "-i=false", "-t=false", task.alloc_id, "/bin/sh", "-c", "exit 37").code == 37
    assert task.ok("alloc", "exec", "-t=false", task.alloc_id, "/bin/cat", stdin="through and back\n").out == "through and back\n"
    assert task.ok("alloc", "exec", "-i=false", "-t=false", "-task", "main", task.alloc_id, "/bin/sh", "-c", "echo $NOMAD_TASK_NAME").out == "main\n"
    big = task.ok("alloc", "exec", "-i=false", "-t=false", task.alloc_id, "/bin/sh", "-c", "head -c 1000000 /dev/zero | tr '\\\\0' x")
    assert len(big.out) == 1_000_000
    missing = task.run("alloc", "exec", "-i=false", "-t=false", task.alloc_id, "/no/such/program")
    assert missing.code == 127, missing


def test_signal(task):
    with task.follow("alloc", "logs", "-f", task.alloc_id) as logs:
        logs.read_until("tick")
        task.ok("alloc", "signal", "-s", "SIGUSR1", task.alloc_id, "main")
        logs.read_until("got-usr1")
    refused = task.run("alloc", "signal", "-s", "SIGNOPE", task.alloc_id)
    assert refused.code == 1 and "SIGNOPE" in refused.all, refused
    assert task_state(task)["State"] == "running"


def test_stats(task):
    usage = task.wait(f"/v1/client/allocation/{task.alloc_id}/stats", lambda s: s["Tasks"].get("main"), "usage was measured")
    assert usage["Tasks"]["main"]["ResourceUsage"]["MemoryStats"]["RSS"] > 0


def test_restart(task):
    before = task_state(task)
    task.ok("alloc", "restart", task.alloc_id, "main")
    after = task.wait(f"/v1/allocation/{task.alloc_id}", lambda a: a["TaskStates"]["main"]["Restarts"] == before["Restarts"] + 1 and a["TaskStates"]["main"]["State"] == "running",
                      "the task was restarted")
    events = [e["Type"] for e in after["TaskStates"]["main"]["Events"]]
    assert "Restart Signaled" in events, events


def test_stop_is_replaced(task):
    stopped = task.alloc_id
    task.ok("alloc", "stop", stopped)
    allocs = task.wait_running(task.job_name)
    assert allocs[0]["ID"] != stopped
    task.wait(f"/v1/allocation/{stopped}", lambda a: a["ClientStatus"] == "complete", "the stopped allocation ended")
    task.alloc_id = allocs[0]["ID"]


def test_exec_in_an_ended_task(task):
    ended = next(a["ID"] for a in task.allocs(task.job_name) if a["ClientStatus"] == "complete")
    done = task.run("alloc", "exec", "-i=false", "-t=false", ended, "/bin/true")
    assert done.code == 1 and done.all.strip(), done


def test_environment(shared_agent, tmp_path):
    """What a task is told about itself."""
    agent = shared_agent
    path = write_job(tmp_path, "environment.nomad.hcl", """
job "environment" {
  type = "batch"
  meta {
    owner = "tests"
  }
  group "g" {
    network {
      port "http" {}
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/usr/bin/env"
      }
      env {
        WHERE = "${node.datacenter}-${attr.kernel.name}-${NOMAD_META_owner}"
      }
      resources {
        cpu    = 55
        memory = 33
      }
    }
  }
}
""")
    agent.ok("job", "run", "-detach", path)
    (alloc,) = agent.wait_allocs("environment", lambda allocs: allocs and all(a["ClientStatus"] == "complete" for a in allocs), "the job ended")
    text = agent.ok("alloc", "logs", alloc["ID"]).out
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    port = str(harness.alloc_port(agent.get(f"/v1/allocation/{alloc['ID']}"), "http"))
    want = {"NOMAD_ALLOC_ID": alloc["ID"], "NOMAD_ALLOC_NAME": "environment.g[0]", "NOMAD_ALLOC_INDEX": "0", "NOMAD_JOB_ID": "environment", "NOMAD_JOB_NAME": "environment",
            "NOMAD_GROUP_NAME": "g", "NOMAD_TASK_NAME": "t", "NOMAD_DC": "dc1", "NOMAD_REGION": "global", "NOMAD_NAMESPACE": "default", "NOMAD_CPU_LIMIT": "55",
            "NOMAD_MEMORY_LIMIT": "33", "NOMAD_META_owner": "tests", "NOMAD_PORT_http": port, "NOMAD_HOST_PORT_http": port, "NOMAD_ADDR_http": f"127.0.0.1:{port}",
            "NOMAD_IP_http": "127.0.0.1", "WHERE": "dc1-linux-tests"}
    assert {name: values.get(name) for name in want} == want
    assert os.path.basename(values["NOMAD_TASK_DIR"]) == "local" and os.path.basename(values["NOMAD_ALLOC_DIR"]) == "alloc"

"""Starts agents, runs commands against them and waits for what must happen.

Nothing here sleeps: readiness comes from the agent's own output, changes from blocking queries, ends of processes from pidfds. Every
wait has a deadline, generous because test machines are slow; what a wait was for is in its message.
"""
import contextlib
import http.client
import itertools
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("DROVER", os.path.join(ROOT, "build", "drover"))
JOBS = os.path.join(ROOT, "tests", "jobs")
EXAMPLES = os.path.join(ROOT, "examples")
RECORDED = os.path.join(ROOT, "tests", "recorded")

# How long anything may take before the test says that it never came.
DEADLINE = float(os.environ.get("DROVER_TEST_DEADLINE", "60"))

# Ports for listeners and tasks: below the range that the kernel hands out for outgoing connections.
_port_blocks = itertools.count(random.SystemRandom().randrange(0, 200))


def free_ports():
    """The first of three listeners' ports that are free now and a range of 40 for the tasks of one agent, such that agents of one run do not meet."""
    for _ in range(400):
        first = 14000 + (next(_port_blocks) % 400) * 43
        usable = True
        for port in (first, first + 1, first + 2, first + 3, first + 4):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    usable = False
        if usable:
            return first, first + 3, first + 42
    raise RuntimeError("no free ports between 14000 and 31200")


def ask_again_soon():
    """For the few things that nothing announces: a port that another program opens, an answer without an index."""
    threading.Event().wait(0.02)


class Answer:
    """What the HTTP API said."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self):
        return self.body.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def index(self):
        return int(self.headers.get("X-Nomad-Index", "0"))

    def __repr__(self):
        return f"<{self.status} {self.text[:2000]}>"


class Result:
    """What a command printed and its exit code."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    @property
    def all(self):
        return self.out + self.err

    def field(self, name):
        """The value of a `Name = value` line."""
        match = re.search(rf"^{re.escape(name)}\s*= (.*)$", self.out, re.MULTILINE)
        assert match, f"no field {name!r} in:\n{self.out}"
        return match.group(1).strip()

    def table(self, title=None):
        """The rows of the table below a title (or of the first table) as dictionaries by column."""
        lines = self.out.split("\n")
        start = 0
        if title is not None:
            assert title in lines, f"no section {title!r} in:\n{self.out}"
            start = lines.index(title) + 1
        rows = []
        for line in lines[start:]:
            if not line.strip():
                break
            rows.append(line)
        columns = [(m.start(), m.group()) for m in re.finditer(r"\S+(?: \S+)*", rows[0])]
        cut = [at for at, _ in columns] + [None]
        return [{name: row[cut[i]:cut[i + 1]].strip() for i, (_, name) in enumerate(columns)} for row in rows[1:]]

    def __repr__(self):
        return f"{' '.join(self.args)}\n{self.out}{self.err}[exit {self.code}]"


class Agent:
    """One agent with a directory, a configuration and ports of its own."""

    # The secret with which requests and commands are made; nothing: as nobody.
    token = None

    def __init__(self, folder, *, name="node-one", config="", client="", server="", with_server=True, with_client=True, binary=BINARY, log_level="DEBUG"):
        self.folder = str(folder)
        self.binary = binary
        self.name = name
        self.port, low, high = free_ports()
        self.data_dir = os.path.join(self.folder, "data")
        self.config_path = os.path.join(self.folder, "agent.hcl")
        self.log_path = os.path.join(self.folder, "agent.log")
        os.makedirs(self.folder, exist_ok=True)
        self.process = None
        self._started = self._reader = None
        self._ended = False
        with open(self.config_path, "w") as file:
            file.write(f"""
name      = "{name}"
data_dir  = "{self.data_dir}"
bind_addr = "127.0.0.1"
log_level = "{log_level}"

ports {{
  http = {self.port}
  rpc  = {self.port + 1}
  serf = {self.port + 2}
}}

server {{
  enabled          = {str(with_server).lower()}
  bootstrap_expect = 1
{server}
}}

client {{
  enabled           = {str(with_client).lower()}
  network_interface = "lo"
  min_dynamic_port  = {low}
  max_dynamic_port  = {high}
  # How full this machine's disk is must not end anything.
  gc_disk_usage_threshold  = 100
  gc_inode_usage_threshold = 100
{client}
}}

plugin "raw_exec" {{
  config {{
    enabled = true
  }}
}}
""" + config)

    # -- life

    def launch(self, *arguments):
        """Starts the process; returns before it is ready."""
        assert os.path.exists(self.binary), f"{self.binary} is missing: run scripts/test, or set DROVER"
        words = [*self.agent_words(), *arguments]
        self._started, self._ended = threading.Event(), False
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder,
                                        env={**os.environ, **getattr(self, "environment", {})})
        self._reader = threading.Thread(target=self._copy_log, args=(self.process.stdout, self._started), daemon=True)
        self._reader.start()
        return self

    def agent_words(self):
        return [self.binary, "agent", f"-config={self.config_path}"]

    def wait_started(self):
        """Until the agent says so itself."""
        assert self._started.wait(DEADLINE), f"the agent did not start:\n{self.log()}"
        assert not self._ended, f"the agent ended with {self.process.wait(DEADLINE)}:\n{self.log()}"
        return self

    def start(self, *arguments):
        """Starts and waits until the node is ready."""
        self.launch(*arguments).wait_started()
        self.wait("/v1/nodes", lambda nodes: any(n["Name"] == self.name and n["Status"] == "ready" for n in nodes), "the node is ready")
        return self

    def _copy_log(self, stream, started):
        with open(self.log_path, "ab", buffering=0) as log:
            for line in stream:
                log.write(line)
                if b"agent started!" in line:
                    started.set()
        if not started.is_set():
            self._ended = True
            started.set()

    def log(self):
        with contextlib.suppress(OSError), open(self.log_path, errors="replace") as file:
            return file.read()
        return ""

    def wait_ended(self):
        try:
            return self.process.wait(DEADLINE)
        finally:
            self._reader.join(DEADLINE)

    def kill(self):
        """As a crash: no word to anybody."""
        self.process.kill()
        self.process.wait(DEADLINE)

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def close(self):
        """Ends what the agent runs, then the agent, then what a killed agent left."""
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop_jobs()
            self.stop()
        finally:
            end_processes_below(self.folder)

    def stop_jobs(self):
        with contextlib.suppress(Exception):
            for job in self.get("/v1/jobs"):
                if not job["Stop"]:
                    self.http("DELETE", f"/v1/job/{urllib.parse.quote(job['ID'], safe='')}")
            self.wait("/v1/allocations", lambda allocs: all(a["ClientStatus"] not in ("running", "pending") for a in allocs), "every task has ended", timeout=20)

    # -- HTTP

    def connect(self, timeout):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def http(self, method, path, body=None, timeout=DEADLINE, headers=None, raw=False):
        connection = self.connect(timeout + 10)
        try:
            if body is not None and not raw:
                body = json.dumps(body)
            connection.request(method, path, body=body, headers={**({"X-Nomad-Token": self.token} if self.token else {}), **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path):
        answer = self.http("GET", path)
        assert answer.status == 200, f"GET {path}: {answer}"
        return answer.json

    def wait(self, path, condition, what, timeout=None):
        """Follows a blocking query until `condition(json)` holds; returns that JSON."""
        end = time.monotonic() + (timeout or DEADLINE)
        index = 0
        last = None
        while time.monotonic() < end:
            joint = "&" if "?" in path else "?"
            left = max(1, min(30, int(end - time.monotonic())))
            last = self.http("GET", f"{path}{joint}index={index}&wait={left}s")
            if last.status == 200:
                if condition(last.json):
                    return last.json
                index = last.index
            else:
                index = 0
            if index == 0:
                ask_again_soon()
        raise AssertionError(f"never came: {what}; last answer of {path}: {last}\n--- agent log, end\n{self.log()[-4000:]}")

    def wait_json(self, path, condition, what, timeout=None):
        """For answers without an index, also of an agent that does not answer yet: asks until the condition holds."""
        end = time.monotonic() + (timeout or DEADLINE)
        last = None
        while time.monotonic() < end:
            try:
                last = self.http("GET", path)
                if last.status == 200 and condition(last.json):
                    return last.json
            except (OSError, http.client.HTTPException) as problem:
                last = problem
            ask_again_soon()
        raise AssertionError(f"never came: {what}; last answer of {path}: {last}\n--- agent log, end\n{self.log()[-4000:]}")

    def wait_log(self, pattern, timeout=None):
        """Until the agent has logged it."""
        end = time.monotonic() + (timeout or DEADLINE)
        while time.monotonic() < end:
            match = re.search(pattern, self.log())
            if match:
                return match
            ask_again_soon()
        raise AssertionError(f"never logged: {pattern!r}\n{self.log()[-4000:]}")

    def allocs(self, job):
        return self.get(f"/v1/job/{urllib.parse.quote(job, safe='')}/allocations")

    def wait_allocs(self, job, condition, what, timeout=None):
        return self.wait(f"/v1/job/{urllib.parse.quote(job, safe='')}/allocations", condition, what, timeout)

    def wait_running(self, job, count=1):
        def enough(allocs):
            return len([a for a in allocs if a["ClientStatus"] == "running" and a["DesiredStatus"] == "run"]) == count

        allocs = self.wait_allocs(job, enough, f"{count} running allocations of {job}")
        return [a for a in allocs if a["ClientStatus"] == "running" and a["DesiredStatus"] == "run"]

    def register(self, job):
        answer = self.http("PUT", "/v1/jobs", {"Job": job})
        assert answer.status == 200, repr(answer)
        return answer.json

    # -- commands

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def cli_environment(self):
        return {"NOMAD_ADDR": self.url(), "NOMAD_CLI_NO_COLOR": "1", **({"NOMAD_TOKEN": self.token} if self.token else {})}

    def run_words(self, words):
        """The words that run a command where this agent is."""
        return words

    def run(self, *words, binary=None, env=None, cwd=None, stdin=None, timeout=DEADLINE):
        """Runs a command; the caller looks at the exit code."""
        args = self.run_words([binary or self.binary, *words])
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NOMAD_")}
        environment.update({**self.cli_environment(), **(env or {})})
        done = subprocess.run(args, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=timeout * 2, env=environment, cwd=cwd or self.folder)
        return Result(args, done.returncode, done.stdout, done.stderr)

    def ok(self, *words, **options):
        """Runs a command that must succeed."""
        done = self.run(*words, **options)
        assert done.code == 0, repr(done)
        return done

    def follow(self, *words):
        """A command that runs on, such as `alloc logs -f`; its lines come through read_until()."""
        environment = dict(os.environ, **self.cli_environment())
        return Follower(self.run_words([self.binary, *words]), environment)


class Follower:
    def __init__(self, args, environment):
        self.args = args
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        self.seen = b""

    def read_until(self, pattern, timeout=DEADLINE):
        """Reads until the pattern matches what has come so far; returns the match."""
        end = time.monotonic() + timeout
        stream = self.process.stdout.fileno()
        while True:
            match = re.search(pattern.encode(), self.seen)
            if match:
                return match
            ready, _, _ = select.select([stream], [], [], max(0, end - time.monotonic()))
            assert ready, f"{' '.join(self.args)} never printed {pattern!r}; it printed:\n{self.seen.decode(errors='replace')}"
            chunk = os.read(stream, 65536)
            assert chunk, f"{' '.join(self.args)} ended before {pattern!r}; it printed:\n{self.seen.decode(errors='replace')}"
            self.seen += chunk

    def forget(self):
        self.seen = b""

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Redis:
    """One connection to a redis server, kept open."""

    def __init__(self, port, connect=None):
        self.port = port
        end = time.monotonic() + DEADLINE
        while True:
            try:
                self.socket = connect() if connect else socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
                self.file = self.socket.makefile("rwb")
                if self.command("PING") == "PONG":
                    break
            except (ConnectionError, BrokenPipeError) as error:
                # "running" means started: the program may not listen yet, and nothing tells when it does. A proxy
                # before it (docker's) accepts even then, and resets: only an answer says that redis is there.
                assert time.monotonic() < end, f"no redis answers on 127.0.0.1:{port}: {error}"
                ask_again_soon()
                continue
            assert time.monotonic() < end, f"what listens on 127.0.0.1:{port} does not answer PING"
            ask_again_soon()

    def command(self, *words):
        encoded = b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (str(w).encode() for w in words))
        self.file.write(b"*%d\r\n%s" % (len(words), encoded))
        self.file.flush()
        return self._reply()

    def _reply(self):
        line = self.file.readline().rstrip(b"\r\n").decode()
        kind, rest = line[:1], line[1:]
        if kind == "$":
            size = int(rest)
            if size < 0:
                return None
            return self.file.read(size + 2)[:-2].decode()
        if kind == ":":
            return int(rest)
        if kind == "*":
            return [self._reply() for _ in range(int(rest))]
        return rest

    def pid(self):
        return int(re.search(r"process_id:(\d+)", self.command("INFO", "server")).group(1))

    def close(self):
        self.file.close()
        self.socket.close()


def redis_cli(port, *words):
    return subprocess.run(["redis-cli", "-h", "127.0.0.1", "-p", str(port), *words], capture_output=True, text=True, timeout=DEADLINE).stdout.strip()


def alloc_port(alloc, label="db"):
    """The port that the scheduler gave to an allocation (as GET /v1/allocation/:id shows it)."""
    for port in alloc["AllocatedResources"]["Shared"]["Ports"]:
        if port["Label"] == label:
            return port["Value"]
    raise AssertionError(f"no port {label} in {alloc['AllocatedResources']}")


# -- processes


def status_of(pid):
    """/proc's fields of a process, or None when it has ended."""
    try:
        with open(f"/proc/{pid}/status") as file:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        return None if fields["State"].strip()[0] in "ZX" else fields
    except (FileNotFoundError, ProcessLookupError):
        return None


def all_processes():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def parent_of(pid):
    return int(status_of(pid)["PPid"])


def wait_process_end(pid, timeout=DEADLINE):
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([handle], [], [], timeout)
        assert ready, f"process {pid} did not end"
    finally:
        os.close(handle)


def processes_below(folder):
    """Processes that were started for an agent: their command line, directory or root is in its folder."""
    found = []
    folder = os.path.realpath(folder)
    for entry in all_processes():
        if entry == os.getpid():
            continue
        texts = [command_line(entry)]
        for link in ("cwd", "root"):
            with contextlib.suppress(OSError):
                texts.append(os.readlink(f"/proc/{entry}/{link}"))
        if any(folder + "/" in text or text == folder for text in texts):
            found.append(entry)
    return found


def end_processes_below(folder):
    for pid in processes_below(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def mounts_below(folder):
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4] for line in file]
    return sorted((point for point in points if point.startswith(os.path.realpath(folder) + "/")), reverse=True)


def remove_folder(folder):
    """What is mounted there (tasks' secrets, their file systems) is never deleted through."""
    for mount in mounts_below(folder):
        subprocess.run(["umount", "-l", mount], capture_output=True)
    if not mounts_below(folder):
        shutil.rmtree(folder, ignore_errors=True)


def idle_job(name):
    """A job that no node takes: for tests of what is stored."""
    return {"ID": name, "Name": name, "Datacenters": ["nowhere"],
            "TaskGroups": [{"Name": "g", "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/true"}}]}]}


def write_job(folder, name, text):
    path = os.path.join(str(folder), name)
    with open(path, "w") as file:
        file.write(text)
    return path


# -- recorded output of a real agent


def recorded(name):
    """The text of a recorded command without its command line and exit code, and that exit code."""
    with open(os.path.join(RECORDED, name)) as file:
        text = file.read()
    match = re.fullmatch(r"\$ [^\n]*\n(.*?)\n?\[exit (\d+)\]\n?", text, re.DOTALL)
    return match.group(1), int(match.group(2))


def recorded_http(name):
    """The body of a recorded answer."""
    with open(os.path.join(RECORDED, name)) as file:
        return json.loads(file.read().split("\n\n", 1)[1])


def shape(text):
    """Fields, titles and columns of a command's output: what people and tools look for."""
    fields, titles, columns = set(), set(), []
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        lines = paragraph.split("\n")
        heads = lines[:1]
        if re.match(r"^[A-Z][\w ]*?\s+= ", lines[0]) is None and "  " not in lines[0].strip():
            titles.add(lines[0].strip())
            heads = lines[1:2]
        for line in lines:
            match = re.match(r"^([A-Z][\w ]*?)\s+= ", line)
            if match:
                fields.add(match.group(1))
        for line in heads:
            names = re.split(r"\s{2,}", line.strip())
            if len(names) > 1 and all(n[:1].isupper() or n == "final score" for n in names) and "=" not in line:
                columns.append(tuple(names))
    return fields, titles, columns


def assert_same_shape(text, name, titles=True, ignore=()):
    """Everything that the recorded output has is in `text`, columns in the same order; more may be there."""
    want_fields, want_titles, want_columns = shape(recorded(name)[0])
    have_fields, have_titles, have_columns = shape(text)
    missing = want_fields - have_fields - set(ignore)
    assert not missing, f"{name} has the fields {sorted(missing)}, which are missing in:\n{text}"
    if titles:
        missing = want_titles - have_titles - set(ignore)
        assert not missing, f"{name} has the sections {sorted(missing)}, which are missing in:\n{text}"
    for want in want_columns:
        assert any(is_subsequence(want, have) for have in have_columns), f"{name} has the columns {want}, which are missing in:\n{text}"


def is_subsequence(short, long):
    rest = iter(long)
    return all(item in rest for item in short)


def assert_fields(have, want, where="", ignore=()):
    """Every member name of the recorded JSON is in ours, at every depth where both have one. Values differ; names must not."""
    if isinstance(want, dict) and isinstance(have, dict):
        missing = set(want) - set(have) - set(ignore)
        assert not missing, f"{where or '/'}: the members {sorted(missing)} are missing; there are {sorted(have)}"
        for name in set(want) - set(ignore):
            if name in have:
                assert_fields(have[name], want[name], f"{where}/{name}", ignore)
    elif isinstance(want, list) and isinstance(have, list):
        if want and have:
            assert_fields(have[0], want[0], f"{where}[0]", ignore)
    elif want is not None and have is not None:
        number = (int, float)
        same = isinstance(have, type(want)) or (isinstance(have, number) and isinstance(want, number))
        assert same, f"{where}: is {have!r}, recorded {want!r}"

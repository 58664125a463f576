"""A task driver of the tests' own: "tester" runs commands on the host and speaks Nomad's plugin protocol over grpcio.

What it started survives it: a new process recovers tasks by what it put into their handles. Files in $TESTER_FOLDER tell it what to do:
"unhealthy" makes it say so; "started" is written with a task's driver configuration.
"""
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import threading
import time

import grpc

from plugin_wire import add_service, entries, fields, message, number, text, unpack

FOLDER = os.environ["TESTER_FOLDER"]
NAME = os.environ.get("TESTER_NAME", "tester")
BASE = "hashicorp.nomad.plugins.base.proto.BasePlugin"
DRIVER = "hashicorp.nomad.plugins.drivers.proto.Driver"
# It outlives signals to its group, so that it can tell how its child ended.
SHELL = 'trap : TERM INT HUP USR1; "$@"; echo $? > "$TESTER_EXIT.new"; mv "$TESTER_EXIT.new" "$TESTER_EXIT"'

tasks = {}
config = {}


def attribute(name, of, required=False):
    return message((3, message((1, name), (2, of), (3, required))))


def default(primary, literal):
    return message((9, message((1, primary), (2, message((10, message((1, literal))))))))


def schema(**members):
    return message((1, message(*[(1, message((1, name), (2, spec))) for name, spec in members.items()])))


TASK_SCHEMA = schema(
    command=attribute("command", "string", True),
    args=attribute("args", "list(string)"),
    greeting=default(attribute("greeting", "string"), '"hello"'),
    count=default(attribute("count", "number"), "3"),
    mount=message((6, message((1, "mount"), (4, schema(source=attribute("source", "string", True), ro=attribute("ro", "bool")))))),
    labels=message((5, message((1, "labels"), (2, "string")))),
)
PLUGIN_SCHEMA = schema(word=default(attribute("word", "string"), '"none"'), strict=attribute("strict", "bool"))


def set_config(request, context):
    config.update(unpack(number(fields(request), 1)) or {})
    if config.get("word") == "wrong":
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "word must not be wrong")
    return b""


def fingerprint(request, context):
    last = None
    while context.is_active():
        bad = os.path.exists(os.path.join(FOLDER, "unhealthy"))
        if bad != last:
            last = bad
            attributes = {"driver.tester.word": message((3, config.get("word") or "")), "driver.tester.size": message((2, 5), (5, "MB")),
                          "driver.tester.pid": message((2, os.getpid()))}
            yield message(*[(1, message((1, key), (2, value))) for key, value in attributes.items()], (2, 1 if bad else 2), (3, "not well" if bad else "Healthy"))
        time.sleep(0.05)


class Task:
    def __init__(self, task_id, pid, exit_file):
        self.id, self.pid, self.exit_file = task_id, pid, exit_file

    def state(self):
        return json.dumps({"pid": self.pid, "exit_file": self.exit_file}).encode()

    def code(self):
        try:
            with open(self.exit_file) as file:
                return int(file.read())
        except OSError:
            return None

    def wait(self, alive):
        while alive():
            code = self.code()
            if code is not None:
                return code
            time.sleep(0.02)
        return None

    def signal(self, name):
        os.killpg(self.pid, getattr(signal, name))

    def kill(self):
        if self.code() is not None:
            return
        with open(self.exit_file, "w") as file:
            file.write("137")
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def find(task_id, context):
    if task_id not in tasks:
        context.abort(grpc.StatusCode.NOT_FOUND, "task not found for given id")
    return tasks[task_id]


def start(request, context):
    raw = fields(request)[1][0]
    task = fields(raw)
    driver_config = unpack(task[3][0])
    with open(os.path.join(FOLDER, "started"), "w") as file:
        json.dump({"config": driver_config, "id": text(task, 1), "alloc_dir": text(task, 10), "mounts": len(task.get(7, [])), "stdout": text(task, 11)}, file)
    command = driver_config["command"]
    if command == "retry":
        return message((1, 1), (2, "come back later"))
    if command == "fatal":
        return message((1, 2), (2, "never"))
    if command == "recoverable":
        error = message((1, "type.googleapis.com/hashicorp.nomad.plugins.shared.structs.RecoverableError"), (2, message((1, True))))
        context.set_trailing_metadata((("grpc-status-details-bin", message((1, 2), (2, "soon"), (3, error))),))
        context.abort(grpc.StatusCode.UNKNOWN, "soon")
    exit_file = os.path.join(FOLDER, "exit-" + text(task, 1).replace("/", "-"))
    environment = {**entries(task, 4), "TESTER_EXIT": exit_file, "GREETING": driver_config["greeting"]}
    with open(text(task, 11), "wb") as out, open(text(task, 12), "wb") as err:
        process = subprocess.Popen(["/bin/sh", "-c", SHELL, "sh", command, *(driver_config["args"] or [])], env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=err, start_new_session=True, cwd=os.path.join(text(task, 10), text(task, 2)))
    # Nobody waits for it here: a thread does, so that no zombie stays.
    threading.Thread(target=process.wait, daemon=True).start()
    made = tasks[text(task, 1)] = Task(text(task, 1), process.pid, exit_file)
    while driver_config["greeting"] == "slowly" and not os.path.exists(os.path.join(FOLDER, "go")) and context.is_active():
        time.sleep(0.02)
    return message((3, message((1, 1), (2, raw), (3, 1), (4, made.state()))))


def recover(request, context):
    handle = fields(fields(request)[2][0])
    task_id, state = text(fields(handle[2][0]), 1), json.loads(handle[4][0])
    made = Task(task_id, state["pid"], state["exit_file"])
    if made.code() is None and not os.path.exists(f"/proc/{made.pid}"):
        context.abort(grpc.StatusCode.NOT_FOUND, "the process is gone")
    tasks.setdefault(task_id, made)
    return b""


def exit_message(code):
    return message((1, code)) if code < 128 else message((2, code - 128))


def wait(request, context):
    task = find(text(fields(request), 1), context)
    code = task.wait(context.is_active)
    return message((1, exit_message(code if code is not None else 0)))


def stop(request, context):
    asked = fields(request)
    task = find(text(asked, 1), context)
    timeout = fields(asked.get(2, [b""])[0])
    deadline = time.monotonic() + number(timeout, 1) + number(timeout, 2) / 1e9
    try:
        task.signal(text(asked, 3) or "SIGTERM")
    except ProcessLookupError:
        pass
    if task.wait(lambda: time.monotonic() < deadline) is None:
        task.kill()
    return b""


def destroy(request, context):
    asked = fields(request)
    task = find(text(asked, 1), context)
    if number(asked, 2):
        task.kill()
    del tasks[task.id]
    return b""


def stats(request, context):
    task = find(text(fields(request), 1), context)
    while context.is_active():
        cpu = message((1, 1.0), (2, 2.0), (6, 12.5), (7, bytes([0, 1, 5])))
        memory = message((1, 7 << 20), (6, bytes([0])))
        yield message((1, message((1, task.id), (2, message((1, int(time.time())))), (3, message((1, cpu), (2, memory))))))
        time.sleep(1)


def events(request, context):
    while context.is_active():
        time.sleep(0.2)
    yield from ()


def send_signal(request, context):
    asked = fields(request)
    find(text(asked, 1), context).signal(text(asked, 2))
    return b""


def execute(requests, context):
    setup = fields(fields(next(requests))[1][0])
    find(text(setup, 1), context)
    process = subprocess.Popen([word.decode() for word in setup[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def feed():
        for request in requests:
            part = fields(fields(request).get(3, [b""])[0])
            process.stdin.write(part.get(1, [b""])[0])
            process.stdin.flush()
            if number(part, 2):
                process.stdin.close()
                return

    threading.Thread(target=feed, daemon=True).start()
    for which, stream in ((1, process.stdout), (2, process.stderr)):
        while data := os.read(stream.fileno(), 65536):
            yield message((which, message((1, data))))
        yield message((which, message((2, True))))
    code = process.wait()
    yield message((3, True), (4, exit_message(code if code >= 0 else 128 - code)))


def serve(path, end):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(64))
    info = message((1, 2), (2, "0.1.0"), (3, "1.2.3"), (4, NAME))
    add_service(server, BASE, calls={"PluginInfo": lambda *_: info, "ConfigSchema": lambda *_: message((1, PLUGIN_SCHEMA)), "SetConfig": set_config})
    # Signals, commands, no file system of its own.
    able = message((1, message((1, True), (2, True), (3, 0))))
    calls = {"TaskConfigSchema": lambda *_: message((1, TASK_SCHEMA)), "Capabilities": lambda *_: able, "StartTask": start, "RecoverTask": recover, "WaitTask": wait,
             "StopTask": stop, "DestroyTask": destroy, "SignalTask": send_signal}
    add_service(server, DRIVER, calls=calls, streams={"Fingerprint": fingerprint, "TaskStats": stats, "TaskEvents": events}, dialogues={"ExecTaskStreaming": execute})

    def shutdown(request, context):
        end.set()
        return b""

    add_service(server, "plugin.GRPCController", calls={"Shutdown": shutdown})
    server.add_insecure_port("unix:" + path)
    server.start()
    return server


def main():
    if os.environ.get("NOMAD_PLUGIN_MAGIC_COOKIE") != "e4327c2e01eabfd75a8a67adb114fb34a757d57eee7728d857a8cec6e91a7255":
        sys.exit("this is a plugin")
    folder = os.environ.get("PLUGIN_UNIX_SOCKET_DIR", "/tmp")
    path = os.path.join(folder, f"plugin{os.getpid()}")
    end = threading.Event()
    server = serve(path, end)
    print('{"@level":"info","@message":"tester is up","@module":"tester","arguments":"%s"}' % " ".join(sys.argv[1:]), file=sys.stderr, flush=True)
    print(f"1|2|unix|{path}|grpc|", flush=True)
    end.wait()
    server.stop(0.2).wait()


main()

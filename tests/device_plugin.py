"""A plugin of devices of the tests' own, over grpcio: two adders of "acme", of which a task gets a device file, a directory and variables.

Files in $TESTER_FOLDER tell it what to do: "third" makes another device appear, "sick-ID" makes one ill, "refuse" makes it refuse every task, "away" keeps it from starting. What was
reserved is written to "reserved", one line a call.
"""
import concurrent.futures
import os
import sys
import threading
import time

import grpc

from plugin_wire import add_service, fields, map_entries, message

FOLDER = os.environ["TESTER_FOLDER"]
BASE = "hashicorp.nomad.plugins.base.proto.BasePlugin"
DEVICE = "hashicorp.nomad.plugins.device.DevicePlugin"


def flag(name):
    return os.path.exists(os.path.join(FOLDER, name))


def present():
    """Each device and whether it is well."""
    return {name: not flag(f"sick-{name}") for name in ("one", "two", *(["three"] if flag("third") else []))}


def fingerprint(request, context):
    last = None
    while context.is_active():
        now = present()
        if now != last:
            last = now
            devices = [(4, message((1, name), (2, well), (3, "" if well else "overheated"), (4, message((1, f"0000:00:{at:02}.0"))))) for at, (name, well) in enumerate(now.items())]
            attributes = map_entries(5, {"memory": message((2, 4), (5, "GiB")), "speed": message((1, 1.5)), "maker": message((3, "acme inc"))})
            yield message((1, message((1, "acme"), (2, "adder"), (3, "a1"), *devices, *attributes)))
        time.sleep(0.05)


def reserve(request, context):
    ids = [name.decode() for name in fields(request).get(1, [])]
    if flag("refuse"):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the adder is being repaired")
    with open(os.path.join(FOLDER, "reserved"), "a") as file:
        file.write(",".join(ids) + "\n")
    if flag("nonsense"):
        return message((1, message((3, message((1, "dev/x"), (2, "/dev/zero"))))))
    variables = map_entries(1, {"ACME_VISIBLE": ",".join(ids)})
    mounts = [(2, message((1, "/opt/acme"), (2, os.path.join(FOLDER, "library")), (3, True)))]
    files = [(3, message((1, f"/dev/acme{at}"), (2, "/dev/zero"), (3, "rw"))) for at in range(len(ids))]
    return message((1, message(*variables, *mounts, *files)))


def stats(request, context):
    while context.is_active():
        def value(number):
            return message((3, message((1, number))), (7, "sums"), (8, "sums done"))

        one = message((1, value(42)), (2, message(*map_entries(2, {"sums": value(42)}), *map_entries(1, {"inner": message(*map_entries(2, {"heat": message((5, message((1, "warm"))))}))}))),
                      (3, message((1, int(time.time())))))
        yield message((1, message((1, "acme"), (2, "adder"), (3, "a1"), *map_entries(4, {name: one for name in present()}))))
        time.sleep(0.2)


def main():
    if flag("away"):
        sys.exit("the plugin stays away")
    folder = os.environ.get("PLUGIN_UNIX_SOCKET_DIR", "/tmp")
    path = os.path.join(folder, f"plugin{os.getpid()}")
    end = threading.Event()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
    with open(os.path.join(FOLDER, "pid"), "w") as file:
        file.write(str(os.getpid()))
    info = message((1, 3), (2, "v0.1.0"), (3, "0.9"), (4, "acme-adder"))
    add_service(server, BASE, calls={"PluginInfo": lambda *_: info, "ConfigSchema": lambda *_: message((1, message((1, b"")))), "SetConfig": lambda *_: b""})
    add_service(server, DEVICE, calls={"Reserve": reserve}, streams={"Fingerprint": fingerprint, "Stats": stats})
    add_service(server, "plugin.GRPCController", calls={"Shutdown": lambda *_: end.set() or b""})
    server.add_insecure_port("unix:" + path)
    server.start()
    print(f"1|2|unix|{path}|grpc|", flush=True)
    end.wait()
    server.stop(0.2).wait()


if __name__ == "__main__":
    sys.exit(main())

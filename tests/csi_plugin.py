"""A CSI plugin of the tests' own: volumes are folders below $CSI_STORE, mounted by binding them, on as many nodes as have the store.

It writes each call that changes something into $CSI_STORE/calls, one JSON object a line, and is strict about order: a volume that was not attached
is not staged, one that was not staged is not published. "$CSI_STORE/fail-METHOD" holds how often METHOD shall fail from now on.
"""
import concurrent.futures
import fcntl
import json
import os
import shutil
import signal
import subprocess
import threading

import grpc

from plugin_wire import add_service, entries, fields, map_entries, message, number, text

STORE = os.environ["CSI_STORE"]
NODE = os.environ["CSI_NODE"]
SOCKET = os.environ["CSI_ENDPOINT"].removeprefix("unix://")
ZONE = os.environ.get("CSI_ZONE", "")
# A plugin without a controller leaves attaching out.
HAS_CONTROLLER = os.environ.get("CSI_CONTROLLER", "yes") == "yes"
MAX_VOLUMES = int(os.environ.get("CSI_MAX_VOLUMES", "0"))


def path(*parts):
    made = os.path.join(STORE, *parts)
    os.makedirs(os.path.dirname(made), exist_ok=True)
    return made


def note(method, **what):
    with open(path("calls"), "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps({"method": method, "node": NODE, **what}) + "\n")


def fail_if_asked(method, context):
    name = path("fail-" + method)
    try:
        with open(name) as file:
            left = int(file.read())
    except OSError:
        return
    if left <= 0:
        return
    with open(name, "w") as file:
        file.write(str(left - 1))
    note(method, failed=True)
    context.abort(grpc.StatusCode.INTERNAL, f"{method} was told to fail")


def mounted(where):
    with open("/proc/self/mountinfo") as file:
        return sum(line.split()[4].replace("\\040", " ") == where for line in file)


def bind(source, target, read_only=False):
    os.makedirs(target, exist_ok=True)
    if mounted(target):
        return
    subprocess.run(["mount", "--bind", source, target], check=True)
    if read_only:
        subprocess.run(["mount", "-o", "remount,bind,ro", target], check=True)


def unbind(target):
    while mounted(target):
        subprocess.run(["umount", target], check=True)
    if os.path.isdir(target):
        os.rmdir(target)


def access(capability):
    return number(fields(fields(capability)[3][0]), 1)


# ---- identity ----


def info(request, context):
    return message((1, "org.example.dir"), (2, "1.2.3"))


def capabilities(request, context):
    services = ([1] if HAS_CONTROLLER else []) + ([2] if ZONE else [])
    return message(*[(1, message((1, message((1, s))))) for s in services])


def probe(request, context):
    return message((1, message((1, not os.path.exists(path("not-ready"))))))


# ---- controller ----


def controller_capabilities(request, context):
    # Create, publish, list, snapshots, list of snapshots, expand.
    return message(*[(1, message((1, message((1, n))))) for n in (1, 2, 3, 5, 6, 9)])


def volume_message(name):
    size = int(open(path("sizes", name)).read()) if os.path.exists(path("sizes", name)) else 0
    reachable = [(5, message(*map_entries(1, {"zone": ZONE})))] if ZONE else []
    return message((1, size), (2, name), *map_entries(3, {"made-by": "tests"}), *reachable)


def create_volume(request, context):
    fail_if_asked("CreateVolume", context)
    r = fields(request)
    name = "vol-" + text(r, 1)
    size = number(fields(r[2][0]), 1) if 2 in r else 0
    note("CreateVolume", volume=name, parameters=entries(r, 4), secrets=sorted(entries(r, 5)), size=size)
    os.makedirs(path("volumes", name), exist_ok=True)
    if 6 in r and 1 in fields(r[6][0]):
        shutil.copytree(path("snapshots", text(fields(fields(r[6][0])[1][0]), 1)), path("volumes", name), dirs_exist_ok=True)
    with open(path("sizes", name), "w") as file:
        file.write(str(size))
    return message((1, volume_message(name)))


def delete_volume(request, context):
    fail_if_asked("DeleteVolume", context)
    name = text(fields(request), 1)
    note("DeleteVolume", volume=name, secrets=sorted(entries(fields(request), 2)))
    shutil.rmtree(path("volumes", name), ignore_errors=True)
    return b""


def controller_publish(request, context):
    fail_if_asked("ControllerPublishVolume", context)
    r = fields(request)
    name, node = text(r, 1), text(r, 2)
    if not os.path.isdir(path("volumes", name)):
        context.abort(grpc.StatusCode.NOT_FOUND, f"there is no volume {name}")
    note("ControllerPublishVolume", volume=name, target=node)
    open(path("attached", f"{name}@{node}"), "w").close()
    return message(*map_entries(1, {"device": f"{name}@{node}"}))


def controller_unpublish(request, context):
    fail_if_asked("ControllerUnpublishVolume", context)
    r = fields(request)
    name, node = text(r, 1), text(r, 2)
    if os.path.exists(path("staged", f"{name}@{node}")):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{name} is still staged on {node}")
    note("ControllerUnpublishVolume", volume=name, target=node)
    if os.path.exists(path("attached", f"{name}@{node}")):
        os.remove(path("attached", f"{name}@{node}"))
    return b""


def validate(request, context):
    r = fields(request)
    if not os.path.isdir(path("volumes", text(r, 1))):
        context.abort(grpc.StatusCode.NOT_FOUND, f"there is no volume {text(r, 1)}")
    return message((1, message((3, r[3][0]))))


def page(names, request, entry):
    r = fields(request)
    most, start = number(r, 1) or len(names), int(text(r, 2) or "0")
    more = [(2, str(start + most))] if start + most < len(names) else []
    return message(*[(1, entry(name)) for name in names[start:start + most]], *more)


def names_in(folder):
    return sorted(os.listdir(os.path.join(STORE, folder))) if os.path.isdir(os.path.join(STORE, folder)) else []


def list_volumes(request, context):
    def entry(name):
        nodes = [(1, each.split("@")[1]) for each in names_in("attached") if each.startswith(name + "@")]
        return message((1, volume_message(name)), (2, message(*nodes, (2, message((1, False), (2, "fine"))))))
    return page(names_in("volumes"), request, entry)


def snapshot_message(name):
    return message((1, 512), (2, name), (3, name.split("@")[0]), (4, message((1, 1700000000))), (5, True))


def create_snapshot(request, context):
    r = fields(request)
    name = f"{text(r, 1)}@{text(r, 2)}"
    note("CreateSnapshot", snapshot=name, parameters=entries(r, 4), secrets=sorted(entries(r, 3)))
    shutil.copytree(path("volumes", text(r, 1)), path("snapshots", name), dirs_exist_ok=True)
    return message((1, snapshot_message(name)))


def delete_snapshot(request, context):
    name = text(fields(request), 1)
    note("DeleteSnapshot", snapshot=name)
    shutil.rmtree(path("snapshots", name), ignore_errors=True)
    return b""


def list_snapshots(request, context):
    return page(names_in("snapshots"), request, lambda name: message((1, snapshot_message(name))))


def expand(request, context):
    r = fields(request)
    size = number(fields(r[2][0]), 1)
    note("ControllerExpandVolume", volume=text(r, 1), size=size)
    with open(path("sizes", text(r, 1)), "w") as file:
        file.write(str(size))
    return message((1, size), (2, True))


# ---- node ----


def node_capabilities(request, context):
    # Staging and expanding.
    return message(*[(1, message((1, message((1, n))))) for n in (1, 3)])


def node_info(request, context):
    topology = [(3, message(*map_entries(1, {"zone": ZONE})))] if ZONE else []
    return message((1, "storage-" + NODE), (2, MAX_VOLUMES), *topology)


def stage(request, context):
    fail_if_asked("NodeStageVolume", context)
    r = fields(request)
    name = text(r, 1)
    device = entries(r, 2).get("device")
    if HAS_CONTROLLER and (device != f"{name}@storage-{NODE}" or not os.path.exists(path("attached", device))):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{name} is not attached to storage-{NODE}")
    note("NodeStageVolume", volume=name, secrets=sorted(entries(r, 5)), context=entries(r, 6))
    bind(path("volumes", name), text(r, 3))
    open(path("staged", f"{name}@storage-{NODE}"), "w").close()
    return b""


def unstage(request, context):
    fail_if_asked("NodeUnstageVolume", context)
    r = fields(request)
    note("NodeUnstageVolume", volume=text(r, 1))
    unbind(text(r, 2))
    if os.path.exists(path("staged", f"{text(r, 1)}@storage-{NODE}")):
        os.remove(path("staged", f"{text(r, 1)}@storage-{NODE}"))
    return b""


def publish(request, context):
    fail_if_asked("NodePublishVolume", context)
    r = fields(request)
    if not mounted(text(r, 3)):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "it is not staged")
    mount = fields(fields(r[5][0])[2][0])
    note("NodePublishVolume", volume=text(r, 1), target=text(r, 4), read_only=bool(number(r, 6)), mode=access(r[5][0]), fs_type=text(mount, 1),
         flags=[flag.decode() for flag in mount.get(2, [])])
    bind(text(r, 3), text(r, 4), bool(number(r, 6)))
    return b""


def unpublish(request, context):
    fail_if_asked("NodeUnpublishVolume", context)
    r = fields(request)
    note("NodeUnpublishVolume", volume=text(r, 1), target=text(r, 2))
    unbind(text(r, 2))
    return b""


def expand_node(request, context):
    r = fields(request)
    note("NodeExpandVolume", volume=text(r, 1), mounted=bool(mounted(text(r, 2))))
    return message((1, number(fields(r[3][0]), 1)))


def main():
    if os.path.exists(SOCKET):
        os.remove(SOCKET)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    add_service(server, "csi.v1.Identity", calls={"GetPluginInfo": info, "GetPluginCapabilities": capabilities, "Probe": probe})
    add_service(server, "csi.v1.Controller", calls={
        "ControllerGetCapabilities": controller_capabilities, "CreateVolume": create_volume, "DeleteVolume": delete_volume,
        "ControllerPublishVolume": controller_publish, "ControllerUnpublishVolume": controller_unpublish, "ValidateVolumeCapabilities": validate,
        "ListVolumes": list_volumes, "CreateSnapshot": create_snapshot, "DeleteSnapshot": delete_snapshot, "ListSnapshots": list_snapshots,
        "ControllerExpandVolume": expand})
    add_service(server, "csi.v1.Node", calls={
        "NodeGetCapabilities": node_capabilities, "NodeGetInfo": node_info, "NodeStageVolume": stage, "NodeUnstageVolume": unstage,
        "NodePublishVolume": publish, "NodeUnpublishVolume": unpublish, "NodeExpandVolume": expand_node})
    server.add_insecure_port("unix:" + SOCKET)
    ended = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: ended.set())
    server.start()
    ended.wait()
    server.stop(1).wait()


if __name__ == "__main__":
    main()

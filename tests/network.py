"""Machines of a test: network namespaces on one switch, with links that can be cut, slowed or given new addresses.

Every namespace, address and process is the test's own; nothing outside of them is touched. Needs root and iproute2.
"""
import array
import contextlib
import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_numbers = itertools.count(1)


def ip(*words, namespace=None):
    """An `ip` command, in a namespace."""
    command = ["ip", *(["-n", namespace] if namespace else []), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


@contextlib.contextmanager
def inside(namespace):
    """This thread is in that namespace: sockets made here belong to it for their life."""
    with open("/proc/thread-self/ns/net") as home, open(f"/var/run/netns/{namespace}") as there:
        _setns(there.fileno())
        try:
            yield
        finally:
            _setns(home.fileno())


def _setns(handle):
    if _libc.setns(handle, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Machine:
    """One namespace with one link (eth0) to the switch."""

    def __init__(self, network, number, name):
        self.network, self.number, self.name = network, number, name
        self.namespace = f"{network.prefix}-{name}"
        self.port = f"p{number}"  # the switch's end of the link
        self._slow = None
        self.address = None
        ip("netns", "add", self.namespace)
        ip("link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", self.namespace, namespace=network.switch)
        ip("link", "set", self.port, "master", "br0", "up", namespace=network.switch)
        ip("link", "set", "lo", "up", namespace=self.namespace)
        ip("link", "set", "eth0", "up", namespace=self.namespace)
        self.readdress(f"10.66.0.{number}")

    def readdress(self, address):
        """Gives the machine another address; the old one is gone."""
        if self.address:
            ip("addr", "del", f"{self.address}/16", "dev", "eth0", namespace=self.namespace)
        ip("addr", "add", f"{address}/16", "dev", "eth0", namespace=self.namespace)
        self.address = address

    def slow(self, delay=0.04, jitter=0.02, loss=0.03, seed=1):
        """What this machine sends and gets is late and partly lost, until fast(). Done by a program of ours: not every kernel has netem."""
        self._slow = SlowLink(self, delay, jitter, loss, seed)

    def fast(self):
        if self._slow:
            self._slow.close()
            self._slow = None

    def command(self, *words):
        """The words of a command that runs here."""
        return ["ip", "netns", "exec", self.namespace, *words]

    def connect(self, address, port, timeout):
        """A TCP connection from this machine."""
        with inside(self.namespace):
            made = socket.socket()
        made.settimeout(timeout)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            made.connect((address, port))
        except BaseException:
            made.close()
            raise
        return made


def _plain_frames(device, namespace):
    """Frames leave the device whole and with their checksums, as a wire carries them."""
    with inside(namespace):
        handle = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with handle:
        for command in (0x17, 0x1F, 0x24):  # ETHTOOL_STXCSUM, STSO, SGSO: off
            wanted = array.array("I", [command, 0])
            request = struct.pack("16sP", device.encode(), wanted.buffer_info()[0])
            with contextlib.suppress(OSError):
                fcntl.ioctl(handle.fileno(), 0x8946, request)  # SIOCETHTOOL


class SlowLink:
    """Takes a machine's port off the bridge and carries its frames over by hand."""

    def __init__(self, machine, delay, jitter, loss, seed):
        self.machine, self.delay, self.jitter, self.loss = machine, delay, jitter, loss
        self.random = random.Random(seed)
        self.switch = machine.network.switch
        self.near, self.far = f"n{machine.number}", f"f{machine.number}"
        ip("link", "add", self.near, "type", "veth", "peer", "name", self.far, namespace=self.switch)
        for device, namespace in (("eth0", machine.namespace), (machine.port, self.switch), (self.near, self.switch), (self.far, self.switch)):
            _plain_frames(device, namespace)
        # What others send comes over the bridge's other ports: they must send plain frames, too.
        for other in machine.network.machines:
            _plain_frames("eth0", other.namespace)
        ip("link", "set", machine.port, "nomaster", "promisc", "on", namespace=self.switch)
        ip("link", "set", self.near, "master", "br0", "up", namespace=self.switch)
        ip("link", "set", self.far, "promisc", "on", "up", namespace=self.switch)
        self.ends = [self._open(machine.port), self._open(self.far)]
        self.wake = os.pipe()
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()

    def _open(self, device):
        with inside(self.switch):
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        made.bind((device, 0))
        made.setblocking(False)
        return made

    def _carry(self):
        late = []
        count = itertools.count()
        while True:
            wait = max(0.0, late[0][0] - time.monotonic()) if late else None
            ready, _, _ = select.select([*self.ends, self.wake[0]], [], [], wait)
            if self.wake[0] in ready:
                return
            for end in ready:
                self._take(end, late, count)
            while late and late[0][0] <= time.monotonic():
                _, _, to, frame = heapq.heappop(late)
                with contextlib.suppress(OSError):
                    to.send(frame)

    def _take(self, end, late, count):
        other = self.ends[1 - self.ends.index(end)]
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, source = end.recvfrom(65536)
                if source[2] == socket.PACKET_OUTGOING or self.random.random() < self.loss:
                    continue
                heapq.heappush(late, (time.monotonic() + self.delay + self.random.uniform(0, self.jitter), next(count), other, frame))

    def close(self):
        os.write(self.wake[1], b"x")
        self.thread.join()
        for end in self.ends:
            end.close()
        for handle in self.wake:
            os.close(handle)
        ip("link", "del", self.near, namespace=self.switch)
        ip("link", "set", self.machine.port, "master", "br0", namespace=self.switch)


class Network:
    """The switch and its machines. Machines on different islands do not hear each other."""

    def __init__(self):
        self.prefix = f"dt{os.getpid()}x{next(_numbers)}"
        self.switch = f"{self.prefix}-sw"
        self.machines = []
        self._lock = threading.Lock()
        ip("netns", "add", self.switch)
        for bridge in ("br0", "br1"):
            ip("link", "add", bridge, "type", "bridge", namespace=self.switch)
            ip("link", "set", bridge, "up", namespace=self.switch)

    def machine(self, name):
        made = Machine(self, len(self.machines) + 1, name)
        self.machines.append(made)
        return made

    def cut(self, *machines):
        """These machines go to an island of their own: they hear each other and nobody else."""
        for each in machines:
            ip("link", "set", each.port, "master", "br1", namespace=self.switch)

    def heal(self):
        for each in self.machines:
            ip("link", "set", each.port, "master", "br0", namespace=self.switch)

    def close(self):
        for each in self.machines:
            each.fast()
        for namespace in [*(m.namespace for m in self.machines), self.switch]:
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)

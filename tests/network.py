"""Machines of a test: network namespaces on one switch, with links that can be cut, slowed or given new addresses.

Every namespace, address and process is the test's own; nothing outside of them is touched. Needs root and iproute2.
"""
import contextlib
import ctypes
import itertools
import os
import socket
import subprocess
import threading

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

    def slow(self, *netem):
        """slow("delay", "100ms", "loss", "5%"): what this machine sends is treated so; nothing: as before."""
        subprocess.run(["tc", "-n", self.namespace, "qdisc", "del", "dev", "eth0", "root"], capture_output=True)
        if netem:
            done = subprocess.run(["tc", "-n", self.namespace, "qdisc", "add", "dev", "eth0", "root", "netem", *netem], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr

    def command(self, *words):
        """The words of a command that runs here."""
        return ["ip", "netns", "exec", self.namespace, *words]

    def connect(self, address, port, timeout):
        """A TCP connection from this machine."""
        with inside(self.namespace):
            made = socket.socket()
        made.settimeout(timeout)
        try:
            made.connect((address, port))
        except BaseException:
            made.close()
            raise
        return made


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
        for namespace in [*(m.namespace for m in self.machines), self.switch]:
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)

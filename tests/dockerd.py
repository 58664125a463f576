"""A dockerd of a test's own: in a network namespace of its own, with its own folder and socket, and images made from this machine's programs."""
import base64
import collections
import contextlib
import gzip
import hashlib
import http.client
import http.server
import io
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import urllib.parse

import harness
import network

_numbers = itertools.count(1)


def usable():
    return os.geteuid() == 0 and shutil.which("dockerd") is not None and shutil.which("busybox") is not None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("docker", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Dockerd:
    def __init__(self, folder, *arguments):
        self.folder = str(folder)
        self.socket = os.path.join(self.folder, "d.sock")
        self.arguments = arguments
        self.namespace = f"dk{os.getpid()}-{next(_numbers)}"
        self.process = None
        assert len(self.socket) < 100, self.socket
        os.makedirs(self.folder, exist_ok=True)
        network.ip("netns", "add", self.namespace)
        network.ip("link", "set", "lo", "up", namespace=self.namespace)

    def start(self):
        # Not `ip netns exec`, which gives it a /sys without control groups.
        words = ["nsenter", f"--net=/var/run/netns/{self.namespace}", "dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec",
                 "-H", f"unix://{self.socket}", "--pidfile", f"{self.folder}/pid", "--iptables=false", "--ip-forward=false", "--ip-masq=false",
                 "--bip=172.30.99.1/24", *self.arguments]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        for _ in range(6000):
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.call("GET", "/_ping")[0] == 200:
                    return self
            assert self.process.poll() is None, self.log()
            harness.ask_again_soon()
        raise AssertionError(f"dockerd did not start:\n{self.log()}")

    def log(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as file:
            return file.read()[-4000:]

    def kill(self):
        """As a crash, together with its containerd. Containers run on."""
        self.process.kill()
        self.process.wait(harness.DEADLINE)
        below = os.path.join(self.folder, "exec", "containerd", "containerd.pid")
        with contextlib.suppress(OSError, ValueError):
            with open(below) as file:
                os.kill(int(file.read()), signal.SIGKILL)
        # Whoever waits for it may be slow, and the next dockerd would take what is left of it for a living one.
        with contextlib.suppress(OSError):
            os.unlink(below)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(harness.DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def close(self):
        with contextlib.suppress(Exception):
            for one in self.containers():
                self.call("DELETE", f"/containers/{one['Id']}?force=1&v=1")
        self.stop()
        harness.end_processes_below(self.folder)
        with open("/proc/self/mountinfo") as mounts:
            below = [line.split()[4] for line in mounts if line.split()[4].startswith(self.folder + "/")]
        for path in reversed(below):
            subprocess.run(["umount", "-l", path], check=False)
        subprocess.run(["ip", "netns", "del", self.namespace], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- API

    def call(self, method, target, body=None, headers=None):
        connection = _UnixConnection(self.socket, harness.DEADLINE)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, target):
        status, body = self.call("GET", target)
        assert status == 200, (target, status, body)
        return json.loads(body)

    def containers(self, running_only=False):
        return self.get(f"/containers/json?all={0 if running_only else 1}")

    def images(self):
        return {tag for image in self.get("/images/json") for tag in image["RepoTags"] or []}

    def inspect(self, name):
        return self.get(f"/containers/{name}/json")

    def wait_gone(self, condition=lambda c: True):
        """Until no container is left of which the condition holds."""
        for _ in range(int(harness.DEADLINE / 0.02)):
            left = [c for c in self.containers() if condition(c)]
            if not left:
                return
            harness.ask_again_soon()
        raise AssertionError(f"containers were left: {[(c['Names'], c['State']) for c in left]}")

    def connect(self, port):
        """To a port that dockerd published."""
        with network.inside(self.namespace):
            made = socket.socket()
        made.settimeout(harness.DEADLINE)
        try:
            made.connect(("127.0.0.1", port))
        except BaseException:
            made.close()
            raise
        return made

    # -- images

    def import_image(self, name, programs, links=(), changes=()):
        repository, tag = name.rsplit(":", 1)
        query = urllib.parse.urlencode([("fromSrc", "-"), ("repo", repository), ("tag", tag), *[("changes", c) for c in changes]])
        status, body = self.call("POST", f"/images/create?{query}", body=root_archive(programs, links), headers={"Content-Type": "application/x-tar"})
        assert status == 200, body
        return name

    @staticmethod
    def busybox_archive():
        return root_archive([shutil.which("busybox")], [(f"bin/{n}", "busybox") for n in ("sh", "sleep", "echo")])

    def busybox(self, name="busybox:1"):
        names = ["sh", "sleep", "echo", "cat", "true", "false", "seq", "dd", "env", "id", "ls", "stty", "head", "tail", "mkdir", "mv", "hostname", "wc", "tr", "kill", "grep"]
        return self.import_image(name, [shutil.which("busybox")], [(f"bin/{n}", "busybox") for n in names], ["ENV PATH=/bin:/usr/bin"])

    def redis(self, name="redis:7"):
        return self.import_image(name, [shutil.which("redis-server"), "/bin/sh"], changes=['CMD ["redis-server","--protected-mode","no"]', "ENV PATH=/usr/bin:/bin", "EXPOSE 6379"])


class Registry:
    """An image registry in dockerd's own namespace, which speaks HTTP. Holds back layers until `ready` is set; counts what it is asked for."""

    def __init__(self, docker, layers, password=None):
        self.ready, self.blobs = threading.Event(), {}
        self.asked = collections.Counter()
        self.expected = None if password is None else "Basic " + base64.b64encode(f"user:{password}".encode()).decode()
        self.manifests = {name: self._add_image(layer) for name, layer in layers.items()}
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        with network.inside(docker.namespace):
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.name = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _blob(self, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return digest

    def _add_image(self, layer):
        packed = gzip.compress(layer, mtime=0)
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"]},
                             "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
        kind = "application/vnd.docker."
        self.layer = self._blob(packed)
        return json.dumps({"schemaVersion": 2, "mediaType": kind + "distribution.manifest.v2+json",
                           "config": {"mediaType": kind + "container.image.v1+json", "size": len(config), "digest": self._blob(config)},
                           "layers": [{"mediaType": kind + "image.rootfs.diff.tar.gzip", "size": len(packed), "digest": self.layer}]}).encode()

    def _manifest(self, repository, reference):
        """By tag, or by the digest that the answer for a tag gave."""
        for name, body in self.manifests.items():
            if name == f"{repository}:{reference}" or (name.startswith(repository + ":") and "sha256:" + hashlib.sha256(body).hexdigest() == reference):
                return body
        return None

    def answer(self, request):
        def send(status, body=b"", **headers):
            request.send_response(status)
            for key, text in headers.items():
                request.send_header(key.replace("_", "-"), text)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            if request.command == "GET":
                request.wfile.write(body)

        if self.expected and request.headers.get("Authorization") != self.expected:
            return send(401, b"{}", WWW_Authenticate='Basic realm="test"')
        parts = request.path.strip("/").split("/")
        if parts == ["v2"]:
            return send(200, b"{}")
        kind, name = parts[-2], parts[-1]
        if kind == "manifests" and (body := self._manifest("/".join(parts[1:-2]), name)):
            self.asked["manifest"] += request.command == "GET"
            return send(200, body, Content_Type=json.loads(body)["mediaType"], Docker_Content_Digest="sha256:" + hashlib.sha256(body).hexdigest())
        if kind == "blobs" and name in self.blobs:
            if name == self.layer:
                self.asked["layer"] += 1
                self.ready.wait(harness.DEADLINE)
            return send(200, self.blobs[name], Content_Type="application/octet-stream")
        return send(404, json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}).encode(), Content_Type="application/json")

    def close(self):
        self.ready.set()
        self.server.shutdown()
        self.server.server_close()


def root_archive(programs, links=()):
    """A root file system with these programs and the libraries that they load."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "tmp", "etc", "usr/bin"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for name, text in (("etc/passwd", "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"), ("etc/group", "root:x:0:\nnogroup:x:65534:\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        seen = set()
        for program in programs:
            listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
            for path in [program, *re.findall(r"(/\S+) \(0x", listed)]:
                target = ("bin/" + os.path.basename(path)) if path == program and os.path.basename(path) in ("busybox", "sh") else path.lstrip("/")
                if target not in seen:
                    seen.add(target)
                    tar.add(os.path.realpath(path), target)
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return out.getvalue()


def agent_config(docker, extra=""):
    """The plugin block for an agent that uses this dockerd."""
    return f"""
plugin "docker" {{
  config {{
    endpoint = "unix://{docker.socket if isinstance(docker, Dockerd) else docker}"
    {extra}
  }}
}}
"""


def container_of(alloc, task):
    return f"{task}-{alloc['ID']}"

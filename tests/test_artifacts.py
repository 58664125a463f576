"""Artifacts through the whole program: real servers that answer, refuse, stall and lie."""
import base64
import hashlib
import http.server
import io
import os
import pwd
import subprocess
import tarfile
import threading

import pytest

import harness


class Files(http.server.BaseHTTPRequestHandler):
    """Answers from `self.server.files`; a path in `stalls` gets half of its answer."""

    def do_GET(self):
        path = self.path.split("?")[0]
        self.server.seen.append((self.path, dict(self.headers)))
        body = self.server.files.get(path)
        if body is None:
            self.send_error(404)
            return
        if path.startswith("/private/") and self.headers.get("X-Key") != "open":
            self.send_error(403)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if path in self.server.stalls:
            self.wfile.write(body[:1])
            self.wfile.flush()
            self.server.stalled.set()
            self.server.go_on.wait(harness.DEADLINE)
            return
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.files, server.stalls, server.seen = {}, set(), []
    server.stalled, server.go_on = threading.Event(), threading.Event()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield server
    server.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


def tarball(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def start(agent, tmp_path, name, artifacts, script="exec sleep 600", driver="raw_exec"):
    path = harness.write_job(tmp_path, f"{name}.nomad", f'''
job "{name}" {{
  group "g" {{
    restart {{
      attempts = 0
      mode     = "fail"
    }}
    reschedule {{
      attempts  = 0
      unlimited = false
    }}
    task "t" {{
      driver = "{driver}"
      config {{
        command = "/bin/sh"
        args    = ["-c", "{script}"]
      }}
{artifacts}
    }}
  }}
}}
''')
    agent.ok("job", "run", "-detach", path)


def artifact(source, options="", more=""):
    return f'''
      artifact {{
        source = "{source}"
        {more}
        options {{
          {options}
        }}
      }}
'''


def read(agent, alloc, path):
    with open(os.path.join(agent.data_dir, "alloc", alloc["ID"], path), "rb") as file:
        return file.read()


def failure(agent, name):
    alloc = agent.wait_allocs(name, lambda allocs: any(a["ClientStatus"] == "failed" for a in allocs), f"{name} fails")[0]
    return " ".join(e["DisplayMessage"] for e in alloc["TaskStates"]["t"]["Events"])


def test_files_archives_headers_and_checksums(agent, tmp_path, web):
    web.files["/plain.txt"] = b"plain"
    web.files["/private/x"] = b"private"
    web.files["/a.tar.gz"] = tarball({"top/in": b"packed"})
    web.files["/sums"] = (hashlib.sha256(b"plain").hexdigest() + "  plain.txt\n").encode()
    sha = hashlib.sha256(b"plain").hexdigest()
    text = artifact(f"{web.url}/plain.txt", f'checksum = "sha256:{sha}"')
    text += artifact(f"{web.url}/plain.txt", f'checksum = "file:{web.url}/sums"', 'destination = "local/named"\n mode = "file"')
    text += artifact(f"{web.url}/private/x", more='headers {\n X-Key = "open"\n }')
    text += artifact(f"{web.url}/a.tar.gz", more='destination = "local/out"')
    text += artifact(f"{web.url}/a.tar.gz//top", more='destination = "${NOMAD_ALLOC_DIR}/data/part"')
    start(agent, tmp_path, "good", text)
    alloc = agent.wait_running("good")[0]
    assert read(agent, alloc, "t/local/plain.txt") == b"plain"
    assert read(agent, alloc, "t/local/named") == b"plain"
    assert read(agent, alloc, "t/local/x") == b"private"
    assert read(agent, alloc, "t/local/out/top/in") == b"packed"
    assert read(agent, alloc, "alloc/data/part/in") == b"packed"
    left = os.listdir(os.path.join(agent.data_dir, "alloc", alloc["ID"]))
    assert sorted(left) == ["alloc", "t"], left


def test_what_is_wrong_is_said_and_nothing_is_placed(agent, tmp_path, web):
    web.files["/plain.txt"] = b"plain"
    web.files["/garbage.tar.gz"] = b"\x1f\x8bgarbage" * 100
    web.files["/evil.tar.gz"] = tarball({"../../../evil": b"x"})
    rows = [
        ("sum", artifact(f"{web.url}/plain.txt", 'checksum = "sha256:' + "0" * 64 + '"'), "Checksums did not match"),
        ("missing", artifact(f"{web.url}/nothing"), "bad response code: 404"),
        ("garbage", artifact(f"{web.url}/garbage.tar.gz"), "the archive cannot be read"),
        ("evil", artifact(f"{web.url}/evil.tar.gz"), "leads outside of the destination"),
        ("hg", artifact("hg::https://example.invalid/r"), "hg is not fetched by this release"),
        ("closed", artifact("http://127.0.0.1:1/x"), "127.0.0.1:1"),
    ]
    for name, text, _ in rows:
        start(agent, tmp_path, name, text)
    for name, _, sentence in rows:
        assert sentence in failure(agent, name), (name, failure(agent, name))
    for folder, _, files in os.walk(os.path.join(agent.data_dir, "alloc")):
        assert "evil" not in files and "plain.txt" not in files, folder


def test_a_task_is_stopped_while_its_server_stalls(agent, tmp_path, web):
    web.files["/slow"] = b"slow" * 1000
    web.stalls.add("/slow")
    start(agent, tmp_path, "stall", artifact(f"{web.url}/slow"))
    assert web.stalled.wait(harness.DEADLINE)
    children = [p for p in harness.all_processes() if "artifact-isolation" in harness.command_line(p)
                and harness.parent_of(p) == agent.process.pid]
    assert len(children) == 1
    agent.ok("job", "stop", "-detach", "stall")
    agent.wait_allocs("stall", lambda allocs: all(a["ClientStatus"] in ("complete", "failed") for a in allocs), "the stalled task has ended")
    harness.wait_process_end(children[0])


def test_an_object_of_s3_is_asked_for_with_a_signature(agent, tmp_path, web):
    web.files["/bucket/key"] = b"object"
    options = 'aws_access_key_id = "id"\n aws_access_key_secret = "secret"\n region = "eu-test-1"'
    start(agent, tmp_path, "s3", artifact(f"s3::{web.url}/bucket/key", options))
    alloc = agent.wait_running("s3")[0]
    assert read(agent, alloc, "t/local/key") == b"object"
    path, headers = web.seen[-1]
    assert path == "/bucket/key"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=id/") and "/eu-test-1/s3/aws4_request" in headers["Authorization"]


def test_a_fetch_reads_and_writes_only_where_it_may(agent, tmp_path):
    """The process that fetches is confined: a local repository outside of the allocation is not there for git."""
    secret = tmp_path / "secret.git"
    os.system(f"git init -q --bare {secret}")
    start(agent, tmp_path, "confined", artifact(f"git::file://{secret}"))
    assert "failed" in failure(agent, "confined")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_was_fetched_belongs_to_the_user_of_the_task(agent, tmp_path, web):
    web.files["/a.tar.gz"] = tarball({"top/in": b"packed"})
    text = artifact(f"{web.url}/a.tar.gz", more='destination = "local/mine"\n chown = true') + artifact(f"{web.url}/a.tar.gz", more='destination = "local/not"')
    start(agent, tmp_path, "owned", text + '      user = "nobody"\n', driver="exec")
    alloc = agent.wait_running("owned")[0]
    nobody = pwd.getpwnam("nobody")
    local = os.path.join(agent.data_dir, "alloc", alloc["ID"], "t", "local")
    assert [(s.st_uid, s.st_gid) for s in (os.stat(f"{local}/mine/top"), os.stat(f"{local}/mine/top/in"))] == [(nobody.pw_uid, nobody.pw_gid)] * 2
    assert os.stat(f"{local}/not/top/in").st_uid != nobody.pw_uid


# Stands for the real one: notes the key it is given, and runs on this machine what it should run on the other.
SSH = """#!/bin/sh
echo "$@" >> "{folder}/asked"
while [ "$1" != -i ]; do shift; done
cp "$2" "{folder}/key"
for command; do :; done
exec sh -c "$command"
"""


def test_git_over_ssh_with_a_key(make_agent, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ssh").write_text(SSH.format(folder=tmp_path))
    (tmp_path / "bin/ssh").chmod(0o755)
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/file").write_text("of the branch\n")
    git = ["git", "-C", str(tmp_path / "repo"), "-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "-q", "-b", "work"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    agent = make_agent(client='  artifact {\n    disable_filesystem_isolation = true\n    set_environment_variables    = "PATH"\n  }\n')
    agent.environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    agent.start()
    key = base64.b64encode(b"a key\n").decode()
    start(agent, tmp_path, "cloned", artifact(f"git::ssh://git@code.example:2222{tmp_path}/repo", f'sshkey = "{key}"\n ref = "work"', 'destination = "local/code"'))
    alloc = agent.wait_running("cloned")[0]
    assert read(agent, alloc, "t/local/code/file") == b"of the branch\n"
    assert (tmp_path / "key").read_text() == "a key\n" and "git@code.example" in (tmp_path / "asked").read_text()
    # The key is in no log, and not in the directory of the allocation.
    assert key not in agent.log() and "a key" not in agent.log()
    found = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(agent.data_dir, "alloc", alloc["ID"])) for name in names]
    assert found and all(b"a key" not in open(path, "rb").read() for path in found if os.path.isfile(path))

"""The state of a cluster as a file: saved, looked at, restored; damaged files change nothing."""
import base64
import json
import os
import re
import stat
import subprocess
import tarfile

import pytest

import harness


def run(folder, agent, *words, code=0):
    done = subprocess.run([harness.BINARY, *words], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env={**os.environ, "NOMAD_ADDR": f"http://127.0.0.1:{agent.port}"})
    assert done.returncode == code, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done


JOB = """job "{name}" {{
  group "g" {{
    task "t" {{
      driver = "raw_exec"
      config {{
        command = "sleep"
        args    = ["100"]
      }}
    }}
  }}
}}
"""


def register(folder, agent, name):
    (folder / f"{name}.hcl").write_text(JOB.format(name=name))
    run(folder, agent, "job", "run", "-detach", f"{name}.hcl")


def jobs(folder, agent):
    return {job["ID"] for job in json.loads(run(folder, agent, "operator", "api", "/v1/jobs").stdout)}


@pytest.fixture
def server(make_agent):
    agent = make_agent(with_client=False)
    agent.launch().wait_started()
    return agent


def test_a_saved_state_comes_back(server, tmp_path):
    register(tmp_path, server, "kept")
    assert run(tmp_path, server, "operator", "snapshot", "save", "a.snap").stdout == "State file written to a.snap\n"
    assert stat.S_IMODE((tmp_path / "a.snap").stat().st_mode) == 0o600
    with tarfile.open(tmp_path / "a.snap") as archive:
        assert sorted(archive.getnames()) == ["SHA256SUMS", "meta.json", "state.bin"]
    assert "Destination file already exists" in run(tmp_path, server, "operator", "snapshot", "save", "a.snap", code=1).stderr

    register(tmp_path, server, "lost")
    assert jobs(tmp_path, server) == {"kept", "lost"}
    assert run(tmp_path, server, "operator", "snapshot", "restore", "a.snap").stdout == "Snapshot Restored\n"
    assert jobs(tmp_path, server) == {"kept"}
    register(tmp_path, server, "later")
    assert jobs(tmp_path, server) == {"kept", "later"}


def test_inspect_shows_what_is_in_it(server, tmp_path):
    register(tmp_path, server, "kept")
    name = run(tmp_path, server, "operator", "snapshot", "save").stdout.removeprefix("State file written to ").strip()
    assert re.fullmatch(r"nomad-state-\d{8}-\d+\.snap", name)
    shown = run(tmp_path, server, "operator", "snapshot", "inspect", name).stdout
    assert re.match(r"Created = \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\nID      = \d+-\d+-\d+\nSize    = \S+ \S+\nIndex   = \d+\nTerm    = \d+\nVersion = 1\n\nType +Count +Size\n",
                    shown), shown
    assert re.search(r"^Total +\d+ +\S+ \S+$", shown, re.MULTILINE), shown
    parsed = json.loads(run(tmp_path, server, "operator", "snapshot", "inspect", "-json", name).stdout)
    assert parsed["Meta"]["Version"] == 1 and any(row["Count"] == 1 for row in parsed["Stats"])


def test_a_flipped_bit_is_found_before_anything_changes(server, tmp_path):
    register(tmp_path, server, "kept")
    run(tmp_path, server, "operator", "snapshot", "save", "a.snap")
    whole = (tmp_path / "a.snap").read_bytes()
    register(tmp_path, server, "later")
    for at in (0, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        (tmp_path / "b.snap").write_bytes(damaged)
        assert "Failed to get restore snapshot: " in run(tmp_path, server, "operator", "snapshot", "restore", "b.snap", code=1).stderr
        assert "Error inspecting snapshot: " in run(tmp_path, server, "operator", "snapshot", "inspect", "b.snap", code=1).stderr
    (tmp_path / "b.snap").write_bytes(whole[:len(whole) // 2])
    run(tmp_path, server, "operator", "snapshot", "restore", "b.snap", code=1)
    (tmp_path / "b.snap").write_bytes(b"")
    assert "Request body is empty" in run(tmp_path, server, "operator", "snapshot", "restore", "b.snap", code=1).stderr
    assert jobs(tmp_path, server) == {"kept", "later"}
    assert "Error opening snapshot file: " in run(tmp_path, server, "operator", "snapshot", "restore", "none.snap", code=1).stderr


def test_a_snapshot_larger_than_other_requests_may_be_comes_back(server, tmp_path):
    for number in range(6):
        job = harness.idle_job(f"large-{number}")
        job["Meta"] = {"text": base64.b64encode(os.urandom(3_000_000)).decode()}
        server.register(job)
    run(tmp_path, server, "operator", "snapshot", "save", "large.snap")
    assert (tmp_path / "large.snap").stat().st_size > 33 << 20
    server.register(harness.idle_job("lost"))
    assert run(tmp_path, server, "operator", "snapshot", "restore", "large.snap").stdout == "Snapshot Restored\n"
    assert jobs(tmp_path, server) == {f"large-{number}" for number in range(6)}

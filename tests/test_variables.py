"""Variables and root keys through the whole program: sealed at rest, check-and-set, locks, rotation, restart, snapshots, and the commands."""
import json
import os
import subprocess
import threading
import urllib.parse

import pytest

import harness

SECRET = "correct-horse-battery-staple-7261"


def put(agent, path, items, expect=200, **query):
    text = "&".join(f"{k.replace('_', '-')}={v}" for k, v in query.items())
    answer = agent.http("PUT", f"/v1/var/{path}" + (f"?{text}" if text else ""), {"Items": items})
    assert answer.status == expect, repr(answer)
    return answer.json if expect in (200, 409) else answer.text


def keys(agent):
    return agent.get("/v1/operator/keyring/keys")


def wait_keys(agent, condition, what):
    return agent.wait("/v1/operator/keyring/keys", condition, what)


@pytest.fixture(scope="module")
def agent(shared_agent):
    wait_keys(shared_agent, lambda all_keys: any(k["State"] == "active" for k in all_keys), "the first root key")
    return shared_agent


def test_written_read_listed_deleted(agent):
    made = put(agent, "app/db", {"password": SECRET, "user": "web"})
    assert made["Path"] == "app/db" and made["Namespace"] == "default" and made["CreateIndex"] == made["ModifyIndex"] > 0
    read = agent.http("GET", "/v1/var/app/db")
    assert read.json["Items"] == {"password": SECRET, "user": "web"} and read.index == made["ModifyIndex"]
    again = put(agent, "app/db", {"password": "other"})
    assert again["CreateIndex"] == made["CreateIndex"] < again["ModifyIndex"] and again["CreateTime"] == made["CreateTime"]
    put(agent, "app/cache", {"a": "b"})
    listed = agent.get("/v1/vars?prefix=app/")
    assert [v["Path"] for v in listed] == ["app/cache", "app/db"] and all("Items" not in v for v in listed)
    assert [v["Path"] for v in agent.get("/v1/vars?prefix=app/&namespace=*")] == ["app/cache", "app/db"]
    assert [v["Path"] for v in agent.get("/v1/vars?" + urllib.parse.urlencode({"filter": 'Path == "app/db"'}))] == ["app/db"]
    page = agent.http("GET", "/v1/vars?prefix=app/&per_page=1")
    token = page.headers["X-Nomad-NextToken"]
    rest = agent.get("/v1/vars?prefix=app/&per_page=1&next_token=" + urllib.parse.quote(token))
    assert [page.json[0]["Path"], rest[0]["Path"]] == ["app/cache", "app/db"]
    assert agent.http("DELETE", "/v1/var/app/cache").status == 204
    gone = agent.http("GET", "/v1/var/app/cache")
    assert gone.status == 404 and gone.text == "variable not found"


def test_check_and_set(agent):
    first = put(agent, "cas", {"n": "1"}, cas=0)
    conflict = put(agent, "cas", {"n": "2"}, expect=409, cas=0)
    assert conflict["ModifyIndex"] == first["ModifyIndex"] and conflict["Items"] == {"n": "1"}
    second = put(agent, "cas", {"n": "2"}, cas=first["ModifyIndex"])
    assert agent.http("DELETE", f"/v1/var/cas?cas={first['ModifyIndex']}").status == 409
    assert agent.http("DELETE", f"/v1/var/cas?cas={second['ModifyIndex']}").status == 204
    assert put(agent, "cas", {"n": "3"}, expect=409, cas=99)["ModifyIndex"] == 0


@pytest.mark.parametrize("path, items, query, why", [
    ("a.b", {"k": "v"}, "", "invalid path"),
    ("x" * 129, {"k": "v"}, "", "invalid path"),
    ("nomad", {"k": "v"}, "", "reserved top-level directory"),
    ("nomad/other", {"k": "v"}, "", "only paths at"),
    ("nomad/job-templates", {"k": "v"}, "", "reserved directory path"),
    ("big", {"k": "v" * 65536}, "", "limited to 64KiB"),
    ("none", {}, "", "missing required Items"),
    ("cas", {"k": "v"}, "?cas=x", "can not parse cas"),
    ("two", {"k": "v"}, "?lock-acquire&lock-release", "multiple lock operations"),
    ("two", {"k": "v"}, "?cas=1&lock-acquire", "CAS can't be used with lock operations"),
])
def test_what_is_wrong_is_said(agent, path, items, query, why):
    answer = agent.http("PUT", f"/v1/var/{path}{query}", {"Items": items})
    assert answer.status == 400 and why in answer.text, repr(answer)
    assert agent.http("GET", f"/v1/var/{path}").status == 404


def test_wrong_bodies(agent):
    assert agent.http("PUT", "/v1/var/x", b"{", raw=True).status == 400
    assert agent.http("PUT", "/v1/var/x", {"Items": {"k": 5}}).status == 400
    assert agent.http("PUT", "/v1/var/x?namespace=nowhere", {"Items": {"k": "v"}}).text.startswith('namespace "nowhere" does not exist')


def test_a_held_query_hears_of_a_change(agent):
    before = put(agent, "watched", {"n": "1"})
    put(agent, "beside", {"n": "1"})
    heard = []
    reader = threading.Thread(target=lambda: heard.append(agent.http("GET", f"/v1/var/watched?index={before['ModifyIndex']}&wait=60s")))
    reader.start()
    after = put(agent, "watched", {"n": "2"})
    reader.join(harness.DEADLINE)
    assert heard[0].json["Items"] == {"n": "2"} and heard[0].index == after["ModifyIndex"]


def test_locks(agent):
    lock = agent.http("PUT", "/v1/var/lock?lock-acquire", {"Items": {"k": "v"}, "Lock": {"TTL": "10s", "LockDelay": "1ms"}})
    assert lock.status == 200 and lock.json["Lock"]["TTL"] == "10s", repr(lock)
    held = {"Lock": {"ID": lock.json["Lock"]["ID"]}}
    for method, query, body in (("PUT", "?lock-acquire", {}), ("PUT", "", {"Items": {"k": "x"}}), ("DELETE", "", None),
                                ("PUT", "?lock-release", {"Lock": {"ID": "00000000-0000-0000-0000-000000000000"}})):
        refused = agent.http(method, f"/v1/var/lock{query}", body)
        assert refused.status == 409 and "Items" not in refused.json, repr(refused)
    assert agent.http("PUT", "/v1/var/lock?lock-renew", held).status == 200
    assert agent.http("PUT", "/v1/var/lock", {"Items": {"k": "new"}, **held}).status == 200
    released = agent.http("PUT", "/v1/var/lock?lock-release", held)
    assert released.status == 200 and "Lock" not in released.json
    assert agent.get("/v1/var/lock")["Items"] == {"k": "new"}
    assert agent.http("PUT", "/v1/var/lock?lock-renew", held).status == 400
    short = agent.http("PUT", "/v1/var/lock?lock-acquire", {"Lock": {"TTL": "1s"}})
    assert short.status == 400 and "TTL must be between 10 seconds and 24 hours" in short.text


def test_a_lock_that_nobody_renews_ends(agent):
    lock = agent.http("PUT", "/v1/var/left-alone?lock-acquire", {"Items": {"k": "v"}, "Lock": {"TTL": "10s", "LockDelay": "1ms"}}).json
    agent.wait("/v1/var/left-alone", lambda v: "Lock" not in v, "the lock has ended")
    assert agent.http("PUT", "/v1/var/left-alone?lock-renew", {"Lock": lock["Lock"]}).status == 400
    assert agent.get("/v1/var/left-alone")["Items"] == {"k": "v"}


def everything_below(folder):
    for root, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(root, name), "rb") as file:
                yield os.path.join(root, name), file.read()


def test_nothing_at_rest_and_no_log_has_the_value(make_agent):
    agent = make_agent(with_client=False, log_level="TRACE")
    agent.launch().wait_started()
    wait_keys(agent, lambda k: k, "the first root key")
    put(agent, "sealed", {SECRET + "-key": SECRET})
    put(agent, "sealed", {SECRET + "-key": SECRET}, expect=409, cas=1)
    saved = os.path.join(agent.folder, "state.snap")
    agent.ok("operator", "snapshot", "save", saved)
    agent.stop()
    looked_at = [name for name, content in everything_below(agent.folder) if not name.endswith(".sock")]
    assert any("raft" in name for name in looked_at) and saved in looked_at
    assert [name for name, content in everything_below(agent.folder) if SECRET.encode() in content] == []


def test_restart_rotation_and_removal(make_agent):
    agent = make_agent(with_client=False)
    agent.launch().wait_started()
    first = wait_keys(agent, lambda k: k, "the first root key")[0]
    for n in range(50):
        put(agent, f"many/{n:02}", {"n": str(n)})
    # A crash right behind a rotation that has to seal everything anew: the next start goes on with it.
    table = agent.ok("operator", "root", "keyring", "rotate", "-now", "-full").table()
    assert table[0]["State"] == "active" and len(table[0]["Key"]) == 8
    agent.kill()
    agent.launch().wait_started()
    after = wait_keys(agent, lambda all_keys: sorted(k["State"] for k in all_keys) in (["active", "inactive"], ["active"]), "everything is sealed with the new key")
    assert {f"many/{n:02}": str(n) for n in range(50)} == {v["Path"]: agent.get(f"/v1/var/{v['Path']}")["Items"]["n"] for v in agent.get("/v1/vars?prefix=many/")}
    new = next(k["KeyID"] for k in after if k["State"] == "active")
    refused = agent.run("operator", "root", "keyring", "remove", new)
    assert refused.code == 1 and "active root key cannot be deleted" in refused.all
    if any(k["KeyID"] == first["KeyID"] for k in after):
        agent.ok("operator", "root", "keyring", "remove", first["KeyID"])
    assert [k["KeyID"] for k in keys(agent)] == [new]
    assert agent.get("/v1/var/many/07")["Items"] == {"n": "7"}
    both = agent.run("operator", "root", "keyring", "rotate")
    assert both.code == 1 and "-prepublish" in both.all
    later = agent.ok("operator", "root", "keyring", "rotate", "-prepublish", "1h").table()[0]
    assert later["State"] == "prepublished" and later["Publish Time"]
    assert len(agent.get("/.well-known/jwks.json")["keys"]) == 2
    kept = agent.run("operator", "root", "keyring", "remove", "zzz")
    assert kept.code == 1 and "No encryption key(s) with prefix" in kept.all


def test_a_key_that_seals_something_is_kept(make_agent):
    agent = make_agent(with_client=False)
    agent.launch().wait_started()
    old = wait_keys(agent, lambda k: k, "the first root key")[0]["KeyID"]
    put(agent, "old", {"k": "v"})
    agent.ok("operator", "root", "keyring", "rotate", "-now")
    kept = agent.run("operator", "root", "keyring", "remove", old)
    assert kept.code == 1 and "root key in use, cannot delete" in kept.all
    agent.ok("operator", "root", "keyring", "remove", "-force", old)
    lost = agent.http("GET", "/v1/var/old")
    assert lost.status == 500 and 'no such key' in lost.text and 'variable "old"' in lost.text


def test_a_snapshot_opens_on_another_cluster(make_agent):
    one, other = make_agent("one", with_client=False), make_agent("other", with_client=False)
    for agent in (one, other):
        agent.launch().wait_started()
        wait_keys(agent, lambda k: k, "the first root key")
    put(one, "moved", {"k": SECRET})
    saved = os.path.join(one.folder, "state.snap")
    one.ok("operator", "snapshot", "save", saved)
    other.ok("operator", "snapshot", "restore", saved)
    assert other.get("/v1/var/moved")["Items"] == {"k": SECRET}
    assert [k["KeyID"] for k in keys(other)] == [k["KeyID"] for k in keys(one)]
    put(other, "after", {"k": "v"})
    assert other.get("/v1/var/after")["Items"] == {"k": "v"}


# -- commands


def test_var_put_get_list_purge(agent):
    spec = os.path.join(agent.folder, "spec.nv.hcl")
    assert "written to spec.nv.hcl" in agent.ok("var", "init").out
    assert agent.run("var", "init").code == 1
    agent.ok("var", "put", "-out=none", "cli/spec", "@spec.nv.hcl", "key2=changed", "key3=")
    assert agent.get("/v1/var/cli/spec")["Items"] == {"key1": "value 1", "key2": "changed"}
    shown = agent.ok("var", "get", "-out=table", "cli/spec")
    assert shown.field("Namespace") == "default" and shown.field("Path") == "cli/spec" and "key2 = changed" in shown.out.replace("  ", " ")
    assert json.loads(agent.ok("var", "get", "cli/spec").out)["Items"]["key1"] == "value 1"
    assert agent.ok("var", "get", "-item=key1", "cli/spec").out == "value 1"
    assert agent.ok("var", "get", "-out=go-template", "-template={{.Path}}={{.Items.key2}}", "cli/spec").out == "cli/spec=changed\n"
    hcl = agent.ok("var", "get", "-out=hcl", "cli/spec").out
    assert 'path         = "cli/spec"' in hcl
    # What it prints it takes: with the index in it, so that a change meanwhile is not lost.
    with open(spec, "w") as file:
        file.write(hcl.replace("changed", "again"))
    agent.ok("var", "put", "-out=none", "@spec.nv.hcl")
    stale = agent.run("var", "put", "@spec.nv.hcl")
    assert stale.code == 1 and "Check-and-Set conflict" in stale.err and "-force" in stale.err
    assert agent.get("/v1/var/cli/spec")["Items"]["key2"] == "again"
    agent.ok("var", "put", "-force", "cli/spec", "key1=" + SECRET)
    agent.ok("var", "put", "-force", "cli/stdin", "k=-", stdin="from stdin")
    assert agent.get("/v1/var/cli/stdin")["Items"] == {"k": "from stdin"}
    agent.ok("var", "put", "-", stdin=json.dumps({"Path": "cli/json", "Items": {"k": "v"}}))
    table = agent.ok("var", "list", "-out=table", "cli/").table()
    assert [row["Path"] for row in table] == ["cli/json", "cli/spec", "cli/stdin"] and table[0]["Namespace"] == "default"
    assert agent.ok("var", "list", "-out=terse", "cli/").out == "cli/json\ncli/spec\ncli/stdin\n"
    first = agent.ok("var", "list", "-out=terse", "-per-page=1", "cli/")
    assert first.out == "cli/json\n" and "Next page token: " in first.err
    assert agent.ok("var", "purge", "cli/json").out == 'Successfully purged variable "cli/json"!\n'
    wrong = agent.run("var", "purge", "-check-index=1", "cli/spec")
    assert wrong.code == 1 and "Check-and-Set conflict" in wrong.err
    missing = agent.run("var", "get", "cli/json")
    assert missing.code == 1 and missing.err == "Variable not found\n"


@pytest.mark.parametrize("words, why", [
    (["var", "get"], "This command takes one argument: <path>"),
    (["var", "put", "only/path"], "Must supply data"),
    (["var", "put", "p", "novalue"], "format must be key=value"),
    (["var", "put", "p", "@nofile.hcl"], "nofile.hcl"),
    (["var", "put", "-check-index=x", "p", "a=b"], "not parsable as uint64"),
    (["var", "get", "-out=xml", "p"], "valid values are"),
    (["var", "get", "-out=go-template", "p"], "A template must be supplied"),
    (["var", "get", "-namespace=*", "p"], "wildcard namespace"),
])
def test_commands_say_what_is_wrong(agent, words, why):
    done = agent.run(*words)
    assert done.code == 1 and why in done.all, repr(done)


def test_var_lock_holds_while_the_program_runs(agent):
    put(agent, "cli/lock", {"k": "kept"})
    ready, go_on = os.path.join(agent.folder, "ready"), os.path.join(agent.folder, "go-on")
    os.mkfifo(ready)
    os.mkfifo(go_on)
    holder = subprocess.Popen([agent.binary, "var", "lock", "-ttl=10s", "-delay=1ms", "cli/lock", f"echo held > {ready}; read word < {go_on}"],
                              env={**os.environ, **agent.cli_environment()}, stdin=subprocess.DEVNULL)
    try:
        with open(ready) as file:
            assert file.read() == "held\n"
        held = agent.get("/v1/var/cli/lock")
        assert held["Lock"]["TTL"] == "10s" and held["Items"] == {"k": "kept"}
        second = agent.run("var", "lock", "-early-return", "cli/lock", "true")
        assert second.code == 1 and "locked" in second.all
        with open(go_on, "w") as file:
            file.write("on\n")
        assert holder.wait(harness.DEADLINE) == 0
    finally:
        holder.kill()
        holder.wait()
    assert "Lock" not in agent.get("/v1/var/cli/lock")
    assert agent.run("var", "lock", "cli/lock", "exit 3").code == 1
    assert "Lock" not in agent.get("/v1/var/cli/lock")


def test_job_init_from_a_template(agent, tmp_path):
    """A variable below nomad/job-templates holds a job file to start from."""
    assert "No variables in nomad/job-templates" in agent.run("job", "init", "-list-templates", cwd=tmp_path).err
    text = 'job "from-template" {\n  group "g" {}\n}\n'
    assert agent.http("PUT", "/v1/var/nomad/job-templates/small", {"Path": "nomad/job-templates/small", "Items": {"template": text}}).status == 200
    assert agent.http("PUT", "/v1/var/nomad/job-templates/broken", {"Path": "nomad/job-templates/broken", "Items": {"other": "x"}}).status == 200
    assert agent.ok("job", "init", "-list-templates", cwd=tmp_path).out.splitlines()[1:] == ["  broken", "  small"]
    agent.ok("job", "init", "-template", "small", "made.nomad.hcl", cwd=tmp_path)
    assert (tmp_path / "made.nomad.hcl").read_text() == text
    for name, said in [("absent", "There is no variable nomad/job-templates/absent"), ("broken", 'has no item "template"')]:
        refused = agent.run("job", "init", "-template", name, "other.nomad.hcl", cwd=tmp_path)
        assert refused.code == 1 and said in refused.err
    assert not (tmp_path / "other.nomad.hcl").exists()
    for name in ("small", "broken"):
        agent.http("DELETE", f"/v1/var/nomad/job-templates/{name}")

"""Templates through the whole program: written before a task starts, again when what they show changes, and what the job wants then."""
import os

import harness


def job(name, templates, script="exec sleep 600", extra=""):
    return f'''
job "{name}" {{
  type = "service"
  group "g" {{
    restart {{
      attempts = 0
      mode     = "fail"
    }}
    task "t" {{
      driver = "raw_exec"
      config {{
        command = "/bin/sh"
        args    = ["-c", <<-EOT
{script}
EOT
        ]
      }}
      {extra}
{templates}
    }}
  }}
}}
'''


SOURCE = '{{ file (printf "%s/data/value" (env "NOMAD_ALLOC_DIR")) }}'


def template(data, destination="local/out", **settings):
    words = "\n".join(f"        {key} = {value}" for key, value in settings.items() if key not in ("change_script",))
    return f'''
      template {{
        data        = <<-EOT
{data}
EOT
        destination = "{destination}"
        splay       = "0s"
{words}
{settings.get("change_script", "")}
        wait {{
          min = "0s"
          max = "1s"
        }}
      }}
'''


def start(agent, tmp_path, name, *arguments, **options):
    path = harness.write_job(tmp_path, f"{name}.nomad", job(name, *arguments, **options))
    agent.ok("job", "run", "-detach", path)


def only_alloc(agent, name):
    return agent.wait_allocs(name, lambda allocs: len(allocs) == 1, f"an allocation of {name}")[0]


def folder_of(agent, alloc):
    return os.path.join(agent.data_dir, "alloc", alloc["ID"])


def write_value(agent, alloc, text):
    path = os.path.join(folder_of(agent, alloc), "alloc", "data", "value")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def events(alloc):
    state = (alloc["TaskStates"] or {}).get("t") or {}
    return [event["DisplayMessage"] for event in state.get("Events") or []]


def wait_event(agent, name, text):
    return agent.wait_allocs(name, lambda allocs: any(text in e for a in allocs for e in events(a)), f"the event {text!r} of {name}")[0]


def read(agent, alloc, path="t/local/out"):
    with open(os.path.join(folder_of(agent, alloc), path)) as file:
        return file.read()


def wait_text(agent, alloc, text, path="t/local/out"):
    for _ in range(3000):
        if os.path.exists(os.path.join(folder_of(agent, alloc), path)) and text in read(agent, alloc, path):
            return
        harness.ask_again_soon()
    raise AssertionError(f"{path} never had {text!r}: {read(agent, alloc, path)!r}\n{agent.log()[-3000:]}")


def test_the_language_writes_files_and_variables_of_the_environment(agent, tmp_path):
    templates = template('{{ range $i, $p := split "," "a,b" }}{{ $i }}={{ $p | toUpper }} {{ end }}{{ env "NOMAD_TASK_NAME" }} {{ "x" | sprig_repeat 3 }}', perms='"0600"')
    templates += template('KEY="two words"\n# no\nexport OTHER={{ 1 | add 2 }}', destination="secrets/env", env="true")
    templates += template('[[ "right" ]]{{ left }}', destination="local/marks", left_delimiter='"[["', right_delimiter='"]]"')
    start(agent, tmp_path, "language", templates, script='echo "$KEY/$OTHER" > "$NOMAD_TASK_DIR/env"; exec sleep 600')
    agent.wait_running("language")
    alloc = only_alloc(agent, "language")
    assert read(agent, alloc).strip() == "0=A 1=B t xxx"
    assert os.stat(os.path.join(folder_of(agent, alloc), "t/local/out")).st_mode & 0o777 == 0o600
    wait_text(agent, alloc, "two words/3", "t/local/env")
    assert read(agent, alloc, "t/local/marks").strip() == "right{{ left }}"


def test_a_task_waits_for_its_data_and_restarts_when_they_change(agent, tmp_path):
    start(agent, tmp_path, "waits", template(SOURCE), script='cat "$NOMAD_TASK_DIR/out" >> "$NOMAD_TASK_DIR/seen"; exec sleep 600')
    alloc = wait_event(agent, "waits", "Missing: file(")
    assert alloc["ClientStatus"] == "pending"
    write_value(agent, alloc, "one\n")
    agent.wait_running("waits")
    wait_text(agent, alloc, "one", "t/local/seen")
    write_value(agent, alloc, "two\n")
    wait_event(agent, "waits", "Template with change_mode restart re-rendered")
    wait_text(agent, alloc, "two", "t/local/seen")
    # What disappears leaves the last good file, and the task running.
    os.unlink(os.path.join(folder_of(agent, alloc), "alloc", "data", "value"))
    write_value(agent, alloc, "three\n")
    wait_text(agent, alloc, "three", "t/local/seen")


def test_signal_script_noop_and_once(agent, tmp_path):
    script = '''trap 'echo got >> "$NOMAD_TASK_DIR/signals"' HUP
mkdir -p "$NOMAD_ALLOC_DIR/data"; while :; do sleep 0.05; done'''
    run = '''change_script {
          command = "/bin/sh"
          args    = ["-c", "echo ran >> \\"$NOMAD_TASK_DIR/ran\\""]
          timeout = "20s"
        }'''
    source = '{{ if sprig_hasPrefix "ready" "ready" }}' + SOURCE + '{{ end }}'
    templates = template(source, "local/signal", change_mode='"signal"', change_signal='"SIGHUP"')
    templates += template(source, "local/script", change_mode='"script"', change_script=run)
    templates += template(source, "local/noop", change_mode='"noop"')
    templates += template(source, "local/once", change_mode='"restart"', once="true")
    start(agent, tmp_path, "modes", templates, script=script)
    alloc = wait_event(agent, "modes", "Missing: file(")
    write_value(agent, alloc, "one")
    agent.wait_running("modes")
    pid_events = len(events(only_alloc(agent, "modes")))
    write_value(agent, alloc, "two")
    wait_text(agent, alloc, "got", "t/local/signals")
    wait_text(agent, alloc, "ran", "t/local/ran")
    wait_text(agent, alloc, "two", "t/local/noop")
    alloc = wait_event(agent, "modes", "Template re-rendered")
    assert len(events(alloc)) > pid_events
    assert read(agent, alloc, "t/local/once").strip() == "one"
    assert alloc["TaskStates"]["t"]["Restarts"] == 0


def test_mistakes_fail_the_task_with_a_sentence(agent, tmp_path):
    rows = [
        ("unknown", template("{{ nofunction }}"), 'function "nofunction" not defined'),
        ("open", template("{{ if true }}"), "unexpected EOF"),
        ("denied", template('{{ plugin "sh" }}'), "function disabled"),
        ("missing-key", template('{{ (sprig_dict).nokey }}', error_on_missing_key="true"), 'map has no entry for key "nokey"'),
        ("vault", template('{{ with secret "a" }}{{ end }}'), "no Vault is configured"),
        ("bad-env", template("no equals here", env="true"), 'has no "="'),
    ]
    for name, text, _ in rows:
        start(agent, tmp_path, name, text)
    for name, _, sentence in rows:
        alloc = agent.wait_allocs(name, lambda allocs: any(a["ClientStatus"] == "failed" for a in allocs), f"{name} fails")[0]
        assert any(sentence in e for e in events(alloc)), (name, events(alloc))
    assert not os.path.exists("/etc/drover-out")


def test_a_link_of_the_task_leads_the_agent_nowhere(agent, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    script = f'ln -sfn {outside} "$NOMAD_TASK_DIR/sub"; exec sleep 600'
    start(agent, tmp_path, "links", template(SOURCE, "local/sub/out", change_mode='"noop"'), script=script)
    alloc = wait_event(agent, "links", "Missing: file(")
    write_value(agent, alloc, "one")
    agent.wait_running("links")
    root = os.path.join(folder_of(agent, alloc), "t", "local", "sub")
    os.rename(root, root + ".was")
    os.symlink(outside, root)
    write_value(agent, alloc, "two")
    wait_event(agent, "links", "leads outside of its directory")
    assert list(outside.iterdir()) == []


def test_a_new_agent_goes_on_rendering_for_a_task_that_ran_on(agent, tmp_path):
    start(agent, tmp_path, "again", template(SOURCE, change_mode='"noop"'))
    alloc = wait_event(agent, "again", "Missing: file(")
    write_value(agent, alloc, "one")
    agent.wait_running("again")
    agent.kill()
    write_value(agent, alloc, "two")
    agent.start()
    wait_text(agent, alloc, "two")
    write_value(agent, alloc, "three")
    wait_text(agent, alloc, "three")
    after = only_alloc(agent, "again")
    assert after["TaskStates"]["t"]["Restarts"] == 0 and after["ClientStatus"] == "running"


def test_redis_with_a_configuration_from_a_template(agent, tmp_path):
    path = harness.write_job(tmp_path, "redis.nomad", '''
job "redis" {
  group "g" {
    network {
      port "db" {}
    }
    task "t" {
      driver = "raw_exec"
      template {
        data        = <<-EOT
port {{ env "NOMAD_PORT_db" }}
bind 127.0.0.1
save ""
{{ range $name, $size := parseJSON "{\\"maxmemory\\":\\"64mb\\"}" }}{{ $name }} {{ $size }}
{{ end }}
EOT
        destination = "local/redis.conf"
      }
      config {
        command = "redis-server"
        args    = ["${NOMAD_TASK_DIR}/redis.conf"]
      }
    }
  }
}
''')
    agent.ok("job", "run", "-detach", path)
    alloc = agent.wait_running("redis")[0]
    redis = harness.Redis(harness.alloc_port(agent.get(f"/v1/allocation/{alloc['ID']}")))
    assert redis.command("CONFIG", "GET", "maxmemory") == ["maxmemory", str(64 * 1024 * 1024)]
    redis.close()


def put_variable(agent, path, **items):
    agent.wait("/v1/operator/keyring/keys", lambda keys: any(key["State"] == "active" for key in keys), "the first root key")
    answer = agent.http("PUT", f"/v1/var/{path}", {"Path": path, "Items": items})
    assert answer.status == 200, answer


def test_variables_of_the_cluster_arrive_change_and_disappear(agent, tmp_path):
    name = "variables"
    text = '{{ with nomadVar "nomad/jobs/variables" }}{{ .user }}:{{ .password.Value }} {{ .Keys | join "," }}{{ end }} {{ nomadVarExists "nomad/jobs/variables" }}'
    text += '{{ range nomadVarList "nomad/jobs/variables" }} {{ .Path }}{{ end }}'
    start(agent, tmp_path, name, template(text), script='cat "$NOMAD_TASK_DIR/out" >> "$NOMAD_TASK_DIR/seen"; exec sleep 600')
    alloc = wait_event(agent, name, "Missing: nomad.var.block(nomad/jobs/variables@default.global)")
    put_variable(agent, "nomad/jobs/variables", user="u", password="first")
    agent.wait_running(name)
    wait_text(agent, alloc, "u:first password,user true nomad/jobs/variables", "t/local/seen")
    put_variable(agent, "nomad/jobs/variables", user="u", password="second")
    wait_text(agent, alloc, "u:second", "t/local/seen")
    # What disappears leaves what was written last.
    agent.http("DELETE", "/v1/var/nomad/jobs/variables")
    wait_text(agent, alloc, "u:second password,user false", "t/local/out")
    put_variable(agent, "nomad/jobs/variables", user="u", password="third")
    wait_text(agent, alloc, "u:third", "t/local/out")
    assert "second" not in agent.log() and "third" not in agent.log()


def test_a_script_runs_on_the_first_files_too(agent, tmp_path):
    run = '''change_script {
          command             = "/bin/sh"
          args                = ["-c", "cat \\"$NOMAD_TASK_DIR/out\\" >> \\"$NOMAD_TASK_DIR/ran\\""]
          timeout             = "20s"
          run_on_first_render = true
        }'''
    start(agent, tmp_path, "first", template('{{ with nomadVar "nomad/jobs/first" }}{{ .value }}{{ end }}', change_mode='"script"', change_script=run))
    put_variable(agent, "nomad/jobs/first", value="one")
    alloc = agent.wait_running("first")[0]
    wait_text(agent, alloc, "one", "t/local/ran")
    wait_event(agent, "first", "Template successfully ran script /bin/sh")
    put_variable(agent, "nomad/jobs/first", value="two")
    wait_text(agent, alloc, "two", "t/local/ran")
    assert read(agent, alloc, "t/local/ran").split() == ["one", "two"]


ROLLING = '''
job "rolling" {
  group "g" {
    count = 3
    update {
      max_parallel     = 1
      min_healthy_time = "1s"
    }
    restart {
      attempts = 1000
      interval = "1h"
      delay    = "300ms"
      mode     = "delay"
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "read secret < \\"$NOMAD_TASK_DIR/out\\"; [ $secret != bad ] || exit 1; echo $secret >> \\"$NOMAD_TASK_DIR/seen\\"; exec sleep 600"]
      }
      resources {
        cpu    = 20
        memory = 16
      }
      template {
        data           = "{{ with nomadVar \\"nomad/jobs/rolling\\" }}{{ .secret }}\\n{{ end }}"
        destination    = "local/out"
        splay          = "0s"
        change_rollout = "rolling"
        wait {
          min = "0s"
          max = "1s"
        }
      }
    }
  }
}
'''


def times_of(alloc, kind):
    return [event["Time"] for event in alloc["TaskStates"]["t"]["Events"] if event["Type"] == kind]


def test_a_new_secret_takes_no_service_down(agent, tmp_path):
    put_variable(agent, "nomad/jobs/rolling", secret="first")
    agent.ok("job", "run", "-detach", harness.write_job(tmp_path, "rolling.nomad", ROLLING))
    agent.wait_allocs("rolling", lambda allocs: sum(bool((a["DeploymentStatus"] or {}).get("Healthy")) for a in allocs) == 3, "three healthy allocations")

    def restarted(allocs, times):
        return all(len(times_of(a, "Restart Signaled")) >= times and len(times_of(a, "Started")) > times for a in allocs)

    put_variable(agent, "nomad/jobs/rolling", secret="second")
    allocs = agent.wait_allocs("rolling", lambda all_of: restarted(all_of, 1), "three restarts", timeout=90)
    for alloc in allocs:
        wait_text(agent, alloc, "second", "t/local/seen")
    turns = sorted((times_of(a, "Restart Signaled")[0], times_of(a, "Started")[1]) for a in allocs)
    for (_, started), (next_restart, _) in zip(turns, turns[1:]):
        assert next_restart - started >= 1e9, turns
    assert any("Waiting for a turn to restart: 1 of 3 allocations" in e for a in allocs for e in events(a))

    # What breaks one breaks no other.
    put_variable(agent, "nomad/jobs/rolling", secret="bad")
    agent.wait_allocs("rolling", lambda all_of: any(a["TaskStates"]["t"]["Restarts"] >= 5 for a in all_of), "one that fails again and again")
    allocs = agent.get("/v1/job/rolling/allocations")
    broken = [a["ID"] for a in allocs if a["TaskStates"]["t"]["Restarts"] > 1]
    assert len(broken) == 1 and len(allocs) == 3
    # And what repairs it goes round again.
    put_variable(agent, "nomad/jobs/rolling", secret="third")
    for alloc in allocs:
        wait_text(agent, alloc, "third", "t/local/seen")
    assert [read(agent, a, "t/local/seen").split() for a in allocs] == [["first", "second", "third"]] * 3

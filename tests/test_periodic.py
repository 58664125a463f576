"""Jobs that do not run themselves: periodic ones launch children on a schedule, parameterized ones are dispatched."""
import datetime
import json
import re
import threading
import time
import urllib.parse

import pytest

import fleet
import harness


def batch(name, command="/bin/true", args=(), **more):
    return fleet.job(name, kind="batch", work=fleet.task(command, args), **more)


def periodic(name, *specs, overlap=True, zone="UTC", **more):
    return batch(name, Periodic={"Enabled": True, "SpecType": "cron", "Specs": list(specs), "ProhibitOverlap": not overlap, "TimeZone": zone}, **more)


def children(agent, parent):
    return agent.get(f"/v1/jobs?prefix={urllib.parse.quote(parent + '/', safe='')}")


def wait_children(agent, parent, condition, what):
    return agent.wait(f"/v1/jobs?prefix={urllib.parse.quote(parent + '/', safe='')}", condition, what)


def dead(jobs):
    return [j for j in jobs if j["Status"] == "dead"]


def stop(agent, job):
    agent.http("DELETE", f"/v1/job/{urllib.parse.quote(job, safe='')}")


def child_counts(agent, job):
    return agent.get(f"/v1/job/{job}/summary")["Children"]


YEARLY = "0 0 1 1 *"


# -- periodic


@pytest.mark.parametrize("name,specs", [("seconds", ["* * * * * * *"]), ("every", ["@every 1s"]), ("several", [YEARLY, "*/2 * * * * * *", "1-59/2 * * * * * *"])])
def test_launches_on_schedule(shared_agent, name, specs):
    agent = shared_agent
    answer = agent.register(periodic(name, *specs))
    assert answer["EvalID"] == "", "the parent itself never runs"
    launched = wait_children(agent, name, lambda jobs: len(dead(jobs)) >= 2, "two children have ended")
    for child in launched:
        assert re.fullmatch(name + r"/periodic-\d{10}", child["ID"]) and child["ParentID"] == name and not child["Periodic"]
    when = sorted(int(child["ID"].rsplit("-", 1)[1]) for child in launched)
    assert when[1] - when[0] in (1, 2), when
    (alloc,) = agent.allocs(urllib.parse.unquote(launched[0]["ID"]))
    assert alloc["ClientStatus"] == "complete" and alloc["JobID"] == launched[0]["ID"]
    assert child_counts(agent, name)["Dead"] >= 2
    status = agent.ok("job", "status", name)
    assert status.field("Periodic") == "true" and status.field("Status") == "running"
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S+ \(.* from now\)|.*ago\)", status.field("Next Periodic Launch"))
    (counts,) = status.table("Children Job Summary")
    assert set(counts) == {"Pending", "Running", "Dead"} and int(counts["Dead"]) >= 2
    rows = status.table("Previously Launched Jobs")
    assert {"ID": launched[0]["ID"], "Status": "dead"} in rows
    # A stopped parent launches nothing more.
    agent.ok("job", "stop", "-detach", name)
    assert agent.get(f"/v1/job/{name}")["Status"] == "dead"
    assert agent.ok("job", "status", name).field("Status") == "dead (stopped)"
    before = len(children(agent, name))
    agent.register(periodic("ticker-" + name, "* * * * * * *"))
    wait_children(agent, "ticker-" + name, lambda jobs: len(jobs) >= 2, "time goes on")
    stop(agent, "ticker-" + name)
    assert len(children(agent, name)) == before


def test_no_overlap(shared_agent):
    agent = shared_agent
    agent.register(periodic("alone", "* * * * * * *", overlap=False, command="/bin/sleep", args=["600"]))
    (first,) = wait_children(agent, "alone", lambda jobs: [j["Status"] for j in jobs] == ["running"], "one child runs")
    agent.wait_log(r'skipping launch of periodic job because job prohibits overlap.*alone')
    assert len(children(agent, "alone")) == 1
    refused = agent.run("job", "periodic", "force", "alone")
    assert refused.code == 1 and "overlap" in refused.all, refused
    assert child_counts(agent, "alone")["Running"] == 1
    stop(agent, first["ID"])
    wait_children(agent, "alone", lambda jobs: any(j["Status"] == "running" and j["ID"] != first["ID"] for j in jobs), "the next child")
    stop(agent, "alone")
    for child in children(agent, "alone"):
        stop(agent, child["ID"])


def test_force(shared_agent):
    agent = shared_agent
    agent.register(periodic("rare", YEARLY))
    assert children(agent, "rare") == []
    assert "No instances of periodic job found" in agent.ok("job", "status", "rare").out
    done = agent.ok("job", "periodic", "force", "rare")
    assert re.search(r'Evaluation triggered by job "rare/periodic-\d+"', done.out), done
    assert 'finished with status "complete"' in done.out
    done = agent.ok("job", "periodic", "force", "-detach", "rare")
    assert "Force periodic successful" in done.out and re.search(r"^Evaluation ID: [0-9a-f-]{36}$", done.out, re.M)
    wait_children(agent, "rare", lambda jobs: len(dead(jobs)) == 2, "both have run")
    assert agent.http("PUT", "/v1/job/nope/periodic/force").status == 404
    agent.register(fleet.job("plain", Datacenters=["nowhere"]))
    refused = agent.run("job", "periodic", "force", "plain")
    assert refused.code == 1 and "non-periodic" in refused.all
    # Not even by force: it is stopped.
    stop(agent, "rare")


def test_next_launch_in_its_zone(shared_agent, tmp_path):
    agent = shared_agent
    path = harness.write_job(tmp_path, "zone.nomad.hcl", """
job "zone" {
  type = "batch"
  periodic {
    crons     = ["30 4 * * *"]
    time_zone = "Asia/Tokyo"
  }
  group "g" {
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/true"
      }
    }
  }
}
""")
    run = agent.ok("job", "run", path)
    said = re.search(r"Approximate next launch time: (\S+) \(.+ from now\)", run.out)
    assert said, run
    when = datetime.datetime.fromisoformat(said.group(1).replace("Z", "+00:00")).astimezone(datetime.timezone.utc)
    assert (when.hour, when.minute) == (19, 30), "04:30 in Tokyo"
    assert said.group(1) in agent.ok("job", "status", "zone").field("Next Periodic Launch")


def test_makes_up_for_a_missed_launch(make_agent):
    agent = make_agent("catch-up").start()
    when = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(seconds=2)
    agent.register(periodic("once", when.strftime("%-S %-M %-H %-d %-m * %Y")))
    agent.kill()
    assert datetime.datetime.now(datetime.timezone.utc) < when, "the machine was too slow for this test to say anything"
    # The only thing to wait for is the instant itself.
    threading.Event().wait((when - datetime.datetime.now(datetime.timezone.utc)).total_seconds() + 0.1)
    agent.start()
    wait_children(agent, "once", lambda jobs: len(dead(jobs)) == 1, "the launch that was missed")
    agent.kill()
    agent.start()
    # Made up for once: a job that is launched now is stored after anything that start could have launched.
    agent.register(periodic("later", "* * * * * * *"))
    wait_children(agent, "later", lambda jobs: len(dead(jobs)) >= 1, "a later launch")
    assert len(children(agent, "once")) == 1


# -- parameterized

PARAMETERIZED = """
job "convert" {
  type = "batch"
  parameterized {
    payload       = "required"
    meta_required = ["format"]
    meta_optional = ["size"]
  }
  group "g" {
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo \\"format=$NOMAD_META_format size=$NOMAD_META_size payload=$(cat $NOMAD_TASK_DIR/input/data)\\""]
      }
      dispatch_payload {
        file = "input/data"
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
"""


@pytest.fixture(scope="module")
def convert(shared_agent, tmp_path_factory):
    path = harness.write_job(tmp_path_factory.mktemp("jobs"), "convert.nomad.hcl", PARAMETERIZED)
    assert "Job registration successful" in shared_agent.ok("job", "run", path).out
    return shared_agent


def test_dispatch_with_payload_and_meta(convert, tmp_path):
    agent = convert
    status = agent.ok("job", "status", "convert")
    assert status.field("Parameterized") == "true" and status.field("Status") == "running"
    assert "No dispatched instances of parameterized job found" in status.out
    path = harness.write_job(tmp_path, "payload", "hello")
    done = agent.ok("job", "dispatch", "-meta", "format=png", "-meta", "size=3", "convert", path)
    child = done.field("Dispatched Job ID")
    assert re.fullmatch(r"convert/dispatch-\d{10}-[0-9a-f]{8}", child)
    assert re.fullmatch("[0-9a-f]{8}", done.field("Evaluation ID"))
    assert f'Evaluation triggered by job "{child}"' in done.out
    (alloc,) = agent.wait_allocs(child, lambda allocs: [a["ClientStatus"] for a in allocs] == ["complete"], "it has run")
    assert agent.ok("alloc", "logs", alloc["ID"]).out.strip() == "format=png size=3 payload=hello"
    stored = agent.get(f"/v1/job/{urllib.parse.quote(child, safe='')}")
    assert stored["ParentID"] == "convert" and stored["Dispatched"] and stored["Payload"] and stored["Meta"] == {"format": "png", "size": "3"}
    agent.wait("/v1/job/convert/summary", lambda s: s["Children"]["Dead"] == 1, "the summary counts it")
    status = agent.ok("job", "status", "convert")
    (counts,) = status.table("Parameterized Job Summary")
    assert counts == {"Pending": "0", "Running": "0", "Dead": "1"}
    assert status.table("Dispatched Jobs") == [{"ID": child, "Status": "dead"}]
    # From standard input.
    done = agent.ok("job", "dispatch", "-detach", "-meta", "format=gif", "-id-prefix-template", "mine", "convert", "-", stdin="other")
    assert re.fullmatch(r"convert/dispatch-mine-\d{10}-[0-9a-f]{8}", done.field("Dispatched Job ID"))


def test_dispatch_refuses(convert):
    agent = convert

    def refused(body):
        answer = agent.http("PUT", "/v1/job/convert/dispatch", body)
        assert answer.status in (400, 413), answer
        return answer.text

    assert "Payload is not provided but required" in refused({"Meta": {"format": "a"}})
    assert "did not provide required meta keys: [format]" in refused({"Payload": "aGVsbG8="})
    assert "unpermitted metadata keys: [colour]" in refused({"Payload": "aGVsbG8=", "Meta": {"format": "a", "colour": "b"}})
    assert "maximum size" in refused({"Payload": "AAAA" * 6000, "Meta": {"format": "a"}})
    assert agent.http("PUT", "/v1/job/nope/dispatch", {}).status == 404
    assert agent.run("job", "dispatch", "-meta", "format", "convert").code == 1


def test_dispatch_is_idempotent(convert):
    agent = convert
    words = ("job", "dispatch", "-detach", "-meta", "format=a", "-idempotency-token", "only-once", "convert", "-")
    first = agent.ok(*words, stdin="x").field("Dispatched Job ID")
    assert agent.ok(*words, stdin="x").field("Dispatched Job ID") == first
    assert agent.ok("job", "status", first).field("Idempotency Token") == "only-once"


def test_stop_of_the_parent(convert):
    agent = convert
    agent.register(batch("forever", "/bin/sleep", ["600"], ParameterizedJob={"Payload": "optional"}))
    child = agent.ok("job", "dispatch", "-detach", "forever").field("Dispatched Job ID")
    agent.wait_running(child)
    assert child_counts(agent, "forever")["Running"] == 1
    agent.ok("job", "stop", "-detach", "forever")
    refused = agent.run("job", "dispatch", "forever")
    assert refused.code == 1 and "stopped" in refused.all
    # What was dispatched goes on.
    agent.wait_running(child)
    agent.ok("job", "stop", "-detach", child)
    agent.wait("/v1/job/forever/summary", lambda s: s["Children"] == {"Pending": 0, "Running": 0, "Dead": 1}, "the child has ended")


def test_a_changed_schedule_counts_at_once(shared_agent):
    agent = shared_agent
    agent.register(periodic("moody", YEARLY))
    agent.register(periodic("moody", "* * * * * * *"))
    wait_children(agent, "moody", lambda jobs: len(dead(jobs)) >= 1, "it launches by the new schedule")
    off = periodic("moody", "* * * * * * *")
    off["Periodic"]["Enabled"] = False
    agent.register(off)
    before = len(children(agent, "moody"))
    agent.register(periodic("clock", "* * * * * * *"))
    wait_children(agent, "clock", lambda jobs: len(jobs) >= 2, "time goes on")
    stop(agent, "clock")
    assert len(children(agent, "moody")) == before
    # By hand it still goes.
    agent.ok("job", "periodic", "force", "-detach", "moody")
    wait_children(agent, "moody", lambda jobs: len(dead(jobs)) == before + 1, "the one that was forced")
    assert "schedule is disabled" in agent.ok("job", "explain", "moody").out

"""Quotas where allocations are placed: a job over its namespace's quota waits, says why, and starts when room comes."""
from fleet import job, task


def limited(name, cpu, **more):
    asked = job(name, work={**task(), "Resources": {"CPU": cpu, "MemoryMB": 16}}, **more)
    return {**asked, "Namespace": "limited"}


def submit(agent, asked):
    answer = agent.http("PUT", "/v1/jobs", {"Job": asked})
    assert answer.status == 200, answer


def set_quota(agent, cpu):
    limits = [{"Region": "global", "RegionLimit": {"CPU": cpu}}]
    assert agent.http("PUT", "/v1/quota", {"Name": "small", "Limits": limits}).status == 200


def wait_running(agent, name, count=1):
    def enough(allocs):
        return sum(a["ClientStatus"] == "running" and a["DesiredStatus"] == "run" for a in allocs) == count

    agent.wait(f"/v1/job/{name}/allocations?namespace=limited", enough, f"{count} of {name} run")


def wait_over_quota(agent, name):
    """The evaluation that waits for the quota."""
    def waits(evals):
        return any(e["Status"] == "blocked" and e.get("QuotaLimitReached") == "small" for e in evals)

    evals = agent.wait(f"/v1/job/{name}/evaluations?namespace=limited", waits, f"{name} waits for the quota")
    return next(e for e in evals if e["Status"] == "blocked" and e.get("QuotaLimitReached") == "small")


def test_a_job_over_its_quota_starts_when_others_end_and_when_the_quota_is_raised(agent):
    set_quota(agent, 200)
    agent.ok("namespace", "apply", "-quota=small", "limited")
    submit(agent, limited("first", 60))
    wait_running(agent, "first")
    # Admitted while there is room for all of them; they look for a node that is not there yet.
    later = [{"LTarget": "${meta.state}", "RTarget": "ready", "Operand": "="}]
    submit(agent, limited("second", 60, Constraints=later))
    submit(agent, limited("third", 60, Constraints=later))
    for name in ("second", "third"):
        agent.wait(f"/v1/job/{name}/evaluations?namespace=limited", lambda evals: any(e["Status"] == "blocked" for e in evals), f"{name} waits for a node")
    set_quota(agent, 100)
    agent.ok("node", "meta", "apply", "state=ready")

    blocked = wait_over_quota(agent, "second")
    wait_over_quota(agent, "third")
    assert blocked["FailedTGAllocs"]["g"]["QuotaExhausted"], blocked
    shown = agent.ok("job", "status", "-namespace=limited", "second").out
    assert "quota" in shown.lower(), shown
    explained = agent.ok("job", "explain", "-namespace=limited", "second").out
    assert 'quota "small"' in explained, explained

    # Room for one of them.
    agent.ok("job", "stop", "-namespace=limited", "-detach", "first")

    def one_of_two(allocs):
        return [a["JobID"] for a in allocs if a["JobID"] in ("second", "third") and a["ClientStatus"] == "running"]

    allocs = agent.wait("/v1/allocations?namespace=limited", one_of_two, "one of the two starts")
    started = one_of_two(allocs)
    assert len(started) == 1, started
    other = "third" if started == ["second"] else "second"
    wait_over_quota(agent, other)

    set_quota(agent, 120)
    wait_running(agent, other)
    wait_running(agent, started[0])


def test_a_quota_that_says_nothing_sensible_is_refused(agent):
    for limits, why in (([{"Region": "global", "RegionLimit": {"CPU": "much"}}], "CPU"), ([], "no limit")):
        answer = agent.http("PUT", "/v1/quota", {"Name": "odd", "Limits": limits})
        assert answer.status in (400, 500) and why in answer.text, answer
    assert agent.http("GET", "/v1/quota/odd").status == 404
    answer = agent.http("PUT", "/v1/namespace", {"Name": "lost", "Quota": "nope"})
    assert answer.status == 400 and "nope" in answer.text, answer
    assert agent.http("GET", "/v1/namespace/lost").status == 404

package main

import (
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"
)

func init() {
	checks["jobs"] = jobs
	checks["plan"] = plan
	checks["blocking"] = blocking
	checks["versions"] = versions
	checks["deployments"] = deployments
	checks["scaling"] = scaling
	checks["dispatch"] = dispatch
	checks["periodic"] = periodic
	checks["evaluations"] = evaluations
	checks["pages"] = pages
}

// sleeper is a service of one task that runs until it is stopped.
func sleeper(id string, count int) *api.Job {
	task := api.NewTask("sleep", "raw_exec").SetConfig("command", "/bin/sh").SetConfig("args", []string{"-c", "echo hello; echo oops >&2; exec sleep 600"})
	task.Require(&api.Resources{CPU: ptr(20), MemoryMB: ptr(16)})
	group := api.NewTaskGroup("group", count).AddTask(task)
	group.RestartPolicy = &api.RestartPolicy{Attempts: ptr(0), Mode: ptr("fail")}
	job := api.NewServiceJob(id, id, "global", 50).AddDatacenter("*").AddTaskGroup(group)
	job.Update = &api.UpdateStrategy{MinHealthyTime: ptr(10 * time.Millisecond), HealthCheck: ptr("task_states")}
	return job
}

func ptr[T any](v T) *T { return &v }

// start registers the job and waits until its allocations run.
func (t *test) start(job *api.Job) []*api.AllocationListStub {
	_, _, err := t.client.Jobs().Register(job, nil)
	t.must(err, "Register")
	return t.running(*job.ID, *job.TaskGroups[0].Count)
}

func (t *test) running(id string, count int) []*api.AllocationListStub {
	var out []*api.AllocationListStub
	t.until("running allocations of "+id, func(q *api.QueryOptions) (bool, *api.QueryMeta, error) {
		allocs, meta, err := t.client.Jobs().Allocations(id, true, q)
		out = nil
		for _, a := range allocs {
			if a.ClientStatus == "running" && a.DesiredStatus == "run" {
				out = append(out, a)
			}
		}
		return len(out) == count, meta, err
	})
	return out
}

func (t *test) purge(id string) {
	_, _, err := t.client.Jobs().Deregister(id, true, nil)
	t.must(err, "Deregister")
}

func jobs(t *test) {
	job := sleeper("conformance-jobs", 2)
	t.start(job)
	defer t.purge(*job.ID)
	got, _, err := t.client.Jobs().Info(*job.ID, nil)
	t.must(err, "Info")
	t.expect(*got.Status == "running" && *got.Version == 0 && *got.TaskGroups[0].Count == 2, "Info: %+v", got)
	list, meta, err := t.client.Jobs().ListOptions(&api.JobListOptions{Fields: &api.JobListFields{Meta: true}}, &api.QueryOptions{Prefix: "conformance-jobs"})
	t.must(err, "List")
	t.expect(len(list) == 1 && list[0].JobSummary.Summary["group"].Running == 2, "List: %+v", list)
	t.expect(meta.KnownLeader && meta.LastIndex > 0, "meta: %+v", meta)
	summary, _, err := t.client.Jobs().Summary(*job.ID, nil)
	t.must(err, "Summary")
	t.expect(summary.Summary["group"].Running == 2, "Summary: %+v", summary)
	parsed, err := t.client.Jobs().ParseHCL("job \"parsed\" {\n  group \"g\" {\n    task \"t\" {\n      driver = \"raw_exec\"\n    }\n  }\n}\n", true)
	t.must(err, "ParseHCL")
	t.expect(*parsed.ID == "parsed" && *parsed.Priority == 50, "ParseHCL: %+v", parsed)
	valid, _, err := t.client.Jobs().Validate(job, nil)
	t.must(err, "Validate")
	t.expect(valid.Error == "" && len(valid.ValidationErrors) == 0, "Validate: %+v", valid)
	_, _, err = t.client.Jobs().EnforceRegister(job, 1, nil)
	t.expect(err != nil && strings.Contains(err.Error(), api.RegisterEnforceIndexErrPrefix), "EnforceRegister with a wrong index: %v", err)
	evalID, _, err := t.client.Jobs().ForceEvaluate(*job.ID, nil)
	t.must(err, "ForceEvaluate")
	t.expect(len(evalID) == 36, "ForceEvaluate: %q", evalID)
	_, _, err = t.client.Jobs().Info("conformance-none", nil)
	t.expect(err != nil && strings.Contains(err.Error(), "404"), "Info of a job that is not there: %v", err)
}

func plan(t *test) {
	job := sleeper("conformance-plan", 1)
	answer, _, err := t.client.Jobs().Plan(job, true, nil)
	t.must(err, "Plan of a new job")
	t.expect(answer.Diff != nil && answer.Diff.Type == "Added", "Plan: %+v", answer.Diff)
	t.expect(answer.Annotations.DesiredTGUpdates["group"].Place == 1, "Plan: %+v", answer.Annotations)
	t.start(job)
	defer t.purge(*job.ID)
	job.TaskGroups[0].Count = ptr(3)
	answer, _, err = t.client.Jobs().PlanOpts(job, &api.PlanOptions{Diff: true}, nil)
	t.must(err, "Plan of a change")
	t.expect(answer.Diff.Type == "Edited" && answer.JobModifyIndex > 0, "Plan: %+v", answer.Diff)
	t.expect(answer.Annotations.DesiredTGUpdates["group"].Place == 2, "Plan: %+v", answer.Annotations.DesiredTGUpdates["group"])
	job.TaskGroups[0].Tasks[0].Resources.MemoryMB = ptr(1 << 30)
	answer, _, err = t.client.Jobs().Plan(job, false, nil)
	t.must(err, "Plan of what does not fit")
	t.expect(len(answer.FailedTGAllocs) == 1, "Plan: %+v", answer.FailedTGAllocs)
}

func blocking(t *test) {
	_, meta, err := t.client.Jobs().List(nil)
	t.must(err, "List")
	woken := make(chan error, 1)
	go func() {
		_, after, err := t.client.Jobs().List(&api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: deadline})
		if err == nil && after.LastIndex <= meta.LastIndex {
			err = failureError("the query came back without a higher index")
		}
		woken <- err
	}()
	t.start(sleeper("conformance-blocking", 1))
	defer t.purge("conformance-blocking")
	select {
	case err := <-woken:
		t.must(err, "blocking List")
	case <-time.After(deadline):
		t.fail("the held query was not woken")
	}
	began := time.Now()
	_, meta, err = t.client.Nodes().List(nil)
	t.must(err, "List of nodes")
	_, _, err = t.client.Nodes().List(&api.QueryOptions{WaitIndex: meta.LastIndex + 1000, WaitTime: 50 * time.Millisecond})
	t.must(err, "List with a short wait")
	t.expect(time.Since(began) < deadline, "a short wait took %v", time.Since(began))
}

type failureError string

func (e failureError) Error() string { return string(e) }

func versions(t *test) {
	job := sleeper("conformance-versions", 1)
	t.start(job)
	defer t.purge(*job.ID)
	job.TaskGroups[0].Tasks[0].Env = map[string]string{"COLOUR": "blue"}
	t.start(job)
	all, diffs, _, err := t.client.Jobs().Versions(*job.ID, true, nil)
	t.must(err, "Versions")
	t.expect(len(all) == 2 && len(diffs) == 1 && *all[0].Version == 1, "Versions: %d, %d diffs", len(all), len(diffs))
	_, err = t.client.Jobs().TagVersion(*job.ID, 0, "first", "as it began", nil)
	t.must(err, "TagVersion")
	tagged, _, err := t.client.Jobs().VersionByTag(*job.ID, "first", nil)
	t.must(err, "VersionByTag")
	t.expect(*tagged.Version == 0 && tagged.VersionTag.Description == "as it began", "VersionByTag: %+v", tagged.VersionTag)
	_, err = t.client.Jobs().UntagVersion(*job.ID, "first", nil)
	t.must(err, "UntagVersion")
	_, _, err = t.client.Jobs().Revert(*job.ID, 0, nil, nil, "", "")
	t.must(err, "Revert")
	got, _, err := t.client.Jobs().Info(*job.ID, nil)
	t.must(err, "Info")
	t.expect(*got.Version == 2 && len(got.TaskGroups[0].Tasks[0].Env) == 0, "after Revert: version %d", *got.Version)
	_, _, err = t.client.Jobs().RegisterOpts(job, &api.RegisterOptions{Submission: &api.JobSubmission{Source: "job {}", Format: "hcl2"}}, nil)
	t.must(err, "Register with its source")
	source, _, err := t.client.Jobs().Submission(*job.ID, 3, nil)
	t.must(err, "Submission")
	t.expect(source.Source == "job {}", "Submission: %+v", source)
}

func deployments(t *test) {
	job := sleeper("conformance-deployments", 2)
	job.Update.Canary = ptr(1)
	t.start(job)
	defer t.purge(*job.ID)
	first := t.deployed(*job.ID, "successful")
	job.TaskGroups[0].Tasks[0].Env = map[string]string{"COLOUR": "green"}
	_, _, err := t.client.Jobs().Register(job, nil)
	t.must(err, "Register")
	var id string
	t.until("a healthy canary", func(q *api.QueryOptions) (bool, *api.QueryMeta, error) {
		d, meta, err := t.client.Jobs().LatestDeployment(*job.ID, q)
		if d == nil || d.ID == first {
			return false, meta, err
		}
		id = d.ID
		group := d.TaskGroups["group"]
		return group.DesiredCanaries == 1 && group.HealthyAllocs == 1, meta, err
	})
	allocs, _, err := t.client.Deployments().Allocations(id, nil)
	t.must(err, "Deployments.Allocations")
	t.expect(len(allocs) == 1, "the deployment has %d allocations", len(allocs))
	_, _, err = t.client.Deployments().PromoteAll(id, nil)
	t.must(err, "PromoteAll")
	t.deployed(*job.ID, "successful")
	list, _, err := t.client.Deployments().List(nil)
	t.must(err, "Deployments.List")
	t.expect(len(list) >= 2, "List: %d", len(list))
	_, _, err = t.client.Deployments().Fail(id, nil)
	t.expect(err != nil, "a deployment that has ended was failed")
}

// deployed waits until the latest deployment has the status; gives its id.
func (t *test) deployed(job, status string) string {
	var id string
	t.until("a deployment that is "+status, func(q *api.QueryOptions) (bool, *api.QueryMeta, error) {
		d, meta, err := t.client.Jobs().LatestDeployment(job, q)
		if d != nil {
			id = d.ID
		}
		return d != nil && d.Status == status, meta, err
	})
	return id
}

func scaling(t *test) {
	job := sleeper("conformance-scaling", 1)
	job.TaskGroups[0].Scaling = &api.ScalingPolicy{Type: "horizontal", Min: ptr(int64(1)), Max: ptr(int64(3)), Enabled: ptr(true), Policy: map[string]any{"cooldown": "1m"}}
	t.start(job)
	defer t.purge(*job.ID)
	t.deployed(*job.ID, "successful")
	_, _, err := t.client.Jobs().Scale(*job.ID, "group", ptr(2), "more", false, map[string]any{"why": "test"}, nil)
	t.must(err, "Scale")
	t.running(*job.ID, 2)
	status, _, err := t.client.Jobs().ScaleStatus(*job.ID, nil)
	t.must(err, "ScaleStatus")
	group := status.TaskGroups["group"]
	t.expect(group.Desired == 2 && len(group.Events) >= 1 && group.Events[0].Message == "more", "ScaleStatus: %+v", group)
	_, _, err = t.client.Jobs().Scale(*job.ID, "group", ptr(9), "too many", false, nil, nil)
	t.expect(err != nil, "a count above the policy's max was taken")
	policies, _, err := t.client.Scaling().ListPolicies(nil)
	t.must(err, "ListPolicies")
	found := false
	for _, p := range policies {
		if p.Target["Job"] != *job.ID {
			continue
		}
		found = true
		policy, _, err := t.client.Scaling().GetPolicy(p.ID, nil)
		t.must(err, "GetPolicy")
		t.expect(*policy.Max == 3 && policy.Policy["cooldown"] == "1m", "GetPolicy: %+v", policy)
	}
	t.expect(found, "the job's policy is not listed")
}

func dispatch(t *test) {
	job := sleeper("conformance-dispatch", 1)
	job.Type = ptr("batch")
	job.Update = nil
	job.ParameterizedJob = &api.ParameterizedJobConfig{Payload: "optional", MetaRequired: []string{"who"}}
	_, _, err := t.client.Jobs().Register(job, nil)
	t.must(err, "Register")
	defer t.purge(*job.ID)
	answer, _, err := t.client.Jobs().Dispatch(*job.ID, map[string]string{"who": "me"}, []byte("data"), "", nil)
	t.must(err, "Dispatch")
	t.expect(strings.HasPrefix(answer.DispatchedJobID, *job.ID+"/dispatch-"), "Dispatch: %+v", answer)
	t.running(answer.DispatchedJobID, 1)
	t.purge(answer.DispatchedJobID)
	_, _, err = t.client.Jobs().Dispatch(*job.ID, nil, nil, "", nil)
	t.expect(err != nil, "a dispatch without its required meta was taken")
}

func periodic(t *test) {
	job := sleeper("conformance-periodic", 1)
	job.Type = ptr("batch")
	job.Update = nil
	job.AddPeriodicConfig(&api.PeriodicConfig{Enabled: ptr(true), Spec: ptr("0 0 1 1 *"), SpecType: ptr("cron")})
	_, _, err := t.client.Jobs().Register(job, nil)
	t.must(err, "Register")
	defer t.purge(*job.ID)
	_, _, err = t.client.Jobs().PeriodicForce(*job.ID, nil)
	t.must(err, "PeriodicForce")
	var child string
	t.until("the launched job", func(q *api.QueryOptions) (bool, *api.QueryMeta, error) {
		q.Prefix = *job.ID + "/"
		list, meta, err := t.client.Jobs().List(q)
		if len(list) > 0 {
			child = list[0].ID
		}
		return len(list) == 1, meta, err
	})
	t.purge(child)
}

func evaluations(t *test) {
	job := sleeper("conformance-evaluations", 1)
	t.start(job)
	defer t.purge(*job.ID)
	evals, _, err := t.client.Jobs().Evaluations(*job.ID, nil)
	t.must(err, "Jobs.Evaluations")
	t.expect(len(evals) >= 1 && evals[0].JobID == *job.ID, "Evaluations: %+v", evals)
	info, _, err := t.client.Evaluations().Info(evals[len(evals)-1].ID, nil)
	t.must(err, "Info")
	t.expect(info.TriggeredBy == "job-register", "Info: %+v", info)
	allocs, _, err := t.client.Evaluations().Allocations(info.ID, nil)
	t.must(err, "Evaluations.Allocations")
	t.expect(len(allocs) == 1, "%d allocations", len(allocs))
	count, _, err := t.client.Evaluations().Count(&api.QueryOptions{Filter: `JobID == "conformance-evaluations"`})
	t.must(err, "Count")
	t.expect(count.Count >= 1, "Count: %+v", count)
}

func pages(t *test) {
	for _, id := range []string{"a", "b", "c"} {
		job := sleeper("conformance-pages-"+id, 1)
		job.Datacenters = []string{"nowhere"}
		_, _, err := t.client.Jobs().Register(job, nil)
		t.must(err, "Register")
		defer t.purge(*job.ID)
	}
	for _, reverse := range []bool{false, true} {
		var names []string
		q := &api.QueryOptions{Filter: `ID contains "conformance-pages-"`, PerPage: 2, Reverse: reverse}
		for {
			list, meta, err := t.client.Jobs().List(q)
			t.must(err, "List")
			for _, job := range list {
				names = append(names, strings.TrimPrefix(job.ID, "conformance-pages-"))
			}
			if meta.NextToken == "" {
				break
			}
			q.NextToken = meta.NextToken
		}
		want := "a b c"
		if reverse {
			want = "b c a" // the client sorts each page by itself
		}
		t.expect(strings.Join(names, " ") == want, "reverse %v: %v", reverse, names)
	}
	list, _, err := t.client.Jobs().List(&api.QueryOptions{Filter: `Name == "conformance-pages-b"`})
	t.must(err, "List with a filter")
	t.expect(len(list) == 1, "the filter let %d jobs pass", len(list))
	var ages []uint64
	q := &api.QueryOptions{PerPage: 1, Reverse: true}
	for {
		evals, meta, err := t.client.Evaluations().List(q)
		t.must(err, "Evaluations.List")
		for _, eval := range evals {
			ages = append(ages, eval.CreateIndex)
		}
		if meta.NextToken == "" {
			break
		}
		q.NextToken = meta.NextToken
	}
	t.expect(len(ages) >= 3, "%d evaluations", len(ages))
	for i := 1; i < len(ages); i++ {
		t.expect(ages[i] <= ages[i-1], "the newest evaluation is not first: %v", ages)
	}
}

package main

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"
	"github.com/hashicorp/nomad/api/contexts"
)

func init() {
	checks["events"] = events
	checks["namespaces"] = namespaces
	checks["nodes"] = nodes
	checks["drain"] = drain
	checks["search"] = search
	checks["operator"] = operate
	checks["agent"] = agent
	checks["monitor"] = monitor
	checks["statuses"] = statuses
	checks["pools"] = pools
	checks["system"] = system
}

func events(t *test) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	topics := map[api.Topic][]string{api.TopicJob: {"conformance-events"}, api.TopicAllocation: {"conformance-events"}, api.TopicEvaluation: {"conformance-events"}, api.TopicNode: {"*"}}
	stream, err := t.client.EventStream().Stream(ctx, topics, 0, nil)
	t.must(err, "Stream")
	job := sleeper("conformance-events", 1)
	t.start(job)
	defer t.purge(*job.ID)
	seen := map[api.Topic]bool{}
	runs := false
	last := uint64(0)
	for batch := range stream {
		t.must(batch.Err, "Stream")
		if batch.IsHeartbeat() {
			continue
		}
		t.expect(batch.Index >= last, "the index went back from %d to %d", last, batch.Index)
		last = batch.Index
		for _, e := range batch.Events {
			seen[e.Topic] = true
			switch e.Topic {
			case api.TopicAllocation:
				alloc, err := e.Allocation()
				t.must(err, "Allocation")
				runs = runs || alloc.ClientStatus == "running"
			case api.TopicJob:
				got, err := e.Job()
				t.must(err, "Job")
				t.expect(*got.ID == *job.ID, "an event of job %s", *got.ID)
			case api.TopicEvaluation:
				_, err := e.Evaluation()
				t.must(err, "Evaluation")
			case api.TopicNode:
				node, err := e.Node()
				t.must(err, "Node")
				t.expect(node.ID != "", "an event of no node")
			}
		}
		if runs && seen[api.TopicJob] && seen[api.TopicEvaluation] {
			return
		}
	}
	t.fail("the stream ended; seen: %v", seen)
}

func namespaces(t *test) {
	spaces := t.client.Namespaces()
	_, err := spaces.Register(&api.Namespace{Name: "conformance", Description: "for tests", Meta: map[string]string{"a": "b"}}, nil)
	t.must(err, "Register")
	info, _, err := spaces.Info("conformance", nil)
	t.must(err, "Info")
	t.expect(info.Description == "for tests" && info.Meta["a"] == "b", "Info: %+v", info)
	job := sleeper("conformance-inside", 1)
	job.Namespace = ptr("conformance")
	job.Datacenters = []string{"nowhere"}
	_, _, err = t.client.Jobs().Register(job, &api.WriteOptions{Namespace: "conformance"})
	t.must(err, "Register of a job in it")
	_, err = spaces.Delete("conformance", nil)
	t.expect(err != nil, "a namespace in use was deleted")
	list, _, err := t.client.Jobs().List(&api.QueryOptions{Namespace: "*", Prefix: "conformance-inside"})
	t.must(err, "List of all namespaces")
	t.expect(len(list) == 1 && list[0].Namespace == "conformance", "List: %+v", list)
	_, _, err = t.client.Jobs().Deregister("conformance-inside", true, &api.WriteOptions{Namespace: "conformance"})
	t.must(err, "Deregister")
	_, err = spaces.Delete("conformance", nil)
	t.must(err, "Delete")
	all, _, err := spaces.List(nil)
	t.must(err, "List")
	t.expect(len(all) >= 1 && all[0].Name != "conformance", "List: %+v", all)
}

func (t *test) node() *api.NodeListStub {
	list, _, err := t.client.Nodes().List(nil)
	t.must(err, "Nodes.List")
	t.expect(len(list) == 1, "%d nodes", len(list))
	return list[0]
}

func nodes(t *test) {
	stub := t.node()
	node, _, err := t.client.Nodes().Info(stub.ID, nil)
	t.must(err, "Info")
	t.expect(node.Status == "ready" && node.Attributes["kernel.name"] == "linux", "Info: %+v", node)
	stats, err := t.client.Nodes().Stats(stub.ID, nil)
	t.must(err, "Stats")
	t.expect(stats.Memory.Total > 0 && stats.Uptime > 0, "Stats: %+v", stats)
	_, err = t.client.Nodes().ToggleEligibility(stub.ID, false, nil)
	t.must(err, "ToggleEligibility")
	node, _, err = t.client.Nodes().Info(stub.ID, nil)
	t.must(err, "Info")
	t.expect(node.SchedulingEligibility == "ineligible", "eligibility: %s", node.SchedulingEligibility)
	_, err = t.client.Nodes().ToggleEligibility(stub.ID, true, nil)
	t.must(err, "ToggleEligibility")
	meta, err := t.client.Nodes().Meta().Apply(&api.NodeMetaApplyRequest{NodeID: stub.ID, Meta: map[string]*string{"shelf": ptr("top")}}, nil)
	t.must(err, "Meta.Apply")
	t.expect(*meta.Dynamic["shelf"] == "top", "Meta: %+v", meta)
	read, err := t.client.Nodes().Meta().Read(stub.ID, nil)
	t.must(err, "Meta.Read")
	t.expect(read.Meta["shelf"] == "top", "Meta: %+v", read)
}

func drain(t *test) {
	stub := t.node()
	job := sleeper("conformance-drain", 1)
	t.start(job)
	defer t.purge(*job.ID)
	answer, err := t.client.Nodes().UpdateDrainOpts(stub.ID, &api.DrainOptions{DrainSpec: &api.DrainSpec{Deadline: -1 * time.Second}, Meta: map[string]string{"why": "test"}}, nil)
	t.must(err, "UpdateDrainOpts")
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	done := false
	for message := range t.client.Nodes().MonitorDrain(ctx, stub.ID, answer.NodeModifyIndex, false) {
		t.expect(message.Level != api.MonitorMsgLevelError, "MonitorDrain: %s", message)
		done = done || strings.Contains(message.String(), "complete")
	}
	t.expect(done, "the drain's end was not told")
	_, err = t.client.Nodes().UpdateDrain(stub.ID, nil, true, nil)
	t.must(err, "UpdateDrain")
	t.running(*job.ID, 1)
}

func search(t *test) {
	job := sleeper("conformance-search", 1)
	alloc := t.start(job)[0]
	defer t.purge(*job.ID)
	found, _, err := t.client.Search().PrefixSearch(alloc.ID[:7], contexts.All, nil)
	t.must(err, "PrefixSearch")
	t.expect(len(found.Matches[contexts.Allocs]) == 1 && found.Matches[contexts.Allocs][0] == alloc.ID, "PrefixSearch: %+v", found)
	fuzzy, _, err := t.client.Search().FuzzySearch("mance-sea", contexts.All, nil)
	t.must(err, "FuzzySearch")
	t.expect(len(fuzzy.Matches[contexts.Jobs]) == 1, "FuzzySearch: %+v", fuzzy)
	fuzzy, _, err = t.client.Search().FuzzySearch("sleep", contexts.All, nil)
	t.must(err, "FuzzySearch of tasks")
	t.expect(len(fuzzy.Matches[contexts.Tasks]) >= 1, "FuzzySearch: %+v", fuzzy)
}

func operate(t *test) {
	operator := t.client.Operator()
	config, _, err := operator.SchedulerGetConfiguration(nil)
	t.must(err, "SchedulerGetConfiguration")
	changed := *config.SchedulerConfig
	changed.SchedulerAlgorithm = api.SchedulerAlgorithmSpread
	answer, _, err := operator.SchedulerCASConfiguration(&changed, nil)
	t.must(err, "SchedulerCASConfiguration")
	t.expect(answer.Updated, "the configuration was not set")
	changed.SchedulerAlgorithm = api.SchedulerAlgorithmBinpack
	_, _, err = operator.SchedulerSetConfiguration(&changed, nil)
	t.must(err, "SchedulerSetConfiguration")
	raft, err := operator.RaftGetConfiguration(nil)
	t.must(err, "RaftGetConfiguration")
	t.expect(len(raft.Servers) == 1 && raft.Servers[0].Leader, "RaftGetConfiguration: %+v", raft.Servers)
	autopilot, _, err := operator.AutopilotGetConfiguration(nil)
	t.must(err, "AutopilotGetConfiguration")
	t.expect(autopilot.LastContactThreshold > 0, "AutopilotGetConfiguration: %+v", autopilot)
	health, _, err := operator.AutopilotServerHealth(nil)
	t.must(err, "AutopilotServerHealth")
	t.expect(health.Healthy, "AutopilotServerHealth: %+v", health)
	snapshot, err := operator.Snapshot(nil)
	t.must(err, "Snapshot")
	defer snapshot.Close()
	metrics, _, err := operator.MetricsSummary(nil)
	t.must(err, "MetricsSummary")
	t.expect(len(metrics.Gauges) > 0, "MetricsSummary: %+v", metrics)
	_, _, err = operator.LicenseGet(nil)
	t.expect(err != nil, "a free server has a license")
}

func agent(t *test) {
	self, err := t.client.Agent().Self()
	t.must(err, "Self")
	t.expect(self.Member.Name != "" && self.Stats["nomad"] != nil, "Self: %+v", self)
	members, err := t.client.Agent().Members()
	t.must(err, "Members")
	t.expect(len(members.Members) == 1, "Members: %+v", members)
	health, err := t.client.Agent().Health()
	t.must(err, "Health")
	t.expect(health.Server.Ok && health.Client.Ok, "Health: %+v", health)
	host, err := t.client.Agent().Host("", "", nil)
	t.must(err, "Host")
	t.expect(host.HostData != nil && host.HostData.OS != "", "Host: %+v", host)
	workers, err := t.client.Agent().GetSchedulerWorkersInfo(nil)
	t.must(err, "GetSchedulerWorkersInfo")
	t.expect(len(workers.Schedulers) >= 1, "GetSchedulerWorkersInfo: %+v", workers)
	pool, err := t.client.Agent().GetSchedulerWorkerConfig(nil)
	t.must(err, "GetSchedulerWorkerConfig")
	t.expect(len(pool.EnabledSchedulers) >= 1, "GetSchedulerWorkerConfig: %+v", pool)
	leader, err := t.client.Status().Leader()
	t.must(err, "Leader")
	t.expect(strings.Contains(leader, ":"), "Leader: %q", leader)
	regions, err := t.client.Regions().List()
	t.must(err, "Regions")
	t.expect(len(regions) == 1 && regions[0] == "global", "Regions: %v", regions)
	profile, err := t.client.Agent().Lookup("cmdline", api.PprofOptions{}, nil)
	t.expect(err != nil || len(profile) > 0, "Lookup of nothing")
}

func monitor(t *test) {
	stop := make(chan struct{})
	defer close(stop)
	frames, errs := t.client.Agent().Monitor(stop, &api.QueryOptions{Params: map[string]string{"log_level": "trace"}})
	// Something to be logged.
	job := sleeper("conformance-monitor", 1)
	t.start(job)
	defer t.purge(*job.ID)
	select {
	case frame := <-frames:
		t.expect(frame != nil && len(frame.Data) > 0, "an empty frame")
	case err := <-errs:
		t.must(err, "Monitor")
	case <-time.After(deadline):
		t.fail("no line of the log came")
	}
}

func statuses(t *test) {
	job := sleeper("conformance-statuses", 2)
	t.start(job)
	defer t.purge(*job.ID)
	var out []map[string]any
	meta, err := t.client.Raw().Query("/v1/jobs/statuses", &out, &api.QueryOptions{PerPage: 1})
	t.must(err, "jobs/statuses")
	t.expect(len(out) == 1 && out[0]["ID"] == *job.ID && len(out[0]["Allocs"].([]any)) == 2, "jobs/statuses: %+v", out)
	t.expect(meta.LastIndex > 0, "meta: %+v", meta)
	var named []map[string]any
	_, err = t.client.Raw().Write("/v1/jobs/statuses", map[string]any{"Jobs": []map[string]string{{"ID": *job.ID, "Namespace": "default"}}}, &named, nil)
	if err != nil { // this client writes with PUT
		t.expect(strings.Contains(err.Error(), "405"), "jobs/statuses: %v", err)
	}
}

func pools(t *test) {
	pools := t.client.NodePools()
	_, err := pools.Register(&api.NodePool{Name: "conformance", Description: "for tests"}, nil)
	t.must(err, "Register")
	info, _, err := pools.Info("conformance", nil)
	t.must(err, "Info")
	t.expect(info.Description == "for tests", "Info: %+v", info)
	list, _, err := pools.List(nil)
	t.must(err, "List")
	t.expect(len(list) == 3, "List: %d", len(list))
	inside, _, err := pools.ListNodes("default", nil)
	t.must(err, "ListNodes")
	t.expect(len(inside) == 1, "ListNodes: %+v", inside)
	_, _, err = pools.ListJobs("default", nil)
	t.must(err, "ListJobs")
	_, err = pools.Delete("conformance", nil)
	t.must(err, "Delete")
	_, err = pools.Delete("default", nil)
	t.expect(err != nil, "the default pool was deleted")
}

func system(t *test) {
	t.must(t.client.System().GarbageCollect(), "GarbageCollect")
	t.must(t.client.System().ReconcileSummaries(), "ReconcileSummaries")
}

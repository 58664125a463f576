package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"
)

func init() {
	checks["allocations"] = allocations
	checks["files"] = files
	checks["logs"] = logs
	checks["exec"] = execute
}

func (t *test) alloc(stub *api.AllocationListStub) *api.Allocation {
	alloc, _, err := t.client.Allocations().Info(stub.ID, nil)
	t.must(err, "Allocations.Info")
	return alloc
}

func allocations(t *test) {
	job := sleeper("conformance-allocations", 1)
	alloc := t.alloc(t.start(job)[0])
	defer t.purge(*job.ID)
	t.expect(alloc.TaskStates["sleep"].State == "running" && *alloc.Job.ID == *job.ID, "Info: %+v", alloc)
	list, _, err := t.client.Allocations().List(&api.QueryOptions{Prefix: alloc.ID[:8], Params: map[string]string{"resources": "true"}})
	t.must(err, "List")
	t.expect(len(list) == 1 && list[0].AllocatedResources != nil, "List: %+v", list)
	stats, err := t.client.Allocations().Stats(alloc, nil)
	t.must(err, "Stats")
	t.expect(stats.ResourceUsage.MemoryStats.RSS > 0, "Stats: %+v", stats.ResourceUsage)
	t.must(t.client.Allocations().Signal(alloc, nil, "sleep", "SIGCONT"), "Signal")
	t.must(t.client.Allocations().Restart(alloc, "sleep", nil), "Restart")
	t.until("the restarted task", func(q *api.QueryOptions) (bool, *api.QueryMeta, error) {
		got, meta, err := t.client.Allocations().Info(alloc.ID, q)
		return err == nil && got.TaskStates["sleep"].Restarts == 1 && got.TaskStates["sleep"].State == "running", meta, err
	})
	stopped, err := t.client.Allocations().Stop(alloc, nil)
	t.must(err, "Stop")
	t.expect(len(stopped.EvalID) == 36, "Stop: %+v", stopped)
	t.until("its end and a new one", func(q *api.QueryOptions) (bool, *api.QueryMeta, error) {
		allocs, meta, err := t.client.Jobs().Allocations(*job.ID, true, q)
		ended, runs := false, false
		for _, a := range allocs {
			ended = ended || (a.ID == alloc.ID && a.ClientStatus == "complete")
			runs = runs || (a.ID != alloc.ID && a.ClientStatus == "running")
		}
		return ended && runs, meta, err
	})
	// Nomad answers this one without a body, and so do we, which its own client does not expect.
	if err := t.client.Allocations().GC(alloc, nil); err != nil && err.Error() != "EOF" && !strings.Contains(err.Error(), "0 byte response") {
		t.must(err, "GC")
	}
}

func files(t *test) {
	job := sleeper("conformance-files", 1)
	alloc := t.alloc(t.start(job)[0])
	defer t.purge(*job.ID)
	fs := t.client.AllocFS()
	list, _, err := fs.List(alloc, "/", nil)
	t.must(err, "List")
	var names []string
	for _, f := range list {
		names = append(names, f.Name)
	}
	t.expect(strings.Contains(strings.Join(names, " "), "alloc"), "List: %v", names)
	stat, _, err := fs.Stat(alloc, "alloc/logs/sleep.stdout.0", nil)
	// It runs, but may not have spoken yet.
	for end := time.Now().Add(20 * time.Second); err == nil && stat.Size < 6 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
		stat, _, err = fs.Stat(alloc, "alloc/logs/sleep.stdout.0", nil)
	}
	t.must(err, "Stat")
	t.expect(stat.Size == 6 && !stat.IsDir, "Stat: %+v", stat)
	cat, err := fs.Cat(alloc, "alloc/logs/sleep.stdout.0", nil)
	t.must(err, "Cat")
	defer cat.Close()
	text, err := io.ReadAll(cat)
	t.must(err, "Cat")
	t.expect(string(text) == "hello\n", "Cat: %q", text)
	part, err := fs.ReadAt(alloc, "alloc/logs/sleep.stdout.0", 1, 4, nil)
	t.must(err, "ReadAt")
	defer part.Close()
	text, err = io.ReadAll(part)
	t.must(err, "ReadAt")
	t.expect(string(text) == "ello", "ReadAt: %q", text)
	_, _, err = fs.Stat(alloc, "alloc/none", nil)
	t.expect(err != nil, "a file that is not there has a Stat")
}

func logs(t *test) {
	job := sleeper("conformance-logs", 1)
	alloc := t.alloc(t.start(job)[0])
	defer t.purge(*job.ID)
	for kind, want := range map[string]string{"stdout": "hello\n", "stderr": "oops\n"} {
		cancel := make(chan struct{})
		frames, errs := t.client.AllocFS().Logs(alloc, true, "sleep", kind, "start", 0, cancel, nil)
		var got bytes.Buffer
		for got.Len() < len(want) {
			select {
			case frame, open := <-frames:
				t.expect(open, "the %s stream ended after %q", kind, got.String())
				got.Write(frame.Data)
			case err := <-errs:
				t.must(err, "Logs")
			}
		}
		close(cancel)
		t.expect(got.String() == want, "%s: %q", kind, got.String())
	}
}

func execute(t *test) {
	job := sleeper("conformance-exec", 1)
	alloc := t.alloc(t.start(job)[0])
	defer t.purge(*job.ID)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	var out, problems bytes.Buffer
	code, err := t.client.Allocations().Exec(ctx, alloc, "sleep", false, []string{"/bin/sh", "-c", "cat; echo bad >&2; exit 7"},
		strings.NewReader("through and back\n"), &out, &problems, nil, nil)
	t.must(err, "Exec")
	t.expect(code == 7 && out.String() == "through and back\n" && problems.String() == "bad\n", "Exec: %d %q %q", code, out.String(), problems.String())
	sizes := make(chan api.TerminalSize, 1)
	sizes <- api.TerminalSize{Height: 24, Width: 91}
	out.Reset()
	code, err = t.client.Allocations().Exec(ctx, alloc, "sleep", true, []string{"/bin/sh", "-c", "while [ \"$(stty size)\" != '24 91' ]; do :; done; echo sized"},
		strings.NewReader(""), &out, io.Discard, sizes, nil)
	t.must(err, "Exec with a terminal")
	t.expect(code == 0 && strings.Contains(out.String(), "sized"), "Exec with a terminal: %d %q", code, out.String())
}

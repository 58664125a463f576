// Command conformance uses Nomad's public Go client against the agent that NOMAD_ADDR names. Each check is a function; `-list` prints their names,
// `-run NAME` runs one and exits with 0 or says what was wrong.
package main

import (
	"flag"
	"fmt"
	"os"
	"sort"
	"time"

	"github.com/hashicorp/nomad/api"
)

type check func(t *test)

var checks = map[string]check{}

// test is what a check gets: a client, names of its own, and ways to fail.
type test struct {
	client *api.Client
	name   string
}

type failure struct{ text string }

func (t *test) fail(format string, args ...any) { panic(failure{fmt.Sprintf(format, args...)}) }

func (t *test) must(err error, what string) {
	if err != nil {
		t.fail("%s: %v", what, err)
	}
}

func (t *test) expect(ok bool, format string, args ...any) {
	if !ok {
		t.fail(format, args...)
	}
}

const deadline = 60 * time.Second

// until asks with blocking queries until the condition holds: `ask` returns whether it does and the index to wait for.
func (t *test) until(what string, ask func(q *api.QueryOptions) (bool, *api.QueryMeta, error)) {
	q := &api.QueryOptions{WaitTime: 5 * time.Second}
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		done, meta, err := ask(q)
		t.must(err, what)
		if done {
			return
		}
		q.WaitIndex = meta.LastIndex
	}
	t.fail("never came: %s", what)
}

func main() {
	list := flag.Bool("list", false, "print the names of the checks")
	run := flag.String("run", "", "run one check")
	flag.Parse()
	if *list {
		names := make([]string, 0, len(checks))
		for name := range checks {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			fmt.Println(name)
		}
		return
	}
	os.Exit(runOne(*run))
}

func runOne(name string) (code int) {
	do, known := checks[name]
	if !known {
		fmt.Fprintf(os.Stderr, "there is no check %q; see -list\n", name)
		return 2
	}
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer client.Close()
	defer func() {
		if problem := recover(); problem != nil {
			f, ok := problem.(failure)
			if !ok {
				panic(problem)
			}
			fmt.Fprintf(os.Stderr, "%s: %s\n", name, f.text)
			code = 1
		}
	}()
	do(&test{client: client, name: name})
	fmt.Println("ok", name)
	return 0
}

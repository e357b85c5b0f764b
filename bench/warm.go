package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"larder/bench/process"
)

// readCase is a warm read: something that is here already.
type readCase struct {
	name   string
	goal   float64 // Larder's part of what nginx does
	file   string  // that stands for it
	path   string  // in a registry
	header map[string]string
	again  bool // with the ETag of what the client has: 304
}

var (
	npmAccept = map[string]string{"Accept": packumentType + "; q=1.0, application/json; q=0.8, */*"}
	npmGzip   = map[string]string{"Accept": npmAccept["Accept"], "Accept-Encoding": "gzip,deflate"}

	cases = []readCase{
		{name: "tarball of 100 KB", goal: 0.45, file: smallFile, path: "bench-small/-/bench-small-1.0.0.tgz", header: map[string]string{}},
		{name: "tarball of 20 MB", goal: 0.9, file: largeFile, path: "bench-large/-/bench-large-1.0.0.tgz", header: map[string]string{}},
		{name: "packument of 300 versions", goal: 0.6, file: plainFile, path: "bench-many", header: npmAccept},
		{name: "the same, gzip", goal: 0.5, file: packedFile, path: "bench-many", header: npmGzip},
		{name: "the same, 304", goal: 0.5, file: packedFile, path: "bench-many", header: npmGzip, again: true},
	}
)

// bareGoal is Larder's part of what the bare server does, in every case.
const bareGoal = 0.9

const versions = 300

// warm measures what is answered from what is here already.
func (b *bench) warm() (err error) {
	contenders, stop, err := b.contenders()
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return err
	}
	fmt.Printf("\nWarm reads: requests per second, the median of %d rounds of %v in turn, wrk %s %s; in parentheses µs of CPU per request; ratios are the median of those of each round.\n\n", b.rounds, b.duration, wrkThreads, wrkConnections)
	names, line := "", ""
	for _, c := range contenders {
		names, line = names+" "+c.name+" |", line+"--:|"
	}
	fmt.Printf("| |%s of nginx | goal | of net/http | goal |\n|---|%s--:|--:|--:|--:|\n", names, line)
	for _, of := range cases {
		rates, costs := make([][]float64, len(contenders)), make([][]float64, len(contenders))
		for range b.rounds {
			for i, c := range contenders {
				rate, cost, err := c.measure(of.name, b.duration)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.name, of.name, err)
				}
				rates[i], costs[i] = append(rates[i], rate), append(costs[i], cost)
			}
		}
		fmt.Printf("| %s |", of.name)
		for i := range contenders {
			fmt.Printf(" %.0f (%.0f) |", median(rates[i]), median(costs[i]))
		}
		// A ratio is of one round: between rounds the machine changes its pace.
		beside := func(other []float64) float64 {
			ratios := make([]float64, b.rounds)
			for i := range ratios {
				ratios[i] = rates[2][i] / other[i]
			}
			return median(ratios)
		}
		fmt.Printf(" **%.2f** | %.2f | **%.2f** | %.2f |\n", beside(rates[0]), of.goal, beside(rates[1]), bareGoal)
		if b.profiles != "" {
			if err := b.profile(contenders[2], of); err != nil {
				return err
			}
		}
	}
	after, err := resident(contenders[2].pids[0], "VmRSS")
	fmt.Printf("\nLarder's memory (RSS) after that: %s.\n", megabytes(after))
	return err
}

// contenders starts nginx, the bare server and Larder, in this order, with the
// same bytes, and Verdaccio if there is one. What has been started is to be
// stopped, after an error too.
func (b *bench) contenders() (all []*contender, stop func() error, err error) {
	var started []*contender
	stop = func() error {
		var errs []error
		for _, c := range started {
			errs = append(errs, c.stop())
		}
		return errors.Join(errs...)
	}
	folder := filepath.Join(b.folder, "warm")
	if err := os.MkdirAll(filepath.Join(folder, "files"), 0o700); err != nil {
		return nil, stop, err
	}
	s, err := b.serve("warm/larder")
	if err != nil {
		return nil, stop, err
	}
	larder := &contender{name: "Larder", url: s.npmRegistry.url, pids: []int{s.PID}, stop: s.Stop}
	started = append(started, larder)
	if err := s.fill(); err != nil {
		return nil, stop, err
	}
	if err := larder.prepare(pathOf, s.header); err != nil {
		return nil, stop, err
	}
	for _, c := range cases {
		if !c.again {
			if err := larder.requests[c.name].save(filepath.Join(folder, "files", c.file)); err != nil {
				return nil, stop, err
			}
		}
	}
	add := func(c *contender, err error, where func(readCase) string) (*contender, error) {
		if err != nil {
			return nil, err
		}
		started = append(started, c)
		return c, c.prepare(where, s.header)
	}
	nginx, err := startNginx(folder)
	if nginx, err = add(nginx, err, fileOf); err != nil {
		return nil, stop, err
	}
	bare, err := startBare(folder)
	if bare, err = add(bare, err, fileOf); err != nil {
		return nil, stop, err
	}
	all = []*contender{nginx, bare, larder}
	if b.verdaccio != "" {
		peer, err := startVerdaccio(folder, b.verdaccio)
		if err != nil {
			return nil, stop, err
		}
		started = append(started, peer)
		// Its own users' credential is none that Larder gave.
		if err := peer.prepare(pathOf, nil); err != nil {
			return nil, stop, err
		}
		all = append(all, peer)
	}
	return all, stop, nil
}

// fill publishes what is read.
func (n npmRegistry) fill() error {
	for name, size := range map[string]int64{"bench-small": 100 << 10, "bench-large": 20 << 20} {
		r := process.Release{Name: name, Version: "1.0.0", Tarball: func() io.Reader { return noise(1, size) }}
		if err := n.publish(r); err != nil {
			return err
		}
	}
	for i := range versions {
		if err := n.publish(release("bench-many", i)); err != nil {
			return err
		}
	}
	return nil
}

// release is the i-th version of a package with an ordinary package.json.
func release(name string, i int) process.Release {
	return process.Release{
		Name:    name,
		Version: fmt.Sprintf("1.%d.%d", i/10, i%10),
		Manifest: map[string]any{
			"description":     "a package of the benchmark",
			"main":            "index.js",
			"license":         "Apache-2.0",
			"engines":         map[string]string{"node": ">=18"},
			"bin":             map[string]string{name: "bin/cli.js"},
			"repository":      map[string]string{"type": "git", "url": "git+https://git.example/" + name + ".git"},
			"scripts":         map[string]string{"test": "node --test", "build": "tsc -p ."},
			"dependencies":    map[string]string{"left": "^1.2.3", "right": "~2.0." + fmt.Sprint(i), "above": "^4.17.21", "below": ">=3 <5"},
			"devDependencies": map[string]string{"tester": "^29.0.0", "typist": "^5.4.0", "linter": "^9.1.0"},
		},
		Tarball: func() io.Reader {
			return io.MultiReader(bytes.NewReader(fmt.Appendf(nil, "%s %d ", name, i)), noise(uint64(i), 2<<10))
		},
	}
}

// measure loads a contender with a case; it gives requests per second and the
// CPU microseconds that the contender used for each.
func (c *contender) measure(name string, d time.Duration) (rate, cost float64, err error) {
	before, err := cpuTime(c.pids)
	if err != nil {
		return 0, 0, err
	}
	count, rate, err := c.requests[name].load(d)
	if err != nil {
		return 0, 0, err
	}
	after, err := cpuTime(c.pids)
	return rate, (after - before).Seconds() * 1e6 / count, err
}

// profile records where a contender's time goes under a case.
func (b *bench) profile(c *contender, of readCase) error {
	out := filepath.Join(b.profiles, strings.ReplaceAll(of.name, " ", "-")+".perf")
	record := exec.Command("perf", "record", "-q", "-g", "-F", "997", "-p", fmt.Sprint(c.pids[0]), "-o", out, "--", "sleep", fmt.Sprint(b.duration.Seconds()))
	if err := record.Start(); err != nil {
		return err
	}
	_, _, err := c.requests[of.name].load(b.duration)
	return errors.Join(err, record.Wait())
}

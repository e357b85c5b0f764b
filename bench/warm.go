package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"larder/bench/process"
)

// Cases of the warm path, with Larder's goal: its part of what nginx does.
const (
	smallTarball    = "tarball of 100 KB"
	largeTarball    = "tarball of 20 MB"
	plainPackument  = "packument of 300 versions"
	packedPackument = "the same, gzip"
	unchanged       = "the same, 304"
)

var cases = []struct {
	name string
	goal float64 // of nginx
}{
	{smallTarball, 0.45},
	{largeTarball, 0.9},
	{plainPackument, 0.6},
	{packedPackument, 0.5},
	{unchanged, 0.5},
}

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
	fmt.Printf("\nWarm reads: requests per second, the median of %d rounds of %v in turn, wrk %s %s; in parentheses µs of CPU per request.\n\n", b.rounds, b.duration, wrkThreads, wrkConnections)
	fmt.Println("| | nginx | net/http | Larder | of nginx | goal | of net/http | goal |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|")
	for _, c := range cases {
		rate, cost := make([]float64, len(contenders)), make([]float64, len(contenders))
		rates, costs := make([][]float64, len(contenders)), make([][]float64, len(contenders))
		for range b.rounds {
			for i, of := range contenders {
				r, us, err := of.measure(c.name, b.duration)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", of.name, c.name, err)
				}
				rates[i], costs[i] = append(rates[i], r), append(costs[i], us)
			}
		}
		for i := range contenders {
			rate[i], cost[i] = median(rates[i]), median(costs[i])
		}
		fmt.Printf("| %s | %.0f (%.0f) | %.0f (%.0f) | %.0f (%.0f) | **%.2f** | %.2f | **%.2f** | %.2f |\n", c.name,
			rate[0], cost[0], rate[1], cost[1], rate[2], cost[2], rate[2]/rate[0], c.goal, rate[2]/rate[1], bareGoal)
		if b.profiles != "" {
			if err := b.profile(contenders[2], c.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// contenders starts nginx, the bare server and Larder with the same bytes.
func (b *bench) contenders() (all []*contender, stop func() error, err error) {
	stop = func() error {
		var errs []error
		for _, c := range all {
			errs = append(errs, c.stop())
		}
		return errors.Join(errs...)
	}
	folder := filepath.Join(b.folder, "warm")
	if err := os.MkdirAll(filepath.Join(folder, "files"), 0o700); err != nil {
		return all, stop, err
	}
	s, err := b.serve("warm/larder")
	if err != nil {
		return all, stop, err
	}
	larder := &contender{name: "Larder", pids: []int{s.PID}, stop: s.Stop}
	all = []*contender{larder}
	if err := s.fill(); err != nil {
		return all, stop, err
	}
	accept := map[string]string{"Authorization": "Bearer " + s.token, "Accept": packumentType + "; q=1.0, application/json; q=0.8, */*"}
	gzip := map[string]string{"Authorization": accept["Authorization"], "Accept": accept["Accept"], "Accept-Encoding": "gzip,deflate"}
	larder.requests = map[string]request{
		smallTarball:    {s.repository + "bench-small/-/bench-small-1.0.0.tgz", s.header()},
		largeTarball:    {s.repository + "bench-large/-/bench-large-1.0.0.tgz", s.header()},
		plainPackument:  {s.repository + "bench-many", accept},
		packedPackument: {s.repository + "bench-many", gzip},
	}
	if err := larder.addUnchanged(); err != nil {
		return all, stop, err
	}
	for name, of := range map[string]string{smallFile: smallTarball, largeFile: largeTarball, plainFile: plainPackument, packedFile: packedPackument} {
		if err := larder.requests[of].save(filepath.Join(folder, "files", name)); err != nil {
			return all, stop, err
		}
	}
	nginx, err := startNginx(folder)
	if err != nil {
		return all, stop, err
	}
	all = []*contender{nginx, larder}
	bare, err := startBare(folder)
	if err != nil {
		return all, stop, err
	}
	all = []*contender{nginx, bare, larder}
	return all, stop, nil
}

// fill publishes what is read.
func (s *server) fill() error {
	for name, size := range map[string]int64{"bench-small": 100 << 10, "bench-large": 20 << 20} {
		r := process.Release{Name: name, Version: "1.0.0", Tarball: func() io.Reader { return noise(1, size) }}
		if err := s.publish(r); err != nil {
			return err
		}
	}
	for i := range versions {
		if err := s.publish(release("bench-many", i)); err != nil {
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
	begun := time.Now()
	if rate, err = c.requests[name].load(d); err != nil {
		return 0, 0, err
	}
	took := time.Since(begun)
	after, err := cpuTime(c.pids)
	return rate, (after - before).Seconds() * 1e6 / (rate * took.Seconds()), err
}

// profile records where Larder's time goes under a case.
func (b *bench) profile(c *contender, name string) error {
	out := filepath.Join(b.profiles, fmt.Sprintf("%s.perf", filepath.Base(c.requests[name].url)))
	if name == packedPackument || name == unchanged {
		out += "-" + name[len("the same, "):]
	}
	record := exec.Command("perf", "record", "-q", "-g", "-F", "997", "-p", fmt.Sprint(c.pids[0]), "-o", out, "--", "sleep", fmt.Sprint(b.duration.Seconds()))
	if err := record.Start(); err != nil {
		return err
	}
	_, err := c.requests[name].load(b.duration)
	return errors.Join(err, record.Wait())
}

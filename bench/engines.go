package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"larder/bench/process"
	"larder/internal/pgtest"
	"larder/internal/s3test"
	"larder/registry"
)

// engineCold is how many packages there are that are read once after a start.
const engineCold = 100

// engine is one choice of where rows and bytes are.
type engine struct {
	name                 string
	postgres, s3, copies bool // copies: of what is in S3, on the local disk
}

var engineChoices = []engine{
	{"SQLite, files", false, false, false},
	{"PostgreSQL, files", true, false, false},
	{"SQLite, S3", false, true, false},
	{"PostgreSQL, S3", true, true, false},
	{"PostgreSQL, S3 with local copies", true, true, true},
}

// engines measures what a request costs with rows in PostgreSQL and with bytes
// in S3, beside what is embedded.
func (b *bench) engines() (err error) {
	store, err := s3test.Start(bucket)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Remove()) }()
	var sites []*site
	for i, e := range engineChoices {
		var args []string
		if e.postgres {
			c, err := pgtest.Start()
			if err != nil {
				return err
			}
			defer c.Remove() //nolint:errcheck // the folder goes with everything else
			args = append(args, "--metadata", c.URL())
		}
		var parameters []string
		if e.copies {
			parameters = []string{"cache=256MiB"}
		}
		if e.s3 {
			args = append(args, "--blobs", store.URL(bucket+"/"+strconv.Itoa(i), parameters...))
		}
		name := fmt.Sprint("engine-", i)
		s, err := b.serve(name, args...)
		if err != nil {
			return err
		}
		for n := range engineCold {
			err = errors.Join(err, s.npmRegistry.publish(sized(fmt.Sprint("cold", n), "1.0.0", 100<<10)))
		}
		if err = errors.Join(err, s.Stop()); err != nil {
			return err
		}
		// What is read first is read by a process that has seen nothing of it.
		running, err := process.Server{Binary: b.binary, Data: filepath.Join(b.folder, name), Args: args}.Start()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, running.Stop()) }()
		s.Running, s.npmRegistry.url = running, running.URL+"/npm/d/local-000000000000/main/"
		sites = append(sites, &site{server: s, name: e.name})
	}
	head, line := "", ""
	for _, e := range engineChoices {
		head, line = head+" "+e.name+" |", line+"--:|"
	}
	fmt.Printf("\nWhat engines cost: one request after another, medians of %d in turn, and in bold how many times as long as the first; engines on the same machine.\n\n| |%s\n|---|%s\n", samples, head, line)
	for _, g := range []group{coldReads(), warmReads(), sizedPublishes()} {
		err := measure(sites, g, func(name string, took [][]time.Duration) {
			fmt.Printf("| %s |", name)
			for i, all := range took {
				fmt.Printf(" %.2f ms", median(all).Seconds()*1000)
				if i > 0 {
					fmt.Printf(" **%.1f**", float64(median(all))/float64(median(took[0])))
				}
				fmt.Print(" |")
			}
			fmt.Println()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func coldReads() group {
	return group{[]string{"packument, first of a process", "tarball of 100 KB, first of a process"}, engineCold, func(s *site, i int) ([]time.Duration, error) {
		name := fmt.Sprint("cold", i)
		return inTurn(
			func() (time.Duration, error) { return timed(s.request(registry.NPM, name, npmGzip)) },
			func() (time.Duration, error) {
				return timed(s.request(registry.NPM, name+"/-/"+name+"-1.0.0.tgz", nil))
			})
	}}
}

func warmReads() group {
	return group{[]string{"packument, warm", "the same, 304", "tarball of 100 KB, warm"}, 0, func(s *site, i int) ([]time.Duration, error) {
		return inTurn(
			func() (time.Duration, error) { return timed(s.request(registry.NPM, "cold7", npmGzip)) },
			func() (time.Duration, error) {
				return timedAgain(s.request(registry.NPM, "cold7", npmGzip))
			},
			func() (time.Duration, error) {
				return timed(s.request(registry.NPM, "cold7/-/cold7-1.0.0.tgz", nil))
			})
	}}
}

func sizedPublishes() group {
	return group{[]string{"publish, 1 KB", "packument, first after it", "publish, 100 KB"}, 0, func(s *site, i int) ([]time.Duration, error) {
		return inTurn(
			func() (time.Duration, error) {
				return clock(func() error { return s.npmRegistry.publish(sized("small", fmt.Sprintf("1.0.%d", i), 1<<10)) })
			},
			func() (time.Duration, error) { return timed(s.request(registry.NPM, "small", npmGzip)) },
			func() (time.Duration, error) {
				return clock(func() error { return s.npmRegistry.publish(sized(fmt.Sprint("large", i), "1.0.0", 100<<10)) })
			})
	}}
}

// inTurn measures one after the other.
func inTurn(all ...func() (time.Duration, error)) (out []time.Duration, err error) {
	for _, f := range all {
		d, err := f()
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

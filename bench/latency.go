package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"larder/registry"
)

// sizeGoal is how many times as long a request may take with a million
// versions as with a thousand.
const sizeGoal = 2

// samples is how often each request is made at each server.
const samples = 300

// site is a server whose repository was filled by seed.
type site struct {
	*server
	name     string
	versions int // of the repository
	keys     accessKey
}

// group is requests that are made one after another; run makes them for the
// i-th time and gives how long each took.
type group struct {
	names []string
	times int // zero: samples
	run   func(s *site, i int) ([]time.Duration, error)
}

// measure makes the requests of a group at all sites in turn, and calls row for
// each kind of request with the times that it took at each site.
func measure(sites []*site, g group, row func(name string, took [][]time.Duration)) error {
	if g.times == 0 {
		g.times = samples
	}
	took := make([][][]time.Duration, len(g.names))
	for n := range took {
		took[n] = make([][]time.Duration, len(sites))
	}
	for i := range g.times {
		for turn := range sites {
			at := (turn + i) % len(sites)
			all, err := g.run(sites[at], i)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", sites[at].name, g.names[0], err)
			}
			for n, d := range all {
				took[n][at] = append(took[n][at], d)
			}
		}
	}
	for n, name := range g.names {
		row(name, took[n])
	}
	return nil
}

// ask makes a request that is not measured.
func (s *site) ask(req *http.Request, err error) error {
	_, err = timed(req, err)
	return err
}

// spread is the median and the 99th percentile in milliseconds.
func spread(all []time.Duration) string {
	sorted := slices.Sorted(slices.Values(all))
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	return fmt.Sprintf("%.2f ms (%.2f)", ms(median(all)), ms(sorted[len(sorted)*99/100]))
}

// timed sends a request and gives how long it took until its answer was whole.
func timed(req *http.Request, err error) (time.Duration, error) {
	if err != nil {
		return 0, err
	}
	began := time.Now()
	res, err := ask(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return time.Since(began), errors.Join(err, res.Body.Close())
}

// clock measures f.
func clock(f func() error) (time.Duration, error) {
	began := time.Now()
	err := f()
	return time.Since(began), err
}

// groups are what is measured.
func groups() []group {
	all := []group{firstReads(), publishes(registry.NPM, "npm publish", "packument, first after a publish", "the same, warm", "the same, not modified", "packument of another package, first after a publish")}
	for _, of := range []struct{ format, publish, index string }{
		{registry.PyPI, "upload of a wheel", "simple page"},
		{registry.Maven, "mvn deploy of two files", "maven-metadata.xml"},
		{registry.NuGet, "nuget push", "registration index"},
	} {
		all = append(all, publishes(of.format, of.publish, of.index+", first after it", "the same, warm", "the same, not modified", of.index+" of another package"))
	}
	all = append(all, abbreviated(), newPackages(), longPackage())
	return append(all, lists()...)
}

// packages is how many of a format's packages without a namespace there are.
func (s *site) packages(format string) int {
	n := 0
	for _, k := range kinds {
		if k.format == format {
			n = s.versions * k.share / 1000
		}
	}
	return n
}

// firstReads asks for documents and files that this process has not had in its
// hands, all over the repository.
func firstReads() group {
	return group{[]string{"packument, first of this process", "tarball, first of this process"}, 20, func(s *site, i int) ([]time.Duration, error) {
		id := kindOf(registry.NPM).nth((i + 1) * s.packages(registry.NPM) / 24)
		return inTurn(
			func() (time.Duration, error) { return timed(npmIndex(s.server, id)) },
			func() (time.Duration, error) { return timed(tarball(s, id)) })
	}}
}

func tarball(s *site, id registry.PackageID) (*http.Request, error) {
	return s.request(registry.NPM, id.Name+"/-/"+id.Name+"-1.0.5.tgz", nil)
}

// publishes publishes a version more of one package after another, and reads
// index documents after that.
func publishes(format string, names ...string) group {
	k := kindOf(format)
	return group{names, 0, func(s *site, i int) ([]time.Duration, error) {
		id, version := k.nth(i%10), fmt.Sprintf("50.0.%d", i)
		index := func() (time.Duration, error) { return timed(k.index(s.server, id)) }
		return inTurn(
			func() (time.Duration, error) {
				return clock(func() error { return k.publish(s.server, id, version) })
			},
			index, index,
			func() (time.Duration, error) { return timedAgain(k.index(s.server, id)) },
			func() (time.Duration, error) { return timed(k.index(s.server, k.nth(11))) })
	}}
}

// timedAgain asks as one who has the answer already, and gives how long the
// 304 took.
func timedAgain(req *http.Request, err error) (time.Duration, error) {
	if err != nil {
		return 0, err
	}
	res, err := ask(req.Clone(req.Context()))
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, err
	}
	if err := res.Body.Close(); err != nil {
		return 0, err
	}
	req.Header.Set("If-None-Match", res.Header.Get("ETag"))
	began := time.Now()
	if res, err = plainTransport.RoundTrip(req); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if res.StatusCode != http.StatusNotModified {
		err = fmt.Errorf("%s: %s, want 304", req.URL, res.Status)
	}
	return took, errors.Join(err, res.Body.Close())
}

// abbreviated reads what npm installs by.
func abbreviated() group {
	return group{[]string{"abbreviated packument, warm", "tarball, warm"}, 0, func(s *site, i int) ([]time.Duration, error) {
		id := kindOf(registry.NPM).nth(i % 4)
		return inTurn(
			func() (time.Duration, error) {
				return timed(s.request(registry.NPM, id.Name, map[string]string{"Accept": "application/vnd.npm.install-v1+json", "Accept-Encoding": "gzip"}))
			},
			func() (time.Duration, error) { return timed(tarball(s, id)) })
	}}
}

// newPackages publishes packages that were not there.
func newPackages() group {
	k := kindOf(registry.NPM)
	return group{[]string{"npm publish of a new package"}, 0, func(s *site, i int) ([]time.Duration, error) {
		took, err := clock(func() error { return k.publish(s.server, k.id("", fmt.Sprint("new", i)), "1.0.0") })
		return []time.Duration{took}, err
	}}
}

// longPackage publishes into the package with very many versions.
func longPackage() group {
	k := kindOf(registry.NPM)
	return group{[]string{"npm publish into a package with a tenth of all versions"}, 100, func(s *site, i int) ([]time.Duration, error) {
		took, err := clock(func() error { return k.publish(s.server, k.id("", longName), fmt.Sprintf("5000.0.%d", i)) })
		return []time.Duration{took}, err
	}}
}

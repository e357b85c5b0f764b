package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"larder/bench/process"
)

// sealedReads are what encryption costs most: bytes that the kernel would send
// by itself.
var sealedReads = []struct {
	name, path, bytes string // bytes: the range that is asked for
}{
	{"tarball of 100 KB", "bench-small/-/bench-small-1.0.0.tgz", ""},
	{"tarball of 20 MB", "bench-large/-/bench-large-1.0.0.tgz", ""},
	{"100 KB in the middle of it", "bench-large/-/bench-large-1.0.0.tgz", "10000000-10102399"},
}

// sealedPublishes are how many releases of a size are published in a round.
var sealedPublishes = []struct {
	name  string
	size  int64
	times int
}{{"publish of 100 KB", 100 << 10, 20}, {"publish of 20 MB", 20 << 20, 3}}

// sealed measures what it costs to keep bytes encrypted, beside a server that
// keeps them as they are.
func (b *bench) sealed() (err error) {
	var both [2]*contender
	var servers [2]*server
	for i, args := range [][]string{nil, {"--encrypt-blobs"}} {
		s, err := b.serve(fmt.Sprint("sealed-", i), args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Stop()) }()
		servers[i] = s
		both[i] = &contender{name: [2]string{"plain", "encrypted"}[i], pids: []int{s.PID}, requests: map[string]request{}}
		for name, size := range map[string]int64{"bench-small": 100 << 10, "bench-large": 20 << 20} {
			if err := s.publish(process.Release{Name: name, Version: "1.0.0", Tarball: func() io.Reader { return noise(1, size) }}); err != nil {
				return err
			}
		}
		for _, r := range sealedReads {
			header := map[string]string{"Authorization": s.header["Authorization"]}
			if r.bytes != "" {
				header["Range"] = "bytes=" + r.bytes
			}
			both[i].requests[r.name] = request{s.url + r.path, header}
		}
	}
	fmt.Printf("\nEncryption at rest, warm reads: requests per second, the median of %d rounds of %v in turn; in parentheses µs of CPU per request.\n\n", b.rounds, b.duration)
	fmt.Printf("| | plain | encrypted | of plain |\n|---|--:|--:|--:|\n")
	for _, r := range sealedReads {
		rates, costs := [2][]float64{}, [2][]float64{}
		for range b.rounds {
			for i, c := range both {
				rate, cost, err := c.measure(r.name, b.duration)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.name, r.name, err)
				}
				rates[i], costs[i] = append(rates[i], rate), append(costs[i], cost)
			}
		}
		fmt.Printf("| %s | %.0f (%.0f) | %.0f (%.0f) | **%.2f** |\n", r.name,
			median(rates[0]), median(costs[0]), median(rates[1]), median(costs[1]), median(rates[1])/median(rates[0]))
	}
	return b.sealedPublishes(both, servers)
}

// sealedPublishes measures publishes, one after the other and by turns.
func (b *bench) sealedPublishes(both [2]*contender, servers [2]*server) error {
	fmt.Printf("\nPublishes: the median time of %d rounds in turn; in parentheses ms of the server's CPU per publish.\n\n", b.rounds)
	fmt.Printf("| | plain | encrypted | times |\n|---|--:|--:|--:|\n")
	for n, p := range sealedPublishes {
		times, costs := [2][]time.Duration{}, [2][]float64{}
		for round := range b.rounds {
			for i, s := range servers {
				before, err := cpuTime(both[i].pids)
				if err != nil {
					return err
				}
				for k := range p.times {
					took, err := s.timed(process.Release{
						Name: fmt.Sprint("bench-sealed-", n), Version: fmt.Sprintf("1.%d.%d", round, k),
						Tarball: func() io.Reader { return noise(uint64(round*100+k), p.size) },
					})
					if err != nil {
						return err
					}
					times[i] = append(times[i], took)
				}
				after, err := cpuTime(both[i].pids)
				if err != nil {
					return err
				}
				costs[i] = append(costs[i], (after-before).Seconds()*1e3/float64(p.times))
			}
		}
		plain, encrypted := median(times[0]), median(times[1])
		fmt.Printf("| %s | %v (%.1f) | %v (%.1f) | **%.2f** |\n", p.name, plain.Round(10*time.Microsecond), median(costs[0]),
			encrypted.Round(10*time.Microsecond), median(costs[1]), float64(encrypted)/float64(plain))
	}
	return nil
}

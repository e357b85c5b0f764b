package main

import (
	"fmt"
	"io"
	"time"

	"larder/bench/process"
)

// publish measures whether the 300th version of a package costs more to
// publish than the first. A client reads the package before it publishes, and
// so does this one.
func (b *bench) publish() error {
	const edge = 50
	s, err := b.serve("publish")
	if err != nil {
		return err
	}
	var all []time.Duration
	for i := range versions {
		r := release("bench-publish", i)
		if i > 0 {
			res, err := s.do("GET", r.Name, nil, map[string]string{"Accept-Encoding": "gzip"})
			if err != nil {
				return err
			}
			io.Copy(io.Discard, res.Body) //nolint:errcheck // what comes does not matter here
			res.Body.Close()
		}
		took, err := s.timed(r)
		if err != nil {
			return err
		}
		all = append(all, took)
	}
	first, last := median(all[:edge]), median(all[len(all)-edge:])
	fmt.Printf("\n%d publishes of one package in a row: median %v of the first %d, %v of the last %d (%.2f times).\n",
		len(all), first.Round(10*time.Microsecond), edge, last.Round(10*time.Microsecond), edge, float64(last)/float64(first))
	return s.Stop()
}

func (s *server) timed(r process.Release) (time.Duration, error) {
	begun := time.Now()
	err := s.publish(r)
	return time.Since(begun), err
}

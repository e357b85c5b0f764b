package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"larder/bench/process"
)

// largeGoal is how much more memory than idle a server may take while it
// carries an asset of any size.
const largeGoal = 100 * megabyte

// large measures memory while an asset of 2 GB goes up and down.
func (b *bench) large() error {
	const size = 2 << 30
	s, err := b.serve("large")
	if err != nil {
		return err
	}
	time.Sleep(settle)
	idle, err := resident(s.PID, "VmRSS")
	if err != nil {
		return err
	}
	tarball := func() io.Reader { return noise(7, size) }
	up, took, err := s.peak(func() error {
		return s.publish(process.Release{Name: "bench-huge", Version: "1.0.0", Tarball: tarball})
	})
	if err != nil {
		return err
	}
	fmt.Printf("\nAn asset of 2 GB, up: %s more memory than idle at most, %v. ", megabytes(up-idle), took.Round(100*time.Millisecond))
	want := sha256.New()
	io.Copy(want, tarball()) //nolint:errcheck // does not fail
	down, took, err := s.peak(func() error {
		res, err := s.do("GET", "bench-huge/-/bench-huge-1.0.0.tgz", nil, nil)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		got := sha256.New()
		if _, err := io.Copy(got, res.Body); err != nil {
			return err
		}
		if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
			return fmt.Errorf("other bytes came back")
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("Down: %s more, %v (goal: less than %s).\n", megabytes(down-idle), took.Round(100*time.Millisecond), megabytes(largeGoal))
	return s.Stop()
}

// peak gives the most memory that the server had while f ran.
func (s *server) peak(f func() error) (int64, time.Duration, error) {
	if err := forgetPeak(s.PID); err != nil {
		return 0, 0, err
	}
	begun := time.Now()
	if err := f(); err != nil {
		return 0, 0, err
	}
	took := time.Since(begun)
	most, err := resident(s.PID, "VmHWM")
	return most, took, err
}
